//! One service on a bus: its subscriptions, the tasks that read them, and their orderly end.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::builtin::{Answers, Builtin, Calls, Tells};
use super::cancel::Cancels;
use super::command::{self, CommandReading, CommandWorker};
use super::context::Home;
use super::descriptor::HandlerKind;
use super::endpoint::{Endpoint, GRACE, Shared};
use super::event::{self, Reader, Reading, Worker};
use super::exclusive::Exclusive;
use super::gate::Gate;
use super::inboxes::Inboxes;
use super::load::{LoadMeter, Metered};
use super::micro::{About, Micro};
use super::once::{Once, RESULTS};
use super::own_calls::OwnCalls;
use super::reader::{self, Takes};
use super::table::HandlerTable;
use crate::error::Result;
use crate::model::{Layout, Lifecycle, MethodName, Replicas};
use crate::port::{Stop, Subscription};

/// How long it may take to say how what was dropped has ended.
const SETTLED: Duration = Duration::from_secs(1);

/// What all services of one program have in common.
#[derive(Clone)]
pub(crate) struct ServeSettings {
    /// Prefixes that a reply subject may have.
    pub(crate) reply_prefixes: Vec<String>,
    /// On how many servers the results of exclusive work are kept.
    pub(crate) replicas: Replicas,
    /// The program's state, for self-description.
    pub(crate) state: watch::Receiver<Lifecycle>,
    /// Answers `health` and `metrics`, unless they are switched off.
    pub(crate) tells: Option<Arc<dyn Tells>>,
}

/// One service that serves. [`stop`](Self::stop) ends it in order; dropping it ends the reading of
/// calls at once, while handlers that run go on to their end.
pub(crate) struct Server {
    shared: Arc<Shared>,
    endpoints: Vec<Arc<Endpoint>>,
    workers: Vec<Arc<Worker>>,
    readings: Vec<Reading>,
    commands: Vec<Arc<CommandWorker>>,
    command_readings: Vec<CommandReading>,
    about: About,
    state: watch::Receiver<Lifecycle>,
    tells: Option<Arc<dyn Tells>>,
    /// Ends what brings calls.
    stops: Vec<Stop>,
    readers: Vec<AbortOnDropHandle<()>>,
    /// Ends self-description, which goes on while calls are finished.
    last_stops: Vec<Stop>,
    last_readers: Vec<AbortOnDropHandle<()>>,
}

impl Server {
    /// A service that does not serve yet.
    pub(crate) fn new(
        table: &HandlerTable,
        about: About,
        service: &Arc<dyn Any + Send + Sync>,
        home: Arc<Home>,
        settings: ServeSettings,
    ) -> Self {
        let bus = home.client.bus().clone();
        let results = home.client.layout().bucket(RESULTS);
        let once = Once::new(home.client.store().clone(), results, settings.replicas);
        let shared = Arc::new(Shared {
            bus,
            home,
            cancels: Arc::default(),
            tasks: TaskTracker::new(),
            abort: CancellationToken::new(),
            inboxes: Inboxes::new(settings.reply_prefixes),
            gate: Gate::closed(),
            once,
        });
        let endpoints: Vec<Arc<Endpoint>> = table
            .rows
            .iter()
            .filter_map(|row| {
                let HandlerKind::Rpc(handler) = &row.kind else {
                    return None;
                };
                let endpoint = Endpoint::new(row, handler.clone(), service.clone(), shared.clone());
                Some(Arc::new(endpoint))
            })
            .collect();
        let workers = table.rows.iter().filter_map(|row| {
            let HandlerKind::Event(handler) = &row.kind else {
                return None;
            };
            let worker = Worker::new(row, handler.clone(), service.clone(), shared.clone());
            Some(Arc::new(worker))
        });
        let commands = table.rows.iter().filter_map(|row| {
            let HandlerKind::Command(handler) = &row.kind else {
                return None;
            };
            let worker = CommandWorker::new(row, handler.clone(), service.clone(), shared.clone());
            Some(Arc::new(worker))
        });
        Self {
            workers: workers.collect(),
            readings: Vec::new(),
            commands: commands.collect(),
            command_readings: Vec::new(),
            shared,
            endpoints,
            about,
            state: settings.state,
            tells: settings.tells,
            stops: Vec::new(),
            readers: Vec::new(),
            last_stops: Vec::new(),
            last_readers: Vec::new(),
        }
    }

    /// Subscribes everything. The caller flushes the bus before it says that the service serves,
    /// and [`stop`](Self::stop)s it after an error: calls may have come already.
    pub(crate) async fn subscribe(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        let endpoints = self.endpoints.clone();
        let home = &shared.home;
        let layout = home.client.layout();
        let cancels = shared
            .bus
            .subscribe(layout.cancels(&home.service), None)
            .await?;
        self.last_stops.push(cancels.stop_handle());
        self.last_readers
            .push(spawn(read_cancels(cancels, shared.cancels.clone())));
        for endpoint in endpoints.iter().filter(|one| !one.handler.exclusive) {
            let subject = layout.place(&endpoint.handler.subject);
            let queue = Layout::rpc_queue(&home.service);
            let calls = shared.bus.subscribe(subject.into(), Some(queue)).await?;
            self.read(calls, endpoint.clone());
        }
        let builtin = self.tells.clone().map(|tells| Answers {
            tells,
            shared: shared.clone(),
        });
        if let Some(answers) = &builtin {
            self.subscribe_builtin(answers).await?;
        }
        let own = layout.rpc_instance(&home.service, &home.instance);
        // A group of one: should another process have the same id, a call still runs once.
        let queue = Layout::instance_queue(&home.service, &home.instance);
        let calls = shared.bus.subscribe(own, Some(queue)).await?;
        let own = OwnCalls {
            by_name: endpoints
                .iter()
                .map(|endpoint| (endpoint.row.name, endpoint.clone()))
                .collect(),
            shared: shared.clone(),
            builtin,
        };
        self.read(calls, own);
        let inboxes = shared.inboxes.clone();
        let (about, state) = (self.about.clone(), self.state.clone());
        let micro = Micro::new(about, home.clone(), inboxes, endpoints, state);
        for subscription in micro.subscribe(&shared.bus).await? {
            self.last_stops.push(subscription.stop_handle());
            self.last_readers
                .push(spawn(micro.clone().answer(subscription)));
        }
        self.read_events().await?;
        self.read_commands().await
    }

