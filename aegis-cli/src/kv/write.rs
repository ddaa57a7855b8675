//! Values put and removed.

use aegis::{Bucket, Change, Removal};
use bytes::Bytes;
use serde::Serialize;

use super::Session;
use super::read::no_value;
use crate::cli::{KvDel, KvPut};

/// What was written, as `--json` tells it.
#[derive(Serialize)]
struct Written<'a> {
    bucket: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

impl Session<'_> {
    pub(super) async fn put(&self, wish: &KvPut, value: Bytes) -> anyhow::Result<()> {
        let (name, key) = (&wish.bucket, &wish.key);
        let bucket = self.bucket_to_fill(wish).await?;
        let mut put = match wish.revision {
            Some(revision) => bucket.update(key, &value, revision),
            None if wish.create => bucket.create(key, &value),
            None => bucket.put(key, &value),
        };
        if let Some(ttl) = wish.ttl {
            put = put.ttl(ttl);
        }
        let revision = put.await?;
        if self.json {
            return self.written(name, key, Some(revision));
        }
        self.out.line(revision)?;
        Ok(())
    }

    async fn bucket_to_fill(&self, wish: &KvPut) -> anyhow::Result<Bucket<Bytes>> {
        let name = &wish.bucket;
        if wish.make_bucket {
            return Ok(self.client.bucket(name).open_bytes().await?);
        }
        match self.client.bucket(name).find_bytes().await? {
            Some(bucket) => Ok(bucket),
            None => Err(self.no_bucket(name, ": `--make-bucket` makes it").await),
        }
    }

    pub(super) async fn delete(&self, wish: &KvDel) -> anyhow::Result<()> {
        let (name, key) = (&wish.bucket, &wish.key);
        let bucket = self.bucket(name).await?;
        // A condition is decided by the server alone.
        if wish.revision.is_none() && !is_there(&bucket, wish).await? {
            return Err(no_value(&bucket, name, key).await);
        }
        let mut removal = if wish.purge {
            bucket.purge(key)
        } else {
            bucket.delete(key)
        };
        if let Some(revision) = wish.revision {
            removal = removal.revision(revision);
        }
        removal.await?;
        if self.json {
            return self.written(name, key, None);
        }
        Ok(())
    }

    fn written(&self, bucket: &str, key: &str, revision: Option<u64>) -> anyhow::Result<()> {
        let written = Written {
            bucket,
            key,
            revision,
        };
        self.out.line(serde_json::to_string(&written)?)?;
        Ok(())
    }
}

/// Whether there is something to remove: a value, or for a purge its history.
async fn is_there(bucket: &Bucket<Bytes>, wish: &KvDel) -> aegis::Result<bool> {
    if !wish.purge {
        return bucket.exists(&wish.key).await;
    }
    let history = bucket.history(&wish.key).await?;
    let kept = |change: &Change<Bytes>| match change {
        Change::Removed(removed) => removed.why != Removal::Purged,
        _ => true,
    };
    Ok(history.iter().any(kept))
}
