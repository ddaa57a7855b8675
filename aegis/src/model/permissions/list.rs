//! The list: subjects in the order in which they are thought of, none twice.

use crate::model::subject::Pattern;

/// A subject that must be allowed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The subject, perhaps with wildcards.
    pub subject: String,
    /// What fails without it, for people.
    pub why: String,
}

/// What is allowed so far.
#[derive(Debug, Default)]
pub(super) struct List {
    publish: Vec<Grant>,
    subscribe: Vec<Grant>,
}

impl List {
    pub(super) fn may_publish<S: Into<String>>(
        &mut self,
        why: &str,
        subjects: impl IntoIterator<Item = S>,
    ) {
        add(&mut self.publish, why, subjects);
    }

    pub(super) fn may_subscribe<S: Into<String>>(
        &mut self,
        why: &str,
        subjects: impl IntoIterator<Item = S>,
    ) {
        add(&mut self.subscribe, why, subjects);
    }

    pub(super) fn publish(self) -> Vec<Grant> {
        widest(self.publish)
    }

    pub(super) fn subscribe(self) -> Vec<Grant> {
        widest(self.subscribe)
    }
}

fn add<S: Into<String>>(to: &mut Vec<Grant>, why: &str, subjects: impl IntoIterator<Item = S>) {
    to.extend(subjects.into_iter().map(|subject| Grant {
        subject: subject.into(),
        why: why.to_owned(),
    }));
}

/// Without what a wider one, or the same before, allows already; what is asked for one reason
/// stands together.
fn widest(all: Vec<Grant>) -> Vec<Grant> {
    let pattern = |grant: &Grant| Pattern::trusted(grant.subject.clone());
    let patterns: Vec<Pattern> = all.iter().map(pattern).collect();
    let is_spare = |at: usize| {
        patterns.iter().enumerate().any(|(other, wide)| {
            let same = wide == &patterns[at];
            other != at && wide.covers(&patterns[at]) && (!same || other < at)
        })
    };
    let spare: Vec<bool> = (0..all.len()).map(is_spare).collect();
    let kept = all.into_iter().zip(spare).filter(|(_, spare)| !spare);
    let mut sorted: Vec<Grant> = Vec::new();
    for (grant, _) in kept {
        let last = sorted.iter().rposition(|other| other.why == grant.why);
        let at = last.map_or(sorted.len(), |last| last + 1);
        sorted.insert(at, grant);
    }
    sorted
}
