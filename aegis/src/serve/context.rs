//! What a handler may ask about the call it handles.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::call::Request;
use super::command::Task;
use super::metadata::Metadata;
use crate::client::{Client, Publish, Scope};
use crate::layer::{Operation, OperationKind, Received};
use crate::lease::Leadership;
use crate::model::{AnyEvent, Event, Headers, InstanceId, ServiceName, TraceContext, header};
use crate::observe;

/// The call being handled: who calls, how long there is, and a client for further calls.
///
/// Cheap to clone. Calls made through [`client`](Self::client), or through any other client inside
/// the handler, inherit the remaining time and the trace.
///
/// ```
/// use aegis::prelude::*;
///
/// struct Shop;
///
/// #[aegis::service(name = "shop", version = "1.0.0")]
/// impl Shop {
///     #[rpc]
///     async fn buy(&self, ctx: &Context, sku: String) -> Result<String, Failure> {
///         if ctx.remaining().is_some_and(|left| left.as_millis() < 5) {
///             return Err(Failure::new("TOO_LATE", "no time left to buy").retryable());
///         }
///         let tenant = ctx.header("Tenant").unwrap_or("nobody");
///         Ok(format!("{sku} for {tenant}"))
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Context {
    pub(super) state: Arc<State>,
}

pub(super) struct State {
    pub(super) home: Arc<Home>,
    pub(super) method: &'static str,
    pub(super) headers: Headers,
    pub(super) scope: Scope,
    pub(super) source: Option<String>,
    event: Option<AnyEvent>,
    /// The job that is worked on, in a handler for a command.
    pub(super) task: Option<Arc<Task>>,
    cancel: OnceLock<CancellationToken>,
    repeats: AtomicBool,
    /// What it belongs to, if nobody said so and somebody asks.
    belongs_to: OnceLock<String>,
}

tokio::task_local! {
    static CURRENT: Context;
}

impl State {
    fn new(home: Arc<Home>, method: &'static str, headers: Headers, scope: Scope) -> Self {
        Self {
            home,
            method,
            headers,
            scope,
            source: None,
            event: None,
            task: None,
            cancel: OnceLock::new(),
            repeats: AtomicBool::new(false),
            belongs_to: OnceLock::new(),
        }
    }
}

/// What all calls of one service share.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) client: Client,
    pub(crate) service: ServiceName,
    pub(crate) instance: InstanceId,
    pub(crate) metadata: Metadata,
}

impl Context {
    pub(super) fn new(
        home: Arc<Home>,
        method: &'static str,
        headers: Headers,
        scope: Scope,
        source: Option<String>,
    ) -> Self {
        Self::with(State {
            source,
            ..State::new(home, method, headers, scope)
        })
    }

    fn with(state: State) -> Self {
        Self {
            state: Arc::new(state),
        }
    }

    /// The context of a hook, which belongs to no call.
    pub(crate) fn of_hook(home: Arc<Home>, method: &'static str) -> Self {
        Self::new(home, method, Headers::new(), Scope::default(), None)
    }

    /// The context of a handler for an event.
    pub(super) fn of_event(
        home: Arc<Home>,
        method: &'static str,
        event: AnyEvent,
        scope: Scope,
    ) -> Self {
        // The event has the headers.
        Self::with(State {
            event: Some(event),
            ..State::new(home, method, Headers::new(), scope)
        })
    }

    /// The context of a handler for a command.
    pub(super) fn of_command(
        home: Arc<Home>,
        method: &'static str,
        headers: Headers,
        scope: Scope,
        task: Task,
    ) -> Self {
        Self::with(State {
            source: headers.get(header::SOURCE).map(str::to_owned),
            task: Some(Arc::new(task)),
            ..State::new(home, method, headers, scope)
        })
    }

    /// What layers see of what is handled.
    pub(super) fn operation(&self, kind: OperationKind, attempt: u32) -> Operation {
        let event = self.state.event.as_ref().map(AnyEvent::name);
        Operation::received(&Received {
            kind,
            service: self.service(),
            name: self.method(),
            event,
            instance: self.instance(),
            source: self.source(),
            headers: self.headers(),
            deadline: self.deadline(),
            trace: self.trace(),
            attempt,
        })
    }

    /// A client whose calls inherit the remaining time and the trace, also in tasks of their own.
    ///
    /// The client of a hook has nothing to hand on: a service may keep it, and calls made with it
    /// inside a handler inherit from that handler's call.
    pub fn client(&self) -> Client {
        let (client, scope) = (&self.state.home.client, &self.state.scope);
        if scope.is_empty() {
            return client.clone();
        }
        client.within(scope.clone())
    }

    /// What is handled belongs to this: what its sender said (`correlation_id`), else for an event its
    /// id, for a command its job, for a call its trace; else an id that is made for it. It stands in
    /// the log lines of a handler, and what was said, and that of an event or a command, on all that
    /// a handler sends.
    pub fn correlation_id(&self) -> &str {
        let scope = &self.state.scope;
        scope.correlation_id().unwrap_or_else(|| {
            let made = || match scope.trace {
                Some(trace) => trace.trace_id(),
                None => format!("{:016x}", observe::random()),
            };
            self.state.belongs_to.get_or_init(made)
        })
    }

    /// The context of the handler or the hook that runs in this task, if one does.
    #[cfg(feature = "log")]
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs one step of a handler inside this context.
    pub(super) fn enter<T>(&self, step: impl FnOnce() -> T) -> T {
        let step = || self.state.scope.enter(step);
        CURRENT.sync_scope(self.clone(), step)
    }

    /// Runs a hook: its log lines say whose they are. What it sends inherits nothing.
    pub(crate) async fn around<H: Future>(&self, hook: H) -> H::Output {
        CURRENT.scope(self.clone(), hook).await
    }

