//! Keeps the record of one instance alive: written when it serves, again with every heartbeat and
//! at once when something changes, removed last.
//!
//! Every write expects the revision of our last one, so that two processes with one id notice each
//! other, and so that a late write never hides a newer one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::announced::{Announced, Heard, Order};
use super::registry::{Registry, key, record};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Expect, Instance, InstanceId, KvEntry, KvKey, KvWrite, ServiceName};
use crate::observe::{self, Seldom};
use crate::port::{ConnectionState, KvBucket};

/// A write that takes longer has failed; the next one comes soon.
const WRITE: Duration = Duration::from_secs(2);
/// While writes are refused, the longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a mark tells that an instance has left.
const MARK: Duration = Duration::from_secs(3600);
/// The shortest pause between two writes, however often something changes.
const PAUSE: Duration = Duration::from_millis(50);

/// What the announcer asks of the instance.
pub(crate) trait Vitals: Send + Sync + 'static {
    /// The record, as it should stand now.
    fn record(&self) -> Instance;
    /// Waits until the record has changed in a way that is worth a write at once.
    fn changed(&self) -> BoxFuture<'_, ()>;
}

/// The record of one instance.
pub(crate) struct Announcer {
    registry: Registry,
    connection: watch::Receiver<ConnectionState>,
    vitals: Arc<dyn Vitals>,
    key: KvKey,
    instance: InstanceId,
    boot: String,
    heartbeat: Duration,
    ttl: Duration,
    bucket: Option<Opened>,
    /// Of our last write that is known to have happened.
    revision: Option<u64>,
    /// The record of another process under our key, and since when we know it.
    rival: Option<(u64, Instant)>,
    /// We have written at least once.
    announced: bool,
    /// Failures since the last write that succeeded, and whether the last one is of the kind that
    /// does not pass by itself.
    failures: u32,
    lasting: bool,
    seldom: Seldom,
    heard: Heard,
    written: metrics::Counter,
    failed: metrics::Counter,
}

struct Opened {
    bucket: Arc<dyn KvBucket>,
    /// A record can have a time of its own.
    key_ttl: bool,
}

impl Announcer {
    pub(crate) fn new(
        registry: Registry,
        names: (&ServiceName, &InstanceId),
        vitals: Arc<dyn Vitals>,
        times: (Duration, Duration),
    ) -> Result<Self> {
        let labels = [("service", names.0.to_string())];
        let boot = vitals.record().boot().unwrap_or_default().to_owned();
        Ok(Self {
            connection: registry.connection(),
            registry,
            vitals,
            key: key(names.0, names.1)?,
            instance: names.1.clone(),
            boot,
            heartbeat: times.0,
            ttl: times.1,
            bucket: None,
            revision: None,
            rival: None,
            announced: false,
            failures: 0,
            lasting: false,
            seldom: Seldom::default(),
            heard: Heard::default(),
            written: metrics::counter!(observe::REGISTRY_WRITES, &labels),
            failed: metrics::counter!(observe::REGISTRY_FAILURES, &labels),
        })
    }

