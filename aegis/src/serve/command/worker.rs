//! One handler for a command on one instance: what it works on, and for how long still.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::descriptor::HandlerDescriptor;
use super::super::endpoint::Shared;
use super::super::latency::Taken;
use super::super::load::Metered;
use super::figures::CommandFigures;
use super::handler::CommandHandler;
use super::keeper::Keeper;
use crate::client::JobStore;
use crate::error::Result;
use crate::model::{
    COMMAND_RETRIES, DEFAULT_BACKOFF, JobId, LONGEST_BACKOFF, MethodName, RetryPolicy, Settling,
};
use crate::observe::Seldom;
use crate::port::{ConnectionState, Delivery};

/// Commands of one handler that are worked on at once, if the handler says nothing.
const DEFAULT_CONCURRENCY: usize = 16;
/// What is neither settled nor worked on for so long is handed to another worker, if nothing is said.
const DEFAULT_ACK_WAIT: Duration = Duration::from_secs(30);

/// One handler for a command, on one instance.
pub(in super::super) struct CommandWorker {
    pub(super) row: &'static HandlerDescriptor,
    pub(super) handler: CommandHandler,
    pub(super) service: Arc<dyn Any + Send + Sync>,
    pub(super) shared: Arc<Shared>,
    pub(super) jobs: JobStore,
    pub(super) policy: RetryPolicy,
    pub(super) figures: CommandFigures,
    /// How many are worked on at once.
    pub(super) limit: usize,
    running: Mutex<HashMap<u64, Arc<Held>>>,
    numbers: AtomicU64,
    /// When the stream was made that is read from.
    stream: Mutex<Option<OffsetDateTime>>,
    /// Whose turn it is among jobs that may end the process.
    pub(super) alone: Arc<tokio::sync::Mutex<()>>,
    /// Somebody is done.
    pub(super) freed: Notify,
    /// Nothing is begun any more.
    pub(super) stopping: CancellationToken,
    heard: Mutex<Option<Instant>>,
    pub(super) complaints: Seldom,
}

/// A delivery that is in hands.
pub(super) struct Held {
    pub(super) delivery: Delivery,
    pub(super) id: JobId,
    /// The making of the stream that it is of.
    stream: Option<OffsetDateTime>,
    /// The record of its job, once it was begun.
    keeper: OnceLock<Arc<Keeper>>,
}

/// A place among those that are worked on; free when it is dropped.
pub(super) struct Slot {
    pub(super) worker: Arc<CommandWorker>,
    number: u64,
    pub(super) held: Arc<Held>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(keeper) = self.held.keeper.get() {
            keeper.leave();
        }
        self.worker.running().remove(&self.number);
        self.worker.freed.notify_waiters();
    }
}

impl Held {
    /// It was begun: this is its record.
    pub(super) fn keep(&self, keeper: Arc<Keeper>) {
        let _ = self.keeper.set(keeper);
    }
}

impl CommandWorker {
    pub(in super::super) fn new(
        row: &'static HandlerDescriptor,
        handler: CommandHandler,
        service: Arc<dyn Any + Send + Sync>,
        shared: Arc<Shared>,
    ) -> Self {
        let home = &shared.home;
        let (first, longest) = handler
            .backoff
            .unwrap_or((DEFAULT_BACKOFF, LONGEST_BACKOFF));
        let retries = handler.retries.unwrap_or(COMMAND_RETRIES);
        Self {
            policy: RetryPolicy::default()
                .max_attempts(retries.saturating_add(1))
                .initial_delay(first)
                .max_delay(longest),
            figures: CommandFigures::new(home.service.as_str(), row.name),
            jobs: JobStore::new(&home.client),
            limit: handler.concurrency.unwrap_or(DEFAULT_CONCURRENCY).max(1),
            row,
            handler,
            service,
            shared,
            running: Mutex::default(),
            numbers: AtomicU64::new(0),
            stream: Mutex::default(),
            alone: Arc::default(),
            freed: Notify::new(),
            stopping: CancellationToken::new(),
            heard: Mutex::default(),
            complaints: Seldom::new(),
        }
    }

    /// Its name, as subjects have it.
    pub(super) fn command(&self) -> Result<MethodName> {
        Ok(MethodName::parse(self.row.name)?)
    }

