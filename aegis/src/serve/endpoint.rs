//! One handler at work: admission, the running of its code, the sending of its answer.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answering::Unwanted;
use super::call::{Job, Request};
use super::cancel::Cancels;
use super::context::Home;
use super::descriptor::{HandlerDescriptor, RpcHandler};
use super::figures::Figures;
use super::gate::{Gate, Origin};
use super::guard::guarded;
use super::inboxes::Inboxes;
use super::latency::Taken;
use super::load::Metered;
use super::once::Once;
use super::reader::Takes;
use super::respond::{self, Reply};
use super::work::{InsideLayers, Work};
use crate::layer::{Began, OperationKind};
use crate::model::DEFAULT_TIMEOUT;
use crate::port::{Bus, Message};

/// Calls of one method that run at once, if the method says nothing.
const DEFAULT_CONCURRENCY: usize = 256;
/// Calls of one method that wait, if the method says nothing.
const DEFAULT_QUEUE: usize = 1024;
/// A first step longer than this would hold up the other calls of its method.
const LONG_STEP: Duration = Duration::from_micros(200);
/// What a handler gets to tidy up, once it was told that its work is not wanted any more.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// What the handlers of one service share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) home: Arc<Home>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) cancels: Arc<Cancels>,
    pub(super) tasks: TaskTracker,
    /// The instance stops and waits no longer.
    pub(super) abort: CancellationToken,
    /// Of the exclusive handlers.
    pub(super) gate: Arc<Gate>,
    /// What came of their work that has a key.
    pub(super) once: Arc<Once>,
    pub(super) inboxes: Inboxes,
}

/// One handler of one running service.
pub(super) struct Endpoint {
    pub(super) row: &'static HandlerDescriptor,
    pub(super) handler: RpcHandler,
    pub(super) figures: Figures,
    service: Arc<dyn Any + Send + Sync>,
    pub(super) shared: Arc<Shared>,
    running: Arc<Semaphore>,
    pub(super) concurrency: usize,
    waiting: AtomicUsize,
    pub(super) queue: usize,
    /// Its last first step was long: the next call gets a task at once.
    long_steps: AtomicBool,
}

