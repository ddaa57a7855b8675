//! What generated code calls for events.

use crate::model::{AnyEvent, Code, Event, Failure, FromEvent};
use crate::serve::{BorrowedByLeader, Delivered, leadership};

pub use crate::serve::{BorrowedByEvent, Handled, HandledOtherwise, read_event as event};

/// What a handler for events borrows.
pub fn borrowed_by_event<B: BorrowedByEvent + ?Sized>(delivered: &Delivered) -> &B {
    B::of_event(delivered)
}

/// What an exclusive handler for events borrows.
///
/// # Panics
/// Never for rows that macros write: they say that they are exclusive.
pub fn borrowed_by_leader_for_event<B: BorrowedByLeader + ?Sized>(delivered: &Delivered) -> &B {
    match leadership(delivered) {
        Some(lent) => lent,
        #[expect(clippy::panic, reason = "a row written by hand contradicts itself")]
        None => panic!("this handler's row does not say that it is exclusive"),
    }
}

/// Says at an argument's type that a handler for events can borrow it.
pub const fn assert_borrowed_by_event<T: BorrowedByEvent + ?Sized>() {}

/// Says at an argument's type that it is an event, and returns the names it can have.
pub const fn event_names<T: FromEvent>() -> &'static [&'static str] {
    T::NAMES
}

/// Whether a pattern matches each of these names; of none of them it is true.
///
/// An empty name stands for one with a mistake, which is told where it was written.
pub const fn pattern_covers(pattern: &str, names: &[&str]) -> bool {
    let mut at = 0;
    while at < names.len() {
        if !names[at].is_empty() && !crate::model::grammar::covers(pattern, names[at]) {
            return false;
        }
        at += 1;
    }
    true
}

/// A type of event that a variant of a choice holds. All of its uses say the same where it is none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be one of several events",
    label = "not a type of event",
    note = "add `#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]` and `#[event(\"domain.type\")]` to `{Self}`",
    note = "a variant with `AnyEvent` takes whatever else comes: mark it with `#[events(other)]`"
)]
pub trait OneOfSeveral: Sized {
    /// Its name.
    const NAME: &'static str;
    /// Reads it, if this is one of it.
    const READ: fn(&AnyEvent) -> Option<Result<Self, Failure>>;
}

#[diagnostic::do_not_recommend]
impl<E: Event> OneOfSeveral for E {
    const NAME: &'static str = <E as Event>::NAME;
    const READ: fn(&AnyEvent) -> Option<Result<Self, Failure>> =
        |event| event.is::<E>().then(|| event.decode());
}

/// What a variant of a choice holds that takes whatever else comes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold whatever else comes",
    label = "not `AnyEvent`",
    note = "write `AnyEvent`: what else comes can be of any type"
)]
pub trait TheRest: Sized {
    /// Takes it.
    const TAKE: fn(&AnyEvent) -> Self;
}

impl TheRest for AnyEvent {
    const TAKE: fn(&AnyEvent) -> Self = Clone::clone;
}

/// Whether two names are one: then what arrives is always read as the first type.
///
/// Empty ones stand for names with a mistake, which is told where it was written.
pub const fn same_name(one: &str, other: &str) -> bool {
    // A name is a pattern that matches itself alone.
    !one.is_empty() && crate::model::grammar::covers(one, other)
}

/// An event that no variant of a choice holds; no repetition helps.
pub fn unexpected_event(event: &AnyEvent, names: &[&str]) -> Failure {
    let text = format!("the event {} is none of {}", event.name(), names.join(", "));
    Failure::framework(Code::InvalidParams, text).terminal()
}
