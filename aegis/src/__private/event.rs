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

/// Whether two types have one name: then what arrives is always read as the first of them.
pub const fn same_event<A: Event, B: Event>() -> bool {
    // A name is a pattern that matches itself alone.
    !A::NAME.is_empty() && crate::model::grammar::covers(A::NAME, B::NAME)
}

/// An event that no variant of a choice holds; no repetition helps.
pub fn unexpected_event(event: &AnyEvent, names: &[&str]) -> Failure {
    let text = format!("the event {} is none of {}", event.name(), names.join(", "));
    Failure::framework(Code::InvalidParams, text).terminal()
}
