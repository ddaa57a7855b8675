//! The port `KvStore` on a NATS connection.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::super::api::{Api, code, refused};
use super::super::bus::NatsBus;
use super::bucket::NatsBucket;
use super::config::{STREAM, StreamConfig, StreamInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{BucketSpec, ServerVersion};
use crate::observe;
use crate::port::{KvBucket, KvFeatures, KvStore};

/// The buckets that one connection leads to.
#[derive(Debug)]
pub(crate) struct NatsStore {
    api: Api,
}

/// A page of the list of streams.
#[derive(Deserialize)]
struct Names {
    total: usize,
    #[serde(default)]
    streams: Option<Vec<String>>,
}

/// Somebody else made or removed the bucket meanwhile: so often it is tried again.
const ATTEMPTS: usize = 5;

impl NatsStore {
    pub(crate) fn new(bus: Arc<NatsBus>) -> Self {
        Self { api: Api { bus } }
    }

    async fn info(&self, name: &str, deadline: Instant) -> Result<Option<StreamInfo>> {
        let what = format!("STREAM.INFO.{STREAM}{name}");
        match self.api.ask(&what, &json!({}), deadline).await? {
            Ok(info) => Ok(Some(info)),
            Err(refusal) if refusal.err_code == code::STREAM_NOT_FOUND => Ok(None),
            Err(refusal) => Err(refused(&format!("no look at the bucket {name}"), refusal)),
        }
    }

    async fn open_now(&self, spec: BucketSpec, deadline: Instant) -> Result<Arc<dyn KvBucket>> {
        spec.check()?;
        let key_ttl = self.features().key_ttl;
        if spec.key_ttl && !key_ttl {
            return Err(self.too_old("a time to live per key", ServerVersion::KEY_TTL));
        }
        for _ in 0..ATTEMPTS {
            let found = match self.info(&spec.name, deadline).await? {
                None => self.create(&spec, key_ttl, deadline).await?,
                found => found,
            };
            let Some(info) = found else { continue };
            let status = info.status()?;
            observe::judge(&spec, &status)?;
            return Ok(Arc::new(NatsBucket::new(self.api.clone(), status)));
        }
        let text = format!(
            "the bucket {} is made and removed by others again and again: find out who",
            spec.name
        );
        Err(Error::new(ErrorKind::Conflict, text))
    }

    /// Makes a bucket; none if somebody else was faster.
    async fn create(
        &self,
        spec: &BucketSpec,
        key_ttl: bool,
        deadline: Instant,
    ) -> Result<Option<StreamInfo>> {
        let what = format!("STREAM.CREATE.{STREAM}{}", spec.name);
        let config = StreamConfig::of(spec, key_ttl);
        let info: StreamInfo = match self.api.ask(&what, &config, deadline).await? {
            Ok(info) => info,
            Err(refusal) if refusal.err_code == code::STREAM_NAME_IN_USE => return Ok(None),
            Err(refusal) => {
                return Err(refused(&format!("no bucket {}", spec.name), refusal));
            }
        };
        // A server drops silently what it does not know.
        if spec.first_sequence.is_some() && info.config().first_sequence() != spec.first_sequence {
            let text = format!(
                "the NATS server ignores `first_sequence` of the bucket {}: upgrade it",
                spec.name
            );
            return Err(Error::new(ErrorKind::Config, text));
        }
        Ok(Some(info))
    }

    fn too_old(&self, what: &str, needed: ServerVersion) -> Error {
        let found = self.api.bus.server_version();
        let found = found.map_or("of an unknown version".to_owned(), |found| {
            found.to_string()
        });
        Error::new(
            ErrorKind::Config,
            format!("{what} needs NATS {needed}, and this server is {found}: upgrade nats-server"),
        )
    }

    async fn names(&self, deadline: Instant) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut seen = 0;
        loop {
            let page = json!({"offset": seen, "subject": "$KV.>"});
            let page: Names = match self.api.ask("STREAM.NAMES", &page, deadline).await? {
                Ok(page) => page,
                Err(refusal) => return Err(refused("no list of buckets", refusal)),
            };
            let streams = page.streams.unwrap_or_default();
            seen += streams.len();
            let end = streams.is_empty() || seen >= page.total;
            let buckets = streams.iter().filter_map(|name| name.strip_prefix(STREAM));
            names.extend(buckets.map(str::to_owned));
            if end {
                break;
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }
}

impl KvStore for NatsStore {
    fn open(
        &self,
        spec: BucketSpec,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Arc<dyn KvBucket>>> {
        self.open_now(spec, deadline).boxed()
    }

    fn find<'a>(
        &'a self,
        name: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn KvBucket>>>> {
        async move {
            BucketSpec::check_name(name)?;
            let Some(info) = self.info(name, deadline).await? else {
                return Ok(None);
            };
            let bucket = NatsBucket::new(self.api.clone(), info.status()?);
            Ok(Some(Arc::new(bucket) as Arc<dyn KvBucket>))
        }
        .boxed()
    }

    fn buckets(&self, deadline: Instant) -> BoxFuture<'_, Result<Vec<String>>> {
        self.names(deadline).boxed()
    }

    fn remove<'a>(&'a self, name: &'a str, deadline: Instant) -> BoxFuture<'a, Result<bool>> {
        async move {
            BucketSpec::check_name(name)?;
            let what = format!("STREAM.DELETE.{STREAM}{name}");
            match self
                .api
                .ask::<serde_json::Value>(&what, &json!({}), deadline)
                .await?
            {
                Ok(_) => Ok(true),
                Err(refusal) if refusal.err_code == code::STREAM_NOT_FOUND => Ok(false),
                Err(refusal) => Err(refused(&format!("the bucket {name} stays"), refusal)),
            }
        }
        .boxed()
    }

    fn features(&self) -> KvFeatures {
        let version = self.api.bus.server_version();
        let has = |needed| version.is_some_and(|version| version >= needed);
        KvFeatures {
            key_ttl: has(ServerVersion::KEY_TTL),
            fenced_writes: has(ServerVersion::FENCED_WRITES),
            atomic_batches: has(ServerVersion::ATOMIC_BATCHES),
        }
    }
}
