//! When a delivery has brought everything that was there: decided here, without the server.

use std::collections::HashSet;

use super::super::place::Place;
use crate::model::KvKey;

/// How far a delivery is.
///
/// The server's own count of what is to come is too low while others write: it subtracts at once
/// what a write removes, and adds what it brings a little later, or never. So a delivery has
/// brought everything when it has come to the newest revision that was there at the beginning. If
/// it brings the newest revision of each key only, what is rewritten meanwhile is left out and
/// comes at the end, behind what is new: then the names of all keys tell who is missing.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The newest revision that was there before the delivery began.
    target: u64,
    /// Everything from one revision on: nothing is left out and comes later.
    in_order: bool,
    /// The last one that came.
    reached: u64,
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
    /// It takes the newest revision to know.
    AskNewest,
    /// It takes the names of all keys to know.
    AskNames,
    /// Everything has come.
    Done,
}

impl Arrival {
    pub(super) fn new(target: u64, in_order: bool) -> Self {
        Self {
            target,
            in_order,
            reached: 0,
            seen: HashSet::new(),
            awaited: None,
        }
    }

    /// Takes a message.
    pub(super) fn take(&mut self, key: &KvKey, place: Place) -> Step {
        self.reached = place.sequence;
        let there = self.reached >= self.target;
        if self.in_order && there {
            return Step::Done;
        }
        if !self.in_order {
            self.seen.insert(key.clone());
        }
        let Some(awaited) = &mut self.awaited else {
            return if there || place.pending == 0 {
                Step::AskNewest
            } else {
                Step::On
            };
        };
        awaited.keys.remove(key);
        match awaited.keys.is_empty() {
            true => Step::Done,
            // Who has not come by now may be gone.
            false if place.sequence >= awaited.last => Step::AskNames,
            false => Step::On,
        }
    }

    /// Hears which revision is the newest now.
    pub(super) fn hear_newest(&mut self, newest: u64) -> Step {
        let unchanged = newest == self.target;
        // What was the newest may be gone.
        self.target = self.target.min(newest);
        match (self.in_order, self.reached >= self.target) {
            (true, true) => Step::Done,
            (true, false) => Step::On,
            (false, true) if unchanged => Step::Done,
            (false, _) => Step::AskNames,
        }
    }

    /// Hears the names of all keys, and which revision was the last then.
    pub(super) fn hear_names(&mut self, mut keys: HashSet<KvKey>, last: u64) -> Step {
        keys.retain(|key| !self.seen.contains(key));
        let missing = !keys.is_empty();
        self.awaited = Some(Awaited { keys, last });
        if missing { Step::On } else { Step::Done }
    }

    /// Hears from an idle server which revision it has looked at; tells whether all have come. What
    /// was to come may have been removed meanwhile.
    pub(super) fn is_idle(&self, looked_at: u64) -> bool {
        let awaited = self.awaited.as_ref().map(|awaited| awaited.last);
        looked_at >= awaited.unwrap_or(self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::Step::{AskNames, AskNewest, Done, On};
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
    fn the_newest_revision_ends_a_delivery_if_it_still_is() {
        for (name, messages, steps, newest, then) in [
            ("calm", [("a", 1, 1), ("b", 3, 0)], [On, AskNewest], 3, Done),
            (
                "the count is of no use",
                [("a", 1, 0), ("b", 3, 5)],
                [AskNewest, AskNewest],
                3,
                Done,
            ),
            (
                "another one was rewritten",
                [("a", 1, 1), ("b", 3, 1)],
                [On, AskNewest],
                4,
                AskNames,
            ),
            (
                "b was rewritten, d is new",
                [("a", 1, 2), ("d", 4, 1)],
                [On, AskNewest],
                5,
                AskNames,
            ),
            (
                "b was removed",
                [("a", 1, 1), ("c", 2, 0)],
                [On, AskNewest],
                2,
                AskNames,
            ),
            (
                "a count too low",
                [("a", 1, 1), ("c", 2, 0)],
                [On, AskNewest],
                3,
                AskNames,
            ),
        ] {
            let mut arrival = Arrival::new(3, false);
            assert_eq!(taken(&mut arrival, &messages), steps, "{name}");
            assert_eq!(arrival.hear_newest(newest), then, "{name}");
        }
    }

    #[test]
    fn in_order_nothing_comes_later() {
        for (name, messages, steps, newest, then) in [
            ("calm", [("a", 1, 1), ("b", 3, 0)], [On, Done], 3, Done),
            (
                "b was removed",
                [("a", 1, 1), ("d", 4, 0)],
                [On, Done],
                4,
                Done,
            ),
            (
                "nothing else",
                [("a", 1, 1), ("b", 2, 0)],
                [On, AskNewest],
                2,
                Done,
            ),
            (
                "a count too low",
                [("a", 1, 2), ("b", 2, 0)],
                [On, AskNewest],
                3,
                On,
            ),
            (
                "and a new one",
                [("a", 1, 2), ("b", 2, 0)],
                [On, AskNewest],
                9,
                On,
            ),
        ] {
            let mut arrival = Arrival::new(3, true);
            assert_eq!(taken(&mut arrival, &messages), steps, "{name}");
            assert_eq!(arrival.hear_newest(newest), then, "{name}");
        }
    }

    #[test]
    fn a_server_is_idle_when_it_has_looked_at_all_that_was_there() {
        let mut arrival = Arrival::new(5, false);
        assert!(!arrival.is_idle(4), "there was more when it began");
        assert!(arrival.is_idle(5), "at the beginning");
        assert_eq!(arrival.hear_names(keys("a"), 7), On);
        assert!(!arrival.is_idle(6), "there was more when it was asked");
        assert!(arrival.is_idle(7), "a is gone");
    }

    #[test]
    fn a_key_that_is_missing_is_awaited_until_it_comes_or_is_gone() {
        for (name, next, expected) in [
            ("another one", ("a", 5, 1), On),
            ("the missing one", ("b", 5, 1), Done),
            ("it may be gone", ("a", 6, 1), AskNames),
        ] {
            let mut arrival = Arrival::new(3, false);
            taken(&mut arrival, &[("a", 1, 2), ("d", 4, 1)]);
            assert_eq!(arrival.hear_names(keys("a b d"), 6), On, "{name}");
            let (text, revision, pending) = next;
            let step = arrival.take(&key(text), Place::new(revision, 3, pending));
            assert_eq!(step, expected, "{name}");
            let step = arrival.hear_names(keys("a d"), 6);
            assert_eq!(step, Done, "{name}: nothing is missing");
        }
    }
}