    /// Publishes an event, as [`Client::publish`] does, in the name of the service. In a handler for
    /// events it belongs to what the handled event belongs to: it has its correlation id, else its
    /// id. Of one that cannot travel in a header, of another program, control characters become
    /// blanks, and it is cut to 1,024 characters.
    ///
    /// ```
    /// # use aegis::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Debug, Serialize, Deserialize, aegis::Event)]
    /// #[event("orders.created")]
    /// struct OrderCreated {
    ///     id: String,
    /// }
    ///
    /// # struct Shop;
    /// # #[aegis::service(name = "shop", version = "1.0.0")]
    /// # impl Shop {
    /// #[rpc]
    /// async fn buy(&self, ctx: &Context, id: String) -> Result<(), Failure> {
    ///     ctx.publish(&OrderCreated { id }).await?;
    ///     Ok(())
    /// }
    /// # }
    /// ```
    pub fn publish<E: Event>(&self, event: &E) -> Publish {
        self.client().publish(event).source(self.service())
    }

    /// The service.
    pub fn service(&self) -> &str {
        self.state.home.service.as_str()
    }

    /// The method that was called, or the hook that runs.
    pub fn method(&self) -> &str {
        self.state.method
    }

    /// The instance that handles the call.
    pub fn instance(&self) -> &str {
        self.state.home.instance.as_str()
    }

    /// What this instance tells about itself in the registry.
    pub fn metadata(&self) -> &Metadata {
        &self.state.home.metadata
    }

    /// Who calls, if the caller said it.
    pub fn source(&self) -> Option<&str> {
        match &self.state.event {
            Some(event) => event.source(),
            None => self.state.source.as_deref(),
        }
    }

    /// The event that is handled; none in a call or a hook.
    pub fn event(&self) -> Option<&AnyEvent> {
        self.state.event.as_ref()
    }

    /// A header of the request, found without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)
    }

    /// All headers of the request.
    pub fn headers(&self) -> &Headers {
        match &self.state.event {
            Some(event) => event.headers(),
            None => &self.state.headers,
        }
    }

    /// The caller's key for "this work once", if it gave one.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.header(header::IDEMPOTENCY_KEY)
    }

    /// Whether this work may have been done before: an exclusive call with this
    /// [key](Self::idempotency_key) began, on this instance or another, and its end is not known.
    /// Only idempotent methods run again; they look at what they wrote, and finish it.
    pub fn may_have_run(&self) -> bool {
        self.state.repeats.load(Ordering::Relaxed)
    }

    pub(super) fn note_repetition(&self, again: bool) {
        self.state.repeats.store(again, Ordering::Relaxed);
    }

    /// The trace the call belongs to, if it belongs to one.
    pub fn trace(&self) -> Option<TraceContext> {
        self.state.scope.trace
    }

    /// When the call's time is over; none in a hook.
    pub fn deadline(&self) -> Option<std::time::Instant> {
        self.state.scope.deadline.map(Instant::into_std)
    }

    /// The time that is left; none in a hook.
    pub fn remaining(&self) -> Option<Duration> {
        let now = Instant::now();
        self.state
            .scope
            .deadline
            .map(|deadline| deadline.saturating_duration_since(now))
    }

    /// Waits until the work is not wanted any more: the caller gave up, the deadline passed, or
    /// the instance stops and has waited long enough. After that the handler has one second to
    /// tidy up before it is dropped.
    pub async fn cancelled(&self) {
        self.token().cancelled().await;
    }

    /// Whether the work is not wanted any more.
    pub fn is_cancelled(&self) -> bool {
        self.state
            .cancel
            .get()
            .is_some_and(CancellationToken::is_cancelled)
    }

    /// The token behind [`cancelled`](Self::cancelled), to hand to tasks of the handler's own.
    pub fn token(&self) -> &CancellationToken {
        self.state.cancel.get_or_init(CancellationToken::new)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("service", &self.service())
            .field("method", &self.method())
            .field("instance", &self.instance())
            .finish_non_exhaustive()
    }
}

/// What a handler may borrow: it comes from the framework, not from the wire.
#[diagnostic::on_unimplemented(
    message = "a handler cannot borrow `{Self}`",
    label = "does not come from the framework",
    note = "what a handler borrows comes from the framework: `&Context`",
    note = "`&Leadership` is there in `#[exclusive_rpc]` and in `#[on_leader]`, `&Progress` in `#[command]`",
    note = "what it owns comes from the wire: take it by value (`String` instead of `&str`)"
)]
pub trait Borrowed {
    #[doc(hidden)]
    fn of(request: &Request) -> &Self;
}

/// What an exclusive handler and `#[on_leader]` may borrow.
#[diagnostic::on_unimplemented(
    message = "a handler cannot borrow `{Self}`",
    label = "does not come from the framework",
    note = "what a handler borrows comes from the framework: `&Context`, and `&Leadership` where one is held",
    note = "what it owns comes from the wire: take it by value (`String` instead of `&str`)"
)]
pub trait BorrowedByLeader {
    #[doc(hidden)]
    fn of_leader<'a>(context: &'a Context, leader: &'a Leadership) -> &'a Self;
}

impl BorrowedByLeader for Context {
    fn of_leader<'a>(context: &'a Context, _: &'a Leadership) -> &'a Self {
        context
    }
}

impl BorrowedByLeader for Leadership {
    fn of_leader<'a>(_: &'a Context, leader: &'a Leadership) -> &'a Self {
        leader
    }
}

impl Borrowed for Context {
    fn of(request: &Request) -> &Self {
        &request.context
    }
}
