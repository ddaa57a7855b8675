//! The live table: one watch on the registry, read by everybody from memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::super::registry::{Registry, filter, names, record};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Instance, KvEntry, KvOperation, LOOK, Roster};
use crate::observe;
use crate::port::{KvEvent, KvWatch, WatchFrom, WatchHealth};

/// Questions about the bucket itself.
const ASK: Duration = Duration::from_secs(5);
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
        };
        // Outside of a runtime there is nothing that could listen: `ready` says so.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let follows = runtime.map(|runtime| AbortOnDropHandle::new(runtime.spawn(follower.run())));
        Self {
            table,
            _follows: follows,
        }
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
        let ready = tables.wait_for(|table| table.hears != Hears::NotYet);
        match tokio::time::timeout_at(deadline, ready).await {
            Ok(Ok(table)) => Ok(table.clone()),
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

/// Keeps the table.
struct Follower {
    registry: Registry,
    roster: Roster,
    table: watch::Sender<Arc<Table>>,
}

impl Follower {
    async fn run(mut self) {
        let mut attempt = 0_u32;
        loop {
            match self.watch().await {
                Ok(watch) => {
                    attempt = 0;
                    if self.listen(watch).await.is_break() {
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
    async fn listen(&mut self, mut watch: KvWatch) -> std::ops::ControlFlow<()> {
        let mut health = watch.health();
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = watch.next() => match event {
                    None => return std::ops::ControlFlow::Break(()),
                    Some(Ok(event)) => self.hear(event),
                    Some(Err(error)) if error.kind() == ErrorKind::NoService => {
                        // The bucket is gone: it is made anew, and everybody announces again.
                        self.deaf(Some(error));
                        return std::ops::ControlFlow::Continue(());
                    }
                    Some(Err(error)) => self.deaf(Some(error)),
                },
                changed = health.changed() => match changed {
                    Ok(()) => self.judge(*health.borrow_and_update()),
                    Err(_) => return std::ops::ControlFlow::Continue(()),
                },
                _ = looks.tick() => self.look(),
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

    fn hear(&mut self, event: KvEvent) {
        match event {
            KvEvent::Ready => self.hears(),
            // Whoever is missing among those who are told now has the time to be heard again.
            KvEvent::Reset => self.deaf(None),
            KvEvent::Entry(entry) => self.entry(&entry),
        }
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
            self.publish(Some(service), |_| {});
        }
    }

    fn hears(&mut self) {
        self.roster.hears(Instant::now().into_std());
        self.publish(None, |table| {
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
        self.publish(None, |table| {
            if table.hears == Hears::Now {
                table.hears = Hears::Until(now);
            }
            if error.is_some() {
                table.error = error;
            }
        });
    }

    /// Drops who has said nothing for three heartbeats.
    fn look(&mut self) {
        let now = Instant::now().into_std();
        if self.roster.next_due().is_none_or(|due| due > now) {
            return;
        }
        if self.roster.expire(now) {
            let roster = &self.roster;
            self.publish(None, |table| {
                let services: Vec<String> = table.services.keys().cloned().collect();
                for service in &services {
                    table.list(service, roster);
                }
            });
        }
    }

    /// Shows the table with this change, and with this service as it is now.
    fn publish(&self, service: Option<&str>, change: impl FnOnce(&mut Table)) {
        self.table.send_modify(|table| {
            let table = Arc::make_mut(table);
            if let Some(service) = service {
                table.list(service, &self.roster);
            }
            change(table);
        });
    }
}
