//! Which bucket, and how it is to be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bucket::Bucket;
use super::request::deadline;
use super::value::Format;
use crate::error::Result;
use crate::model::{BucketSpec, Codec, Storage};
use crate::port::{KvBucket, KvStore};

/// A bucket before it is opened. What is not said is the default for a new bucket, and whatever is
/// there for one that exists.
///
/// ```
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// use std::time::Duration;
/// use aegis::Bucket;
///
/// let sessions: Bucket<String> = client
///     .bucket("sessions")
///     .ttl(Duration::from_secs(3600))
///     .history(5)
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a bucket is opened by `.open().await`"]
pub struct OpenBucket {
    store: Arc<dyn KvStore>,
    spec: BucketSpec,
    codec: Codec,
    within: Duration,
}

impl fmt::Debug for OpenBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenBucket")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl OpenBucket {
    pub(crate) fn new(
        store: Arc<dyn KvStore>,
        name: String,
        codec: Codec,
        within: Duration,
    ) -> Self {
        Self {
            store,
            spec: BucketSpec::new(name),
            codec,
            within,
        }
    }

    /// On how many servers a new bucket is kept if [`replicas`](Self::replicas) does not say it.
    pub(crate) fn replicas_if_new(self, servers: Option<u8>) -> Self {
        self.with(|spec| spec.replicas_if_new = servers)
    }

    fn with(mut self, change: impl FnOnce(&mut BucketSpec)) -> Self {
        change(&mut self.spec);
        self
    }

    /// How long every value lives, at least 1 s. Default: for ever.
    ///
    /// The server notices within a second. Watches are told by NATS 2.11.2 and later, in buckets
    /// without a history; an older server removes the value and tells nobody.
    pub fn ttl(self, time: Duration) -> Self {
        self.with(|spec| spec.ttl = Some(time))
    }

    /// How many revisions of each key are kept, 1 to 64. Default: 1.
    pub fn history(self, revisions: u8) -> Self {
        self.with(|spec| spec.history = Some(revisions))
    }

    /// The largest value in bytes. Default: what the server takes in one message, 1 MiB unless it
    /// is configured otherwise. The server counts the headers of a conditional write as well.
    pub fn max_value(self, bytes: u32) -> Self {
        self.with(|spec| spec.max_value = Some(bytes))
    }

    /// How many bytes the bucket may hold; a full one refuses writes with `Overloaded`. The server
    /// sets so much aside. Default: 64 MiB.
    pub fn max_bytes(self, bytes: u64) -> Self {
        self.with(|spec| spec.max_bytes = Some(bytes))
    }

    /// Where it is kept. Default: on disk.
    pub fn storage(self, storage: Storage) -> Self {
        self.with(|spec| spec.storage = Some(storage))
    }

    /// On how many servers of a cluster it is kept, 1 to 5. Default: what `nats.replicas` says for a
    /// new one, else 1.
    pub fn replicas(self, servers: u8) -> Self {
        self.with(|spec| spec.replicas = Some(servers))
    }

    /// What it is for, for people.
    pub fn description(self, text: &str) -> Self {
        self.with(|spec| spec.description = Some(text.to_owned()))
    }

    /// Values with a time to live of their own ([`KvPut::ttl`](crate::KvPut::ttl)) must be
    /// possible; if not, opening is a `Config` error. Without this word they are possible where
    /// the server can.
    pub fn key_ttl(self) -> Self {
        self.with(|spec| spec.key_ttl = true)
    }

    /// The time for opening, and for each operation that says nothing else. Default: the timeout
    /// of the client's calls.
    pub fn within(self, time: Duration) -> Self {
        Self {
            within: time,
            ..self
        }
    }

    /// Opens it, and makes it first if it is missing. One that exists is taken as it is, if it
    /// gives what is asked for.
    ///
    /// Values are JSON, or `MessagePack` if that is the client's codec; both are read.
    ///
    /// Errors: `Config` if what exists, or the server, cannot give what is asked for; `Invalid` for
    /// a name or a setting that cannot be; `NoService` if the server has no `JetStream`.
    pub async fn open<T: Serialize + DeserializeOwned>(self) -> Result<Bucket<T>> {
        let format = Format::of(self.codec);
        let within = self.within;
        let bucket = self.opened().await?;
        Ok(Bucket::new(bucket, format, within))
    }

    /// The same for values that are bytes, stored as they are.
    pub async fn open_bytes(self) -> Result<Bucket<Bytes>> {
        let within = self.within;
        let bucket = self.opened().await?;
        Ok(Bucket::new(bucket, Format::bytes(), within))
    }

    async fn opened(self) -> Result<Arc<dyn KvBucket>> {
        self.store.open(self.spec, deadline(self.within)).await
    }

    /// Opens it if it exists, and never makes it; other settings do not matter.
    pub async fn find<T: Serialize + DeserializeOwned>(self) -> Result<Option<Bucket<T>>> {
        let format = Format::of(self.codec);
        let found = self.found().await?;
        Ok(found.map(|bucket| Bucket::new(bucket, format, self.within)))
    }

    /// The same for values that are bytes.
    pub async fn find_bytes(self) -> Result<Option<Bucket<Bytes>>> {
        let found = self.found().await?;
        Ok(found.map(|bucket| Bucket::new(bucket, Format::bytes(), self.within)))
    }

    async fn found(&self) -> Result<Option<Arc<dyn KvBucket>>> {
        let deadline = deadline(self.within);
        self.store.find(&self.spec.name, deadline).await
    }

    /// Removes the bucket with everything in it; tells whether there was one.
    pub async fn remove(self) -> Result<bool> {
        let deadline = deadline(self.within);
        self.store.remove(&self.spec.name, deadline).await
    }
}
