//! What is counted of work that was delivered: how much ended, how much of it failed, how long it took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::latency::{Latencies, Taken};
use crate::observe;

/// Counts since the start.
#[derive(Debug)]
pub(super) struct Tally {
    ended: AtomicU64,
    failed: AtomicU64,
    latencies: Latencies,
    duration: metrics::Histogram,
    redeliveries: metrics::Counter,
    dead_letters: metrics::Counter,
    in_hand: metrics::Gauge,
    stale: metrics::Gauge,
}

impl Tally {
    /// Of one handler, whose messages stand in that stream; for how long that was not heard has a
    /// name of its own.
    pub(super) fn new(
        stream: &'static str,
        service: &str,
        handler: &str,
        stale: metrics::Gauge,
    ) -> Self {
        let labels = [
            ("service", service.to_owned()),
            ("handler", handler.to_owned()),
        ];
        let duration = metrics::histogram!(
            observe::PROCESS_DURATION,
            "messaging_system" => "nats",
            "messaging_destination_name" => stream,
            "messaging_consumer_group_name" => format!("{service}__{handler}"),
        );
        Self {
            redeliveries: metrics::counter!(observe::REDELIVERIES, &labels),
            dead_letters: metrics::counter!(observe::DEAD_LETTERS, &labels),
            in_hand: metrics::gauge!(observe::IN_HAND, &labels),
            ended: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latencies: Latencies::new(),
            duration,
            stale,
        }
    }

    /// A delivery has come, and it is that one of its message.
    pub(super) fn delivered(&self, attempt: u64) {
        if attempt > 1 {
            self.redeliveries.increment(1);
        }
    }

    /// It was given up, and noted.
    pub(super) fn buried(&self) {
        self.dead_letters.increment(1);
    }

    /// Tells how much is worked on now, and for how long the server was not heard.
    pub(super) fn tell(&self, in_hand: usize, silence: Option<Duration>) {
        self.in_hand.set(observe::number(in_hand));
        self.stale.set(silence.unwrap_or_default().as_secs_f64());
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
