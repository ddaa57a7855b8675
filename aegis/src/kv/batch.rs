//! Many keys at once: many operations on the way, but not all.

use std::borrow::Borrow;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;

use super::bucket::{Bucket, is_users};
use super::request::KvRequest;
use crate::error::Result;
use crate::model::{KvFilter, KvKey, KvWrite};
use crate::port::KvScan;

/// So many operations of one batch are on the way at once.
const IN_FLIGHT: usize = 64;

impl<T: Send + 'static> Bucket<T> {
    /// The values of many keys, in the order of the keys; up to 64 questions are on the way at
    /// once. The first error ends it.
    pub fn get_many<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> KvRequest<Vec<Option<T>>> {
        let keys: Result<Vec<KvKey>> = parsed(keys);
        let bucket = self.clone();
        KvRequest::new(self.within, move |deadline| async move {
            let asked = keys?.into_iter().map(|key| {
                let bucket = bucket.clone();
                async move {
                    let entry = bucket.newest(key, deadline).await?;
                    Ok(entry.map(|entry| entry.value))
                }
            });
            stream::iter(asked).buffered(IN_FLIGHT).try_collect().await
        })
    }

    /// Writes many values; up to 64 writes are on the way at once. Gives the revision or the error
    /// of each, in their order: it is not one transaction, and the writes of different keys may
    /// happen in any order.
    ///
    /// Errors: a key or a value that cannot be; then nothing was written.
    pub fn put_many<K: AsRef<str>, V: Borrow<T>>(
        &self,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> KvRequest<Vec<Result<u64>>> {
        let writes = values.into_iter();
        let writes = writes.map(|(key, value)| self.write(key.as_ref(), value.borrow()));
        self.write_many(writes.collect())
    }

    /// Deletes many keys, as [`put_many`](Self::put_many) writes.
    pub fn delete_many<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> KvRequest<Vec<Result<u64>>> {
        let keys: Result<Vec<KvKey>> = parsed(keys);
        self.write_many(keys.map(|keys| keys.into_iter().map(KvWrite::delete).collect()))
    }

    fn write_many(&self, writes: Result<Vec<KvWrite>>) -> KvRequest<Vec<Result<u64>>> {
        let bucket = self.clone();
        KvRequest::new(self.within, move |deadline| async move {
            Ok(bucket.write_all(writes?, deadline).await)
        })
    }

    async fn write_all(&self, writes: Vec<KvWrite>, deadline: Instant) -> Vec<Result<u64>> {
        let sent = writes.into_iter().map(|write| {
            let port = self.port.clone();
            async move { port.write(write, deadline).await }
        });
        stream::iter(sent).buffered(IN_FLIGHT).collect().await
    }

    /// Purges the keys that start with a text (`""` for all) and have a value; gives their number.
    /// Watches are told of each. What is written meanwhile may stay.
    ///
    /// Errors: the first that a purge met; the others were tried all the same.
    pub fn clear_prefix(&self, prefix: &str) -> KvRequest<usize> {
        let bucket = self.clone();
        let filter = KvFilter::Prefix(prefix.to_owned());
        KvRequest::new(self.within, move |deadline| async move {
            let found = bucket.port.scan(filter, KvScan::Keys, deadline).await?;
            let values = found.into_iter().filter(is_users);
            let writes = values.map(|entry| KvWrite::purge(entry.key)).collect();
            let purged: Result<Vec<u64>> = bucket
                .write_all(writes, deadline)
                .await
                .into_iter()
                .collect();
            purged.map(|purged| purged.len())
        })
    }
}

fn parsed<K: AsRef<str>>(keys: impl IntoIterator<Item = K>) -> Result<Vec<KvKey>> {
    let keys = keys.into_iter().map(|key| KvKey::new(key.as_ref()));
    keys.map(|key| key.map_err(Into::into)).collect()
}
