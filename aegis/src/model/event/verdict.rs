//! What follows from a handler's end: done, again later, or given up.

use std::time::Duration;

use crate::model::{Failure, RetryPolicy};

/// How often an event is tried again, if the handler says nothing.
pub(crate) const DEFAULT_RETRIES: u32 = 5;
/// The wait before the first of them; it doubles each time.
pub(crate) const DEFAULT_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
pub(crate) const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The event is done with.
    Done,
    /// It is tried again after so long.
    Again(Duration),
    /// It is given up.
    Dead,
}

/// Judges the end of an attempt: the how manieth delivery it was, and a random number in 0.0..1.0.
pub(crate) fn verdict(
    outcome: Result<(), &Failure>,
    attempt: u64,
    policy: &RetryPolicy,
    chance: f64,
) -> Verdict {
    let Err(failure) = outcome else {
        return Verdict::Done;
    };
    if failure.is_terminal() {
        return Verdict::Dead;
    }
    let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
    match policy.delay(attempt, chance) {
        None => Verdict::Dead,
        Some(delay) => Verdict::Again(failure.wait().unwrap_or(delay)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_tried_again_later_and_later_and_then_given_up() {
        let policy = RetryPolicy::default()
            .max_attempts(DEFAULT_RETRIES + 1)
            .initial_delay(DEFAULT_BACKOFF)
            .max_delay(LONGEST_BACKOFF);
        let seconds = Duration::from_secs;
        let broken = Failure::internal("broken");
        for (attempt, expected) in [
            (0, Verdict::Again(seconds(1))),
            (1, Verdict::Again(seconds(1))),
            (2, Verdict::Again(seconds(2))),
            (5, Verdict::Again(seconds(16))),
            (6, Verdict::Dead),
            (u64::MAX, Verdict::Dead),
        ] {
            let found = verdict(Err(&broken), attempt, &policy, 0.5);
            assert_eq!(found, expected, "attempt {attempt}");
        }
        assert_eq!(verdict(Ok(()), 9, &policy, 0.5), Verdict::Done);
        let never = Failure::internal("never").terminal();
        assert_eq!(verdict(Err(&never), 1, &policy, 0.5), Verdict::Dead);
        let later = Failure::internal("later").retry_after(seconds(90));
        let found = verdict(Err(&later), 1, &policy, 0.5);
        assert_eq!(found, Verdict::Again(seconds(90)));
        assert_eq!(verdict(Err(&later), 6, &policy, 0.5), Verdict::Dead);
    }
}
