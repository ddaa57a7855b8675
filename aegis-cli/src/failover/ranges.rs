//! A set of numbers that are nearly all there, as the ranges that they form.

use serde::{Deserialize, Serialize};

/// Numbers, each at most once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Adds a number; tells whether it is new.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        // The first range that begins behind the number.
        let at = self.0.partition_point(|(from, _)| *from <= number);
        let before = at.checked_sub(1);
        let end = before
            .and_then(|before| self.0.get(before))
            .map(|(_, to)| *to);
        if end.is_some_and(|to| number <= to) {
            return false;
        }
        let touches = end.is_some_and(|to| number == to + 1);
        let next = self.0.get(at).copied();
        let meets = next.is_some_and(|(from, _)| from == number.saturating_add(1));
        let to = next.filter(|_| meets).map_or(number, |(_, to)| to);
        match before.and_then(|before| self.0.get_mut(before)) {
            Some(range) if touches => {
                range.1 = to;
                if meets {
                    self.0.remove(at);
                }
            }
            _ if meets => self.0[at].0 = number,
            _ => self.0.insert(at, (number, number)),
        }
        true
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from + 1).sum()
    }

    /// Whether a number is there.
    fn contains(&self, number: u64) -> bool {
        let at = self.0.partition_point(|(from, _)| *from <= number);
        let range = at.checked_sub(1).and_then(|before| self.0.get(before));
        range.is_some_and(|(_, to)| number <= *to)
    }

    /// How many numbers there are that the other one has not.
    pub(super) fn missing_in(&self, other: &Self) -> u64 {
        let numbers = self.0.iter().flat_map(|(from, to)| *from..=*to);
        let missing = numbers.filter(|number| !other.contains(*number));
        u64::try_from(missing.count()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[u64]) -> (Ranges, Vec<bool>) {
        let mut ranges = Ranges::default();
        let new = numbers.iter().map(|number| ranges.insert(*number));
        let new = new.collect();
        (ranges, new)
    }

    #[test]
    fn numbers_become_ranges_in_any_order() {
        for (numbers, expected) in [
            (&[][..], &[][..]),
            (&[0, 1, 2], &[(0, 2)]),
            (&[2, 1, 0], &[(0, 2)]),
            (&[0, 2, 1], &[(0, 2)]),
            (&[5, 1, 3], &[(1, 1), (3, 3), (5, 5)]),
            (&[5, 1, 3, 4], &[(1, 1), (3, 5)]),
            (&[1, 3, 5, 2], &[(1, 3), (5, 5)]),
        ] {
            let (ranges, new) = of(numbers);
            assert_eq!(ranges.0, expected, "{numbers:?}");
            assert!(new.iter().all(|new| *new), "{numbers:?}");
            assert_eq!(ranges.len(), u64::try_from(numbers.len()).unwrap());
        }
    }

    #[test]
    fn a_number_is_new_once() {
        assert_eq!(of(&[1, 1]).1, [true, false]);
        assert_eq!(of(&[1, 2, 3, 2]).1, [true, true, true, false]);
        assert_eq!(of(&[1, 2, 3, 1, 3]).1, [true, true, true, false, false]);
    }

    #[test]
    fn what_one_has_and_the_other_has_not() {
        let (all, some) = (of(&[1, 2, 3, 7, 9]).0, of(&[1, 3, 7]).0);
        assert_eq!((all.missing_in(&some), some.missing_in(&all)), (2, 0));
    }
}
