//! How busy one instance of a service is, from one heartbeat to the next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::latency::Taken;
use crate::model::Load;

/// A rate over less time says nothing.
const SHORTEST: Duration = Duration::from_millis(500);

/// A handler whose work is measured.
pub(super) trait Metered: Send + Sync {
    /// What it works on, and what waits for it, now.
    fn at_work(&self) -> usize;
    /// What it has done, what failed, and what failed by no fault of who asked, since the start; how
    /// long that took since this was asked last is added to `taken`.
    fn sums(&self, taken: &mut Taken) -> (u64, u64, u64);
    /// Tells how busy it is now.
    fn tell(&self);
    /// For how long it has heard nothing of the server, with its name, if it waits for events.
    fn silence(&self) -> Option<(&'static str, Duration)> {
        None
    }
}

/// Measures what the handlers of one service have done.
pub(crate) struct LoadMeter {
    handlers: Vec<Arc<dyn Metered>>,
    last: Mutex<Last>,
}

/// What was measured last.
struct Last {
    at: Instant,
    requests: u64,
    errors: u64,
    faults: u64,
    measured: Measured,
}

/// The work since the measurement before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    pub(crate) load: Load,
    /// Calls that ended.
    pub(crate) calls: u64,
    /// Those among them that failed by no fault of their caller.
    pub(crate) faults: u64,
}

impl LoadMeter {
    pub(super) fn new(handlers: Vec<Arc<dyn Metered>>) -> Self {
        let last = Last {
            at: Instant::now(),
            requests: 0,
            errors: 0,
            faults: 0,
            measured: Measured::default(),
        };
        Self {
            handlers,
            last: Mutex::new(last),
        }
    }

    /// What was done since the last measurement; of one that is only a moment ago, only what runs
    /// now is new.
    pub(crate) fn measure(&self) -> Measured {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let at_work = self.handlers.iter().map(|handler| handler.at_work());
        last.measured.load.in_flight = at_work.sum::<usize>() as u64;
        if last.at.elapsed() >= SHORTEST {
            self.renew(&mut last);
        }
        last.measured
    }

    /// Tells how busy each handler is now.
    pub(crate) fn tell(&self) {
        for handler in &self.handlers {
            handler.tell();
        }
    }

    /// The handler that has heard nothing of the server for longest.
    pub(crate) fn deaf(&self) -> Option<(String, Duration)> {
        let silent = self.handlers.iter().filter_map(|handler| handler.silence());
        let longest = silent.max_by_key(|(_, time)| *time)?;
        Some((longest.0.to_owned(), longest.1))
    }

    fn renew(&self, last: &mut Last) {
        let now = Instant::now();
        let seconds = now.duration_since(last.at).as_secs_f64();
        let mut taken = Taken::new();
        let (mut requests, mut errors, mut faults) = (0, 0, 0);
        for handler in &self.handlers {
            let sums = handler.sums(&mut taken);
            requests += sums.0;
            errors += sums.1;
            faults += sums.2;
        }
        let calls = requests.saturating_sub(last.requests);
        let failed = errors.saturating_sub(last.errors);
        let measured = &mut last.measured;
        measured.calls = calls;
        measured.faults = faults.saturating_sub(last.faults);
        measured.load.requests_per_second = per_second(calls, seconds);
        measured.load.errors_per_second = per_second(failed, seconds);
        // Without calls the last figures are the best guess.
        if let (Some(half), Some(most)) = (taken.percentile(0.5), taken.percentile(0.99)) {
            measured.load.p50_ms = half;
            measured.load.p99_ms = most;
        }
        (last.at, last.requests, last.errors, last.faults) = (now, requests, errors, faults);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of calls is far below 2^52"
)]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}
