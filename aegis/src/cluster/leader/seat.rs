//! The record that a group's instances compete for, and its fence.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, unfold};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::{ErrorKind, Result};
use crate::model::{
    BucketSpec, Expect, KvEntry, KvKey, KvWrite, Layout, LeaderRecord, Outcome, Replicas,
    ServiceName, Subject,
};
use crate::observe;
use crate::port::{Bus, KvBucket, KvStore, Outgoing, Subscription};

/// The bucket's name, as in `AegisSDK` 1.0.
pub(crate) const LEADERS: &str = "sticky_active";
/// A record is below 1 kB and has no history.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Between two tries to listen.
const PAUSE: Duration = Duration::from_millis(250);

/// The bucket of all groups' records.
#[derive(Debug)]
pub(crate) struct Seats {
    store: Arc<dyn KvStore>,
    bus: Arc<dyn Bus>,
    name: String,
    replicas: Replicas,
    opened: Mutex<Option<Arc<dyn KvBucket>>>,
}

impl Seats {
    /// The bucket of this name; made on as many servers if it is missing.
    pub(crate) fn new(
        (bus, store): (Arc<dyn Bus>, Arc<dyn KvStore>),
        name: String,
        replicas: Replicas,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            bus,
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
        spec.keep_on(self.replicas);
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
    /// Where leaders tell of their writes.
    told: Subject,
}

/// A write that happened, as its leader tells it.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    revision: u64,
    #[serde(flatten)]
    record: LeaderRecord,
}

/// A record that was read, with its revision.
pub(super) type Found = Option<(u64, LeaderRecord)>;

impl Seat {
    /// The seat of a group of a service.
    pub(crate) fn new(
        seats: Arc<Seats>,
        layout: &Layout,
        service: &ServiceName,
        group: &str,
    ) -> Result<Self> {
        Ok(Self {
            told: layout.leaders(service, &ServiceName::parse(group)?),
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
            // What cannot be read is no epoch of ours.
            let highest = stands.map_or(0, |entry| number(&entry.value).unwrap_or(u64::MAX));
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

    /// Tells the others of a write that happened: who hears of it knows that the leader is there.
    pub(super) async fn tell(&self, revision: u64, record: LeaderRecord) -> Result<()> {
        let told = Told { revision, record };
        let body = serde_json::to_vec(&told).unwrap_or_default();
        let message = Outgoing::new(self.told.clone(), body);
        self.seats.bus.publish(message).await
    }

    /// What leaders tell of their writes, for as long as it is asked for, whatever goes wrong. What
    /// is missed is read.
    pub(super) fn told(&self) -> BoxStream<'static, (u64, LeaderRecord)> {
        let messages: Option<Subscription> = None;
        let told = unfold(
            (self.clone(), messages),
            |(seat, mut messages)| async move {
                loop {
                    let Some(open) = &mut messages else {
                        messages = seat.listen().await;
                        continue;
                    };
                    let Some(message) = open.next().await else {
                        messages = None;
                        continue;
                    };
                    let Ok(told) = serde_json::from_slice::<Told>(&message.payload) else {
                        tracing::debug!(subject = %seat.told, "what is told of a leader cannot be read");
                        continue;
                    };
                    return Some(((told.revision, told.record), (seat, messages)));
                }
            },
        );
        told.boxed()
    }

    /// Tries to listen; after a failure only once some time has passed.
    async fn listen(&self) -> Option<Subscription> {
        match self
            .seats
            .bus
            .subscribe(self.told.clone().into(), None)
            .await
        {
            Ok(messages) => Some(messages),
            Err(error) => {
                tracing::debug!(subject = %self.told, %error, "leaders cannot be heard");
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
