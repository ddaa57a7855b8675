//! What an error says of the attempts before it, and what to do about it.

use std::time::Duration;

use crate::observe;

/// Why there was no further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The error is none that another attempt could mend.
    Final,
    /// The policy has no more.
    Policy,
    /// The time that was left is shorter than the wait before the next one.
    Time,
}

/// The attempts of one call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct History {
    /// The longest time of an attempt that waited for an answer until its time was over.
    longest: Option<Duration>,
}

impl History {
    /// An attempt had this time, and no answer came in it.
    pub(super) fn waited(&mut self, share: Duration) {
        self.longest = self.longest.max(Some(share));
    }

    /// What the error says that ends the call; nothing where there was one attempt with all the time.
    pub(super) fn told(
        self,
        attempts: u32,
        time: Duration,
        left: Duration,
        shared: bool,
        end: End,
    ) -> String {
        let waited = self.longest.filter(|_| shared);
        if attempts < 2 && waited.is_none() {
            return String::new();
        }
        let s = if attempts == 1 { "" } else { "s" };
        let made = format!(", after {attempts} attempt{s} in {}", observe::shown(time));
        if let Some(share) = waited {
            // More attempts would leave each of them even less time.
            return format!(
                "{made}, each with {} at most: give the call more time with `within`, or each attempt \
                 a larger share of it with fewer `max_attempts` of its `RetryPolicy`",
                observe::shown(share)
            );
        }
        let way = match end {
            End::Final => "",
            End::Policy if left.is_zero() => "; a longer `within` leaves time for more",
            End::Policy => "; `max_attempts` of its `RetryPolicy` allows more",
            End::Time => "; a longer `within` leaves time for more",
        };
        format!("{made}{way}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_the_attempts_had_and_what_would_help() {
        let (some, none) = (Duration::from_secs(2), Duration::ZERO);
        let share = Some(Duration::from_millis(1333));
        let more_time = ", after 3 attempts in 4 s, each with 1.3 s at most: give the call more time \
                         with `within`, or each attempt a larger share of it with fewer \
                         `max_attempts` of its `RetryPolicy`";
        let longer = ", after 3 attempts in 4 s; a longer `within` leaves time for more";
        let allows = ", after 3 attempts in 4 s; `max_attempts` of its `RetryPolicy` allows more";
        for (longest, attempts, left, shared, end, expected) in [
            (None, 1, some, true, End::Policy, ""),
            (share, 1, none, false, End::Policy, ""),
            (None, 3, some, true, End::Final, ", after 3 attempts in 4 s"),
            (None, 3, some, true, End::Policy, allows),
            (None, 3, none, true, End::Policy, longer),
            (None, 3, some, true, End::Time, longer),
            (share, 3, none, true, End::Policy, more_time),
            (share, 3, some, true, End::Time, more_time),
        ] {
            let mut history = History::default();
            if let Some(share) = longest {
                history.waited(share);
                history.waited(share / 2);
            }
            let told = history.told(attempts, Duration::from_secs(4), left, shared, end);
            assert_eq!(told, expected);
        }
    }
}
