//! What is counted of one handler for a command.

use std::time::Duration;

use super::super::tally::Tally;
use crate::observe;

/// Counters since the start.
#[derive(Debug)]
pub(super) struct CommandFigures {
    pub(super) tally: Tally,
    outcomes: [metrics::Counter; Ended::ALL.len()],
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
        let stale = metrics::gauge!(observe::COMMANDS_STALE, &labels);
        Self {
            tally: Tally::new("COMMANDS", service, command, stale),
            outcomes,
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
        self.tally
            .count(matches!(ended, Ended::Retrying | Ended::Failed), took);
    }
}
