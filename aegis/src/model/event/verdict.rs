//! What follows from a handler's end: done, again later, or given up.

use std::time::Duration;

use crate::model::{Code, EFFECT_RUNNING, Failure, RetryPolicy};

/// How often an event is tried again, if the handler says nothing.
pub(crate) const DEFAULT_RETRIES: u32 = 5;
/// The wait before the first of them; it doubles each time.
pub(crate) const DEFAULT_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
pub(crate) const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// So many deliveries more than attempts are taken for accidents: instances that stopped before they
/// began, or failures that leave open what has happened. Beyond, it is given up.
pub(crate) const ACCIDENTS: u32 = 10;

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
///
/// Whoever gives up an event of which nobody knows whether its effect has happened leaves that to a
/// person, who can only guess: it is tried for longer.
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
    if !leaves_open(failure) {
        return match policy.delay(attempt, chance) {
            None => Verdict::Dead,
            Some(delay) => Verdict::Again(failure.wait().unwrap_or(delay)),
        };
    }
    let longer = policy.max_attempts(policy.attempts().saturating_add(ACCIDENTS));
    match longer.delay(attempt, chance) {
        None => Verdict::Dead,
        // Later and later all the same: who is at it may take long.
        Some(delay) => Verdict::Again(delay.max(failure.wait().unwrap_or_default())),
    }
}

/// Whether the effect may have happened, or is happening.
fn leaves_open(failure: &Failure) -> bool {
    let code = failure.code();
    code == EFFECT_RUNNING || Code::parse(code) == Some(Code::OutcomeUnknown)
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

    #[test]
    fn what_leaves_open_what_has_happened_is_tried_for_longer() {
        let policy = RetryPolicy::default()
            .max_attempts(3)
            .initial_delay(DEFAULT_BACKOFF)
            .max_delay(Duration::from_secs(8));
        let seconds = |seconds| Verdict::Again(Duration::from_secs(seconds));
        let unknown = Failure::framework(Code::OutcomeUnknown, "lost");
        let running = Failure::new(EFFECT_RUNNING, "busy").retry_after(Duration::from_secs(5));
        let broken = Failure::internal("broken");
        for (attempt, of_unknown, of_running, of_broken) in [
            (1, seconds(1), seconds(5), seconds(1)),
            (2, seconds(2), seconds(5), seconds(2)),
            (3, seconds(4), seconds(5), Verdict::Dead),
            (12, seconds(8), seconds(8), Verdict::Dead),
            (13, Verdict::Dead, Verdict::Dead, Verdict::Dead),
            (u64::MAX, Verdict::Dead, Verdict::Dead, Verdict::Dead),
        ] {
            let rows = [
                (&unknown, of_unknown),
                (&running, of_running),
                (&broken, of_broken),
            ];
            for (failure, expected) in rows {
                let found = verdict(Err(failure), attempt, &policy, 0.5);
                assert_eq!(found, expected, "attempt {attempt}: {failure}");
            }
        }
        let never = unknown.terminal();
        assert_eq!(verdict(Err(&never), 1, &policy, 0.5), Verdict::Dead);
    }
}
