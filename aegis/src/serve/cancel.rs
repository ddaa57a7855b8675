//! Calls whose callers may give up: one subscription for all of them, one entry per call that runs.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Cancellations kept that belong to no call that is known. Most are of other instances' calls;
/// some have overtaken their own.
const MOST_EARLY: usize = 1024;

/// The calls that run now, by the subject on which their callers give up.
///
/// Bounded by the calls that may run and wait.
#[derive(Debug, Default)]
pub(super) struct Cancels(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    calls: HashMap<String, CancellationToken>,
    early: HashSet<String>,
    /// The same, the latest last.
    order: VecDeque<String>,
}

impl Cancels {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches for a cancellation while the guard lives; also for one that has come already.
    pub(super) fn watch(self: &Arc<Self>, subject: String, token: &CancellationToken) -> Watched {
        let came = {
            let mut known = self.known();
            known.calls.insert(subject.clone(), token.clone());
            !known.early.is_empty() && known.early.contains(&subject)
        };
        if came {
            token.cancel();
        }
        Watched {
            cancels: self.clone(),
            subject,
        }
    }

    /// The caller behind a subject gave up.
    pub(super) fn cancel(&self, subject: &str) {
        let token = {
            let mut known = self.known();
            let token = known.calls.remove(subject);
            if token.is_none() {
                known.keep(subject);
            }
            token
        };
        if let Some(token) = token {
            token.cancel();
        }
    }
}

impl Known {
    fn keep(&mut self, subject: &str) {
        if !self.early.insert(subject.to_owned()) {
            return;
        }
        self.order.push_back(subject.to_owned());
        if self.order.len() > MOST_EARLY
            && let Some(oldest) = self.order.pop_front()
        {
            self.early.remove(&oldest);
        }
    }
}

/// Ends the watching when the call ends.
#[derive(Debug)]
pub(super) struct Watched {
    cancels: Arc<Cancels>,
    subject: String,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.cancels.known().calls.remove(&self.subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_call_meant_is_cancelled_and_nothing_stays() {
        let cancels = Arc::new(Cancels::default());
        let (first, second) = (CancellationToken::new(), CancellationToken::new());
        let watched = (
            cancels.watch("cancel.a.1".into(), &first),
            cancels.watch("cancel.a.2".into(), &second),
        );
        cancels.cancel("cancel.a.1");
        cancels.cancel("cancel.a.unknown");
        assert!(first.is_cancelled() && !second.is_cancelled());
        drop(watched);
        assert!(cancels.known().calls.is_empty());
    }

    #[test]
    fn a_cancellation_may_come_before_its_call_is_watched() {
        let cancels = Arc::new(Cancels::default());
        for number in 0..=MOST_EARLY {
            cancels.cancel(&format!("cancel.a.{number}"));
        }
        // It is said once, however often it comes.
        cancels.cancel("cancel.a.7");
        let cancelled = |subject: &str| {
            let token = CancellationToken::new();
            let _watched = cancels.watch(subject.to_owned(), &token);
            token.is_cancelled()
        };
        assert!(cancelled("cancel.a.7") && cancelled(&format!("cancel.a.{MOST_EARLY}")));
        assert!(!cancelled("cancel.a.0") && !cancelled("cancel.a.other"));
        let known = cancels.known();
        assert_eq!(
            (known.early.len(), known.order.len()),
            (MOST_EARLY, MOST_EARLY)
        );
    }
}
