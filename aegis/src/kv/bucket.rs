//! A bucket of values of one type.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::request::{KvPut, KvRemove, KvRequest};
use super::value::{Change, Entry, Format};
use super::watch::WatchRequest;
use crate::error::Result;
use crate::model::{BucketStatus, Expect, KvEntry, KvFilter, KvKey, KvWrite};
use crate::port::{KvBucket, KvScan};

/// A bucket of values of one type: cheap to clone, safe to share.
///
/// Any text is a key, of at most 2,048 bytes in its encoded form; prefixes work on the text. Every
/// operation ends within its time. "Not there" is `None` or `false`; "could not ask" is an error,
/// and the two are never taken for one another: `Disconnected` and `Timeout` for an outage
/// ([`Error::was_sent`](crate::Error::was_sent) tells whether a write may have happened all the
/// same), `NoService` for a bucket that was removed, `Decode` for a value of another shape.
///
/// ```
/// use aegis::{Bucket, Client, Config, ErrorKind};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct User { name: String }
///
/// # #[tokio::main]
/// # async fn main() -> aegis::Result<()> {
/// let client = Client::connect(Config::default().url("memory://bucket-example")).await?;
/// let users: Bucket<User> = client.bucket("user-data").open().await?;
///
/// let mut ann = User { name: "Ann".to_owned() };
/// let revision = users.create("user:1", &ann).await?;
/// ann.name = "Anna".to_owned();
/// users.update("user:1", &ann, revision).await?;
/// let stale = users.update("user:1", &ann, revision).await.unwrap_err();
/// assert_eq!(stale.kind(), ErrorKind::Conflict);
///
/// assert_eq!(users.get("user:1").await?, Some(ann));
/// assert_eq!(users.keys_with_prefix("user:").await?, ["user:1"]);
/// users.delete("user:1").await?;
/// assert!(!users.exists("user:1").await?);
/// # Ok(())
/// # }
/// ```
pub struct Bucket<T> {
    pub(super) port: Arc<dyn KvBucket>,
    pub(super) format: Format<T>,
    pub(super) within: Duration,
}

impl<T> Clone for Bucket<T> {
    fn clone(&self) -> Self {
        Self {
            port: self.port.clone(),
            format: self.format,
            within: self.within,
        }
    }
}

impl<T> fmt::Debug for Bucket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Bucket<T> {
    fn request<U, F>(
        &self,
        work: impl FnOnce(Self, tokio::time::Instant) -> F + Send + 'static,
    ) -> KvRequest<U>
    where
        U: Send + 'static,
        F: Future<Output = Result<U>> + Send + 'static,
    {
        let bucket = self.clone();
        KvRequest::new(self.within, move |deadline| work(bucket, deadline))
    }

    fn writing(&self, key: &str, value: &T, expect: Expect) -> KvPut {
        let write = self.write(key, value);
        let write = write.map(|write| write.expecting(expect));
        KvPut::new(self.port.clone(), write, self.within)
    }

    pub(super) fn write(&self, key: &str, value: &T) -> Result<KvWrite> {
        let body = self.format.write(self.name(), key, value)?;
        Ok(KvWrite::put(KvKey::new(key)?, body))
    }

    /// The value of a key; none if it has none.
    ///
    /// It is asked of the server that decides on writes, so the answer is never an old one.
    pub fn get(&self, key: &str) -> KvRequest<Option<T>> {
        let key = KvKey::new(key);
        self.request(|bucket, deadline| async move {
            let entry = bucket.newest(key?, deadline).await?;
            Ok(entry.map(|entry| entry.value))
        })
    }

    /// The value of a key with its revision, for [`update`](Self::update).
    pub fn entry(&self, key: &str) -> KvRequest<Option<Entry<T>>> {
        let key = KvKey::new(key);
        self.request(|bucket, deadline| async move { bucket.newest(key?, deadline).await })
    }

    pub(super) async fn newest(
        &self,
        key: KvKey,
        deadline: tokio::time::Instant,
    ) -> Result<Option<Entry<T>>> {
        let entry = self.port.latest(&key, deadline).await?;
        let entry = entry.filter(KvEntry::is_value);
        entry
            .map(|entry| self.format.entry(self.name(), &entry))
            .transpose()
    }

    /// Whether a key has a value, of whatever shape.
    pub fn exists(&self, key: &str) -> KvRequest<bool> {
        let key = KvKey::new(key);
        self.request(|bucket, deadline| async move {
            let entry = bucket.port.latest(&key?, deadline).await?;
            Ok(entry.is_some_and(|entry| entry.is_value()))
        })
    }

