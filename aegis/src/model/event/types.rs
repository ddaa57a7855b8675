//! What users derive: a type of event, and a choice of several.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::any::AnyEvent;
use crate::model::Failure;

/// A type of event: derive it with `#[derive(aegis::Event)]`.
///
/// ```
/// use aegis::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, aegis::Event)]
/// #[event("orders.created", version = "1.1")]
/// struct OrderCreated {
///     id: String,
/// }
///
/// assert_eq!(OrderCreated::NAME, "orders.created");
/// assert_eq!(OrderCreated::VERSION, "1.1");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "has no `#[derive(aegis::Event)]`",
    note = "add `#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]` and `#[event(\"domain.type\")]` to `{Self}`"
)]
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// `domain.type`: two or more tokens, each a letter and then letters, digits, `_` or `-`. It is
    /// published on `events.{domain}.{type}`.
    const NAME: &'static str;
    /// The version of its body, for those who read it.
    const VERSION: &'static str = "1.0";
}

/// What a handler with `#[subscribe]` can take: a type of event, [`AnyEvent`], or an enum of events
/// with `#[derive(aegis::Events)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "for one type of event add `#[derive(aegis::Event)]` and `#[event(\"domain.type\")]` to it",
    note = "for several take an enum of them with `#[derive(aegis::Events)]`, for any take `AnyEvent`",
    note = "what a handler borrows comes from the framework: `&Context`"
)]
pub trait FromEvent: Sized + Send + 'static {
    /// The names of the events that it can be; none if it can be any.
    const NAMES: &'static [&'static str];

    /// Reads it. A failure here is one of the message, not of the work: no repetition helps.
    fn from_event(event: &AnyEvent) -> Result<Self, Failure>;
}

#[diagnostic::do_not_recommend]
impl<E: Event> FromEvent for E {
    const NAMES: &'static [&'static str] = &[E::NAME];

    fn from_event(event: &AnyEvent) -> Result<Self, Failure> {
        event.decode()
    }
}

impl FromEvent for AnyEvent {
    const NAMES: &'static [&'static str] = &[];

    fn from_event(event: &Self) -> Result<Self, Failure> {
        Ok(event.clone())
    }
}
