//! The live table: one watch on the registry, read by everybody from memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::super::registry::{Registry, filter, names, record};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Instance, KvEntry, KvOperation, LOOK, Roster};
use crate::observe;
use crate::port::{ConnectionState, KvEvent, KvWatch, WatchFrom, WatchHealth};

/// Questions about the bucket itself.
const ASK: Duration = Duration::from_secs(5);
/// Events shown in one step.
const BATCH: usize = 1000;
/// A pause between two looks that tells of ourselves.
const HELD_UP: Duration = Duration::from_secs(1);
/// Between two tries to listen.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Whether a live table is up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staleness {
    /// The registry is heard.
    Live,
    /// It was never heard yet.
    Never,
    /// It has not been heard for so long; the table is as it was then, and nobody is taken for
    /// dead meanwhile.
    Stale(Duration),
}

/// Everybody, at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    services: BTreeMap<String, Listed>,
    hears: Hears,
    /// Why it hears nothing.
    error: Option<Error>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Hears {
    #[default]
    NotYet,
    Now,
    Until(Instant),
}

#[derive(Debug, Clone)]
struct Listed {
    all: Arc<[Arc<Instance>]>,
    available: Arc<[Arc<Instance>]>,
}

impl Table {
    pub(crate) fn available(&self, service: &str) -> Arc<[Arc<Instance>]> {
        let listed = self.services.get(service);
        listed.map_or_else(Arc::default, |listed| listed.available.clone())
    }

    pub(super) fn of(&self, service: &str) -> impl Iterator<Item = &Arc<Instance>> {
        self.services
            .get(service)
            .into_iter()
            .flat_map(|listed| listed.all.iter())
    }

    pub(super) fn everybody(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.services.values().flat_map(|listed| listed.all.iter())
    }

    pub(super) fn age(&self) -> Duration {
        match self.hears {
            Hears::Until(since) => since.elapsed(),
            Hears::Now | Hears::NotYet => Duration::ZERO,
        }
    }

    pub(super) fn staleness(&self) -> Staleness {
        match self.hears {
            Hears::Now => Staleness::Live,
            Hears::NotYet => Staleness::Never,
            Hears::Until(since) => Staleness::Stale(since.elapsed()),
        }
    }

    /// What is wrong does not pass by waiting.
    fn is_refused(&self) -> bool {
        self.error.as_ref().is_some_and(|error| {
            let kind = error.kind();
            !matches!(kind, ErrorKind::Timeout | ErrorKind::Disconnected)
        })
    }

    fn list(&mut self, service: &str, roster: &Roster) {
        let all: Arc<[_]> = roster.of(service).cloned().collect();
        if all.is_empty() {
            self.services.remove(service);
            return;
        }
        let available = all
            .iter()
            .filter(|one| one.is_available())
            .cloned()
            .collect();
        self.services
            .insert(service.to_owned(), Listed { all, available });
    }
}

/// A table that follows the registry until it is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(super) began: Instant,
    table: watch::Receiver<Arc<Table>>,
    _follows: Option<AbortOnDropHandle<()>>,
}

impl Directory {
    pub(super) fn follow(registry: Registry) -> Self {
        let (sender, table) = watch::channel(Arc::default());
        let follower = Follower {
            registry,
            roster: Roster::default(),
            table: sender,
            dirty: BTreeSet::new(),
            looked: Instant::now(),
        };
        // Outside of a runtime there is nothing that could listen: `ready` says so.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let follows = runtime.map(|runtime| AbortOnDropHandle::new(runtime.spawn(follower.run())));
        Self {
            began: Instant::now(),
            table,
            _follows: follows,
        }
    }

    /// Nobody keeps it up to date any more: the client was closed, or the runtime has ended in
    /// which it was asked for first.
    pub(super) fn is_over(&self) -> bool {
        self.table.has_changed().is_err()
    }

    /// The table as it is.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.table.borrow().clone()
    }

    /// The table, once everybody who is there stands in it.
    pub(crate) async fn ready(&self, deadline: Instant) -> Result<Arc<Table>> {
        let table = self.table();
        if table.hears != Hears::NotYet {
            return Ok(table);
        }
        let mut tables = self.table.clone();
        let ready = tables.wait_for(|table| table.hears != Hears::NotYet || table.is_refused());
        match tokio::time::timeout_at(deadline, ready).await {
            Ok(Ok(table)) => match &table.error {
                Some(error) if table.hears == Hears::NotYet => Err(error.clone()),
                _ => Ok(table.clone()),
            },
            Ok(Err(_)) => Err(Error::new(
                ErrorKind::Lifecycle,
                "nobody listens to the registry: call `discovery` inside a tokio runtime",
            )),
            Err(_) => Err(self.table().error.clone().unwrap_or_else(|| {
                Error::new(ErrorKind::Timeout, "the registry did not answer in time")
            })),
        }
    }

    /// Follows the table.
    pub(super) fn tables(&self) -> watch::Receiver<Arc<Table>> {
        self.table.clone()
    }
}

/// The bucket is gone.
struct Gone;

/// Keeps the table.
struct Follower {
    registry: Registry,
    roster: Roster,
    table: watch::Sender<Arc<Table>>,
    /// Services whose instances have changed since the table was shown.
    dirty: BTreeSet<String>,
    /// When it was last looked who has said nothing for too long.
    looked: Instant,
}

