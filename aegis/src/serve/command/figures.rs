//! What is counted of one handler for a command.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::latency::{Latencies, Taken};
use crate::observe;

/// Counters since the start.
#[derive(Debug)]
pub(super) struct CommandFigures {
    ended: AtomicU64,
    failed: AtomicU64,
    latencies: Latencies,
    outcomes: [metrics::Counter; Ended::ALL.len()],
    duration: metrics::Histogram,
    pub(super) waiting: metrics::Gauge,
    pub(super) resumed: metrics::Counter,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Succeeded,
    Retrying,
    Failed,
    Cancelled,
    /// It was given back, or somebody else has it.
    Returned,
}

impl Ended {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Succeeded, "succeeded"),
        (Self::Retrying, "retrying"),
        (Self::Failed, "failed"),
        (Self::Cancelled, "cancelled"),
        (Self::Returned, "returned"),
    ];
}

impl CommandFigures {
    pub(super) fn new(service: &str, command: &str) -> Self {
        let labels = [
            ("service", service.to_owned()),
            ("command", command.to_owned()),
        ];
        let outcomes = Ended::ALL.map(|(_, outcome)| {
            let [service, command] = labels.clone();
            let labels = [service, command, ("outcome", outcome.to_owned())];
            metrics::counter!(observe::COMMANDS_HANDLED, &labels)
        });
        Self {
            ended: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latencies: Latencies::new(),
            outcomes,
            duration: metrics::histogram!(observe::COMMANDS_DURATION, &labels),
            waiting: metrics::gauge!(observe::COMMANDS_WAITING, &labels),
            resumed: metrics::counter!(observe::COMMANDS_RESUMED, &labels),
        }
    }

    pub(super) fn count(&self, ended: Ended, took: Duration) {
        let all = Ended::ALL.iter().zip(&self.outcomes);
        for (_, counter) in all.filter(|((one, _), _)| *one == ended) {
            counter.increment(1);
        }
        if ended == Ended::Returned {
            return;
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
        if matches!(ended, Ended::Retrying | Ended::Failed) {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.latencies.add(took);
        self.duration.record(took);
    }

    /// Work that ended, and what of it failed, since the start; how long it took since this was
    /// asked last is added to `taken`.
    pub(super) fn sums(&self, taken: &mut Taken) -> (u64, u64, u64) {
        self.latencies.take(taken);
        let failed = self.failed.load(Ordering::Relaxed);
        (self.ended.load(Ordering::Relaxed), failed, failed)
    }
}
