//! How many traces begin here in a second, at most.

use std::sync::atomic::{AtomicU64, Ordering};

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// A bucket with room for the traces of one second, which empties evenly (GCRA). A trace begins if
/// there is room for it. One that began elsewhere is recorded in any case and takes its room too, so
/// that whole traces come before those that would begin in the middle of the work.
#[derive(Debug)]
pub(super) struct Limit {
    /// When the bucket is empty, in nanoseconds since some start.
    empty_at: AtomicU64,
    /// For how long one trace takes room; 0 without a limit.
    room: AtomicU64,
}

impl Limit {
    /// None.
    pub(super) const fn new() -> Self {
        Self {
            empty_at: AtomicU64::new(0),
            room: AtomicU64::new(0),
        }
    }

    /// So many traces in a second from now on.
    pub(super) fn choose(&self, traces: Option<u32>) {
        let room = traces.map_or(0, |traces| SECOND / u64::from(traces.max(1)));
        self.room.store(room, Ordering::Relaxed);
    }

    /// Whether a trace may begin at that time; if so, it takes its room.
    pub(super) fn begins(&self, now: u64) -> bool {
        let room = self.room.load(Ordering::Relaxed);
        room == 0 || self.take(|empty_at| begun(empty_at, now, room))
    }

    /// A trace that began elsewhere is recorded here as well.
    pub(super) fn joins(&self, now: u64) {
        let room = self.room.load(Ordering::Relaxed);
        if room > 0 {
            self.take(|empty_at| Some(joined(empty_at, now, room)));
        }
    }

    fn take(&self, change: impl FnMut(u64) -> Option<u64>) -> bool {
        let changed = self
            .empty_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
        changed.is_ok()
    }
}

/// When the bucket is empty after another trace has begun; none if there is no room for it.
fn begun(empty_at: u64, now: u64, room: u64) -> Option<u64> {
    let after = empty_at.max(now) + room;
    (after <= now + SECOND).then_some(after)
}

/// The same after one that began elsewhere: it may be over-full by a second's traces.
fn joined(empty_at: u64, now: u64, room: u64) -> u64 {
    (empty_at.max(now) + room).min(now + 2 * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = SECOND / 1000;

    /// How many of these traces begin, one after another at that time.
    fn begin(limit: &Limit, millis: u64, traces: u32) -> usize {
        let tried = (0..traces).filter(|_| limit.begins(SECOND + millis * MILLISECOND));
        tried.count()
    }

    fn of(traces: u32) -> Limit {
        let limit = Limit::new();
        limit.choose(Some(traces));
        limit
    }

    #[test]
    fn a_second_has_room_for_so_many_traces() {
        for (traces, steps) in [
            // (milliseconds, how many are tried, how many begin)
            (1, &[(0, 3, 1), (999, 1, 0), (1000, 2, 1)][..]),
            (10, &[(0, 15, 10), (99, 1, 0), (100, 2, 1), (600, 9, 5)]),
            (10, &[(0, 4, 4), (100, 9, 7), (9000, 20, 10)]),
            (1000, &[(0, 1500, 1000), (1, 5, 1), (500, 900, 499)]),
        ] {
            let limit = of(traces);
            for (at, tried, begun) in steps {
                assert_eq!(begin(&limit, *at, *tried), *begun, "{traces}/s at {at} ms");
            }
        }
    }

    #[test]
    fn without_a_limit_all_begin() {
        let limit = Limit::new();
        assert_eq!(begin(&limit, 0, 5000), 5000);
        limit.choose(Some(10));
        assert_eq!(begin(&limit, 0, 5000), 10);
        limit.choose(None);
        assert_eq!(begin(&limit, 0, 5000), 5000);
    }

    #[test]
    fn what_began_elsewhere_takes_the_room_of_what_would_begin() {
        let limit = of(10);
        for _ in 0..7 {
            limit.joins(SECOND);
        }
        assert_eq!(begin(&limit, 0, 10), 3);
        // As many come from elsewhere as there is room for: nothing begins in between.
        for tenth in 1..50 {
            limit.joins(SECOND + tenth * 100 * MILLISECOND);
            assert_eq!(begin(&limit, tenth * 100, 3), 0, "{tenth}");
        }
        // A flood is forgotten after two seconds.
        for _ in 0..10_000 {
            limit.joins(6 * SECOND);
        }
        assert_eq!(begin(&limit, 6000, 1), 0);
        assert_eq!(begin(&limit, 7000, 20), 10);
    }
}
