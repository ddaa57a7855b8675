//! What is counted of one handler for events.

use std::time::Duration;

use crate::observe;

/// Counters and gauges since the start.
#[derive(Debug)]
pub(super) struct EventFigures {
    done: metrics::Counter,
    again: metrics::Counter,
    dead: metrics::Counter,
    returned: metrics::Counter,
    duration: metrics::Histogram,
    pub(super) pending: metrics::Gauge,
    pub(super) stale: metrics::Gauge,
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
        Self {
            done: ended("done"),
            again: ended("again"),
            dead: ended("dead"),
            returned: ended("returned"),
            duration: metrics::histogram!(observe::EVENTS_DURATION, &labels),
            pending: metrics::gauge!(observe::EVENTS_PENDING, &labels),
            stale: metrics::gauge!(observe::EVENTS_STALE, &labels),
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
        self.duration.record(took);
    }
}
