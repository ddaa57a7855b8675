//! What is counted of work that was delivered: how much ended, how much of it failed, how long it took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::latency::{Latencies, Taken};

/// Counts since the start.
#[derive(Debug)]
pub(super) struct Tally {
    ended: AtomicU64,
    failed: AtomicU64,
    latencies: Latencies,
    duration: metrics::Histogram,
}

impl Tally {
    pub(super) fn new(duration: metrics::Histogram) -> Self {
        Self {
            ended: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latencies: Latencies::new(),
            duration,
        }
    }

    pub(super) fn count(&self, has_failed: bool, took: Duration) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        if has_failed {
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
