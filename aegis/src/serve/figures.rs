//! What is counted of one handler, for NATS micro and for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::latency::{Latencies, Taken};
use super::respond::Failed;
use crate::observe::{self, Errors};

/// Figures since the start.
#[derive(Debug)]
pub(super) struct Figures {
    requests: AtomicU64,
    errors: AtomicU64,
    /// Errors that are no fault of the caller.
    faults: AtomicU64,
    nanos: AtomicU64,
    latencies: Latencies,
    last_error: Mutex<String>,
    pub(super) requests_metric: metrics::Counter,
    errors_metric: Errors,
    duration_metric: metrics::Histogram,
    pub(super) panics: metrics::Counter,
    pub(super) overloads: metrics::Counter,
    pub(super) ignored: metrics::Counter,
    pub(super) waited: metrics::Histogram,
    running: metrics::Gauge,
    queued: metrics::Gauge,
}

/// The figures at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) nanos: u64,
    pub(super) last_error: String,
}

impl Figures {
    pub(super) fn new(service: &str, method: &str) -> Self {
        let labels = [
            ("service", service.to_owned()),
            ("method", method.to_owned()),
        ];
        Self {
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            latencies: Latencies::new(),
            last_error: Mutex::default(),
            requests_metric: metrics::counter!(observe::SERVER_REQUESTS, &labels),
            errors_metric: Errors::new(observe::SERVER_ERRORS, &labels),
            duration_metric: metrics::histogram!(
                observe::SERVER_DURATION,
                "rpc_service" => service.to_owned(), "rpc_method" => method.to_owned()
            ),
            panics: metrics::counter!(observe::SERVER_PANICS, &labels),
            overloads: metrics::counter!(observe::SERVER_OVERLOADS, &labels),
            ignored: metrics::counter!(observe::SERVER_IGNORED, &labels),
            waited: metrics::histogram!(observe::SERVER_QUEUE_WAIT, &labels),
            running: metrics::gauge!(observe::SERVER_IN_FLIGHT, &labels),
            queued: metrics::gauge!(observe::SERVER_QUEUED, &labels),
        }
    }

    /// Counts one request, with its error if it ended in one.
    pub(super) fn count(&self, took: Duration, failure: Option<Failed>) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        self.latencies.add(took);
        self.requests_metric.increment(1);
        self.duration_metric.record(took);
        if let Some(failed) = failure {
            self.faults
                .fetch_add(u64::from(failed.is_fault), Ordering::Relaxed);
            self.errors.fetch_add(1, Ordering::Relaxed);
            self.errors_metric.count(failed.failure.code());
            let (number, text) = (failed.status, failed.text);
            let text: String = text.chars().take(256).collect();
            *self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = format!("{number}:{text}");
        }
    }

    /// Tells how many requests run and wait now.
    pub(super) fn tell(&self, (running, waiting): (usize, usize)) {
        self.running.set(observe::number(running));
        self.queued.set(observe::number(waiting));
    }

    /// Requests, errors and faults since the start; how long the requests took since this was
    /// asked last is added to `taken`.
    pub(super) fn sums(&self, taken: &mut Taken) -> (u64, u64, u64) {
        self.latencies.take(taken);
        (
            self.requests.load(Ordering::Relaxed),
            self.errors.load(Ordering::Relaxed),
            self.faults.load(Ordering::Relaxed),
        )
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            requests: self.requests.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            nanos: self.nanos.load(Ordering::Relaxed),
            last_error: self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}