    /// Writes a value, whatever was there.
    pub fn put(&self, key: &str, value: &T) -> KvPut {
        self.writing(key, value, Expect::Any)
    }

    /// Writes a value if the key has none; else `Conflict`. Of many at once exactly one succeeds.
    pub fn create(&self, key: &str, value: &T) -> KvPut {
        self.writing(key, value, Expect::Absent)
    }

    /// Writes a value if this is the newest revision of the key; else `Conflict`, and nothing was
    /// written. Of many at once exactly one succeeds.
    pub fn update(&self, key: &str, value: &T, revision: u64) -> KvPut {
        self.writing(key, value, Expect::Revision(revision))
    }

    /// Removes the value of a key; the history stays. A key without a value is no error.
    pub fn delete(&self, key: &str) -> KvRemove {
        let write = KvKey::new(key).map(KvWrite::delete);
        KvRemove::new(self.port.clone(), write.map_err(Into::into), self.within)
    }

    /// Removes the value of a key and its history.
    pub fn purge(&self, key: &str) -> KvRemove {
        let write = KvKey::new(key).map(KvWrite::purge);
        KvRemove::new(self.port.clone(), write.map_err(Into::into), self.within)
    }

    /// The keys that have a value, sorted.
    pub fn keys(&self) -> KvRequest<Vec<String>> {
        self.keys_of(KvFilter::All)
    }

    /// The keys that start with a text and have a value, sorted.
    pub fn keys_with_prefix(&self, prefix: &str) -> KvRequest<Vec<String>> {
        self.keys_of(KvFilter::Prefix(prefix.to_owned()))
    }

    fn keys_of(&self, filter: KvFilter) -> KvRequest<Vec<String>> {
        self.request(|bucket, deadline| async move {
            let found = bucket.port.scan(filter, KvScan::Keys, deadline).await?;
            let values = found.iter().filter(|entry| is_users(entry));
            let mut keys: Vec<String> = values.map(|entry| entry.key.text().to_owned()).collect();
            keys.sort();
            Ok(keys)
        })
    }

    /// The values of the keys that start with a text (`""` for all), oldest write first. It holds
    /// them all in memory: for many, [`watch_prefix`](Self::watch_prefix) tells them one by one.
    pub fn entries(&self, prefix: &str) -> KvRequest<Vec<Entry<T>>> {
        let filter = KvFilter::Prefix(prefix.to_owned());
        self.request(|bucket, deadline| async move {
            let found = bucket.port.scan(filter, KvScan::Latest, deadline).await?;
            let values = found.into_iter().filter(is_users);
            values
                .map(|entry| bucket.format.entry(bucket.name(), &entry))
                .collect()
        })
    }

    /// What is kept of a key, oldest first: values, and removals.
    pub fn history(&self, key: &str) -> KvRequest<Vec<Change<T>>> {
        let key = KvKey::new(key);
        self.request(|bucket, deadline| async move {
            let filter = KvFilter::Key(key?);
            let found = bucket.port.scan(filter, KvScan::History, deadline).await?;
            let changes = found.into_iter();
            changes
                .map(|entry| bucket.format.change(bucket.name(), &entry))
                .collect()
        })
    }

    /// Follows one key: its value, then every change.
    pub fn watch(&self, key: &str) -> WatchRequest<T> {
        WatchRequest::new(self, KvKey::new(key).map(KvFilter::Key).map_err(Into::into))
    }

    /// Follows the keys that start with a text: their values, then every change.
    pub fn watch_prefix(&self, prefix: &str) -> WatchRequest<T> {
        WatchRequest::new(self, Ok(KvFilter::Prefix(prefix.to_owned())))
    }

    /// Follows every key of the bucket.
    pub fn watch_all(&self) -> WatchRequest<T> {
        WatchRequest::new(self, Ok(KvFilter::All))
    }

    /// How it is, and how it is set up.
    pub fn status(&self) -> KvRequest<BucketStatus> {
        self.request(|bucket, deadline| async move { bucket.port.status(deadline).await })
    }
}

/// Whether it is a value, and a user's.
pub(super) fn is_users(entry: &KvEntry) -> bool {
    entry.is_value() && !entry.key.is_reserved()
}

impl<T> Bucket<T> {
    pub(super) fn new(port: Arc<dyn KvBucket>, format: Format<T>, within: Duration) -> Self {
        Self {
            port,
            format,
            within,
        }
    }

    /// Its name on the server, with the prefix of the client.
    pub fn name(&self) -> &str {
        self.port.name()
    }
}
