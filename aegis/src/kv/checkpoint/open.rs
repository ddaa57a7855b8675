//! Which checkpoint, and how its bucket is to be.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Checkpoint;
use crate::error::Result;
use crate::kv::open::OpenBucket;
use crate::model::Storage;

/// A checkpoint before it is opened; `.await` opens it. What is not said is the default for a new
/// bucket, and whatever is there for one that exists.
///
/// Errors: `Config` if what exists, or the server, cannot give what is asked for; `Invalid` for a
/// name or a setting that cannot be; `NoService` if the server has no `JetStream`.
#[must_use = "a checkpoint is opened by `.await`"]
pub struct OpenCheckpoint<T> {
    bucket: OpenBucket,
    record: String,
    kind: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for OpenCheckpoint<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenCheckpoint")
            .field("bucket", &self.bucket)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

impl<T> OpenCheckpoint<T> {
    pub(crate) fn new(bucket: OpenBucket, record: &str) -> Self {
        Self {
            bucket: bucket.description("state with the position up to which it stands"),
            record: record.to_owned(),
            kind: PhantomData,
        }
    }

    fn with(self, change: impl FnOnce(OpenBucket) -> OpenBucket) -> Self {
        Self {
            bucket: change(self.bucket),
            ..self
        }
    }

    /// How many bytes its bucket may hold. Default: 64 MiB.
    pub fn max_bytes(self, bytes: u64) -> Self {
        self.with(|bucket| bucket.max_bytes(bytes))
    }

    /// Where it is kept. Default: on disk.
    pub fn storage(self, storage: Storage) -> Self {
        self.with(|bucket| bucket.storage(storage))
    }

    /// On how many servers of a cluster it is kept, 1 to 5. Default: 1.
    pub fn replicas(self, servers: u8) -> Self {
        self.with(|bucket| bucket.replicas(servers))
    }

    /// The time for opening, for a read, and for an application. Default: the timeout of the
    /// client's calls.
    pub fn within(self, time: Duration) -> Self {
        self.with(|bucket| bucket.within(time))
    }
}

impl<T> IntoFuture for OpenCheckpoint<T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    type Output = Result<Checkpoint<T>>;
    type IntoFuture = BoxFuture<'static, Result<Checkpoint<T>>>;

    fn into_future(self) -> Self::IntoFuture {
        async move { Ok(Checkpoint::new(self.bucket.open().await?, self.record)) }.boxed()
    }
}
