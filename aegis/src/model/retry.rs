//! How often and how fast a call is tried again.

use std::time::Duration;

/// A retry policy: how many attempts, and how long between them.
///
/// The default is that of `AegisSDK`: 3 attempts, 100 ms before the second, doubled each time, at
/// most 5 s, each 10 % more or less. The wait never passes the call's deadline.
///
/// ```
/// use std::time::Duration;
/// use aegis::RetryPolicy;
///
/// let policy = RetryPolicy::default().max_attempts(5).initial_delay(Duration::from_millis(20));
/// assert_eq!(policy.delay(2, 0.5), Some(Duration::from_millis(40)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    max_attempts: u32,
    initial_delay: Duration,
    multiplier: f64,
    max_delay: Duration,
    jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_delay: Duration::from_millis(100),
            multiplier: 2.0,
            max_delay: Duration::from_secs(5),
            jitter: 0.1,
        }
    }
}

impl RetryPolicy {
    /// One attempt, no retry.
    pub fn never() -> Self {
        Self {
            max_attempts: 1,
            ..Self::default()
        }
    }

    /// How many attempts there are in all, the first one counted; 0 counts as 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// How many attempts there are in all.
    pub(crate) fn attempts(&self) -> u32 {
        self.max_attempts
    }

    /// The wait before the second attempt.
    #[must_use]
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// The factor between one wait and the next; below 1, or not a number, counts as 1.
    #[must_use]
    pub fn multiplier(mut self, multiplier: f64) -> Self {
        self.multiplier = if multiplier.is_finite() {
            multiplier.max(1.0)
        } else {
            1.0
        };
        self
    }

    /// The longest wait.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How much each wait is moved at random, as a share of it: 0.0 to 1.0.
    #[must_use]
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = if jitter.is_finite() {
            jitter.clamp(0.0, 1.0)
        } else {
            0.0
        };
        self
    }

    /// The wait after the given attempt (the first is 1); none if there is no other.
    ///
    /// `chance` is a random number in 0.0..1.0; 0.5 means no jitter.
    pub fn delay(&self, attempt: u32, chance: f64) -> Option<Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        let growth = self
            .multiplier
            .powi(i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX));
        let cap = self.max_delay.as_secs_f64();
        let wait = (self.initial_delay.as_secs_f64() * growth).min(cap);
        let moved = wait * (1.0 + self.jitter * (2.0 * chance - 1.0));
        Some(Duration::try_from_secs_f64(moved.clamp(0.0, cap)).unwrap_or(self.max_delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    #[test]
    fn retry_counts_are_right() {
        for (max_attempts, tries) in [(0, 1), (1, 1), (2, 2), (3, 3), (10, 10)] {
            let policy = RetryPolicy::default().max_attempts(max_attempts);
            let mut attempt = 1;
            while policy.delay(attempt, 0.5).is_some() {
                attempt += 1;
            }
            assert_eq!(attempt, tries, "max_attempts({max_attempts})");
        }
    }

    #[test]
    fn waits_grow_up_to_the_cap() {
        let policy = RetryPolicy::default().max_attempts(100);
        for (attempt, millis) in [
            (1, 100),
            (2, 200),
            (3, 400),
            (6, 3200),
            (7, 5000),
            (99, 5000),
        ] {
            assert_eq!(
                policy.delay(attempt, 0.5),
                Some(Duration::from_millis(millis))
            );
        }
        assert_eq!(policy.delay(1, 0.0), Some(Duration::from_millis(90)));
        assert_eq!(policy.delay(1, 1.0), Some(Duration::from_millis(110)));
    }

    proptest! {
        #[test]
        fn no_setting_panics_or_passes_the_cap(
            attempts in any::<u32>(), initial in any::<u64>(), multiplier in any::<f64>(),
            cap in any::<u64>(), jitter in any::<f64>(), attempt in 1..u32::MAX, chance in 0.0..1.0f64,
        ) {
            let cap = Duration::from_millis(cap / 2);
            let policy = RetryPolicy::default().max_attempts(attempts).multiplier(multiplier)
                .initial_delay(Duration::from_nanos(initial)).max_delay(cap).jitter(jitter);
            if let Some(delay) = policy.delay(attempt, chance) {
                assert!(delay.as_secs_f64() <= cap.as_secs_f64() * 1.000_001);
            }
        }
    }
}
