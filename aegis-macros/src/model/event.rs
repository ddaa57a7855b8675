//! Events: methods that handle them, types of them, and choices of several.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::Attribute;

use super::{Argument, Redelivery, Text};

/// A method with `#[subscribe(..)]`.
pub(crate) struct Subscription {
    /// The method.
    pub(crate) method: Ident,
    /// Its name, which stands in the name of its durable consumer.
    pub(crate) name: Text,
    /// Its doc comment.
    pub(crate) docs: String,
    /// Its `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
    /// Its arguments after `&self`; one of them is owned.
    pub(crate) arguments: Vec<Argument>,
    /// The type of the owned one.
    pub(crate) event: TokenStream,
    /// Its return type.
    pub(crate) output: TokenStream,
    /// Which events it wants, if it does not leave that to the type.
    pub(crate) pattern: Option<Text>,
    /// Which instances get an event.
    pub(crate) mode: Mode,
    /// With which event it begins.
    pub(crate) start: Start,
    /// How an event is tried again.
    pub(crate) redelivery: Redelivery,
    /// How long an attempt may take.
    pub(crate) timeout: Option<Duration>,
    /// How many events are worked on at once.
    pub(crate) concurrency: Option<usize>,
    /// Whether an instance keeps its place while it is away.
    pub(crate) durable: bool,
    /// Whether each acknowledgement is confirmed.
    pub(crate) exactly: bool,
    /// Whether it has type parameters, a mistake, so that its types mean nothing outside of it.
    pub(crate) generic: bool,
}

impl Subscription {
    /// As it is marked.
    pub(crate) const MARKER: &'static str = "subscribe";

    /// Whether only the leader runs it.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.mode == Mode::Exclusive
    }
}

/// Which instances get an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Any one.
    Compete,
    /// Each.
    Broadcast,
    /// The one that leads.
    Exclusive,
}

impl Mode {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Compete, Self::Broadcast, Self::Exclusive];

    /// As it is written, what it means, and its name in the generated code.
    pub(crate) const fn words(self) -> [&'static str; 3] {
        match self {
            Self::Compete => ["compete", "any one instance", "Compete"],
            Self::Broadcast => ["broadcast", "each single instance", "Broadcast"],
            Self::Exclusive => ["exclusive", "only the leader", "Exclusive"],
        }
    }
}

/// With which event a handler begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// The next one.
    New,
    /// The oldest that is kept.
    All,
}

impl Start {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::New, Self::All];

    /// As it is written, what it means, and its name in the generated code.
    pub(crate) const fn words(self) -> [&'static str; 3] {
        match self {
            Self::New => ["new", "what is published from then on", "New"],
            Self::All => ["all", "what the stream holds too", "All"],
        }
    }
}

/// A type with `#[derive(Event)]`.
pub(crate) struct Event {
    /// The type.
    pub(crate) ident: Ident,
    /// `domain.type`
    pub(crate) name: Text,
    /// The version of its body.
    pub(crate) version: Text,
    /// Whether code for it can be written at all; if not, a mistake has been reported.
    pub(crate) usable: bool,
}

/// An enum with `#[derive(Events)]`.
pub(crate) struct Choice {
    /// The enum.
    pub(crate) ident: Ident,
    /// The variants that hold one type of event each.
    pub(crate) variants: Vec<Variant>,
    /// The variant that holds whatever else comes.
    pub(crate) other: Option<Variant>,
    /// Whether code for it can be written at all; if not, a mistake has been reported.
    pub(crate) usable: bool,
}

/// A variant that holds an event.
pub(crate) struct Variant {
    /// The variant.
    pub(crate) ident: Ident,
    /// What it holds.
    pub(crate) ty: TokenStream,
}
