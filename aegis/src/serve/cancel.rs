//! Calls whose callers may give up: one subscription for all of them, one entry per call that runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The calls that run now, by the subject on which their callers give up.
///
/// Bounded by the calls that may run and wait.
#[derive(Debug, Default)]
pub(super) struct Cancels(Mutex<HashMap<String, CancellationToken>>);

impl Cancels {
    fn calls(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches for a cancellation while the guard lives.
    pub(super) fn watch(self: &Arc<Self>, subject: String, token: &CancellationToken) -> Watched {
        self.calls().insert(subject.clone(), token.clone());
        Watched {
            cancels: self.clone(),
            subject,
        }
    }

    /// The caller behind a subject gave up.
    pub(super) fn cancel(&self, subject: &str) {
        let token = self.calls().remove(subject);
        if let Some(token) = token {
            token.cancel();
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
        self.cancels.calls().remove(&self.subject);
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
        assert!(cancels.calls().is_empty());
    }
}
