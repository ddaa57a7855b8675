//! What is there: buckets, keys, values, histories.

use aegis::{Bucket, BucketStatus};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::Session;
use super::show::{Json, for_terminal, line};
use crate::cli::{KvGet, KvHistory, KvLs};
use crate::ending::{Missing, Usage};
use crate::out::plain;

/// So many buckets are asked at once how they are.
const AT_ONCE: usize = 16;

#[derive(Serialize)]
struct Buckets {
    buckets: Vec<About>,
}

/// A bucket, as `--json` writes it.
#[derive(Serialize)]
struct About {
    bucket: String,
    description: Option<String>,
    /// Revisions, marks of deletions included.
    entries: u64,
    bytes: u64,
    last_revision: u64,
    history: u8,
    ttl_seconds: Option<u64>,
    max_bytes: Option<u64>,
    storage: String,
    replicas: u8,
    key_ttl: bool,
}

#[derive(Serialize)]
struct Keys<'a> {
    bucket: &'a str,
    keys: Vec<String>,
}

#[derive(Serialize)]
struct History<'a> {
    bucket: &'a str,
    key: &'a str,
    changes: Vec<Json<'a>>,
}

impl Session<'_> {
    pub(super) async fn list(&self, wish: &KvLs) -> anyhow::Result<()> {
        let Some(name) = &wish.bucket else {
            return self.buckets().await;
        };
        let bucket = self.bucket(name).await?;
        let keys = match &wish.prefix {
            Some(prefix) => bucket.keys_with_prefix(prefix).await?,
            None => bucket.keys().await?,
        };
        if self.json {
            let keys = Keys { bucket: name, keys };
            self.out.line(serde_json::to_string_pretty(&keys)?)?;
            return Ok(());
        }
        for key in keys {
            self.out.line(plain(&key))?;
        }
        Ok(())
    }

    async fn buckets(&self) -> anyhow::Result<()> {
        let names = self.client.buckets().await?;
        if !self.json {
            for name in names {
                self.out.line(name)?;
            }
            return Ok(());
        }
        let asked = names.into_iter().map(|name| self.about(name));
        let about = stream::iter(asked).buffered(AT_ONCE);
        // One that was removed meanwhile is not there.
        let buckets = about.try_filter_map(async |about| Ok(about));
        let buckets = buckets.try_collect().await?;
        let buckets = Buckets { buckets };
        self.out.line(serde_json::to_string_pretty(&buckets)?)?;
        Ok(())
    }

    async fn about(&self, name: String) -> aegis::Result<Option<About>> {
        let found = self.client.bucket(&name).find_bytes().await?;
        let Some(bucket) = found else { return Ok(None) };
        let status: BucketStatus = bucket.status().await?;
        Ok(Some(About {
            bucket: name,
            description: status.description,
            entries: status.entries,
            bytes: status.bytes,
            last_revision: status.last_revision,
            history: status.history,
            ttl_seconds: status.ttl.map(|ttl| ttl.as_secs()),
            max_bytes: status.max_bytes,
            storage: status.storage.to_string(),
            replicas: status.replicas,
            key_ttl: status.key_ttl,
        }))
    }

    pub(super) async fn get(&self, wish: &KvGet) -> anyhow::Result<()> {
        let (name, key) = (&wish.bucket, &wish.key);
        let bucket = self.bucket(name).await?;
        let Some(entry) = bucket.entry(key).await? else {
            return Err(no_value(&bucket, name, key).await);
        };
        if self.json {
            let json = Json::entry(name, &entry);
            self.out.line(serde_json::to_string_pretty(&json)?)?;
            return Ok(());
        }
        if !self.out.is_terminal() {
            self.out.bytes(&entry.value)?;
            return Ok(());
        }
        let Some(text) = for_terminal(&entry.value) else {
            let size = entry.value.len();
            let text = format!(
                "the value of {size} bytes is no text, and a terminal cannot show it: `> file` \
                 behind the command keeps it as it is, `--json` shows it in base64"
            );
            return Err(Usage(text).into());
        };
        self.out.line(text.strip_suffix('\n').unwrap_or(text))?;
        Ok(())
    }

    pub(super) async fn history(&self, wish: &KvHistory) -> anyhow::Result<()> {
        let (name, key) = (&wish.bucket, &wish.key);
        let bucket = self.bucket(name).await?;
        let changes = bucket.history(key).await?;
        if changes.is_empty() {
            return Err(no_value(&bucket, name, key).await);
        }
        if self.json {
            let history = History {
                bucket: name,
                key,
                changes: changes
                    .iter()
                    .map(|change| Json::change(name, change))
                    .collect(),
            };
            self.out.line(serde_json::to_string_pretty(&history)?)?;
            return Ok(());
        }
        for line in changes.iter().filter_map(line) {
            self.out.line(line)?;
        }
        Ok(())
    }
}

/// That a key has no value, and what there is.
pub(super) async fn no_value(bucket: &Bucket<Bytes>, name: &str, key: &str) -> anyhow::Error {
    // If this cannot be found out, the rest still holds.
    let gone = bucket.history(key).await.is_ok_and(|all| !all.is_empty());
    let how = if gone {
        format!("any more: `aegis kv history {name} ..` shows what is kept of it")
    } else {
        format!("in the bucket {name}: `aegis kv ls {name}` lists its keys")
    };
    Missing(format!("the key {key:?} has no value {how}")).into()
}
