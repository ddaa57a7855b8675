//! Methods that others ask for: calls, which are answered, and commands, which are queued.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::Attribute;

use super::{Redelivery, Text};

/// A method that a client can have.
pub(crate) struct Handler {
    /// The method.
    pub(crate) method: Ident,
    /// Its name on the wire.
    pub(crate) name: Text,
    /// Its doc comment.
    pub(crate) docs: String,
    /// Its `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
    /// The attributes that the client's method gets too, except `#[cfg]`.
    pub(crate) shown: Vec<Attribute>,
    /// Its arguments after `&self`.
    pub(crate) arguments: Vec<Argument>,
    /// Its return type.
    pub(crate) output: TokenStream,
    /// How it is asked for.
    pub(crate) work: Work,
    /// Whether the signature is without mistakes, so that a client can have it.
    pub(crate) usable: bool,
    /// Whether it has type parameters, a mistake, so that its types mean nothing outside of it.
    pub(crate) generic: bool,
}

impl Handler {
    /// More arguments than this have no `Arguments` tuple.
    pub(crate) const MOST_ARGUMENTS: usize = 12;

    /// Whether only the leader runs it.
    pub(crate) fn is_exclusive(&self) -> bool {
        matches!(&self.work, Work::Rpc(rpc) if rpc.is_exclusive())
    }

    /// Whether a client can have such a method.
    pub(crate) fn fits_a_client(&self) -> bool {
        self.method != "new" && self.owned().count() <= Self::MOST_ARGUMENTS
    }

    /// The arguments that travel, in order.
    pub(crate) fn owned(&self) -> impl Iterator<Item = (&Ident, &TokenStream)> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Owned { ident, ty } => Some((ident, ty)),
            Argument::Borrowed { .. } => None,
        })
    }
}

/// How a handler is asked for, and what was said of that.
pub(crate) enum Work {
    /// `#[rpc]` or `#[exclusive_rpc]`: somebody waits for the reply.
    Rpc(Rpc),
    /// `#[command]`: it waits in a queue, and its result is kept.
    Command(Command),
}

impl Work {
    /// The marker that says so.
    pub(crate) const fn marker(&self) -> &'static str {
        match self {
            Self::Rpc(rpc) => rpc.runs.marker(),
            Self::Command(_) => Command::MARKER,
        }
    }
}

/// What was said of a call.
pub(crate) struct Rpc {
    /// Which instances answer it.
    pub(crate) runs: Runs,
    /// How long a call may take.
    pub(crate) timeout: Option<Duration>,
    /// Whether a call may be repeated.
    pub(crate) idempotent: bool,
    /// The path of the function that says who may call it.
    pub(crate) guard: Option<TokenStream>,
    /// How many calls run at once.
    pub(crate) concurrency: Option<usize>,
    /// How many calls may wait beyond those that run.
    pub(crate) queue: Option<usize>,
}

impl Rpc {
    /// Whether only the leader answers it.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.runs == Runs::OnLeader
    }
}

/// Which instances run a handler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    /// All of them.
    Everywhere,
    /// The one that leads.
    OnLeader,
}

impl Runs {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Everywhere, Self::OnLeader];

    /// The marker that says so.
    pub(crate) const fn marker(self) -> &'static str {
        match self {
            Self::Everywhere => "rpc",
            Self::OnLeader => "exclusive_rpc",
        }
    }
}

/// What was said of a command.
pub(crate) struct Command {
    /// How it is tried again.
    pub(crate) redelivery: Redelivery,
    /// How long an attempt may take.
    pub(crate) timeout: Option<Duration>,
    /// The path of the function that says who may call it.
    pub(crate) guard: Option<TokenStream>,
    /// How many are worked on at once.
    pub(crate) concurrency: Option<usize>,
}

impl Command {
    /// As it is marked.
    pub(crate) const MARKER: &'static str = "command";
}

/// An argument of a handler.
pub(crate) enum Argument {
    /// A value from the wire.
    Owned {
        /// Its name; on the wire without `r#`.
        ident: Ident,
        /// Its type.
        ty: TokenStream,
    },
    /// A reference to something of the framework.
    Borrowed {
        /// The type behind the reference.
        ty: TokenStream,
    },
}