impl Endpoint {
    pub(super) fn new(
        row: &'static HandlerDescriptor,
        handler: RpcHandler,
        service: Arc<dyn Any + Send + Sync>,
        shared: Arc<Shared>,
    ) -> Self {
        let concurrency = handler.concurrency.unwrap_or(DEFAULT_CONCURRENCY).max(1);
        Self {
            row,
            figures: Figures::new(shared.home.service.as_str(), row.name),
            running: Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS))),
            concurrency,
            waiting: AtomicUsize::new(0),
            queue: handler.queue.unwrap_or(DEFAULT_QUEUE),
            handler,
            service,
            shared,
            long_steps: AtomicBool::new(false),
        }
    }

    /// Calls that run and that wait, now.
    pub(super) fn load(&self) -> (usize, usize) {
        let free = self.running.available_permits();
        (
            self.concurrency.saturating_sub(free),
            self.waiting.load(Ordering::Relaxed),
        )
    }

    /// A message as a request; none if it wants no answer.
    fn job(&self, message: Message, arrived: Instant) -> Option<Job> {
        let Some(reply_to) = self.shared.inboxes.reply_of(&message) else {
            self.figures.ignored.increment(1);
            tracing::debug!(subject = %message.subject, "a request that wants no answer is ignored");
            return None;
        };
        let home = &self.shared.home;
        let request = Request::read(message, home, self.row.name, self.handler.timeout, arrived);
        Some(Job {
            request,
            reply_to,
            arrived,
            pass: None,
            ticket: None,
            stored: None,
            is_repeated: false,
            watched: None,
        })
    }

    /// Lets an exclusive call in, if this instance leads. Where any instance may be asked, another
    /// leader may be about to answer: then nothing is said, unless there can be none yet.
    async fn admit(&self, mut job: Job, origin: Origin) -> Option<Job> {
        if !self.handler.exclusive {
            return Some(job);
        }
        if let Some(pass) = self.shared.gate.enter() {
            job.request.leader = Some(pass.leader.clone());
            job.pass = Some(pass);
            return Some(job);
        }
        if origin == Origin::Own || self.shared.gate.is_alone() {
            let failure = self.shared.gate.not_active(self.row.name);
            self.answer_failure(&job, &failure).await;
        }
        None
    }

    /// Runs a handler to its first wait in place; only one that waits costs a task.
    async fn run(self: &Arc<Self>, mut job: Job, permit: OwnedSemaphorePermit) {
        if self.long_steps.load(Ordering::Relaxed) || job.has_a_key() {
            let endpoint = self.clone();
            job.watch(&self.shared.cancels);
            self.shared
                .tasks
                .spawn(async move { endpoint.run_here(job, permit).await });
            return;
        }
        if let Some((mut job, work)) = self.first_step(job).await {
            let endpoint = self.clone();
            job.watch(&self.shared.cancels);
            self.shared
                .tasks
                .spawn(async move { endpoint.finish_work(job, work, permit).await });
        }
    }

    /// Runs a handler to its end in the task we are in.
    async fn run_here(&self, job: Job, permit: OwnedSemaphorePermit) {
        let Some(job) = self.unless_done(job).await else {
            return;
        };
        if let Some((job, work)) = self.first_step(job).await {
            self.finish_work(job, work, permit).await;
        }
    }

    /// Starts the user's code and answers if that is all it needs.
    async fn first_step(&self, mut job: Job) -> Option<(Job, Work<Reply>)> {
        let started = Instant::now();
        if self.is_too_late(&job, started).await {
            return None;
        }
        let mut work = self.begin(&mut job);
        let step = work.first_step();
        let took = started.elapsed();
        self.long_steps.store(took > LONG_STEP, Ordering::Relaxed);
        match step {
            Poll::Pending => Some((job, work)),
            Poll::Ready(outcome) => {
                self.answer_outcome(&job, outcome).await;
                None
            }
        }
    }

    /// Answers what does not begin any more: nobody waits for it, or the leadership is over.
    async fn is_too_late(&self, job: &Job, now: Instant) -> bool {
        let pass = job.pass.as_ref().filter(|pass| !pass.is_valid());
        let unwanted = if now >= job.request.deadline() {
            Unwanted::Expired
        } else if job.request.context.is_cancelled() {
            Unwanted::GivenUp
        } else if let Some(pass) = pass {
            self.give_back(job).await;
            let failure = pass.too_late(self.row.name);
            self.answer_failure(job, &failure).await;
            return true;
        } else {
            return false;
        };
        self.give_back(job).await;
        self.answer_unwanted(job, &unwanted, false).await;
        true
    }

    fn begin(&self, job: &mut Job) -> Work<Reply> {
        let stored = job.stored.take();
        let context = &job.request.context;
        let span = job.request.traced.span.clone();
        let (call, service, request) =
            (self.handler.call, self.service.clone(), job.request.clone());
        let layers = self.shared.home.client.layers();
        if layers.is_empty() {
            return Work::begin(context, span, move || call(service, request));
        }
        let operation = context.operation(OperationKind::Rpc, 1);
        let incoming = request.call.clone();
        let work = InsideLayers {
            layers: layers.clone(),
            operation,
            work: move || match stored {
                Some(reply) => std::future::ready(reply).boxed(),
                None => call(service, request),
            },
            failure: Reply::failure,
            refusal: move |failure, began| {
                let mut reply = respond::failure(&incoming, &failure);
                reply.unbegun = began == Began::No;
                reply
            },
        };
        Work::begin(context, span, move || work.run())
    }

    /// Whether the method's guard lets a call pass; if not, it is answered.
    async fn passes_guard(&self, job: &Job) -> bool {
        let Some(guard) = self.handler.guard else {
            return true;
        };
        let refused = guarded(guard, &job.request.context);
        let Err(failure) = refused else {
            return true;
        };
        self.answer_failure(job, &failure).await;
        false
    }

    /// Waits for the user's code, as long as its work is wanted.
    async fn finish_work(&self, job: Job, mut work: Work<Reply>, permit: OwnedSemaphorePermit) {
        let unwanted = tokio::select! {
            biased;
            outcome = work.ended() => return self.answer_outcome(&job, outcome).await,
            unwanted = self.unwanted(&job) => unwanted,
        };
        job.request.context.token().cancel();
        let late = matches!(unwanted, Unwanted::Expired) && self.had_its_time(&job);
        self.answer_unwanted(&job, &unwanted, late).await;
        // It holds its place until it is really gone.
        match tokio::time::timeout(GRACE, work.ended()).await {
            // Whoever asks again may have it.
            Ok(Ok(reply)) => drop(self.keep(&job, &reply).await),
            Ok(Err(panic)) => self.note_panic(&panic),
            Err(_) => tracing::debug!(
                method = self.row.name,
                "a handler went on without being wanted"
            ),
        }
        drop(permit);
    }

    /// Whether a call had as long as the method says: then it is the method that was slow, and not
    /// the caller who was in a hurry.
    fn had_its_time(&self, job: &Job) -> bool {
        let time = self.handler.timeout.unwrap_or(DEFAULT_TIMEOUT);
        job.arrived.elapsed() >= time
    }

    /// Becomes ready when nobody wants the work any more.
    async fn unwanted(&self, job: &Job) -> Unwanted {
        let token = job.request.context.token();
        tokio::select! {
            () = token.cancelled() => Unwanted::GivenUp,
            () = tokio::time::sleep_until(job.request.deadline()) => Unwanted::Expired,
            () = self.shared.abort.cancelled() => Unwanted::Stopped,
        }
    }

    async fn wait_or_refuse(self: &Arc<Self>, mut job: Job) {
        let Some(place) = Place::take(self) else {
            return self.answer_overloaded(&job).await;
        };
        let endpoint = self.clone();
        job.watch(&self.shared.cancels);
        self.shared.tasks.spawn(async move {
            let permit = tokio::select! {
                biased;
                permit = endpoint.running.clone().acquire_owned() => permit,
                unwanted = endpoint.unwanted(&job) => {
                    return endpoint.answer_unwanted(&job, &unwanted, false).await;
                }
            };
            drop(place);
            endpoint.figures.waited.record(job.arrived.elapsed());
            // The semaphore is never closed.
            if let Ok(permit) = permit {
                endpoint.run_here(job, permit).await;
            }
        });
    }
}

