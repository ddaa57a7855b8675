//! Errors counted by what they are, with a bound on how many kinds are told apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use metrics::{Counter, Label};

/// Kinds of errors that are told apart at most.
const MOST: usize = 16;
/// What all others count as (the word of OpenTelemetry's conventions).
const OTHER: &str = "_OTHER";

/// Methods called by this program that are told apart at most.
const MOST_CALLED: usize = 500;

/// The names that a method called is counted under: a program that calls whatever its own callers name
/// cannot fill the place of all other metrics.
pub(crate) fn told_apart<'a>(service: &'a str, method: &'a str) -> (&'a str, &'a str) {
    static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if is_known(&mut known, format!("{service}.{method}")) {
        (service, method)
    } else {
        (OTHER, OTHER)
    }
}

fn is_known(known: &mut BTreeSet<String>, name: String) -> bool {
    if known.contains(&name) {
        return true;
    }
    known.len() < MOST_CALLED && known.insert(name)
}

/// One counter for each kind of error.
#[derive(Debug)]
pub(crate) struct Errors {
    name: &'static str,
    labels: Vec<Label>,
    counters: Mutex<BTreeMap<String, Known>>,
}

/// A counter says nothing of itself.
struct Known(Counter);

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counter")
    }
}

impl Errors {
    pub(crate) fn new(name: &'static str, labels: &[(&'static str, String)]) -> Self {
        let labels = labels.iter();
        let labels = labels.map(|(name, value)| Label::new(*name, value.clone()));
        Self {
            name,
            labels: labels.collect(),
            counters: Mutex::default(),
        }
    }

    /// Counts one.
    pub(crate) fn count(&self, kind: &str) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        // Of what is not told apart there are many of these, which share their labels.
        let is_lumped = self.labels.iter().any(|label| label.value() == OTHER);
        let known = counters.contains_key(kind) || (counters.len() < MOST && !is_lumped);
        let kind = if known { kind } else { OTHER };
        if let Some(Known(counter)) = counters.get(kind) {
            return counter.increment(1);
        }
        let mut labels = self.labels.clone();
        labels.push(Label::new("error_type", kind.to_owned()));
        let counter = metrics::counter!(self.name, labels);
        counter.increment(1);
        counters.insert(kind.to_owned(), Known(counter));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_beyond_the_bound_are_not_told_apart() {
        let mut known = BTreeSet::new();
        let names = (0..MOST_CALLED + 3).map(|n| format!("orders.m{n}"));
        let kept = names
            .filter(|name| is_known(&mut known, name.clone()))
            .count();
        assert_eq!(kept, MOST_CALLED);
        assert!(is_known(&mut known, "orders.m0".to_owned()));
    }

    #[test]
    fn kinds_beyond_the_bound_count_as_others() {
        let errors = Errors::new("aegis_tests_total", &[("service", "a".to_owned())]);
        for round in 0..2 {
            for kind in 0..MOST + 3 {
                errors.count(&format!("KIND_{kind}"));
            }
            let counters = errors.counters.lock().unwrap();
            assert_eq!(counters.len(), MOST + 1, "{round}");
            assert!(counters.contains_key(OTHER));
        }
        // Methods that are not told apart have their series in common.
        let errors = Errors::new("aegis_tests_total", &[("service", OTHER.to_owned())]);
        for kind in ["A", "B"] {
            errors.count(kind);
        }
        let counters = errors.counters.lock().unwrap();
        assert!(counters.keys().eq([OTHER]), "{counters:?}");
    }
}
