//! What is counted of one handler for events.

use std::time::Duration;

use super::super::tally::Tally;
use crate::observe;

/// Counters and gauges since the start.
#[derive(Debug)]
pub(super) struct EventFigures {
    pub(super) tally: Tally,
    done: metrics::Counter,
    again: metrics::Counter,
    dead: metrics::Counter,
    returned: metrics::Counter,
    pub(super) pending: metrics::Gauge,
    pub(super) resumed: metrics::Counter,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    Again,
    Dead,
    /// It was given back, and not worked on to its end.
    Returned,
}

impl EventFigures {
    pub(super) fn new(service: &str, handler: &str) -> Self {
        let labels = [
            ("service", service.to_owned()),
            ("handler", handler.to_owned()),
        ];
        let ended = |outcome: &'static str| {
            let [service, handler] = labels.clone();
            let labels = [service, handler, ("outcome", outcome.to_owned())];
            metrics::counter!(observe::EVENTS_HANDLED, &labels)
        };
        let stale = metrics::gauge!(observe::EVENTS_STALE, &labels);
        Self {
            tally: Tally::new("EVENTS", service, handler, stale),
            done: ended("done"),
            again: ended("again"),
            dead: ended("dead"),
            returned: ended("returned"),
            pending: metrics::gauge!(observe::EVENTS_PENDING, &labels),
            resumed: metrics::counter!(observe::EVENTS_RESUMED, &labels),
        }
    }

    pub(super) fn count(&self, ended: Ended, took: Duration) {
        let counter = match ended {
            Ended::Done => &self.done,
            Ended::Again => &self.again,
            Ended::Dead => &self.dead,
            Ended::Returned => &self.returned,
        };
        counter.increment(1);
        if ended == Ended::Dead {
            self.tally.buried();
        }
        if ended == Ended::Returned {
            return;
        }
        self.tally.count(ended != Ended::Done, took);
    }
}
