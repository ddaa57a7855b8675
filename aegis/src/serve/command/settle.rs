//! How an attempt ends: in the record of its job first, then in the queue.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::super::letter::{From, letter, note};
use super::begin::Begun;
use super::figures::Ended;
use super::progress::Progress;
use super::run::End;
use super::worker::{CommandWorker, Held};
use crate::client::Revised;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Code, Failure, JobRecord, JobState, ProgressRecord, Settling, StreamMessage, handler_place,
    told,
};
use crate::observe;

/// How long an end may take to be written. Whoever gives up leaves the job to whoever gets it next.
const WITHIN: Duration = Duration::from_secs(60);
/// How long it may take to note the number of a dead letter.
const NOTED: Duration = Duration::from_secs(5);
/// What could not be noted as a dead letter is tried again after so long.
const UNBURIED: Duration = Duration::from_secs(5);
/// Nothing is tried again later than that.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// So much of a failure's text is kept if all of it has no room, in characters.
const SHORT: usize = 1024;

/// What goes with every end.
struct Close {
    at: OffsetDateTime,
    progress: Option<ProgressRecord>,
}

impl Close {
    fn end(&self, record: &mut JobRecord, state: JobState) {
        record.end(state, self.at);
        self.leave(record);
    }

    fn leave(&self, record: &mut JobRecord) {
        if self.progress.is_some() {
            record.progress.clone_from(&self.progress);
        }
    }
}

impl CommandWorker {
    /// Writes how an attempt ended, and says it to the queue.
    pub(super) async fn settle(
        &self,
        held: &Held,
        begun: &Begun,
        progress: &Progress,
        end: End,
        since: Instant,
    ) {
        let close = Close {
            at: OffsetDateTime::now_utc(),
            progress: progress.newest(),
        };
        let settled = match end {
            End::Lost => {
                tracing::warn!(
                    service = self.handler.service, command = self.row.name, job = %held.id,
                    attempt = begun.attempt,
                    "a job was taken over, as this worker was not heard of: its attempt here counts \
                     for nothing"
                );
                Ok(Ended::Returned)
            }
            End::Cancelled(result) => self.cancelled_here(held, begun, &close, result).await,
            End::Stopped => self.give_back(held, begun).await,
            End::Ended(Ok(Ok(result))) => self.succeed(held, begun, &close, result).await,
            End::Ended(Ok(Err(failure))) => self.fail(held, begun, &close, failure).await,
            End::Ended(Err(panic)) => {
                tracing::error!(handler = self.row.handler(), source = %self.row.source, job = %held.id, panic, "a handler panicked");
                let failure = Failure::internal(format!("the handler panicked: {panic}"));
                self.fail(held, begun, &close, failure).await
            }
        };
        match settled {
            Ok(ended) => self.figures.count(ended, since.elapsed()),
            Err(error) => {
                self.figures.count(Ended::Returned, since.elapsed());
                tracing::warn!(
                    handler = self.row.handler(), job = %held.id, %error,
                    "how an attempt ended could not be written: whoever gets the job next begins it anew"
                );
            }
        }
    }

