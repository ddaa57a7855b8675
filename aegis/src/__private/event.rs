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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde::{Deserialize, Serialize};
    use time::OffsetDateTime;

    use super::*;
    use crate::model::{EventSource, Headers};

    #[derive(Debug, Serialize, Deserialize, crate::Event)]
    #[event("orders.created")]
    struct Created {
        id: u64,
    }

    #[derive(Debug, Serialize, Deserialize, crate::Event)]
    #[event("orders.gone", version = "2")]
    struct Gone;

    #[derive(Debug, crate::Events)]
    enum Closed {
        Created(Created),
        Gone(Gone),
    }

    #[derive(Debug, crate::Events)]
    enum Open {
        #[events(other)]
        Other(AnyEvent),
        Created(Created),
    }

    fn arrived(name: &str, body: &'static str) -> AnyEvent {
        let place = EventSource {
            sequence: 1,
            stored: OffsetDateTime::UNIX_EPOCH,
            attempt: 1,
        };
        AnyEvent::read(name, Headers::new(), Bytes::from(body), place)
    }

    #[test]
    fn a_choice_has_the_names_of_its_types_or_can_be_any() {
        assert_eq!(event_names::<Closed>(), ["orders.created", "orders.gone"]);
        assert_eq!(event_names::<Open>(), [""; 0]);
        assert_eq!((Created::VERSION, Gone::VERSION), ("1.0", "2"));
    }

    #[test]
    fn what_arrives_is_read_as_the_type_of_its_name() {
        let created = || arrived("orders.created", r#"{"id":7}"#);
        let read = Closed::from_event(&created());
        assert!(matches!(read, Ok(Closed::Created(Created { id: 7 }))));
        let read = Closed::from_event(&arrived("orders.gone", "null"));
        assert!(matches!(read, Ok(Closed::Gone(Gone))));
        let read = Open::from_event(&created());
        assert!(matches!(read, Ok(Open::Created(Created { id: 7 }))));
        let read = Open::from_event(&arrived("orders.gone", "null"));
        assert!(matches!(read, Ok(Open::Other(other)) if other.name() == "orders.gone"));
    }

    #[test]
    fn what_a_choice_cannot_be_is_no_case_for_another_attempt() {
        for (name, body, text) in [
            (
                "orders.paid",
                "null",
                "the event orders.paid is none of orders.created, orders.gone",
            ),
            ("orders.created", "null", "orders.created cannot be read"),
        ] {
            let failure = Closed::from_event(&arrived(name, body)).unwrap_err();
            assert!(failure.message().contains(text), "{failure}");
            assert!(failure.is_terminal());
        }
        // It does not become what else there is.
        let read = Open::from_event(&arrived("orders.created", "null"));
        assert!(read.unwrap_err().is_terminal());
    }

    #[test]
    fn patterns_and_names_are_held_against_each_other() {
        let names = event_names::<Closed>();
        for (pattern, covers) in [
            ("orders.*", true),
            (">", true),
            ("orders.created", false),
            ("returns.*", false),
        ] {
            assert_eq!(pattern_covers(pattern, names), covers, "{pattern}");
            assert!(pattern_covers(pattern, &[]));
            assert!(pattern_covers(pattern, &[""]), "told elsewhere");
        }
        for (one, other, same) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("a.b", "a.b.c", false),
            ("", "", false),
        ] {
            assert_eq!(same_name(one, other), same, "{one} {other}");
        }
    }
}
