//! Small things that all layers share: times as text, log lines that come seldom, random numbers.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A time as people read it: `7 ms`, `2.5 s`, `10 s`.
pub(crate) fn shown(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    let seconds = format!("{:.1}", time.as_secs_f64());
    format!("{} s", seconds.strip_suffix(".0").unwrap_or(&seconds))
}

/// For a log line that others can cause: it is said once in ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// Nothing was said yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Said {
            last: None,
            unsaid: 0,
        }))
    }

    const PAUSE: Duration = Duration::from_secs(10);

    /// Whether it may be said now, and how often it was not said since the last time.
    pub(crate) fn again(&self) -> Option<u64> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < Self::PAUSE)
        {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.unsaid))
    }
}

/// A count as a gauge takes it.
#[expect(clippy::cast_precision_loss, reason = "a count is far below 2^52")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}

/// A random number, good for jitter and ids, not for secrets.
pub(crate) fn random() -> u64 {
    use std::cell::Cell;
    thread_local!(static STATE: Cell<u64> = Cell::new(seed()));
    // SplitMix64 (Steele, Lea, Flood 2014).
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

fn seed() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low
}

/// A random share in 0.0..1.0.
pub(crate) fn chance() -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are what a double holds"
    )]
    let share = (random() >> 11) as f64 / (1u64 << 53) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_for_people() {
        for (millis, text) in [
            (0, "0 ms"),
            (310, "310 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (2540, "2.5 s"),
            (10_000, "10 s"),
            (90_000, "90 s"),
        ] {
            assert_eq!(shown(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn what_others_can_cause_is_said_seldom() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        let said = [0, 1, 9_999, 10_000, 10_001, 30_000];
        let said = said.map(|millis| seldom.at(start + Duration::from_millis(millis)));
        assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