    /// What keeps the record alive, and what it is told through.
    pub(crate) fn split(self) -> (Announced, impl Future<Output = ()> + Send + 'static) {
        let (orders, received) = mpsc::channel(4);
        (
            Announced::new(orders, self.heard.clone()),
            self.run(received),
        )
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        // The first write is an order.
        let mut next = Instant::now() + self.heartbeat;
        let mut quiet = Instant::now();
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                () = tokio::time::sleep_until(next) => Some(Order::Announce(oneshot::channel().0)),
                () = changed(quiet, &*self.vitals, &mut self.connection) => {
                    Some(Order::Announce(oneshot::channel().0))
                }
            };
            match order {
                None => return,
                Some(Order::Leave(done)) => {
                    let _ = done.send(self.leave().await);
                    return;
                }
                Some(Order::Announce(done)) => {
                    let outcome = self.announce().await;
                    self.note(outcome.as_ref().err());
                    let _ = done.send(outcome);
                }
            }
            let now = Instant::now();
            (next, quiet) = (now + self.pause(), now + PAUSE);
        }
    }

    /// The time to the next write: the heartbeat within 10 %; sooner after a failure that passes,
    /// later and later after one that does not.
    fn pause(&self) -> Duration {
        let jitter = 0.9 + 0.2 * observe::chance();
        let soon = self.heartbeat.min(Duration::from_secs(1)) / 2;
        let pause = match self.failures {
            0 => self.heartbeat,
            _ if !self.lasting => soon,
            failures => (soon * 2_u32.pow(failures.min(8))).min(LONGEST_PAUSE),
        };
        pause.mul_f64(jitter)
    }

    fn note(&mut self, error: Option<&Error>) {
        let key = self.key.text();
        match error {
            None => {
                self.written.increment(1);
                self.heard.now();
                if std::mem::take(&mut self.failures) > 0 {
                    tracing::info!(key, "the registry hears from this instance again");
                }
            }
            Some(error) => {
                self.failed.increment(1);
                self.failures = self.failures.saturating_add(1);
                self.lasting = matches!(
                    error.kind(),
                    ErrorKind::Denied | ErrorKind::Config | ErrorKind::NoService
                );
                if let Some(unsaid) = self.seldom.again() {
                    tracing::warn!(key, %error, unsaid, "the registry does not hear from this instance");
                }
            }
        }
    }

    async fn announce(&mut self) -> Result<()> {
        let deadline = Instant::now() + WRITE;
        self.connected(deadline).await;
        let outcome = self.write(deadline).await;
        match outcome.as_ref().map_err(Error::kind) {
            // Something stands there that is not our last write.
            Err(ErrorKind::Conflict) => {
                self.look(deadline).await?;
                self.write(deadline).await
            }
            // The bucket is gone, and our record with it; or it was made anew in another way.
            Err(ErrorKind::NoService | ErrorKind::Config) => {
                self.bucket = None;
                self.revision = None;
                self.write(deadline).await
            }
            _ => outcome,
        }
    }

    /// Waits for the connection, so that the record is as it is then.
    async fn connected(&mut self, deadline: Instant) {
        let mut connection = self.connection.clone();
        let back = connection.wait_for(|state| *state == ConnectionState::Connected);
        let _ = tokio::time::timeout_at(deadline, back).await;
    }

    async fn write(&mut self, deadline: Instant) -> Result<()> {
        let record = self.vitals.record();
        let value = serde_json::to_vec(&record).map_err(|cause| {
            Error::new(ErrorKind::Encode, "the record of this instance is no JSON").because(cause)
        })?;
        let expect = self.revision.map_or(Expect::Absent, Expect::Revision);
        let mut write = KvWrite::put(self.key.clone(), value).expecting(expect);
        // The shortest life that NATS knows.
        let ttl = self.ttl.max(Duration::from_secs(1));
        let opened = self.opened(deadline).await?;
        if opened.key_ttl {
            write = write.living(ttl);
        }
        let revision = opened.bucket.write(write, deadline).await?;
        self.revision = Some(revision);
        self.rival = None;
        self.announced = true;
        Ok(())
    }

    async fn opened(&mut self, deadline: Instant) -> Result<&Opened> {
        let opened = match self.bucket.take() {
            Some(opened) => opened,
            None => self.open(deadline).await?,
        };
        Ok(self.bucket.insert(opened))
    }

    async fn open(&self, deadline: Instant) -> Result<Opened> {
        let bucket = self.registry.open(self.ttl, deadline).await?;
        let status = bucket.status(deadline).await?;
        match status.ttl {
            Some(shared) if shared < self.ttl => tracing::warn!(
                bucket = status.name,
                "records live {shared:?} there, and this instance is gone only after {:?}: it will \
                 flicker; give the bucket a longer `ttl`, or this service a shorter heartbeat",
                self.ttl
            ),
            None if !status.key_ttl => tracing::warn!(
                bucket = status.name,
                "records live for ever there: those of crashed instances stay; remove the bucket, \
                 and it is made anew with a `ttl`"
            ),
            _ => {}
        }
        Ok(Opened {
            bucket,
            key_ttl: status.key_ttl,
        })
    }

    /// Looks at what stands under our key, and decides whether the next write may replace it.
    async fn look(&mut self, deadline: Instant) -> Result<()> {
        let key = self.key.clone();
        let opened = self.opened(deadline).await?;
        let found = opened.bucket.latest(&key, deadline).await?;
        let Some(entry) = found.filter(KvEntry::is_value) else {
            // Ours has run out, or was removed.
            self.revision = None;
            return Ok(());
        };
        let other = record(&entry);
        let ours = other.as_ref().and_then(Instance::boot) == Some(self.boot.as_str());
        if ours || self.may_replace(&entry, other.as_ref()) {
            self.revision = Some(entry.revision);
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "another process serves as instance {}: every process needs an id of its own, or \
                 none (`instance_id`, AEGIS_INSTANCE_ID)",
                self.instance
            ),
        ))
    }

    /// A record that was there before we started is a dead one's: nobody answered to that id. One
    /// that came later is a rival's, until it says nothing for as long as records live.
    fn may_replace(&mut self, entry: &KvEntry, other: Option<&Instance>) -> bool {
        if !self.announced || other.is_none() {
            return true;
        }
        match self.rival {
            Some((revision, since)) if revision == entry.revision => {
                let life = other.map_or(self.ttl, |other| other.ttl().max(self.ttl));
                since.elapsed() >= life
            }
            _ => {
                self.rival = Some((entry.revision, Instant::now()));
                false
            }
        }
    }

    async fn leave(&mut self) -> Result<()> {
        let deadline = Instant::now() + WRITE;
        if self.revision.is_none() && self.bucket.is_some() {
            // Our only write may have happened although it had no answer.
            self.look(deadline).await?;
        }
        match self.remove(deadline).await {
            // The answer to our last write was lost, or the record is not ours any more.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.look(deadline).await?;
                self.remove(deadline).await
            }
            outcome => outcome,
        }
    }

    async fn remove(&self, deadline: Instant) -> Result<()> {
        let (Some(opened), Some(revision)) = (&self.bucket, self.revision) else {
            return Ok(());
        };
        let mut write = KvWrite::purge(self.key.clone()).expecting(Expect::Revision(revision));
        if opened.key_ttl {
            // Instances have ever new ids: their marks must not stay for ever.
            write = write.living(MARK);
        }
        opened.bucket.write(write, deadline).await.map(drop)
    }
}

/// The record has changed, or the connection is there again.
async fn changed(
    quiet: Instant,
    vitals: &dyn Vitals,
    connection: &mut watch::Receiver<ConnectionState>,
) {
    tokio::time::sleep_until(quiet).await;
    let back = async {
        loop {
            if connection.changed().await.is_err() {
                return std::future::pending().await;
            }
            if *connection.borrow_and_update() == ConnectionState::Connected {
                return;
            }
        }
    };
    tokio::select! {
        () = vitals.changed() => {}
        () = back => {}
    }
}
