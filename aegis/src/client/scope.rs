//! What a call made inside a handler inherits from the call being handled.

use tokio::time::Instant;

use crate::model::TraceContext;

/// The remaining time and the trace of the call being handled.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scope {
    pub(crate) deadline: Option<Instant>,
    pub(crate) trace: Option<TraceContext>,
}

tokio::task_local! {
    static CURRENT: Scope;
}

impl Scope {
    /// The scope of the handler that runs in this task, if one does.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(|scope| *scope).ok()
    }

    /// Whether there is nothing to inherit.
    pub(crate) fn is_empty(&self) -> bool {
        self.deadline.is_none() && self.trace.is_none()
    }

    /// Runs one step of a handler inside this scope.
    pub(crate) fn enter<T>(self, step: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, step)
    }
}
