//! One handler for events on one instance: an event is taken, its code runs, its end is settled.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::context::Context;
use super::super::descriptor::HandlerDescriptor;
use super::super::endpoint::{GRACE, Shared};
use super::super::gate::Pass;
use super::super::latency::Taken;
use super::super::load::Metered;
use super::super::work::{Step, Work};
use super::delivered::Delivered;
use super::figures::EventFigures;
use super::handler::EventHandler;
use super::place::{Place, Tried, ack_wait};
use crate::client::Scope;
use crate::model::{
    ACCIDENTS, AnyEvent, Code, DEFAULT_BACKOFF, DEFAULT_RETRIES, EventMode, EventSource, Failure,
    LONGEST_BACKOFF, RetryPolicy, Settling, header,
};
use crate::observe::Seldom;
use crate::port::Delivery;

/// Events of one handler that are worked on at once, if the handler says nothing.
const DEFAULT_CONCURRENCY: usize = 64;
/// A first step longer than this would hold up the other events of its handler.
const LONG_STEP: Duration = Duration::from_micros(200);

/// How the work on one event ended: with what its code returned, or with the text of a panic.
pub(super) type Outcome = Result<Handled, String>;
type Handled = Result<(), Failure>;

/// One handler for events, on one instance.
pub(in super::super) struct Worker {
    pub(super) row: &'static HandlerDescriptor,
    pub(super) handler: EventHandler,
    service: Arc<dyn Any + Send + Sync>,
    pub(super) shared: Arc<Shared>,
    pub(super) place: Place,
    pub(super) policy: RetryPolicy,
    pub(super) figures: EventFigures,
    /// How many events are worked on at once.
    pub(super) limit: usize,
    running: Mutex<HashMap<u64, Arc<Delivery>>>,
    numbers: AtomicU64,
    /// Of an exclusive handler: everything up to this sequence is done with here.
    settled: AtomicU64,
    /// Of an exclusive handler: what leaders before began, and none of them ended.
    tried: Mutex<Option<Tried>>,
    /// Somebody is done.
    pub(super) freed: Notify,
    /// Its last first step was long: the next event gets a task at once.
    long_steps: AtomicBool,
    /// When the server was heard last; none if nothing is read.
    heard: Mutex<Option<Instant>>,
    pub(super) complaints: Seldom,
    pub(super) worries: Seldom,
}

/// One event that is worked on. Its place is free when it is dropped.
pub(super) struct Job {
    worker: Arc<Worker>,
    number: u64,
    pub(super) delivery: Arc<Delivery>,
    pub(super) since: Instant,
    event: AnyEvent,
    context: Context,
    /// What lets it run, if its handler is exclusive.
    pass: Option<Pass>,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.worker.running().remove(&self.number);
        self.worker.freed.notify_one();
    }
}

impl Worker {
    pub(in super::super) fn new(
        row: &'static HandlerDescriptor,
        handler: EventHandler,
        service: Arc<dyn Any + Send + Sync>,
        shared: Arc<Shared>,
    ) -> Self {
        let home = &shared.home;
        let (first, longest) = handler
            .backoff
            .unwrap_or((DEFAULT_BACKOFF, LONGEST_BACKOFF));
        let retries = handler.retries.unwrap_or(DEFAULT_RETRIES);
        let limit = match handler.mode {
            EventMode::Exclusive => 1,
            _ => handler.concurrency.unwrap_or(DEFAULT_CONCURRENCY).max(1),
        };
        Self {
            place: Place::new(&home.service, row.name, &home.instance, handler.mode),
            policy: RetryPolicy::default()
                .max_attempts(retries.saturating_add(1))
                .initial_delay(first)
                .max_delay(longest),
            figures: EventFigures::new(home.service.as_str(), row.name),
            row,
            handler,
            service,
            shared,
            limit,
            running: Mutex::default(),
            numbers: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            tried: Mutex::default(),
            freed: Notify::new(),
            long_steps: AtomicBool::new(false),
            heard: Mutex::default(),
            complaints: Seldom::new(),
            worries: Seldom::new(),
        }
    }

