//! The fences that a leader has raised, so that it need not ask for each write.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Buckets that are remembered; of another one the fence is read again.
const MOST: usize = 64;

/// The revisions of raised fences, by the names of their buckets; the latest first.
#[derive(Debug, Default)]
pub(crate) struct Fences(Mutex<VecDeque<(String, u64)>>);

impl Fences {
    fn with<T>(&self, work: impl FnOnce(&mut VecDeque<(String, u64)>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The revision of the fence in a bucket, if it is known.
    pub(crate) fn get(&self, bucket: &str) -> Option<u64> {
        self.with(|known| {
            let found = known.iter().find(|(name, _)| name == bucket);
            found.map(|(_, revision)| *revision)
        })
    }

    /// Remembers the revision of a fence that was raised.
    pub(crate) fn learn(&self, bucket: &str, revision: u64) {
        self.with(|known| {
            known.retain(|(name, _)| name != bucket);
            known.push_front((bucket.to_owned(), revision));
            known.truncate(MOST);
        });
    }

    /// Forgets a revision that turned out to be wrong; another one stays.
    pub(crate) fn forget(&self, bucket: &str, wrong: u64) {
        self.with(|known| known.retain(|(name, revision)| (&**name, *revision) != (bucket, wrong)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_bounded_and_corrected() {
        let fences = Fences::default();
        for n in 0..=MOST as u64 {
            fences.learn(&format!("b{n}"), n + 1);
        }
        assert_eq!((fences.get("b0"), fences.get("b1")), (None, Some(2)));
        assert_eq!(fences.with(|known| known.len()), MOST);
        fences.learn("b1", 70);
        assert_eq!(fences.with(|known| known.len()), MOST);
        fences.forget("b1", 2);
        assert_eq!(fences.get("b1"), Some(70), "what was learnt since stays");
        fences.forget("b1", 70);
        assert_eq!(fences.get("b1"), None);
    }
}