    /// What is not heard of for so long is handed to another worker.
    pub(super) fn ack_wait(&self) -> Duration {
        self.handler.ack_wait.unwrap_or(DEFAULT_ACK_WAIT)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u64, Arc<Held>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are in hands now.
    pub(super) fn busy(&self) -> usize {
        self.running().len()
    }

    /// Commands are read, perhaps again: that alone is no sign of the server, which may refuse every
    /// question.
    pub(super) fn begins_to_listen(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get_or_insert_with(Instant::now);
    }

    /// The server was heard at that time, or nothing is read any more.
    pub(super) fn note_heard(&self, at: Option<Instant>) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// From now on it reads from a stream that was made then.
    pub(super) fn reads(&self, made: OffsetDateTime) {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
    }

    fn stream(&self) -> Option<OffsetDateTime> {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a delivery; none if its job is in hands here already.
    pub(super) fn slot(self: &Arc<Self>, delivery: Delivery, id: JobId) -> Option<Slot> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let held = Arc::new(Held {
            delivery,
            id,
            stream: self.stream(),
            keeper: OnceLock::new(),
        });
        let mut running = self.running();
        if running.values().any(|other| other.id == held.id) {
            return None;
        }
        running.insert(number, held.clone());
        drop(running);
        self.figures.tally.delivered(held.delivery.attempt);
        Some(Slot {
            worker: self.clone(),
            number,
            held,
        })
    }

    /// Somebody said that a job is to end: looks whether that is so, if it is worked on here.
    pub(super) async fn cancel(&self, id: &str) {
        let found = {
            let running = self.running();
            let mut held = running.values().filter(|held| held.id.as_str() == id);
            held.next().and_then(|held| held.keeper.get().cloned())
        };
        if let Some(keeper) = found {
            keeper.look().await;
        }
    }

    /// Looks at the records of everything that is worked on: what was said while there was no
    /// connection is lost.
    async fn look(&self) {
        let running: Vec<Arc<Held>> = self.running().values().cloned().collect();
        for keeper in running.iter().filter_map(|held| held.keeper.get()) {
            keeper.look().await;
        }
    }

    /// Tells the server about a delivery. In a stream made anew it would be about another one. What is
    /// not told comes again after the ack wait.
    pub(super) async fn tell(&self, held: &Held, how: Settling) {
        if held.stream != self.stream() {
            return;
        }
        if let Err(error) = held.delivery.settle(how).await {
            tracing::debug!(
                handler = self.row.handler(), job = %held.id, %error,
                "the end of a delivery was not told: it comes again"
            );
        }
    }

    /// Says of everything that is in hands that it is, so that nobody else gets it, for as long as
    /// this is asked to.
    pub(super) async fn keep_alive(&self) {
        let mut ticks = tokio::time::interval(self.ack_wait() / 3);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut connection = self.shared.home.client.connection();
        let mut was_away = false;
        let mut said = Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    // This process stood still: others may have what it works on.
                    if said.elapsed() > self.ack_wait() {
                        self.look().await;
                    }
                    said = Instant::now();
                }
                changed = connection.changed() => {
                    // The client was closed.
                    if changed.is_err() {
                        return;
                    }
                    let is_there = *connection.borrow_and_update() == ConnectionState::Connected;
                    if is_there && was_away {
                        self.look().await;
                    }
                    was_away = !is_there;
                    continue;
                }
            }
            let running: Vec<Arc<Held>> = self.running().values().cloned().collect();
            let lost = |held: &Held| {
                let keeper = held.keeper.get();
                keeper.is_some_and(|keeper| keeper.lost.is_cancelled())
            };
            for held in running.iter().filter(|held| !lost(held)) {
                self.tell(held, Settling::Progress).await;
            }
        }
    }
}

impl Metered for CommandWorker {
    fn at_work(&self) -> usize {
        self.busy()
    }

    fn sums(&self, taken: &mut Taken) -> (u64, u64, u64) {
        self.figures.tally.sums(taken)
    }

    fn tell(&self) {
        self.figures
            .tally
            .tell(self.busy(), self.silence().map(|(_, time)| time));
    }

    fn silence(&self) -> Option<(&'static str, Duration)> {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|at| (self.row.name, at.elapsed()))
    }
}
