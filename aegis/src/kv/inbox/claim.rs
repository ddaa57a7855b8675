//! The right to run an effect: kept while it runs, and ended by what came of it.

use std::convert::Infallible;
use std::future::{Future, pending};

use tokio::time::sleep;

use super::Inbox;
use super::attempt::Attempt;
use crate::error::{Error, ErrorKind, Result};
use crate::kv::failed;
use crate::model::{Code, EffectEnded, EffectState, Failure};

/// The record is renewed so often within the patience of the others.
const RENEWALS: u32 = 4;
/// The last write is tried so often.
const TRIES: u32 = 3;

/// An effect that this attempt alone may run, as far as others have not lost their patience.
pub(super) struct Claim {
    attempt: Attempt,
    owner: String,
    revision: u64,
}

/// How the last write ended.
enum End {
    Written,
    /// Somebody else has the record now, or it is gone.
    Lost,
    Unknown(Error),
}

impl Claim {
    pub(super) fn new(attempt: Attempt, revision: u64) -> Self {
        Self {
            owner: attempt.owner(),
            attempt,
            revision,
        }
    }

    /// Waits for the effect, and shows others meanwhile that somebody is at it.
    pub(super) async fn kept_during<E: Future>(&mut self, effect: E) -> E::Output {
        tokio::select! {
            biased;
            ended = effect => ended,
            never = self.renew() => match never {},
        }
    }

    async fn renew(&mut self) -> Infallible {
        let pause = self.attempt.inbox.patience / RENEWALS;
        if pause.is_zero() {
            return pending().await;
        }
        loop {
            sleep(pause).await;
            let renewed = match self.write(EffectState::Began).await {
                Err(error) if error.kind() == ErrorKind::Conflict => self.again().await,
                Ok(revision) => Ok(Some(revision)),
                Err(error) => Err(error),
            };
            let (inbox, id) = (self.attempt.inbox.records.name(), &self.attempt.id);
            match renewed {
                Ok(Some(revision)) => self.revision = revision,
                // The effect goes on: to stop it in the middle would leave a part of it.
                Ok(None) => {
                    tracing::warn!(inbox, id, "a running effect was taken over by others");
                    return pending().await;
                }
                Err(error) => tracing::debug!(inbox, id, %error, "a record was not renewed"),
            }
        }
    }

    /// The revision of our record, if it is ours still.
    async fn again(&self) -> Result<Option<u64>> {
        let entry = self.attempt.inbox.read(&self.attempt.id).await?;
        let ours = entry.filter(|entry| entry.value.owner == self.owner);
        Ok(ours.map(|entry| entry.revision))
    }

    async fn write(&self, state: EffectState) -> Result<u64> {
        let (inbox, over) = (&self.attempt.inbox, Some(self.revision));
        let id = &self.attempt.id;
        inbox.write(id, &self.owner, state, over).await
    }

    async fn remove(&self) -> Result<u64> {
        let records = &self.attempt.inbox.records;
        let removed = records.delete(&self.attempt.id).revision(self.revision);
        removed.await.map(|()| 0)
    }

    /// The effect has happened.
    ///
    /// Errors: it could not be recorded, or somebody else has the record.
    pub(super) async fn done(mut self) -> Result<(), Failure> {
        match self.end(Some(EffectState::Done)).await {
            End::Written => Ok(()),
            End::Lost => Err(self.twice()),
            End::Unknown(error) => Err(self.unrecorded(&error)),
        }
    }

    /// The effect ended with an error, and may have happened all the same. If nobody can be asked,
    /// nothing is known that would be worth a record.
    pub(super) async fn failed(mut self, asks: bool) {
        let state = asks.then_some(EffectState::Failed);
        if let End::Unknown(error) = self.end(state).await {
            let (inbox, id) = (self.attempt.inbox.records.name(), &self.attempt.id);
            tracing::debug!(inbox, id, %error, "the record of a failed effect stays as it was");
        }
    }

    /// Writes how it ended, or removes the record.
    async fn end(&mut self, state: Option<EffectState>) -> End {
        let mut last = None;
        for _ in 0..TRIES {
            let written = match state {
                Some(state) => self.write(state).await,
                None => self.remove().await,
            };
            let Err(error) = written else {
                return End::Written;
            };
            match error.kind() {
                ErrorKind::Conflict => {}
                ErrorKind::Timeout | ErrorKind::Disconnected => {
                    last = Some(error);
                    continue;
                }
                _ => return End::Unknown(error),
            }
            let found = match self.attempt.inbox.read(&self.attempt.id).await {
                Ok(found) => found,
                Err(error) => return End::Unknown(error),
            };
            match EffectEnded::of(found.as_ref().map(|entry| &entry.value), &self.owner) {
                EffectEnded::Again => self.revision = found.map_or(0, |entry| entry.revision),
                EffectEnded::Written => return End::Written,
                EffectEnded::Lost => return End::Lost,
            }
            last = Some(error);
        }
        match last {
            Some(error) => End::Unknown(error),
            None => End::Lost,
        }
    }

    fn shown(&self) -> (String, &str) {
        let id = self.attempt.id.chars().take(80).collect();
        (id, self.attempt.inbox.records.name())
    }

    fn twice(&self) -> Failure {
        let (id, inbox) = self.shown();
        let text = format!(
            "the effect of {id:?} ran here, and its record was taken over meanwhile or is gone \
             (inbox {inbox}): it may have happened twice; compare with what it acts on, and raise \
             the `patience` of the inbox if its processes stand still for so long"
        );
        Failure::new(Inbox::TWICE, text).retryable()
    }

    fn unrecorded(&self, error: &Error) -> Failure {
        let (id, inbox) = self.shown();
        let failure = failed(error.clone());
        let text = format!(
            "the effect of {id:?} has happened, but that could not be recorded (inbox {inbox}): \
             let the event come again, `resolve` finds out: {}",
            failure.message()
        );
        Failure::framework(Code::OutcomeUnknown, text).retryable()
    }
}
