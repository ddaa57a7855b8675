//! When a delivery has brought everything that was there: decided here, without the server.

use std::collections::HashSet;

use super::super::place::Place;
use crate::model::KvKey;

/// How far a delivery is.
///
/// The server delivers the newest revision of each key by a list that it made at the beginning.
/// What is rewritten meanwhile is left out there, and comes at the end, behind what is new; and
/// its own count of what is to come is then too low. So neither that count nor a number of
/// messages tells that all keys have come: only their names do.
#[derive(Debug)]
pub(super) struct Arrival {
    /// A revision that was there before the delivery began.
    before: u64,
    /// How many messages there were to deliver at the beginning.
    initial: u64,
    /// Everything from one revision on: nothing is left out and comes later.
    in_order: bool,
    seen: HashSet<KvKey>,
    awaited: Option<Awaited>,
}

#[derive(Debug)]
struct Awaited {
    keys: HashSet<KvKey>,
    /// The last revision when they were asked for.
    last: u64,
}

/// What follows from a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// More is to come.
    On,
    /// It takes the names of all keys to know.
    Ask,
    /// Everything has come.
    Done,
}

impl Arrival {
    pub(super) fn new(before: u64, initial: u64, in_order: bool) -> Self {
        Self {
            before,
            initial,
            in_order,
            seen: HashSet::new(),
            awaited: None,
        }
    }

    /// Counts a message.
    pub(super) fn take(&mut self, key: &KvKey, place: Place) -> Step {
        let enough = place.number >= self.initial || place.pending == 0;
        if self.in_order {
            return if enough { Step::Done } else { Step::On };
        }
        self.seen.insert(key.clone());
        if let Some(awaited) = &mut self.awaited {
            awaited.keys.remove(key);
            return match awaited.keys.is_empty() {
                true => Step::Done,
                // Who has not come by now may be gone.
                false if place.sequence >= awaited.last => Step::Ask,
                false => Step::On,
            };
        }
        match enough {
            false => Step::On,
            // As many as there were, and none of them is new.
            true if place.number == self.initial && place.sequence <= self.before => Step::Done,
            true => Step::Ask,
        }
    }

    /// Hears the names of all keys, and which revision was the last then; tells whether all have
    /// come.
    pub(super) fn hear_all(&mut self, mut keys: HashSet<KvKey>, last: u64) -> bool {
        keys.retain(|key| !self.seen.contains(key));
        let done = keys.is_empty();
        self.awaited = Some(Awaited { keys, last });
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> KvKey {
        KvKey::from_wire(text)
    }

    fn keys(text: &str) -> HashSet<KvKey> {
        text.split_whitespace().map(key).collect()
    }

    /// Takes messages: their keys, revisions and what the server counts as still to come.
    fn taken(arrival: &mut Arrival, messages: &[(&str, u64, u64)]) -> Vec<Step> {
        let numbers = 1..;
        let each = numbers.zip(messages);
        each.map(|(number, (text, revision, pending))| {
            arrival.take(&key(text), Place::new(*revision, number, *pending))
        })
        .collect()
    }

    #[test]
    fn as_many_as_there_were_are_enough_if_none_is_new() {
        use Step::{Ask, Done, On};
        for (name, messages, expected) in [
            ("nobody writes", [("a", 1, 1), ("b", 2, 0)], [On, Done]),
            (
                "the count is of no use",
                [("a", 1, 1), ("b", 2, 5)],
                [On, Done],
            ),
            (
                "b was rewritten, d is new",
                [("a", 1, 2), ("d", 4, 1)],
                [On, Ask],
            ),
            (
                "a was removed, and b is left",
                [("b", 2, 0), ("d", 4, 0)],
                [Ask, Ask],
            ),
        ] {
            let mut arrival = Arrival::new(3, 2, false);
            let first = taken(&mut arrival, &messages[..1])[0];
            let mut arrival = Arrival::new(3, 2, false);
            let steps = taken(&mut arrival, &messages);
            assert_eq!((first, steps[1]), (expected[0], expected[1]), "{name}");
        }
    }

    #[test]
    fn in_order_nothing_comes_later() {
        let mut arrival = Arrival::new(3, 2, true);
        let steps = taken(&mut arrival, &[("a", 1, 2), ("d", 4, 1)]);
        assert_eq!(steps, [Step::On, Step::Done]);
    }

    #[test]
    fn a_key_that_is_missing_is_awaited_until_it_comes_or_is_gone() {
        for (name, next, expected) in [
            ("another one", ("a", 5, 1), Step::On),
            ("the missing one", ("b", 5, 1), Step::Done),
            ("it may be gone", ("a", 6, 1), Step::Ask),
        ] {
            let mut arrival = Arrival::new(3, 2, false);
            let steps = taken(&mut arrival, &[("a", 1, 2), ("d", 4, 1)]);
            assert_eq!(steps, [Step::On, Step::Ask], "{name}");
            assert!(!arrival.hear_all(keys("a b d"), 6), "{name}");
            let (text, revision, pending) = next;
            let step = arrival.take(&key(text), Place::new(revision, 3, pending));
            assert_eq!(step, expected, "{name}");
            assert!(
                arrival.hear_all(keys("a d"), 6),
                "{name}: nothing is missing"
            );
        }
    }
}
