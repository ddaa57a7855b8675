//! Whose turn it is among the lanes of a command.

use super::priority::Priority;

/// A lane that was passed over so often is next.
const PATIENCE: u32 = 10;

/// Which lanes were passed over how often, since the last start of theirs, or since they were
/// found empty.
///
/// The higher lane is next, unless a lower one was passed over ten times: so each lower lane that
/// has something waiting gets at least one start in thirteen, and what is waiting in the highest
/// one is passed over by three at most.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    passed: [u32; Priority::ALL.len()],
}

impl Turns {
    /// The lanes in the order in which they are asked now, and how many starts each may have before
    /// this is asked again; `None` is as many as there is room for.
    ///
    /// `is_empty` tells of a lane in which nothing waits.
    pub(crate) fn next(
        &self,
        is_empty: impl Fn(Priority) -> bool,
    ) -> Option<(Priority, Option<u32>)> {
        let waiting = || Priority::ALL.into_iter().filter(|lane| !is_empty(*lane));
        // Of several that waited long, the lowest has waited for all others.
        let mut owed = waiting().filter(|lane| self.passed[lane.lane()] >= PATIENCE);
        if let Some(lane) = owed.next_back() {
            return Some((lane, Some(1)));
        }
        let lane = waiting().next()?;
        let lower = waiting().filter(|other| *other < lane);
        let left = lower
            .map(|other| PATIENCE - self.passed[other.lane()])
            .min();
        Some((lane, left))
    }

    /// So many commands of a lane started.
    pub(crate) fn started(&mut self, lane: Priority, count: u32) {
        self.passed[lane.lane()] = 0;
        for lower in Priority::ALL.into_iter().filter(|other| *other < lane) {
            let passed = &mut self.passed[lower.lane()];
            *passed = passed.saturating_add(count);
        }
    }

    /// Nothing waits in a lane.
    pub(crate) fn empty(&mut self, lane: Priority) {
        self.passed[lane.lane()] = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Critical, High, Low, Normal};

    /// Who starts, one by one, with so many waiting in each lane, the most urgent first.
    fn starts(mut waiting: [u32; 4], count: usize) -> Vec<Priority> {
        let mut turns = Turns::default();
        let mut all = Vec::new();
        while all.len() < count {
            let Some((lane, _)) = turns.next(|lane| waiting[lane.lane()] == 0) else {
                break;
            };
            waiting[lane.lane()] -= 1;
            turns.started(lane, 1);
            all.push(lane);
        }
        all
    }

    #[test]
    fn the_higher_starts_first() {
        assert_eq!(starts([1, 1, 1, 1], 9), [Critical, High, Normal, Low]);
        assert_eq!(starts([0, 0, 2, 1], 9), [Normal, Normal, Low]);
        assert_eq!(starts([0; 4], 9), []);
    }

    #[test]
    fn what_becomes_urgent_is_next_however_many_started_before() {
        for before in 0..200 {
            let mut turns = Turns::default();
            for _ in 0..before {
                assert_eq!(turns.next(|lane| lane != Normal).unwrap().0, Normal);
                turns.started(Normal, 1);
                // It was asked for, as always when its turn comes, and was not there.
                turns.empty(Low);
            }
            let waiting = |lane: Priority| lane != Normal && lane != Critical;
            assert_eq!(turns.next(waiting).unwrap().0, Critical, "{before}");
        }
    }

    #[test]
    fn each_lower_lane_has_its_share_under_constant_load() {
        for (waiting, least) in [
            ([1000, 1000, 1000, 1000], [0, 70, 70, 70]),
            ([1000, 0, 0, 1000], [0, 0, 0, 90]),
            ([0, 1000, 0, 1000], [0, 0, 0, 90]),
            ([0, 1000, 1000, 1000], [0, 0, 80, 80]),
        ] {
            let all = starts(waiting, 1000);
            for lane in Priority::ALL {
                let count = all.iter().filter(|one| **one == lane).count();
                assert!(count >= least[lane.lane()], "{waiting:?} {lane}: {count}");
            }
            let first = all.iter().filter(|one| **one == all[0]).count();
            assert!(first >= 700, "{waiting:?}: {first}");
        }
    }

    #[test]
    fn several_at_once_pass_nobody_over_more_often() {
        let mut turns = Turns::default();
        assert_eq!(turns.next(|_| false), Some((Critical, Some(10))));
        assert_eq!(turns.next(|lane| lane != Critical), Some((Critical, None)));
        turns.started(Critical, 4);
        assert_eq!(turns.next(|_| false), Some((Critical, Some(6))));
        turns.started(Critical, 6);
        assert_eq!(turns.next(|_| false), Some((Low, Some(1))));
        turns.empty(Low);
        assert_eq!(turns.next(|_| false), Some((Normal, Some(1))));
    }
}
