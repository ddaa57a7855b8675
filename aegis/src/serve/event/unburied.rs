//! What a handler gives up, as long as it cannot be noted among the dead letters.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use crate::model::Failure;

/// So many are remembered; beyond, an event that is given up runs once more before it is noted.
const MOST: usize = 1000;

/// By the making of the stream and the sequence in it: why each was given up. It is not run again
/// only because it could not be noted.
#[derive(Debug, Default)]
pub(super) struct Unburied(Mutex<HashMap<(OffsetDateTime, u64), Failure>>);

impl Unburied {
    fn lock(&self) -> MutexGuard<'_, HashMap<(OffsetDateTime, u64), Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, stream: OffsetDateTime, sequence: u64, failure: Failure) {
        let mut all = self.lock();
        all.retain(|(made, _), _| *made == stream);
        if all.len() < MOST {
            all.insert((stream, sequence), failure.terminal());
        }
    }

    pub(super) fn get(&self, stream: OffsetDateTime, sequence: u64) -> Option<Failure> {
        self.lock().get(&(stream, sequence)).cloned()
    }

    pub(super) fn remove(&self, stream: OffsetDateTime, sequence: u64) {
        self.lock().remove(&(stream, sequence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_one_stream_is_remembered() {
        let (old, new) = (OffsetDateTime::UNIX_EPOCH, OffsetDateTime::now_utc());
        let unburied = Unburied::default();
        unburied.insert(old, 1, Failure::new("NO", "no"));
        assert!(
            unburied
                .get(old, 1)
                .is_some_and(|failure| failure.is_terminal())
        );
        assert!(unburied.get(new, 1).is_none());
        for sequence in 0..2000 {
            unburied.insert(new, sequence, Failure::new("NO", "no"));
        }
        assert_eq!(unburied.lock().len(), MOST);
        assert!(unburied.get(old, 1).is_none());
        unburied.remove(new, 7);
        assert!(unburied.get(new, 7).is_none());
    }
}
