//! The record that a group's instances compete for, and its fence.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, unfold};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::{ErrorKind, Result};
use crate::model::{
    BucketSpec, Expect, KvEntry, KvFilter, KvKey, KvWrite, LeaderRecord, Outcome, ServiceName,
};
use crate::observe;
use crate::port::{KvBucket, KvEvent, KvStore, KvWatch, WatchFrom};

/// The bucket's name, as in `AegisSDK` 1.0.
pub(crate) const LEADERS: &str = "sticky_active";
/// A record is below 1 kB and has no history.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Between two tries to watch.
const PAUSE: Duration = Duration::from_millis(250);
/// A try to watch that takes longer has failed.
const OPEN: Duration = Duration::from_secs(2);

/// The bucket of all groups' records.
#[derive(Debug)]
pub(crate) struct Seats {
    store: Arc<dyn KvStore>,
    name: String,
    replicas: Option<u8>,
    opened: Mutex<Option<Arc<dyn KvBucket>>>,
}

impl Seats {
    /// The bucket of this name; made on as many servers if it is missing.
    pub(crate) fn new(store: Arc<dyn KvStore>, name: String, replicas: Option<u8>) -> Arc<Self> {
        Arc::new(Self {
            store,
            name,
            replicas,
            opened: Mutex::default(),
        })
    }

    async fn bucket(&self, deadline: Instant) -> Result<Arc<dyn KvBucket>> {
        let mut opened = self.opened.lock().await;
        if let Some(bucket) = &*opened {
            return Ok(bucket.clone());
        }
        let mut spec = BucketSpec::new(&self.name);
        spec.history = Some(1);
        spec.max_bytes = Some(MAX_BYTES);
        spec.replicas = self.replicas;
        spec.description = Some("who leads: one record per service and group".to_owned());
        // Epochs are revisions. They grow also if the bucket is lost and made anew, as long as it
        // is not written to a million times in a second.
        let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000;
        spec.first_sequence = u64::try_from(now).ok();
        let bucket = self.store.open(spec, deadline).await?;
        Ok(opened.insert(bucket).clone())
    }

    /// The bucket is gone: the next one who needs it makes it.
    async fn forget(&self) {
        *self.opened.lock().await = None;
    }
}

/// The record of one group.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    leader: KvKey,
    fence: KvKey,
}

/// A record that was read, with its revision.
pub(super) type Found = Option<(u64, LeaderRecord)>;

impl Seat {
    /// The seat of a group of a service.
    pub(crate) fn new(seats: Arc<Seats>, service: &ServiceName, group: &str) -> Result<Self> {
        Ok(Self {
            seats,
            leader: KvKey::new(&format!("{service}.{group}.leader"))?,
            fence: KvKey::new(&format!("{service}.{group}.fence"))?,
        })
    }

    /// What stands there, asked of whoever decides on writes.
    pub(super) async fn read(&self, deadline: Instant) -> Result<Found> {
        let bucket = self.seats.bucket(deadline).await?;
        let read = bucket.latest(&self.leader, deadline).await;
        self.noting_loss(read)
            .await
            .map(|found| found.as_ref().and_then(record))
    }

    /// Writes the record. What went wrong is logged by the one who asked.
    pub(super) async fn write(
        &self,
        record: &LeaderRecord,
        expect: Expect,
        deadline: Instant,
    ) -> Result<Outcome> {
        let value = serde_json::to_vec(record).unwrap_or_default();
        let bucket = self.seats.bucket(deadline).await?;
        let write = KvWrite::put(self.leader.clone(), value).expecting(expect);
        match self.noting_loss(bucket.write(write, deadline).await).await {
            Ok(revision) => Ok(Outcome::Done(revision)),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(Outcome::Refused),
            Err(error) => Err(error),
        }
    }

    /// Raises the fence to an epoch; tells whether no greater one stands there.
    pub(super) async fn raise(&self, epoch: u64, deadline: Instant) -> Result<bool> {
        let bucket = self.seats.bucket(deadline).await?;
        loop {
            let found = bucket.latest(&self.fence, deadline).await?;
            let stands = found.as_ref().filter(|entry| entry.is_value());
            let highest = stands.and_then(|entry| number(&entry.value)).unwrap_or(0);
            if highest > epoch {
                return Ok(false);
            }
            let expect = match &found {
                Some(entry) => Expect::Revision(entry.revision),
                None => Expect::Absent,
            };
            let write = KvWrite::put(self.fence.clone(), epoch.to_string()).expecting(expect);
            match bucket.write(write, deadline).await {
                Ok(_) => return Ok(true),
                // A candidate of the past: it is read again who it was.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The record, again with every change: for as long as it is asked for, whatever goes wrong.
    pub(super) fn changes(&self) -> BoxStream<'static, Found> {
        let watch: Option<KvWatch> = None;
        let changes = unfold((self.clone(), watch), |(seat, mut watch)| async move {
            loop {
                let Some(open) = &mut watch else {
                    watch = seat.watch().await;
                    continue;
                };
                match open.next().await {
                    Some(Ok(KvEvent::Entry(entry))) => {
                        return Some((record(&entry), (seat, watch)));
                    }
                    Some(Ok(KvEvent::Ready | KvEvent::Reset)) => {}
                    // It tells an error once, and goes on by itself.
                    Some(Err(error)) => {
                        tracing::debug!(key = %seat.leader, %error, "the watch of a leader stumbles");
                    }
                    None => watch = None,
                }
            }
        });
        changes.boxed()
    }

    /// Tries to watch; after a failure only once some time has passed.
    async fn watch(&self) -> Option<KvWatch> {
        let deadline = Instant::now() + OPEN;
        let filter = KvFilter::Key(self.leader.clone());
        let opened = async {
            let bucket = self.seats.bucket(deadline).await?;
            let watch = bucket.watch(filter, WatchFrom::Latest, deadline).await;
            self.noting_loss(watch).await
        };
        match opened.await {
            Ok(watch) => Some(watch),
            Err(error) => {
                tracing::debug!(key = %self.leader, %error, "a leader cannot be watched");
                tokio::time::sleep(PAUSE.mul_f64(0.75 + observe::chance() / 2.0)).await;
                None
            }
        }
    }

    async fn noting_loss<T>(&self, outcome: Result<T>) -> Result<T> {
        if let Err(error) = &outcome
            && error.kind() == ErrorKind::NoService
        {
            self.seats.forget().await;
        }
        outcome
    }
}

fn record(entry: &KvEntry) -> Found {
    entry
        .is_value()
        .then(|| (entry.revision, LeaderRecord::read(&entry.value)))
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}
