//! What was written, as values: after `parse` nothing looks at syntax again.

mod event;
mod handler;

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Attribute, Visibility};

pub(crate) use event::{Choice, Event, Mode, Start, Subscription, Variant};
pub(crate) use handler::{Argument, Command, Handler, Rpc, Runs, Work};

/// A text and the place where it was written.
#[derive(Clone)]
pub(crate) struct Text {
    /// The text.
    pub(crate) value: String,
    /// Its place.
    pub(crate) span: Span,
}

/// How what a stream keeps is delivered again, where the user says so.
pub(crate) struct Redelivery {
    /// How often it is tried again.
    pub(crate) retries: Option<u32>,
    /// The first wait and the longest.
    pub(crate) backoff: Option<(Duration, Duration)>,
    /// After how long without a sign of life it is delivered to another instance.
    pub(crate) ack_wait: Option<Duration>,
}

/// An `impl` block with `#[aegis::service(..)]`.
pub(crate) struct Service {
    /// The user's block, without markers.
    pub(crate) item: TokenStream,
    /// The type that the block is for.
    pub(crate) ty: TokenStream,
    /// Whether the type can be named elsewhere; if not, a mistake has been reported.
    pub(crate) nameable: bool,
    /// The name of the generated client.
    pub(crate) client: Ident,
    /// The name of the service on the wire.
    pub(crate) name: Text,
    /// The version of the service.
    pub(crate) version: Text,
    /// One text for people, or nothing.
    pub(crate) description: String,
    /// Pairs for the registry.
    pub(crate) metadata: Vec<(String, String)>,
    /// The block's own `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
    /// The methods with `#[rpc]`, `#[exclusive_rpc]` or `#[command]`.
    pub(crate) handlers: Vec<Handler>,
    /// The methods with `#[subscribe]`.
    pub(crate) subscriptions: Vec<Subscription>,
    /// The methods with `#[on_start]`, `#[health]` and the like.
    pub(crate) hooks: Vec<Hook>,
    /// The group that has one leader, if it was named.
    pub(crate) group: Option<Text>,
    /// How soon another instance leads, if it was said.
    pub(crate) failover: Option<Failover>,
}

impl Service {
    /// The `#[cfg]`s of each member that is there for a leader's sake.
    pub(crate) fn exclusive(&self) -> impl Iterator<Item = &[Attribute]> {
        let handlers = self.handlers.iter();
        let handlers = handlers.filter(|handler| handler.is_exclusive());
        let subscriptions = self.subscriptions.iter();
        let subscriptions = subscriptions.filter(|subscription| subscription.is_exclusive());
        let hooks = self.hooks.iter();
        let hooks = hooks.filter(|hook| matches!(hook.stage, Stage::Leader | Stage::Standby));
        handlers
            .map(|handler| handler.cfgs.as_slice())
            .chain(subscriptions.map(|subscription| subscription.cfgs.as_slice()))
            .chain(hooks.map(|hook| hook.cfgs.as_slice()))
    }
}

/// How soon another instance leads.
pub(crate) struct Failover {
    /// Where it was said.
    pub(crate) place: Span,
    /// Lease, margin and renewal, in milliseconds.
    pub(crate) millis: [u64; 3],
}

/// A trait with `#[aegis::client(..)]`.
pub(crate) struct Client {
    /// The user's trait, without markers.
    pub(crate) item: TokenStream,
    /// The name of the trait.
    pub(crate) source: Ident,
    /// The name of the generated client.
    pub(crate) ident: Ident,
    /// The visibility of the trait, and so of the client.
    pub(crate) visibility: Visibility,
    /// The name of the service on the wire.
    pub(crate) service: Text,
    /// Whether the peer expects the request envelope.
    pub(crate) envelope: bool,
    /// The trait's own `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
    /// The methods.
    pub(crate) handlers: Vec<Handler>,
}

/// When a hook runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the first call.
    Start,
    /// After the last call.
    Stop,
    /// Before the first exclusive call.
    Leader,
    /// After a leadership.
    Standby,
    /// With every heartbeat.
    Health,
}

impl Stage {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Start,
        Self::Stop,
        Self::Leader,
        Self::Standby,
        Self::Health,
    ];

    /// The marker of this stage, which is also the name of the service's method for it.
    pub(crate) const fn marker(self) -> &'static str {
        match self {
            Self::Start => "on_start",
            Self::Stop => "on_stop",
            Self::Leader => "on_leader",
            Self::Standby => "on_standby",
            Self::Health => "health",
        }
    }
}

/// A method that runs at a stage of the service's life.
pub(crate) struct Hook {
    /// When it runs.
    pub(crate) stage: Stage,
    /// The method.
    pub(crate) method: Ident,
    /// The types behind the references that it asks for.
    pub(crate) lent: Vec<TokenStream>,
    /// Where its return type stands, or its name.
    pub(crate) output: Span,
    /// Its `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
}

/// A type with `#[derive(Failure)]`.
pub(crate) struct Failure {
    /// The type.
    pub(crate) ident: Ident,
    /// Its variants, or the one case of a struct.
    pub(crate) cases: Vec<Case>,
    /// Whether code for it can be written at all; if not, a mistake has been reported.
    pub(crate) usable: bool,
}

/// One way to fail.
pub(crate) struct Case {
    /// The variant; a struct has none.
    pub(crate) variant: Option<Ident>,
    /// The code on the wire.
    pub(crate) code: Text,
    /// Whether a caller may try again.
    pub(crate) retryable: bool,
    /// The number in the NATS micro error header.
    pub(crate) status: Option<u16>,
}

/// A function with `#[aegis::main]`.
pub(crate) struct Main {
    /// The name, which must be `main`.
    pub(crate) ident: Ident,
    /// The user's function, without visibility and `#[cfg]`s: these are on the outer one.
    pub(crate) item: TokenStream,
    /// The function's `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
    /// The function's visibility.
    pub(crate) visibility: Visibility,
    /// Where the argument's type is.
    pub(crate) argument: Span,
}
