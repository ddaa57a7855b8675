//! When a delivery has brought everything that was there: decided here, without the server.

use std::collections::HashSet;

use super::super::place::Place;
use crate::model::KvKey;

/// How far a delivery is.
///
/// The server delivers the newest revision of each key by a list that it made at the beginning.
/// What is rewritten meanwhile is left out there, and comes at the end, behind what is new; and
/// its own count of what is to come is then too low: it subtracts at once what a write removes,
/// and adds what it brings a little later. So while others write, neither that count nor a number
/// of messages tells that all keys have come: only their names do.
#[derive(Debug)]
pub(super) struct Arrival {
    beginning: Beginning,
    /// Everything comes in order, and nothing is left out and comes later: who has this revision
    /// has all.
    target: Option<u64>,
    seen: HashSet<KvKey>,
    awaited: Option<Awaited>,
}

/// What was there when a delivery began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    /// The last revision just before.
    pub(super) before: u64,
    /// The last revision just after.
    pub(super) after: u64,
    /// How many messages the server counted in between.
    pub(super) count: u64,
}

impl Beginning {
    /// Nobody wrote, so that the count is right.
    pub(super) fn is_calm(self) -> bool {
        self.before == self.after
    }
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
    /// Of the newest revision of each key.
    pub(super) fn of_keys(beginning: Beginning) -> Self {
        Self {
            beginning,
            target: None,
            seen: HashSet::new(),
            awaited: None,
        }
    }

    /// Of everything from one revision on, up to this one.
    pub(super) fn in_order(beginning: Beginning, target: u64) -> Self {
        Self {
            target: Some(target),
            ..Self::of_keys(beginning)
        }
    }

    /// Counts a message.
    pub(super) fn take(&mut self, key: &KvKey, place: Place) -> Step {
        let Beginning { before, count, .. } = self.beginning;
        let calm = self.beginning.is_calm();
        let enough = place.number >= count || place.pending == 0;
        if let Some(target) = self.target {
            return match place.sequence >= target || (calm && enough) {
                true => Step::Done,
                false => Step::On,
            };
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
            true if calm && place.number == count && place.sequence <= before => Step::Done,
            true => Step::Ask,
        }
    }

    /// Hears from an idle server which revision it looked at last; tells whether all have come.
    /// What was to come may have been removed meanwhile.
    pub(super) fn is_idle(&self, last: u64) -> bool {
        let awaited = self.awaited.as_ref().map(|awaited| awaited.last);
        last >= awaited.unwrap_or(self.beginning.after)
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

    /// Revision 3 was the last one before, and there were two messages.
    fn beginning(after: u64) -> Beginning {
        let (before, count) = (3, 2);
        Beginning {
            before,
            after,
            count,
        }
    }

    #[test]
    fn as_many_as_there_were_are_enough_if_nobody_wrote() {
        use Step::{Ask, Done, On};
        for (name, after, messages, expected) in [
            ("nobody writes", 3, [("a", 1, 1), ("b", 2, 0)], [On, Done]),
            (
                "the count is of no use",
                3,
                [("a", 1, 1), ("b", 2, 5)],
                [On, Done],
            ),
            (
                "c was rewritten before they were counted",
                4,
                [("a", 1, 1), ("b", 2, 0)],
                [On, Ask],
            ),
            (
                "b was rewritten, d is new",
                3,
                [("a", 1, 2), ("d", 4, 1)],
                [On, Ask],
            ),
            (
                "a was removed, and b is left",
                3,
                [("b", 2, 0), ("d", 4, 0)],
                [Ask, Ask],
            ),
        ] {
            let mut arrival = Arrival::of_keys(beginning(after));
            let steps = taken(&mut arrival, &messages);
            assert_eq!(steps, expected, "{name}");
        }
    }

    #[test]
    fn in_order_nothing_comes_later() {
        use Step::{Done, On};
        for (name, after, messages, expected) in [
            ("the last one", 4, [("a", 1, 2), ("b", 3, 1)], [On, Done]),
            ("a newer one", 4, [("a", 1, 2), ("d", 4, 1)], [On, Done]),
            ("nobody writes", 3, [("a", 1, 1), ("b", 2, 0)], [On, Done]),
            ("a count too low", 4, [("a", 1, 0), ("b", 2, 0)], [On, On]),
        ] {
            let mut arrival = Arrival::in_order(beginning(after), 3);
            let steps = taken(&mut arrival, &messages);
            assert_eq!(steps, expected, "{name}");
        }
    }

    #[test]
    fn a_server_is_idle_when_it_has_looked_at_all_that_was_there() {
        let mut arrival = Arrival::of_keys(beginning(5));
        assert!(!arrival.is_idle(4), "there was more when it began");
        assert!(arrival.is_idle(5), "at the beginning");
        assert!(!arrival.hear_all(keys("a"), 7), "a is missing");
        assert!(!arrival.is_idle(6), "there was more when it was asked");
        assert!(arrival.is_idle(7), "a is gone");
    }

    #[test]
    fn a_key_that_is_missing_is_awaited_until_it_comes_or_is_gone() {
        for (name, next, expected) in [
            ("another one", ("a", 5, 1), Step::On),
            ("the missing one", ("b", 5, 1), Step::Done),
            ("it may be gone", ("a", 6, 1), Step::Ask),
        ] {
            let mut arrival = Arrival::of_keys(beginning(3));
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
