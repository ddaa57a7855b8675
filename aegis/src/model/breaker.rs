//! The circuit breaker: after many calls without an answer, new ones are refused at once for a
//! while, instead of each waiting for its own deadline.

use std::time::{Duration, Instant};

/// When a circuit opens, and for how long.
///
/// The default: 10 calls in a row without an answer open it for 1 s; then one call is let through.
/// Only a call that got *no answer in time* counts as a failure: an error that was answered shows
/// that the service lives, and "no responders" and `OVERLOADED` cost nothing to find out. While
/// other calls of the method are answered, those without an answer tell of one instance only, and
/// do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    failures: u32,
    open_for: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures: 10,
            open_for: Duration::from_secs(1),
        }
    }
}

impl BreakerPolicy {
    /// Opens after this many failures in a row; 0 counts as 1.
    #[must_use]
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures.max(1);
        self
    }

    /// Stays open for this long; at most a day.
    #[must_use]
    pub fn open_for(mut self, open_for: Duration) -> Self {
        self.open_for = open_for.min(Duration::from_secs(24 * 3600));
        self
    }

    /// Never opens.
    pub fn off() -> Self {
        Self {
            failures: u32::MAX,
            open_for: Duration::ZERO,
        }
    }
}

/// The state of a circuit, for people and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Calls are refused at once.
    Open,
    /// One call is on its way to find out.
    HalfOpen,
}

/// A circuit breaker as a value: it asks no clock, the caller says what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Breaker {
    policy: BreakerPolicy,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// A probe that is never reported (its caller went away) counts as lost at `until`.
    HalfOpen {
        until: Instant,
    },
}

impl Breaker {
    /// A closed circuit.
    pub(crate) fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            state: State::Closed { failures: 0 },
        }
    }

    /// Asks to let a call through; if not, says how long the circuit stays open.
    pub(crate) fn permit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.state {
            State::Closed { .. } => Ok(()),
            State::Open { until } | State::HalfOpen { until } if now < until => Err(until - now),
            State::Open { .. } | State::HalfOpen { .. } => {
                self.state = State::HalfOpen {
                    until: now + self.policy.open_for,
                };
                Ok(())
            }
        }
    }

    /// A call was answered, with whatever.
    pub(crate) fn answered(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// A call got no answer in time.
    pub(crate) fn unanswered(&mut self, now: Instant) {
        let failures = match self.state {
            State::Closed { failures } => failures.saturating_add(1),
            State::HalfOpen { .. } => u32::MAX,
            // A late report of a call sent before the circuit opened prolongs nothing.
            State::Open { .. } => return,
        };
        self.state = if failures >= self.policy.failures && self.policy.open_for > Duration::ZERO {
            State::Open {
                until: now + self.policy.open_for,
            }
        } else {
            State::Closed { failures }
        };
    }

    /// The state, for people and metrics.
    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn policy() -> BreakerPolicy {
        BreakerPolicy::default().failures(3).open_for(SECOND)
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let now = Instant::now();
        let mut breaker = Breaker::new(policy());
        for _ in 0..10 {
            breaker.unanswered(now);
            breaker.unanswered(now);
            breaker.answered();
        }
        assert_eq!(breaker.permit(now), Ok(()));
        for _ in 0..3 {
            breaker.unanswered(now);
        }
        assert_eq!(breaker.state(now), BreakerState::Open);
        assert_eq!(breaker.permit(now + SECOND / 4), Err(SECOND * 3 / 4));
    }

    #[test]
    fn half_open_lets_one_through_and_closes_on_an_answer() {
        let now = Instant::now();
        let mut breaker = Breaker::new(policy());
        (0..3).for_each(|_| breaker.unanswered(now));
        let later = now + SECOND;
        assert_eq!(breaker.permit(later), Ok(()));
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        assert!(breaker.permit(later).is_err(), "one probe at a time");
        breaker.answered();
        assert_eq!(
            (breaker.permit(later), breaker.state(later)),
            (Ok(()), BreakerState::Closed)
        );
    }

    #[test]
    fn half_open_opens_again_on_a_failure() {
        let now = Instant::now();
        let mut breaker = Breaker::new(policy());
        (0..3).for_each(|_| breaker.unanswered(now));
        let later = now + SECOND;
        breaker.permit(later).unwrap();
        breaker.unanswered(later);
        assert_eq!(breaker.permit(later + SECOND / 2), Err(SECOND / 2));
    }

    #[test]
    fn a_lost_probe_does_not_keep_it_shut() {
        let now = Instant::now();
        let mut breaker = Breaker::new(policy());
        (0..3).for_each(|_| breaker.unanswered(now));
        breaker.permit(now + SECOND).unwrap();
        assert!(breaker.permit(now + 2 * SECOND).is_ok());
    }

    #[test]
    fn off_never_opens() {
        let now = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::off());
        (0..1000).for_each(|_| breaker.unanswered(now));
        assert_eq!(breaker.permit(now), Ok(()));
    }
}
