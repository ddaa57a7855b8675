//! Three ways to ask who is there: each time, now and then, or by listening all the time.

mod cached;
mod events;
mod watched;

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::cached::Cache;
use super::registry::Registry;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Candidate, Chance, Instance, Select, ServiceName, choose};
use crate::observe;

pub use self::events::InstanceEvents;
pub(crate) use self::watched::Directory;
pub use self::watched::Staleness;

/// A way to find out who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DiscoveryMode {
    /// Asks the registry every time: always right, and a question to the server each time. For
    /// tools and rare questions.
    Basic,
    /// Asks at most every 10 s per service, and once for all who ask meanwhile; if the registry
    /// cannot be asked, the last answer with its age. At most 1,000 services are remembered, those
    /// asked for last.
    Cached,
    /// Listens to the registry all the time: answers come from memory, and are as fresh as the
    /// last heartbeat. For programs that ask with every call.
    #[default]
    Watched,
}

/// Who is there. Cheap to clone; all clones, and all discoveries of one client in one mode, share
/// what they know.
///
/// It finds instances; whether one still lives is known only by calling it. To send a call to one
/// of them, [`Call::select`](crate::Call::select) is enough.
///
/// ```no_run
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// use aegis::DiscoveryMode;
///
/// let discovery = client.discovery(DiscoveryMode::Watched);
/// for instance in discovery.instances("calculator").await?.iter() {
///     println!("{} {} {:?}", instance.id, instance.status, instance.load());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Discovery {
    source: Source,
    registry: Registry,
    within: Duration,
}

#[derive(Clone)]
enum Source {
    Basic,
    Cached(Arc<Cache>),
    Watched(Arc<Directory>),
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Discovery({:?})", self.mode())
    }
}

/// What the discoveries of one client share.
#[derive(Default)]
pub(crate) struct Shared {
    cache: std::sync::OnceLock<Arc<Cache>>,
    directory: Mutex<Option<Arc<Directory>>>,
}

impl Shared {
    /// Who is there, in one of the ways; what listens is started with the first who asks.
    pub(crate) fn discovery(
        &self,
        mode: DiscoveryMode,
        registry: Registry,
        within: Duration,
    ) -> Discovery {
        let source = match mode {
            DiscoveryMode::Basic => Source::Basic,
            DiscoveryMode::Cached => Source::Cached(self.cache.get_or_init(Arc::default).clone()),
            DiscoveryMode::Watched => Source::Watched(self.directory(&registry)),
        };
        Discovery {
            source,
            registry,
            within,
        }
    }

    /// For how long the live table has not been current; none if nobody listens.
    pub(crate) fn staleness(&self) -> Option<Duration> {
        let kept = self
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let alive = kept.as_ref().filter(|directory| !directory.is_over())?;
        Some(match alive.table().staleness() {
            Staleness::Live => Duration::ZERO,
            Staleness::Never => alive.began.elapsed(),
            Staleness::Stale(time) => time,
        })
    }

    /// The live table; another one if nobody keeps the last one any more.
    pub(crate) fn directory(&self, registry: &Registry) -> Arc<Directory> {
        let mut kept = self
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let alive = kept.as_ref().filter(|directory| !directory.is_over());
        match alive {
            Some(directory) => directory.clone(),
            None => kept
                .insert(Arc::new(Directory::follow(registry.clone())))
                .clone(),
        }
    }
}

/// Instances that were found, sorted by service and id, and how old the answer is.
#[derive(Debug, Clone)]
pub struct Found {
    instances: Arc<[Arc<Instance>]>,
    age: Duration,
}

impl Found {
    fn new(instances: impl IntoIterator<Item = Arc<Instance>>, age: Duration) -> Self {
        Self {
            instances: instances.into_iter().collect(),
            age,
        }
    }

    /// How long ago the registry was last heard: zero while it is.
    ///
    /// An answer of [`Cached`](DiscoveryMode::Cached) is up to 10 s old; older ones, of both kinds,
    /// mean that the registry cannot be asked at the moment.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Those that new calls may be sent to: neither draining nor unhealthy.
    pub fn available(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.instances.iter().filter(|one| one.is_available())
    }
}

impl Deref for Found {
    type Target = [Arc<Instance>];

    fn deref(&self) -> &Self::Target {
        &self.instances
    }
}

impl Discovery {
    /// The mode it was made with.
    pub fn mode(&self) -> DiscoveryMode {
        match self.source {
            Source::Basic => DiscoveryMode::Basic,
            Source::Cached(_) => DiscoveryMode::Cached,
            Source::Watched(_) => DiscoveryMode::Watched,
        }
    }