    pub(in super::super) fn is_exclusive(&self) -> bool {
        self.handler.mode == EventMode::Exclusive
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u64, Arc<Delivery>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything up to this sequence is done with here, if the handler is exclusive.
    pub(super) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    /// An event is done with.
    pub(super) fn note_settled(&self, sequence: u64) {
        self.settled.fetch_max(sequence, Ordering::AcqRel);
    }

    /// The stream was made anew, and counts from the beginning.
    pub(super) fn forget_settled(&self) {
        self.settled.store(0, Ordering::Release);
    }

    /// Leaders before began this one. Each has a consumer, which counts for itself.
    pub(super) fn note_tried(&self, tried: Option<Tried>) {
        *self.tried.lock().unwrap_or_else(PoisonError::into_inner) = tried;
    }

    fn attempts_before(&self, sequence: u64) -> u64 {
        let tried = *self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = tried.filter(|tried| tried.sequence == sequence);
        tried.map_or(0, |tried| tried.attempts)
    }

    /// The server was heard at that time, or nothing is read any more.
    pub(super) fn note_heard(&self, at: Option<Instant>) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// How many events are worked on now.
    pub(super) fn busy(&self) -> usize {
        self.running().len()
    }

    /// Whether its events may be read: an exclusive handler's only by the leader of that epoch.
    pub(super) fn may_read(&self, epoch: Option<u64>) -> bool {
        let Some(epoch) = epoch else { return true };
        let pass = self.shared.gate.enter();
        pass.is_some_and(|pass| pass.leader.epoch() == epoch)
    }

    /// Takes an event. Returns without waiting for a handler that waits.
    pub(super) async fn take(self: &Arc<Self>, mut delivery: Delivery) {
        if self.is_exclusive() {
            delivery.attempt += self.attempts_before(delivery.sequence);
        }
        let delivery = Arc::new(delivery);
        // It was worked on when the connection was lost, and ended since.
        let again = self.is_exclusive() && delivery.sequence <= self.settled();
        if again || self.is_for_another(&delivery) {
            return self.pass_over(&delivery).await;
        }
        let pass = if self.is_exclusive() {
            // The next leader gets it by a consumer of its own: nothing is to be said here.
            let Some(pass) = self.shared.gate.enter() else {
                return;
            };
            Some(pass)
        } else {
            None
        };
        let job = self.job(delivery, pass);
        if job.delivery.attempt > self.most_deliveries() {
            return self.settle(job, Ok(Err(self.worn_out()))).await;
        }
        let worker = self.clone();
        if self.long_steps.load(Ordering::Relaxed) {
            self.shared.tasks.spawn(async move {
                let (work, step) = worker.first_step(&job);
                match step {
                    Poll::Ready(outcome) => worker.settle(job, outcome).await,
                    Poll::Pending => worker.finish(job, work).await,
                }
            });
            return;
        }
        let (work, step) = self.first_step(&job);
        match step {
            Poll::Ready(outcome) => self.settle(job, outcome).await,
            Poll::Pending => {
                self.shared
                    .tasks
                    .spawn(async move { worker.finish(job, work).await });
            }
        }
    }

    /// Runs a handler to its first wait. How long that takes decides about the next one only, so
    /// that one that was long because the host was busy costs one task.
    fn first_step(&self, job: &Job) -> (Work<Handled>, Step<Handled>) {
        let started = Instant::now();
        let mut work = self.begin(job);
        let step = work.first_step();
        let long = started.elapsed() > LONG_STEP;
        self.long_steps.store(long, Ordering::Relaxed);
        (work, step)
    }

    /// Brought back for one handler that had given it up: the others have handled it.
    fn is_for_another(&self, delivery: &Delivery) -> bool {
        let only = delivery.message.headers.get(header::ONLY);
        only.is_some_and(|handler| handler != self.place.handler())
    }

    fn most_deliveries(&self) -> u64 {
        let retries = self.handler.retries.unwrap_or(DEFAULT_RETRIES);
        u64::from(retries) + 1 + u64::from(ACCIDENTS)
    }

    fn worn_out(&self) -> Failure {
        let text = format!(
            "it was delivered more than {} times and nobody said how that ended: does the work on \
             it end the process, or is `ack_wait` too short?",
            self.most_deliveries()
        );
        Failure::internal(text).terminal()
    }

    fn job(self: &Arc<Self>, delivery: Arc<Delivery>, pass: Option<Pass>) -> Job {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.running().insert(number, delivery.clone());
        let home = &self.shared.home;
        let subject = delivery.message.subject.as_str();
        let name = home.client.layout().event_name(subject).unwrap_or(subject);
        let event = AnyEvent::read(
            name,
            delivery.message.headers.clone(),
            delivery.message.payload.clone(),
            EventSource {
                sequence: delivery.sequence,
                stored: delivery.stored,
                attempt: delivery.attempt,
            },
        );
        let scope = Scope {
            deadline: None,
            trace: event.trace(),
        };
        Job {
            context: Context::of_event(home.clone(), self.row.name, event.clone(), scope),
            event,
            worker: self.clone(),
            number,
            delivery,
            since: Instant::now(),
            pass,
        }
    }

    fn begin(&self, job: &Job) -> Work<Handled> {
        let context = &job.context;
        let span = tracing::debug_span!(
            "event",
            service = context.service(),
            handler = self.row.name,
            instance = context.instance(),
            sequence = job.delivery.sequence,
        );
        let leader = job.pass.as_ref().map(|pass| pass.leader.clone());
        let delivered = Delivered::new(job.event.clone(), context.clone(), leader);
        let (call, service) = (self.handler.call, self.service.clone());
        let scope = Scope {
            deadline: None,
            trace: job.event.trace(),
        };
        Work::begin(scope, span, move || call(service, delivered))
    }

    /// Waits for the user's code, as long as its work is wanted and it may take.
    async fn finish(&self, job: Job, mut work: Work<Handled>) {
        let late = tokio::select! {
            biased;
            outcome = work.ended() => return self.settle(job, outcome).await,
            () = self.unwanted(&job) => None,
            limit = self.overtime(&job) => Some(limit),
        };
        job.context.token().cancel();
        if let Ok(outcome) = tokio::time::timeout(GRACE, work.ended()).await {
            return self.settle(job, outcome).await;
        }
        drop(work);
        match late {
            None => self.give_back(&job.delivery).await,
            Some(limit) => {
                let text = format!("the handler took longer than its timeout of {limit:?}");
                let failure = Failure::framework(Code::Timeout, text);
                self.settle(job, Ok(Err(failure))).await;
            }
        }
    }

    /// Becomes ready when an attempt takes too long.
    async fn overtime(&self, job: &Job) -> Duration {
        let Some(limit) = self.handler.timeout else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(job.since + limit).await;
        limit
    }

    /// Becomes ready when the instance stops and waits no longer, or leads no more.
    async fn unwanted(&self, job: &Job) {
        let lost = async {
            match &job.pass {
                Some(pass) => pass.leader.lost().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.shared.abort.cancelled() => {}
            () = lost => {}
        }
    }

    /// Says of everything that is worked on that it is, so that nobody else gets it, for as long as
    /// this is asked to.
    pub(super) async fn keep_alive(&self) {
        let mut ticks = tokio::time::interval(ack_wait(&self.handler) / 3);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let running: Vec<Arc<Delivery>> = self.running().values().cloned().collect();
            for delivery in running {
                if let Err(error) = delivery.settle(Settling::Progress).await {
                    tracing::debug!(handler = self.row.name, %error, "progress was not told");
                    break;
                }
            }
        }
    }
}

impl Metered for Worker {
    fn at_work(&self) -> usize {
        self.busy()
    }

    fn sums(&self, taken: &mut Taken) -> (u64, u64, u64) {
        self.figures.sums(taken)
    }

    fn silence(&self) -> Option<(&'static str, Duration)> {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|at| (self.row.name, at.elapsed()))
    }
}
