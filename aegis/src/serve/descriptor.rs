//! One handler as data: a row that macros write, and that can be written by hand.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};

use super::call::Request;
use super::command::CommandHandler;
use super::context::Context;
use super::event::EventHandler;
use super::guard::Guard;
use super::respond::Reply;
use crate::lease::Leadership;
use crate::model::{EventMode, Failover, Failure, Health, Names, Subject};

/// A type with handlers. `#[aegis::service]` writes this; by hand see `examples/03_by_hand.rs`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "has no `#[aegis::service]`",
    note = "put `#[aegis::service(name = \"..\", version = \"1.0.0\")]` on an `impl` block of `{Self}`"
)]
pub trait Service: Send + Sync + 'static {
    /// The name: a letter, then up to 63 letters, digits, `_` or `-`.
    const NAME: &'static str;
    /// The version, as semver.org says.
    const VERSION: &'static str;
    /// What it is for.
    const DESCRIPTION: &'static str = "";
    /// What it says about itself beyond that.
    const METADATA: &'static [(&'static str, &'static str)] = &[];
    /// How many handlers it has, so that lost rows are noticed.
    const HANDLERS: usize;
    /// The group whose instances have one leader; none if none of its work is exclusive.
    const GROUP: Option<&'static str> = None;
    /// How soon another instance leads when the leader is lost.
    const FAILOVER: Failover = Failover::balanced();

    /// Runs before the service takes its first call; a failure ends the start.
    fn on_start<'a>(&'a self, context: &'a Context) -> HookFuture<'a> {
        let _ = context;
        async { Ok(()) }.boxed()
    }

    /// Runs after the service has finished its last call.
    fn on_stop<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, ()> {
        let _ = context;
        async {}.boxed()
    }

    /// Runs when the instance has become the leader, before it takes the first exclusive call; a
    /// failure hands the leadership to another instance.
    fn on_leader<'a>(&'a self, context: &'a Context, leader: &'a Leadership) -> HookFuture<'a> {
        let _ = (context, leader);
        async { Ok(()) }.boxed()
    }

    /// Runs when the instance does not lead any more.
    fn on_standby<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, ()> {
        let _ = context;
        async {}.boxed()
    }

    /// Says with every heartbeat whether the service can do its work.
    fn health<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Health> {
        let _ = context;
        async { Health::healthy() }.boxed()
    }
}

/// What a start hook returns.
pub type HookFuture<'a> = BoxFuture<'a, Result<(), Failure>>;

/// The hooks of a service whose type is not known any more.
pub(crate) trait Hooks: Send + Sync {
    /// [`Service::on_start`].
    fn start<'a>(&'a self, context: &'a Context) -> HookFuture<'a>;
    /// [`Service::on_stop`].
    fn stop<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, ()>;
    /// [`Service::on_leader`].
    fn lead<'a>(&'a self, context: &'a Context, leader: &'a Leadership) -> HookFuture<'a>;
    /// [`Service::on_standby`].
    fn stand_by<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, ()>;
    /// [`Service::health`].
    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Health>;
}

impl<S: Service> Hooks for S {
    fn start<'a>(&'a self, context: &'a Context) -> HookFuture<'a> {
        self.on_start(context)
    }

    fn stop<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, ()> {
        self.on_stop(context)
    }

    fn lead<'a>(&'a self, context: &'a Context, leader: &'a Leadership) -> HookFuture<'a> {
        self.on_leader(context, leader)
    }

    fn stand_by<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, ()> {
        self.on_standby(context)
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Health> {
        self.health(context)
    }
}

/// One handler of one service.
#[derive(Debug, Clone)]
pub struct HandlerDescriptor {
    /// The type of the service: `TypeId::of::<Calculator>`.
    pub service: fn() -> TypeId,
    /// The name on the wire.
    pub name: &'static str,
    /// What it does, from its doc comment.
    pub docs: &'static str,
    /// Its arguments and its result, as they stand in the source; for people.
    pub signature: &'static str,
    /// Where it stands.
    pub source: Source,
    /// What kind of handler it is.
    pub kind: HandlerKind,
}

impl HandlerDescriptor {
    /// Whether only a leader runs it.
    pub(crate) fn is_exclusive(&self) -> bool {
        match &self.kind {
            HandlerKind::Rpc(handler) => handler.exclusive,
            HandlerKind::Event(handler) => handler.mode == EventMode::Exclusive,
            HandlerKind::Command(_) => false,
        }
    }

    /// The name of its service, which its subject holds.
    pub(crate) fn service_name(&self) -> &str {
        match &self.kind {
            HandlerKind::Rpc(handler) => {
                let mut tokens = handler.subject.as_str().split('.');
                tokens.nth(1).unwrap_or_default()
            }
            HandlerKind::Event(handler) => handler.service,
            HandlerKind::Command(handler) => handler.service,
        }
    }

    /// As log lines name it, and consumers: `{service}__{name}`.
    pub(crate) fn handler(&self) -> String {
        format!("{}__{}", self.service_name(), self.name)
    }
}

/// Where a handler stands in the source.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The function's name.
    pub function: &'static str,
    /// The file.
    pub file: &'static str,
    /// The line.
    pub line: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}:{}", self.function, self.file, self.line)
    }
}

/// The kinds of handlers, with what each needs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HandlerKind {
    /// Answers calls.
    Rpc(RpcHandler),
    /// Handles events.
    Event(EventHandler),
    /// Works on commands.
    Command(CommandHandler),
}

/// A handler that answers calls.
#[derive(Debug, Clone)]
pub struct RpcHandler {
    /// Where any instance is called, without a prefix: `rpc.{service}.{method}`.
    pub subject: Subject,
    /// The names of the owned arguments.
    pub arguments: Names,
    /// How long a call may take at most; without one the caller's deadline counts, else 5 s.
    pub timeout: Option<Duration>,
    /// Whether running it twice does no harm.
    pub idempotent: bool,
    /// Whether only the leader of the service's [`GROUP`](Service::GROUP) runs it.
    pub exclusive: bool,
    /// Who may call it; default everybody.
    pub guard: Option<Guard>,
    /// How many calls run at once at most; default 256.
    pub concurrency: Option<usize>,
    /// How many calls wait at most when as many run as may; default 1,024.
    pub queue: Option<usize>,
    /// The code.
    pub call: RpcCall,
}

impl RpcHandler {
    /// What kind of handler it is, as services describe themselves.
    pub(super) fn kind(&self) -> &'static str {
        if self.exclusive {
            "exclusive_rpc"
        } else {
            "rpc"
        }
    }
}

/// Reads the arguments of a request, runs the method, makes the reply.
pub type RpcCall = fn(Arc<dyn Any + Send + Sync>, Request) -> BoxFuture<'static, Reply>;

inventory::collect!(HandlerDescriptor);
