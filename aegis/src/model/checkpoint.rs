//! State that remembers the last message that changed it.

use serde::{Deserialize, Serialize};

/// A value together with the position in a stream up to which it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recorded<T> {
    /// The sequence of the last message that was applied.
    pub position: u64,
    /// What became of all up to it.
    pub value: T,
}

impl<T> Recorded<T> {
    pub(crate) fn new(position: u64, value: T) -> Self {
        Self { position, value }
    }

    /// Whether a message was applied. Messages come in order, so all before the last one were.
    pub(crate) fn contains(&self, sequence: u64) -> bool {
        sequence <= self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_behind_the_position_was_applied() {
        let recorded = Recorded::new(7, ());
        let rows = [(0, true), (6, true), (7, true), (8, false), (90, false)];
        for (sequence, expected) in rows {
            assert_eq!(recorded.contains(sequence), expected, "{sequence}");
        }
    }
}
