//! Which inbox, and how it is to be.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Inbox, Shared};
use crate::error::Result;
use crate::kv::open::OpenBucket;
use crate::model::Storage;
use crate::observe;

/// How long a record is kept if nothing is said.
const TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// How much room there is if nothing is said: see `max_bytes`.
const MAX_BYTES: u64 = 1 << 30;
/// How long a record stands still before it is taken over, if nothing is said.
const PATIENCE: Duration = Duration::from_secs(2);

/// An inbox before it is opened.
///
/// ```
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// use std::time::Duration;
///
/// let inbox = client
///     .inbox("billing")
///     .ttl(Duration::from_secs(30 * 24 * 3600))
///     .replicas(3)
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an inbox is opened by `.open().await`"]
pub struct OpenInbox {
    bucket: OpenBucket,
    instance: String,
    patience: Duration,
}

impl fmt::Debug for OpenInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenInbox")
            .field("bucket", &self.bucket)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl OpenInbox {
    pub(crate) fn new(bucket: OpenBucket, instance: &str) -> Self {
        let bucket = bucket.ttl(TTL).max_bytes(MAX_BYTES);
        Self {
            bucket: bucket.description("effects that happen once"),
            instance: instance.to_owned(),
            patience: PATIENCE,
        }
    }

    fn with(self, change: impl FnOnce(OpenBucket) -> OpenBucket) -> Self {
        Self {
            bucket: change(self.bucket),
            ..self
        }
    }

    /// How long it is remembered that an effect was done, at least 1 s: longer than from the first
    /// delivery of an event to its last. Default: 7 days.
    pub fn ttl(self, time: Duration) -> Self {
        self.with(|bucket| bucket.ttl(time))
    }

    /// How many bytes it may hold; the server sets so much aside. An id takes about 250 bytes and
    /// its own length. Default: 1 GiB, for more than three million ids within the time to live.
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

    /// The time for opening, and for each question and write. Default: the timeout of the client's
    /// calls.
    pub fn within(self, time: Duration) -> Self {
        self.with(|bucket| bucket.within(time))
    }

    /// How long the record of somebody else's attempt is watched before it is taken over, if it
    /// stands still: whoever runs an effect renews its record four times as often. Longer means
    /// that a process must be cut off or frozen for longer to be taken for dead; shorter, that the
    /// first delivery after a crash waits less. The same for all who use the inbox. Zero takes over
    /// at once, also from the living. Default: 2 s.
    pub fn patience(self, time: Duration) -> Self {
        Self {
            patience: time,
            ..self
        }
    }

    /// Opens it, and makes it first if it is missing.
    ///
    /// Errors: `Config` if the bucket that exists, or the server, cannot give what is asked for;
    /// `Invalid` for a name or a setting that cannot be; `NoService` if the server has no
    /// `JetStream`.
    pub async fn open(self) -> Result<Inbox> {
        let shared = Shared {
            records: self.bucket.open().await?,
            nonce: format!("{:016x}", observe::random()),
            instance: self.instance,
            patience: self.patience,
            running: Mutex::new(HashSet::new()),
        };
        Ok(Inbox {
            shared: Arc::new(shared),
        })
    }
}