/// However it ends: what was heard last is from now on old.
impl Drop for Follower {
    fn drop(&mut self) {
        self.deaf(None);
    }
}

impl Follower {
    async fn run(mut self) {
        let mut connection = self.registry.connection();
        let closed = connection.wait_for(|state| *state == ConnectionState::Closed);
        tokio::select! {
            () = self.follow() => {}
            // The client may be gone while its table is still looked at: that is no close.
            Ok(_) = closed => {}
        }
    }

    async fn follow(&mut self) {
        let mut attempt = 0_u32;
        loop {
            match self.watch().await {
                Ok(watch) => {
                    attempt = 0;
                    if let ControlFlow::Break(None) = self.listen(watch).await {
                        return;
                    }
                }
                Err(error) => self.deaf(Some(error)),
            }
            attempt = attempt.saturating_add(1);
            let pause = Duration::from_millis(50) * 2_u32.saturating_pow(attempt.min(8));
            let jitter = 0.5 + observe::chance() / 2.0;
            tokio::time::sleep(pause.min(LONGEST_PAUSE).mul_f64(jitter)).await;
        }
    }

    async fn watch(&self) -> Result<KvWatch> {
        let deadline = Instant::now() + ASK;
        let bucket = self.registry.open(Duration::ZERO, deadline).await?;
        bucket
            .watch(filter(None), WatchFrom::Latest, deadline)
            .await
    }

    /// Listens until the watch ends, which means that the connection was closed on purpose.
    async fn listen(&mut self, mut watch: KvWatch) -> ControlFlow<Option<Gone>> {
        let mut health = watch.health();
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = watch.next() => {
                    let Some(event) = event else { return ControlFlow::Break(None) };
                    self.hear(event)?;
                    // What has come meanwhile is shown in one step.
                    for _ in 0..BATCH {
                        let Some(Some(event)) = watch.next().now_or_never() else { break };
                        self.hear(event)?;
                    }
                    self.show();
                }
                Ok(()) = health.changed() => self.judge(*health.borrow_and_update()),
                _ = looks.tick() => self.look(watch.heard()),
            }
        }
    }

    fn judge(&mut self, health: WatchHealth) {
        let table = self.table.borrow().clone();
        match (health, table.hears) {
            (WatchHealth::Stale { .. }, Hears::Now) => self.deaf(None),
            (WatchHealth::Live, Hears::Until(_)) => self.hears(),
            _ => {}
        }
    }

    fn hear(&mut self, event: Result<KvEvent>) -> ControlFlow<Option<Gone>> {
        match event {
            Ok(KvEvent::Ready) => self.hears(),
            // Whoever is missing among those who are told now has the time to be heard again.
            Ok(KvEvent::Reset) => self.deaf(None),
            Ok(KvEvent::Entry(entry)) => self.entry(&entry),
            Err(error) => {
                // A bucket that is gone is made anew, and everybody announces again.
                let gone = error.kind() == ErrorKind::NoService;
                self.deaf(Some(error));
                if gone {
                    return ControlFlow::Break(Some(Gone));
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn entry(&mut self, entry: &KvEntry) {
        let Some((service, id)) = names(&entry.key) else {
            return;
        };
        let changed = match entry.operation {
            // A record that ran out while the registry itself was away tells nothing; who has
            // really gone is noticed by the time since it was heard.
            KvOperation::Expired => false,
            KvOperation::Put => record(entry)
                .is_some_and(|record| self.roster.put(record, Instant::now().into_std())),
            _ => self.roster.remove(service, id),
        };
        if changed {
            self.dirty.insert(service.to_owned());
        }
    }

    fn hears(&mut self) {
        self.show();
        self.roster.hears(Instant::now().into_std());
        self.publish(|table| {
            table.hears = Hears::Now;
            table.error = None;
        });
    }

    fn deaf(&mut self, error: Option<Error>) {
        self.roster.is_deaf();
        let now = Instant::now();
        if let Some(error) = &error {
            tracing::debug!(%error, "the registry is not heard");
        }
        self.publish(|table| {
            if table.hears == Hears::Now {
                table.hears = Hears::Until(now);
            }
            if error.is_some() {
                table.error = error;
            }
        });
    }

    /// Drops who has said nothing for too long, up to the time at which the registry was heard:
    /// its silence is nobody's death.
    fn look(&mut self, heard: Instant) {
        let now = Instant::now();
        let pause = now - std::mem::replace(&mut self.looked, now);
        if pause > HELD_UP {
            // We were held up ourselves, and what came meanwhile has not been read yet.
            self.roster.is_deaf();
            self.roster.hears(now.into_std());
            return;
        }
        let heard = heard.min(now).into_std();
        for service in self.roster.expire(heard) {
            self.dirty.insert(service);
        }
        self.show();
    }

    /// Shows the services that have changed as they are now.
    fn show(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        let dirty = std::mem::take(&mut self.dirty);
        self.publish(|table| {
            for service in &dirty {
                table.list(service, &self.roster);
            }
        });
    }

    fn publish(&self, change: impl FnOnce(&mut Table)) {
        self.table.send_modify(|table| change(Arc::make_mut(table)));
    }
}
