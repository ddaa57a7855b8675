//! The fences that a leader has raised, so that it need not ask for each write.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Buckets that are remembered; of another one the fence is read again.
const MOST: usize = 64;

/// The revisions of raised fences, by the names of their buckets; the latest first.
#[derive(Debug, Default)]
pub(crate) struct Fences(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    raised: VecDeque<Raised>,
    /// A doubt was forgotten: every fence that is not known is one.
    doubts_all: bool,
}

#[derive(Debug)]
struct Raised {
    bucket: String,
    revision: u64,
    /// A write under this revision may be on its way still, and would land behind later ones.
    doubted: bool,
}

impl Fences {
    fn with<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The revision of the fence in a bucket, if it is known and may be written under.
    pub(crate) fn get(&self, bucket: &str) -> Option<u64> {
        self.with(|known| {
            let found = known.find(bucket).filter(|raised| !raised.doubted);
            found.map(|raised| raised.revision)
        })
    }

    /// Whether a fence at this revision is to be raised once more, to keep out what may be on its
    /// way.
    pub(crate) fn doubts(&self, bucket: &str, revision: u64) -> bool {
        self.with(|known| match known.find(bucket) {
            Some(raised) => raised.doubted && raised.revision == revision,
            None => known.doubts_all,
        })
    }

    /// Remembers the revision of a fence that was raised. A doubt about it remains.
    pub(crate) fn learn(&self, bucket: &str, revision: u64) {
        self.with(|known| {
            let before = known.find(bucket);
            let doubted =
                before.is_some_and(|raised| raised.doubted && raised.revision == revision);
            known.raised.retain(|raised| raised.bucket != bucket);
            known.raised.push_front(Raised {
                bucket: bucket.to_owned(),
                revision,
                doubted,
            });
            let forgotten = (known.raised.len() > MOST).then(|| known.raised.pop_back());
            known.doubts_all |= forgotten.flatten().is_some_and(|raised| raised.doubted);
        });
    }

    /// Forgets a revision that turned out to be wrong; another one stays.
    pub(crate) fn forget(&self, bucket: &str, wrong: u64) {
        self.with(|known| {
            known
                .raised
                .retain(|raised| (&*raised.bucket, raised.revision) != (bucket, wrong));
        });
    }

    /// A write under that revision begins. Unless it is told how it ended, it may never have.
    pub(crate) fn under_way<'a>(&'a self, bucket: &'a str, revision: u64) -> UnderWay<'a> {
        UnderWay {
            fences: self,
            bucket,
            revision,
            ended: false,
        }
    }
}

impl Known {
    fn find(&self, bucket: &str) -> Option<&Raised> {
        self.raised.iter().find(|raised| raised.bucket == bucket)
    }
}

/// A write whose outcome is not known yet. Dropping it leaves a doubt.
#[derive(Debug)]
pub(crate) struct UnderWay<'a> {
    fences: &'a Fences,
    bucket: &'a str,
    revision: u64,
    ended: bool,
}

impl UnderWay<'_> {
    /// It has landed, or never will.
    pub(crate) fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.fences.with(|known| {
            let mut all = known.raised.iter_mut();
            // Under a fence that was raised since it is refused.
            let found =
                all.find(|one| (&*one.bucket, one.revision) == (self.bucket, self.revision));
            if let Some(raised) = found {
                raised.doubted = true;
            }
        });
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
        assert_eq!(fences.with(|known| known.raised.len()), MOST);
        fences.learn("b1", 70);
        assert_eq!(fences.with(|known| known.raised.len()), MOST);
        fences.forget("b1", 2);
        assert_eq!(fences.get("b1"), Some(70), "what was learnt since stays");
        fences.forget("b1", 70);
        assert_eq!(fences.get("b1"), None);
    }

    #[test]
    fn what_may_be_on_its_way_makes_a_fence_doubted_until_it_is_raised_again() {
        let fences = Fences::default();
        fences.learn("b", 1);
        fences.under_way("b", 1).ended();
        assert_eq!((fences.get("b"), fences.doubts("b", 1)), (Some(1), false));
        drop(fences.under_way("b", 1));
        assert_eq!((fences.get("b"), fences.doubts("b", 1)), (None, true));
        assert!(!fences.doubts("b", 2), "it was raised by another task");
        fences.learn("b", 1);
        assert!(fences.doubts("b", 1), "who read it before knows no better");
        fences.learn("b", 2);
        drop(fences.under_way("b", 1));
        assert_eq!((fences.get("b"), fences.doubts("b", 2)), (Some(2), false));
    }

    #[test]
    fn a_doubt_that_is_forgotten_is_one_about_all() {
        let fences = Fences::default();
        fences.learn("b", 1);
        drop(fences.under_way("b", 1));
        assert!(!fences.doubts("other", 9));
        for n in 0..MOST {
            fences.learn(&format!("b{n}"), 1);
        }
        assert!(fences.doubts("b", 1) && fences.doubts("other", 9));
        assert!(!fences.doubts("b1", 1));
    }
}
