//! One effect before it runs.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::Shared;
use super::attempt::Attempt;
use crate::model::Failure;

/// Asks whether the effect has happened.
pub(super) type Resolve<'a> = Box<dyn FnOnce() -> BoxFuture<'a, Result<bool, Failure>> + Send + 'a>;

/// What became of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once<T> {
    /// It ran now: this came of it.
    Done(T),
    /// It had happened before; nothing ran.
    Before,
}

/// An effect that is to happen once, before it runs: see [`Inbox::once`](crate::Inbox::once).
#[must_use = "an effect runs by `.run(..).await`"]
pub struct Effect<'a> {
    inbox: Arc<Shared>,
    id: String,
    resolve: Option<Resolve<'a>>,
}

impl fmt::Debug for Effect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effect")
            .field("bucket", &self.inbox.records.name())
            .field("id", &self.id)
            .field("resolve", &self.resolve.is_some())
            .finish_non_exhaustive()
    }
}

impl<'a> Effect<'a> {
    pub(super) fn new(inbox: Arc<Shared>, id: &str) -> Self {
        Self {
            inbox,
            id: id.to_owned(),
            resolve: None,
        }
    }

    /// Says how to find out whether the effect has happened. It is asked once, and only if an
    /// earlier attempt began and it is not known how it ended.
    ///
    /// It must look where the effect takes place (ask the bank for the payment with this id), and
    /// not at a copy that may be old. An error of it is that of [`run`](Self::run), and nothing runs.
    pub fn resolve<F, Answer>(self, resolve: F) -> Self
    where
        F: FnOnce() -> Answer + Send + 'a,
        Answer: Future<Output = Result<bool, Failure>> + Send + 'a,
    {
        Self {
            resolve: Some(Box::new(move || resolve().boxed())),
            ..self
        }
    }

    /// Runs the effect, unless it has happened before.
    ///
    /// Dropping the future, and a panic in the effect, are as a crash: the next attempt finds out.
    ///
    /// Errors: that of the effect, which may run again, after `resolve` was asked if there is one;
    /// [`RUNNING`](crate::Inbox::RUNNING) if somebody else is at it; [`TWICE`](crate::Inbox::TWICE)
    /// if somebody took over while it ran; `OUTCOME_UNKNOWN` if it ran and that could not be
    /// recorded; and if the record could not be read or written before it ran, so that nothing did:
    /// `OVERLOADED` for a full inbox, else `INTERNAL` or `OUTCOME_UNKNOWN`.
    pub async fn run<T, F, Run>(self, effect: F) -> Result<Once<T>, Failure>
    where
        F: FnOnce() -> Run,
        Run: Future<Output = Result<T, Failure>>,
    {
        let asks = self.resolve.is_some();
        let attempt = Attempt::new(self.inbox, self.id)?;
        let Some(mut claim) = attempt.claim(self.resolve).await? else {
            return Ok(Once::Before);
        };
        match claim.kept_during(effect()).await {
            Ok(value) => claim.done().await.map(|()| Once::Done(value)),
            Err(failure) => {
                claim.failed(asks).await;
                Err(failure)
            }
        }
    }
}