    /// The instances of a service that calls may be sent to: not those that drain, are unhealthy,
    /// or have said nothing for three heartbeats (where the server cannot give records a life of
    /// their own, before 2.11.2, [`Basic`](DiscoveryMode::Basic) and
    /// [`Cached`](DiscoveryMode::Cached) see them for up to 30 s). Nobody there is an empty answer.
    ///
    /// Errors: `Invalid` for a name that is none; `Timeout`, `Disconnected`, `Denied` or `NoService`
    /// (no `JetStream`) if the registry cannot be asked, and was never heard before.
    pub async fn instances(&self, service: &str) -> Result<Found> {
        let service = ServiceName::parse(service)?;
        if let Source::Watched(directory) = &self.source {
            let table = directory.ready(self.deadline()).await?;
            return Ok(Found {
                instances: table.available(service.as_str()),
                age: table.age(),
            });
        }
        let found = self.all_of(&service).await?;
        let available = found.available().cloned();
        Ok(Found::new(available.collect::<Vec<_>>(), found.age))
    }

    /// All instances of a service, also those that no call should be sent to.
    ///
    /// Errors: as for [`instances`](Self::instances).
    pub async fn all(&self, service: &str) -> Result<Found> {
        self.all_of(&ServiceName::parse(service)?).await
    }

    async fn all_of(&self, service: &ServiceName) -> Result<Found> {
        match &self.source {
            Source::Basic => {
                let records = self.registry.read(Some(service), self.deadline());
                Ok(Found::new(
                    records.await?.into_iter().map(Arc::new),
                    Duration::ZERO,
                ))
            }
            Source::Cached(cache) => {
                let deadline = self.deadline();
                let ask = || self.registry.read(Some(service), deadline);
                let name = service.as_str();
                cache.get(name, Instant::now, deadline, ask).await
            }
            Source::Watched(directory) => {
                let table = directory.ready(self.deadline()).await?;
                Ok(Found::new(table.of(service.as_str()).cloned(), table.age()))
            }
        }
    }

    /// All instances of all services. [`Cached`](DiscoveryMode::Cached) asks for it every time.
    ///
    /// Errors: as for [`instances`](Self::instances).
    pub async fn everybody(&self) -> Result<Found> {
        if let Source::Watched(directory) = &self.source {
            let table = directory.ready(self.deadline()).await?;
            return Ok(Found::new(table.everybody().cloned(), table.age()));
        }
        let records = self.registry.read(None, self.deadline()).await?;
        Ok(Found::new(
            records.into_iter().map(Arc::new),
            Duration::ZERO,
        ))
    }

    /// Chooses one of the [available instances](Self::instances); none if there are none.
    ///
    /// [`RoundRobin`](Select::RoundRobin) and [`Sticky`](Select::Sticky) count and stick per
    /// process here; a call with [`select`](crate::Call::select) does so per method and client.
    ///
    /// Errors: as for [`instances`](Self::instances).
    pub async fn select(&self, service: &str, select: &Select) -> Result<Option<Arc<Instance>>> {
        use std::sync::LazyLock;
        use std::sync::atomic::{AtomicU64, Ordering};
        static TURN: AtomicU64 = AtomicU64::new(0);
        static PROCESS: LazyLock<u64> = LazyLock::new(observe::random);
        let found = self.instances(service).await?;
        let chance = Chance {
            turn: TURN.fetch_add(1, Ordering::Relaxed),
            random: observe::random(),
            client: *PROCESS,
        };
        let candidates: Vec<Candidate<'_>> = found.iter().map(|one| candidate(one)).collect();
        Ok(choose(select, &candidates, chance).map(|at| found[at].clone()))
    }

    /// What happens to instances from now on: first everybody who is there appears.
    ///
    /// Errors: `Invalid` unless the mode is [`Watched`](DiscoveryMode::Watched).
    pub fn events(&self) -> Result<InstanceEvents> {
        match &self.source {
            Source::Watched(directory) => Ok(InstanceEvents::new(directory.clone())),
            _ => Err(self.watched_only("events")),
        }
    }

    /// Whether the registry is heard.
    ///
    /// Errors: `Invalid` unless the mode is [`Watched`](DiscoveryMode::Watched).
    pub fn staleness(&self) -> Result<Staleness> {
        match &self.source {
            Source::Watched(directory) => Ok(directory.table().staleness()),
            _ => Err(self.watched_only("staleness")),
        }
    }

    /// Forgets the answer about a service, so that the next question asks the registry. Only
    /// [`Cached`](DiscoveryMode::Cached) remembers any.
    pub fn invalidate(&self, service: &str) {
        if let Source::Cached(cache) = &self.source {
            cache.forget(service);
        }
    }

    fn watched_only(&self, what: &str) -> Error {
        let text = format!(
            "{what} are for `DiscoveryMode::Watched`, and this discovery is {:?}",
            self.mode()
        );
        Error::new(ErrorKind::Invalid, text)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.within
    }
}

/// An instance as one that may be chosen.
pub(crate) fn candidate(instance: &Instance) -> Candidate<'_> {
    Candidate {
        id: &instance.id,
        load: instance.load(),
    }
}