    /// Answers what every service answers, unless it has a method of that name.
    async fn subscribe_builtin(&mut self, answers: &Answers) -> Result<()> {
        let home = &answers.shared.home;
        let layout = home.client.layout();
        for which in Builtin::ALL {
            let mut own = self.endpoints.iter();
            if own.any(|endpoint| endpoint.row.name == which.name()) {
                continue;
            }
            let subject = layout.rpc(&home.service, &MethodName::parse(which.name())?);
            let queue = Layout::rpc_queue(&home.service);
            let bus = &answers.shared.bus;
            let calls = bus.subscribe(subject.into(), Some(queue)).await?;
            self.read(calls, Calls(which, answers.clone()));
        }
        Ok(())
    }

    /// Makes the lanes of its commands, and takes what waits there from then on.
    async fn read_commands(&mut self) -> Result<()> {
        if self.commands.is_empty() {
            return Ok(());
        }
        let cancels = self.shared.home.client.layout().job_cancels();
        let cancels = self.shared.bus.subscribe(cancels, None).await?;
        self.last_stops.push(cancels.stop_handle());
        let reading = command::read_cancels(cancels, self.commands.clone());
        self.last_readers.push(spawn(reading));
        for worker in &self.commands {
            self.command_readings.push(command::prepare(worker).await?);
        }
        Ok(())
    }

    /// Makes the places of its handlers in the stream of events, and reads from there on; those of a
    /// leader are read when there is one.
    async fn read_events(&mut self) -> Result<()> {
        for worker in &self.workers {
            event::prepare(worker).await?;
            if worker.is_exclusive() {
                continue;
            }
            let mut reader = Reader::new(worker.clone(), None);
            reader.open().await?;
            self.readings.push(reader.start());
        }
        Ok(())
    }

    /// What it serves while it leads.
    pub(crate) fn exclusive(&self) -> Exclusive {
        Exclusive::new(self.shared.clone(), &self.endpoints, &self.workers)
    }

    /// Measures what its handlers do.
    pub(crate) fn load_meter(&self) -> LoadMeter {
        let endpoints = self.endpoints.iter();
        let calls = endpoints.map(|endpoint| endpoint.clone() as Arc<dyn Metered>);
        let workers = self.workers.iter();
        let events = workers.map(|worker| worker.clone() as Arc<dyn Metered>);
        let commands = self.commands.iter();
        let commands = commands.map(|worker| worker.clone() as Arc<dyn Metered>);
        LoadMeter::new(calls.chain(events).chain(commands).collect())
    }

    /// Reads a subscription to its end, in a task of its own.
    fn read(&mut self, messages: Subscription, taker: impl Takes) {
        self.stops.push(messages.stop_handle());
        self.readers.push(spawn(reader::read(messages, taker)));
    }

    /// Takes nothing new, and finishes what runs until the deadline. What runs still is told so,
    /// and dropped after a second.
    pub(crate) async fn stop(self, deadline: Instant) {
        end(self.stops).await;
        let readings = self.readings.into_iter();
        let readings = join_all(readings.map(|reading| reading.stop(deadline)));
        let commands = self.command_readings.into_iter();
        let commands = join_all(commands.map(|reading| reading.stop(deadline)));
        tokio::join!(readings, commands);
        for reader in self.readers {
            // It ends by itself once the subscription's last message is handled.
            let _ = tokio::time::timeout_at(deadline + GRACE, reader).await;
        }
        let shared = &self.shared;
        shared.tasks.close();
        if tokio::time::timeout_at(deadline, shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                handlers = shared.tasks.len(),
                "handlers did not end in time: they are told, and dropped a second later; their events \
                 and commands are handed to others"
            );
            shared.abort.cancel();
            // What is dropped then is handed back, which is written down.
            let rest = GRACE + SETTLED;
            let _ = tokio::time::timeout(rest, shared.tasks.wait()).await;
        }
        for worker in &self.workers {
            event::leave(worker, Instant::now() + GRACE).await;
        }
        end(self.last_stops).await;
        for reader in self.last_readers {
            let _ = tokio::time::timeout(GRACE, reader).await;
        }
    }
}

pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

pub(super) async fn end(stops: Vec<Stop>) {
    for ended in join_all(stops.iter().map(|stop| stop())).await {
        if let Err(error) = ended {
            tracing::warn!(%error, "a subscription did not end cleanly");
        }
    }
}

async fn read_cancels(mut messages: Subscription, cancels: Arc<Cancels>) {
    while let Some(message) = messages.next().await {
        cancels.cancel(message.subject.as_str());
    }
}
