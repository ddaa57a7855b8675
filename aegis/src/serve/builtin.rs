//! The methods that every service has: `health` and `metrics`, unless it has its own of that name.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::endpoint::Shared;
use super::own_calls::{answer_here, refuse_busy};
use super::reader::Takes;
use crate::port::Message;

/// What a program tells of itself.
pub(crate) trait Tells: Send + Sync {
    /// How one of its services is.
    fn health(&self, service: &str) -> Value;
    /// Its metrics, now.
    fn metrics(&self) -> Value;
}

/// One of the methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builtin {
    Health,
    Metrics,
}

impl Builtin {
    pub(super) const ALL: [Self; 2] = [Self::Health, Self::Metrics];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Metrics => "metrics",
        }
    }
}

/// Answers them for one service.
#[derive(Clone)]
pub(super) struct Answers {
    pub(super) tells: Arc<dyn Tells>,
    pub(super) shared: Arc<Shared>,
}

impl Answers {
    pub(super) async fn answer(&self, which: Builtin, message: Message) {
        let told = match which {
            Builtin::Health => self.tells.health(self.shared.home.service.as_str()),
            Builtin::Metrics => self.tells.metrics(),
        };
        answer_here(message, &self.shared, which.name(), Ok(told)).await;
    }
}

/// The calls of one of them that any instance may answer.
pub(super) struct Calls(pub(super) Builtin, pub(super) Answers);

impl Takes for Calls {
    fn limit(&self) -> usize {
        // It never waits.
        64
    }

    async fn take(&self, message: Message, _: Instant) {
        self.1.answer(self.0, message).await;
    }

    async fn refuse(&self, message: Message, _: Instant) {
        refuse_busy(message, &self.1.shared).await;
    }
}
