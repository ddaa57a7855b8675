//! The port `KvStore` on an in-memory hub.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::hub::Hub;
use super::log::Log;
use super::watch::{Begun, follow};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{BucketSpec, BucketStatus, KvEntry, KvFilter, KvKey, KvWrite, check_ttl};
use crate::observe;
use crate::port::{ConnectionState, KvBucket, KvFeatures, KvScan, KvStore, KvWatch, WatchFrom};

/// The default limit of a NATS server for a message.
const MAX_PAYLOAD: usize = 1024 * 1024;

/// The buckets of one hub.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    logs: Mutex<HashMap<String, Log>>,
    /// Counts changes of any bucket, for watches to wait for.
    changes: watch::Sender<u64>,
}

impl Buckets {
    /// Looks at one bucket, and at nothing that has expired.
    pub(super) fn with<T>(&self, name: &str, look: impl FnOnce(Option<&mut Log>) -> T) -> T {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut log = logs.get_mut(name);
        if let Some(log) = &mut log
            && log.expire(Instant::now())
        {
            self.tell();
        }
        look(log)
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn tell(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn write(&self, name: &str, write: KvWrite) -> Result<u64> {
        let written = self.with(name, |log| match log {
            Some(log) => log.write(write, Instant::now()),
            None => Err(observe::no_bucket(name)),
        });
        self.tell();
        written
    }

    fn open(&self, spec: BucketSpec) -> Result<()> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(&spec.name) {
            return observe::judge(&spec, &log.status());
        }
        logs.insert(spec.name.clone(), Log::new(spec));
        drop(logs);
        self.tell();
        Ok(())
    }

    fn remove(&self, name: &str) -> bool {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = logs.remove(name).is_some();
        drop(logs);
        self.tell();
        removed
    }

    fn names(&self) -> Vec<String> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = logs.keys().cloned().collect();
        names.sort();
        names
    }
}

/// The buckets of a hub, as one connection sees them.
#[derive(Debug, Clone)]
pub(crate) struct MemoryStore {
    pub(super) hub: Arc<Hub>,
    pub(super) state: watch::Receiver<ConnectionState>,
}

impl MemoryStore {
    pub(in super::super) fn new(hub: Arc<Hub>, state: watch::Receiver<ConnectionState>) -> Self {
        Self { hub, state }
    }

    fn check(&self) -> Result<()> {
        match *self.state.borrow() {
            ConnectionState::Closed => {
                let text = "this connection was closed";
                Err(Error::new(ErrorKind::Disconnected, text))
            }
            _ => Ok(()),
        }
    }

    fn bucket(&self, name: &str) -> Arc<dyn KvBucket> {
        Arc::new(MemoryBucket {
            store: self.clone(),
            name: name.to_owned(),
        })
    }

    /// Does what needs no waiting.
    fn at_once<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Buckets) -> Result<T>,
    ) -> BoxFuture<'static, Result<T>> {
        let outcome = self.check().and_then(|()| work(&self.hub.buckets));
        ready(outcome).boxed()
    }
}

impl KvStore for MemoryStore {
    fn open(&self, spec: BucketSpec, _: Instant) -> BoxFuture<'_, Result<Arc<dyn KvBucket>>> {
        self.at_once(|buckets| {
            spec.check()?;
            let bucket = self.bucket(&spec.name);
            buckets.open(spec)?;
            Ok(bucket)
        })
    }

    fn find<'a>(
        &'a self,
        name: &'a str,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn KvBucket>>>> {
        self.at_once(|buckets| {
            BucketSpec::check_name(name)?;
            let found = buckets.with(name, |log| log.is_some());
            Ok(found.then(|| self.bucket(name)))
        })
    }

    fn buckets(&self, _: Instant) -> BoxFuture<'_, Result<Vec<String>>> {
        self.at_once(|buckets| Ok(buckets.names()))
    }

    fn remove<'a>(&'a self, name: &'a str, _: Instant) -> BoxFuture<'a, Result<bool>> {
        self.at_once(|buckets| {
            BucketSpec::check_name(name)?;
            Ok(buckets.remove(name))
        })
    }

    fn features(&self) -> KvFeatures {
        KvFeatures {
            key_ttl: true,
            fenced_writes: true,
            ..KvFeatures::default()
        }
    }
}

/// One bucket, found by its name at each use: one that is made anew is the same again.
#[derive(Debug)]
struct MemoryBucket {
    store: MemoryStore,
    name: String,
}

impl MemoryBucket {
    fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Log) -> T,
    ) -> BoxFuture<'static, Result<T>> {
        self.store.at_once(|buckets| {
            buckets.with(&self.name, |log| match log {
                Some(log) => Ok(look(log)),
                None => Err(observe::no_bucket(&self.name)),
            })
        })
    }
}

impl KvBucket for MemoryBucket {
    fn name(&self) -> &str {
        &self.name
    }

    fn latest<'a>(&'a self, key: &'a KvKey, _: Instant) -> BoxFuture<'a, Result<Option<KvEntry>>> {
        self.look(|log| log.latest(key).cloned())
    }

    fn revision<'a>(
        &'a self,
        key: &'a KvKey,
        revision: u64,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<KvEntry>>> {
        self.look(|log| {
            let found = log.revision(revision);
            found.filter(|entry| entry.key == *key).cloned()
        })
    }

    fn write(&self, write: KvWrite, _: Instant) -> BoxFuture<'_, Result<u64>> {
        self.store.at_once(|buckets| {
            write.ttl.map_or(Ok(()), check_ttl)?;
            observe::check_fence(&self.name, &write)?;
            if write.value.len() > MAX_PAYLOAD {
                return Err(observe::too_large(write.value.len(), MAX_PAYLOAD));
            }
            buckets.write(&self.name, write)
        })
    }

    fn scan(
        &self,
        filter: KvFilter,
        scan: KvScan,
        _: Instant,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>>> {
        self.look(|log| {
            let chosen = log.all().filter(|entry| filter.matches(&entry.key));
            let chosen = chosen.filter(|entry| scan == KvScan::History || log.is_latest(entry));
            let mut entries: Vec<KvEntry> = chosen.cloned().collect();
            if scan == KvScan::Keys {
                for entry in &mut entries {
                    entry.value = Bytes::new();
                }
            }
            entries
        })
    }

    fn status(&self, _: Instant) -> BoxFuture<'_, Result<BucketStatus>> {
        self.look(Log::status)
    }

    fn watch(
        &self,
        filter: KvFilter,
        from: WatchFrom,
        _: Instant,
    ) -> BoxFuture<'_, Result<KvWatch>> {
        let begun = self.look(|log| Begun::new(log, &filter, from));
        begun
            .map(move |begun| {
                let begun = begun?;
                Ok(follow(&self.store, &self.name, filter, from, begun))
            })
            .boxed()
    }
}
