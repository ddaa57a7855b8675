//! One handler for events on one instance: an event is taken, its code runs, its end is settled.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::context::Context;
use super::super::descriptor::HandlerDescriptor;
use super::super::endpoint::{GRACE, Shared};
use super::super::gate::Pass;
use super::super::latency::Taken;
use super::super::load::Metered;
use super::super::work::{InsideLayers, Step, Work};
use super::delivered::Delivered;
use super::figures::EventFigures;
use super::handler::EventHandler;
use super::place::{Place, ack_wait};
use super::unburied::Unburied;
use super::whereabouts::Whereabouts;
use crate::client::Scope;
use crate::layer::OperationKind;
use crate::model::{
    AnyEvent, Code, DEFAULT_BACKOFF, DEFAULT_RETRIES, EventMode, EventSource, Failure,
    LONGEST_BACKOFF, RetryPolicy, Settling,
};
use crate::observe::{Parent, SPANS, Seldom, Traced};
use crate::port::Delivery;

/// Events of one handler that are worked on at once, if the handler says nothing.
const DEFAULT_CONCURRENCY: usize = 64;
/// A first step longer than this would hold up the other events of its handler.
const LONG_STEP: Duration = Duration::from_micros(200);

/// How the work on one event ended: with what its code returned, or with the text of a panic.
pub(super) type Outcome = Result<Handled, String>;
pub(super) type Handled = Result<(), Failure>;

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
    running: Mutex<HashMap<u64, Arc<Held>>>,
    numbers: AtomicU64,
    pub(super) whereabouts: Whereabouts,
    /// What is given up and is not noted yet.
    pub(super) unburied: Unburied,
    /// Whose turn it is among events that may end the process.
    pub(super) alone: Arc<tokio::sync::Mutex<()>>,
    /// Somebody is done.
    pub(super) freed: Notify,
    /// Its last first step was long: the next event gets a task at once.
    pub(super) long_steps: AtomicBool,
    /// When the server was heard last; none if nothing is read.
    heard: Mutex<Option<Instant>>,
    pub(super) complaints: Seldom,
    pub(super) worries: Seldom,
}

/// A delivery, and the making of the stream that it is of.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) delivery: Delivery,
    pub(super) stream: OffsetDateTime,
}

/// One event that is worked on. Its place is free when it is dropped.
pub(super) struct Job {
    worker: Arc<Worker>,
    number: u64,
    pub(super) held: Arc<Held>,
    pub(super) since: Instant,
    event: AnyEvent,
    context: Context,
    /// What lets it run, if its handler is exclusive.
    pass: Option<Pass>,
    pub(super) traced: Traced,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.worker.running().remove(&self.number);
        self.worker.freed.notify_waiters();
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
            place: Place::new(
                &home.service,
                row.name,
                &home.instance,
                (handler.mode, handler.durable),
            ),
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
            whereabouts: Whereabouts::default(),
            unburied: Unburied::default(),
            alone: Arc::default(),
            freed: Notify::new(),
            long_steps: AtomicBool::new(false),
            heard: Mutex::default(),
            complaints: Seldom::new(),
            worries: Seldom::new(),
        }
    }

    pub(super) fn longest_wait(&self) -> Duration {
        let waits = self.handler.backoff;
        waits.map_or(LONGEST_BACKOFF, |(_, longest)| longest)
    }

    pub(in super::super) fn is_exclusive(&self) -> bool {
        self.handler.mode == EventMode::Exclusive
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u64, Arc<Held>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Runs a handler to its first wait. How long that takes decides about the next one only, so
    /// that one that was long because the host was busy costs one task.
    pub(super) fn first_step(&self, job: &Job) -> (Work<Handled>, Step<Handled>) {
        let started = Instant::now();
        let mut work = self.begin(job);
        let step = work.first_step();
        let long = started.elapsed() > LONG_STEP;
        self.long_steps.store(long, Ordering::Relaxed);
        (work, step)
    }

    pub(super) fn job(self: &Arc<Self>, held: Arc<Held>, pass: Option<Pass>) -> Job {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.running().insert(number, held.clone());
        self.figures.tally.delivered(held.delivery.attempt);
        let delivery = &held.delivery;
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
        let belongs_to = event.correlation_id().unwrap_or(event.id());
        let parent = Parent::delivered(event.trace(), delivery.attempt);
        let traced = Traced::new(parent, || self.span(delivery, &event, belongs_to));
        let scope = Scope {
            deadline: None,
            trace: traced.context,
            left_out: traced.left_out,
            carried: Some(Scope::belonging(event.headers(), belongs_to)),
        };
        Job {
            traced,
            context: Context::of_event(home.clone(), self.row.name, event.clone(), scope),
            event,
            worker: self.clone(),
            number,
            held,
            since: Instant::now(),
            pass,
        }
    }

    /// The span of one delivery (OpenTelemetry's conventions for messaging).
    fn span(&self, delivery: &Delivery, event: &AnyEvent, belongs_to: &str) -> tracing::Span {
        let home = &self.shared.home;
        tracing::info_span!(
            target: SPANS,
            "event",
            otel.name = %format_args!("process {}", event.name()),
            otel.kind = "consumer",
            messaging.system = "nats",
            messaging.operation.name = "process",
            messaging.operation.r#type = "process",
            messaging.destination.name = event.name(),
            messaging.consumer.group.name = self.place.handler(),
            messaging.message.id = event.id(),
            messaging.message.conversation_id = belongs_to,
            aegis.sequence = delivery.sequence,
            aegis.attempt = delivery.attempt,
            service.instance.id = home.instance.as_str(),
            error.r#type = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
        )
    }

    fn begin(&self, job: &Job) -> Work<Handled> {
        let context = &job.context;
        let span = job.traced.span.clone();
        let leader = job.pass.as_ref().map(|pass| pass.leader.clone());
        let delivered = Delivered::new(job.event.clone(), context.clone(), leader);
        let (call, service) = (self.handler.call, self.service.clone());
        let layers = self.shared.home.client.layers();
        if layers.is_empty() {
            return Work::begin(context, span, move || call(service, delivered));
        }
        let attempt = u32::try_from(job.held.delivery.attempt).unwrap_or(u32::MAX);
        let work = InsideLayers {
            layers: layers.clone(),
            operation: context.operation(OperationKind::Event, attempt),
            work: move || call(service, delivered),
            failure: |handled: &Handled| handled.as_ref().err().cloned(),
            refusal: |failure, _| Err(failure),
        };
        Work::begin(context, span, move || work.run())
    }

    /// Waits for the user's code, as long as its work is wanted and it may take.
    pub(super) async fn finish(&self, job: Job, mut work: Work<Handled>) {
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
            None => self.give_back(&job.held).await,
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
    pub(super) async fn unwanted(&self, job: &Job) {
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
            let running: Vec<Arc<Held>> = self.running().values().cloned().collect();
            for held in running {
                if let Err(error) = self.tell(&held, Settling::Progress).await {
                    tracing::debug!(handler = self.place.handler(), %error, "progress was not told");
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