    async fn succeed(
        &self,
        held: &Held,
        begun: &Begun,
        close: &Close,
        result: Value,
    ) -> Result<Ended> {
        let written = begun.keeper.end(Instant::now() + WITHIN, |record| {
            close.end(record, JobState::Succeeded);
            record.result.clone_from(&result);
            record.error = None;
        });
        match written.await {
            Ok(_) => {
                self.tell(held, Settling::Ack).await;
                Ok(Ended::Succeeded)
            }
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                let text = format!(
                    "the result is too large for the record of its job ({error}): store what is \
                     large, in a bucket or an object store, and return where it is"
                );
                let failure = Failure::framework(Code::TooLarge, text).terminal();
                self.give_up(held, begun, close, failure).await
            }
            Err(error) => lost(error),
        }
    }

    async fn fail(
        &self,
        held: &Held,
        begun: &Begun,
        close: &Close,
        failure: Failure,
    ) -> Result<Ended> {
        let failures = begun.keeper.read(|record| record.failures).await;
        let failures = failures.saturating_add(1);
        let next = self.policy.delay(failures, observe::chance());
        let Some(after) = next.filter(|_| !failure.is_terminal()) else {
            return self.give_up(held, begun, close, failure).await;
        };
        let after = failure.wait().unwrap_or(after).min(LONGEST);
        if let Some(unsaid) = self.complaints.again() {
            tracing::warn!(
                handler = self.row.handler(), job = %held.id, failures, ?after, failure = failure.logged(), unsaid,
                "a command failed and is tried again"
            );
        }
        let run_at = after
            .try_into()
            .ok()
            .and_then(|after| close.at.checked_add(after));
        let written = self.end_failed(begun, &failure, |record| {
            record.failures = failures;
            if record.cancel {
                return close.end(record, JobState::Cancelled);
            }
            close.leave(record);
            record.state = JobState::Retrying;
            record.run_at = run_at;
        });
        match written.await {
            Ok(written) => Ok(self.again(held, &written, after, Ended::Retrying).await),
            Err(error) => lost(error),
        }
    }

    /// It has failed for good.
    async fn give_up(
        &self,
        held: &Held,
        begun: &Begun,
        close: &Close,
        failure: Failure,
    ) -> Result<Ended> {
        let written = self.end_failed(begun, &failure, |record| {
            close.end(record, JobState::Failed);
            record.failures = record.failures.saturating_add(1);
            record.dead_letter = None;
        });
        match written.await {
            Ok(written) => {
                self.bury(held, written).await;
                Ok(Ended::Failed)
            }
            Err(error) => lost(error),
        }
    }

    /// Writes why an attempt failed, as far as there is room for it.
    async fn end_failed(
        &self,
        begun: &Begun,
        failure: &Failure,
        change: impl Fn(&mut JobRecord),
    ) -> Result<Revised> {
        let deadline = Instant::now() + WITHIN;
        let written = begun.keeper.end(deadline, |record| {
            change(record);
            record.error = Some(failure.clone());
        });
        match written.await {
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                let text: String = failure.message().chars().take(SHORT).collect();
                let short = Failure::received(failure.code().to_owned(), text);
                let written = begun.keeper.end(deadline, |record| {
                    change(record);
                    record.error = Some(short.clone());
                });
                written.await
            }
            written => written,
        }
    }

    async fn cancelled_here(
        &self,
        held: &Held,
        begun: &Begun,
        close: &Close,
        result: Value,
    ) -> Result<Ended> {
        let deadline = Instant::now() + WITHIN;
        let written = begun.keeper.end(deadline, |record| {
            close.end(record, JobState::Cancelled);
            record.result.clone_from(&result);
        });
        match written.await {
            Ok(_) => {
                self.tell(held, Settling::Ack).await;
                Ok(Ended::Cancelled)
            }
            Err(error) if error.kind() == ErrorKind::TooLarge && !result.is_null() => {
                let nothing = Value::Null;
                Box::pin(self.cancelled_here(held, begun, close, nothing)).await
            }
            Err(error) => lost(error),
        }
    }

    /// Says that it is to be delivered again, unless it was cancelled meanwhile.
    async fn again(&self, held: &Held, written: &Revised, after: Duration, ended: Ended) -> Ended {
        if written.record.state == JobState::Cancelled {
            self.tell(held, Settling::Ack).await;
            return Ended::Cancelled;
        }
        self.tell(held, Settling::Retry { after }).await;
        ended
    }

    /// It was not worked on to its end, by no fault of its own: that is no attempt.
    async fn give_back(&self, held: &Held, begun: &Begun) -> Result<Ended> {
        let deadline = Instant::now() + WITHIN;
        // Not one less than what is found: that may have been written here, and not been heard of.
        let before = begun.attempt.saturating_sub(1);
        let written = begun.keeper.end(deadline, |record| {
            record.attempt = before;
            record.state = JobState::Queued;
            if record.cancel {
                record.end(JobState::Cancelled, OffsetDateTime::now_utc());
            }
        });
        match written.await {
            Ok(written) => {
                let at_once = Duration::ZERO;
                Ok(self.again(held, &written, at_once, Ended::Returned).await)
            }
            Err(error) => lost(error),
        }
    }

    /// A message has the id of a job of another command: it is noted as a dead letter, and not run.
    pub(super) async fn refuse(&self, held: &Held, other: &JobRecord) {
        let text = format!(
            "its id {} is that of a job of {}.{}: give each command an id of its own",
            held.id, other.service, other.command
        );
        let failure = Failure::framework(Code::InvalidParams, text).terminal();
        let noted = note(&self.shared.home.client, self.letter(held, &failure, 0)).await;
        tracing::error!(handler = self.row.handler(), %failure, "a command is not taken");
        let how = match noted {
            Ok(_) => {
                self.figures.tally.buried();
                Settling::Terminate
            }
            Err(_) => Settling::Retry { after: UNBURIED },
        };
        self.tell(held, how).await;
    }

    fn letter(&self, held: &Held, failure: &Failure, attempts: u32) -> StreamMessage {
        let home = &self.shared.home;
        let layout = home.client.layout();
        let (stream, place) = (
            layout.stream("COMMANDS"),
            handler_place(home.service.as_str(), self.row.name),
        );
        let from = From {
            stream: &stream,
            handler: &place,
            consumer: &place,
            instance: home.instance.as_str(),
        };
        let mut delivery = held.delivery.clone();
        delivery.attempt = attempts.into();
        letter(layout, &delivery, held.id.as_str(), from, failure)
    }

    /// Writes the dead letter of a job that has failed, notes its number, and only then removes the
    /// message.
    pub(super) async fn bury(&self, held: &Held, failed: Revised) {
        let Revised {
            mut record,
            revision,
        } = failed;
        let failure = record.error.clone();
        let failure = failure.unwrap_or_else(|| Failure::internal("it failed without a reason"));
        let mut letter = self.letter(held, &failure, record.attempt);
        // A job that was brought back, and fails again, has another one.
        let id = letter.id.unwrap_or_default();
        letter.id = Some(format!("{id}.{}", record.again));
        if !record.steps.is_empty() {
            letter.headers.own_text(told::STEPS, &record.steps_so_far());
        }
        let noted = match note(&self.shared.home.client, letter).await {
            Ok(stored) => {
                record.dead_letter = Some(stored.sequence);
                let deadline = Instant::now() + NOTED;
                self.jobs.write(&record, Some(revision), deadline).await
            }
            Err(error) => Err(error),
        };
        match noted {
            Ok(_) => {
                tracing::error!(
                    handler = self.row.handler(), job = %held.id, attempts = record.attempt, failure = failure.logged(),
                    "a command has failed: `aegis command show` tells about it, `aegis command retry` \
                     brings it back"
                );
                self.figures.tally.buried();
                self.tell(held, Settling::Terminate).await;
            }
            // Somebody else has noted it, or brought the job back.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.tell(held, Settling::Retry { after: UNBURIED }).await;
            }
            Err(error) => {
                if let Some(unsaid) = self.complaints.again() {
                    tracing::error!(
                        handler = self.row.handler(), job = %held.id, failure = failure.logged(), %error, unsaid,
                        "a command has failed, and cannot be noted among the dead letters: that is \
                         tried again"
                    );
                }
                self.tell(held, Settling::Retry { after: UNBURIED }).await;
            }
        }
    }
}

/// Somebody else has the job: its delivery is theirs as well.
fn lost(error: Error) -> Result<Ended> {
    if error.kind() == ErrorKind::NotActive {
        return Ok(Ended::Returned);
    }
    Err(error)
}