impl Endpoint {
    /// Takes a request: runs it, lets it wait, or refuses it.
    pub(super) async fn take_from(
        self: &Arc<Self>,
        origin: Origin,
        message: Message,
        arrived: Instant,
    ) {
        let Some(job) = self.job(message, arrived) else {
            return;
        };
        let Some(job) = self.admit(job, origin).await else {
            return;
        };
        if !self.passes_guard(&job).await {
            return;
        }
        match self.running.clone().try_acquire_owned() {
            Ok(permit) => self.run(job, permit).await,
            Err(_) => self.wait_or_refuse(job).await,
        }
    }

    pub(super) async fn refuse_from(&self, origin: Origin, message: Message, arrived: Instant) {
        let Some(job) = self.job(message, arrived) else {
            return;
        };
        if let Some(job) = self.admit(job, origin).await {
            self.answer_overloaded(&job).await;
        }
    }
}

/// The calls of the method's own subject.
impl Takes for Arc<Endpoint> {
    fn limit(&self) -> usize {
        self.concurrency.saturating_add(self.queue)
    }

    async fn take(&self, message: Message, arrived: Instant) {
        self.take_from(Origin::Shared, message, arrived).await;
    }

    async fn refuse(&self, message: Message, arrived: Instant) {
        self.refuse_from(Origin::Shared, message, arrived).await;
    }
}

/// A place in the queue of one endpoint.
struct Place(Arc<Endpoint>);

impl Place {
    fn take(endpoint: &Arc<Endpoint>) -> Option<Self> {
        let queue = endpoint.queue;
        let taken = endpoint
            .waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| {
                (waiting < queue).then_some(waiting + 1)
            });
        taken.is_ok().then(|| Self(endpoint.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Metered for Endpoint {
    fn at_work(&self) -> usize {
        let (running, waiting) = self.load();
        running + waiting
    }

    fn sums(&self, taken: &mut Taken) -> (u64, u64, u64) {
        self.figures.sums(taken)
    }

    fn tell(&self) {
        self.figures.tell(self.load());
    }
}
