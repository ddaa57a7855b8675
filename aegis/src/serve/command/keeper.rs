//! The record of a job that is worked on, written by whoever works on it and by nobody else.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::client::{JobStore, Revised};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{JobId, JobRecord, RetryPolicy};
use crate::observe;

/// How long one question or one write may take.
pub(super) const ASK: Duration = Duration::from_secs(2);

/// Between two of them, if the first failed: 25 ms, doubled up to a second.
pub(super) fn waits() -> RetryPolicy {
    RetryPolicy::default()
        .max_attempts(u32::MAX)
        .initial_delay(Duration::from_millis(25))
        .max_delay(Duration::from_secs(1))
}

/// Keeps the record of one attempt.
#[derive(Debug)]
pub(super) struct Keeper {
    jobs: JobStore,
    pub(super) id: JobId,
    /// Of this attempt.
    nonce: String,
    held: Mutex<Held>,
    /// The steps that are taken now, or were.
    steps: std::sync::Mutex<HashSet<String>>,
    /// The job is to end before its time.
    pub(super) cancel: CancellationToken,
    /// Somebody else has taken the job over.
    pub(super) lost: CancellationToken,
    /// This attempt has ended, however it did.
    ended: CancellationToken,
}

#[derive(Debug)]
struct Held {
    record: JobRecord,
    /// None if there is no record any more.
    revision: Option<u64>,
    /// It is over: nothing more is written.
    over: bool,
}

/// A step that is taken now. One that fails can be taken again.
pub(super) struct InHand<'a> {
    steps: &'a std::sync::Mutex<HashSet<String>>,
    step: Option<String>,
}

impl InHand<'_> {
    /// This attempt has what came of it.
    pub(super) fn keep(mut self) {
        self.step = None;
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        if let Some(step) = &self.step {
            let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
            steps.remove(step);
        }
    }
}

/// What a refused write means.
enum Refused {
    /// Something else is there, of this attempt: it is written over.
    Again,
    /// The end of this attempt is there.
    Ended,
}

impl Keeper {
    pub(super) fn new(jobs: JobStore, id: JobId, nonce: String, begun: Revised) -> Self {
        Self {
            jobs,
            id,
            nonce,
            cancel: CancellationToken::new(),
            lost: CancellationToken::new(),
            steps: std::sync::Mutex::default(),
            ended: CancellationToken::new(),
            held: Mutex::new(Held {
                record: begun.record,
                revision: Some(begun.revision),
                over: false,
            }),
        }
    }

    /// Takes a step in hand; none if this attempt takes it already, or has taken it.
    pub(super) fn take(&self, step: &str) -> Option<InHand<'_>> {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.insert(step.to_owned()).then(|| InHand {
            steps: &self.steps,
            step: Some(step.to_owned()),
        })
    }

    /// Becomes ready when this attempt has ended.
    pub(super) async fn over(&self) {
        self.ended.cancelled().await;
    }

    /// What this attempt knows of the record.
    pub(super) async fn read<T>(&self, read: impl FnOnce(&JobRecord) -> T) -> T {
        read(&self.held.lock().await.record)
    }

    /// Writes a change, until the deadline.
    ///
    /// Errors: `NotActive` if the attempt has ended, or somebody else has taken the job over: nothing
    /// was written.
    pub(super) async fn change(
        &self,
        deadline: Instant,
        change: impl Fn(&mut JobRecord),
    ) -> Result<()> {
        self.write(deadline, false, change).await.map(drop)
    }

    /// Looks whether the job is to end, or somebody else has it.
    pub(super) async fn look(&self) {
        let mut held = self.held.lock().await;
        if held.over || self.lost.is_cancelled() {
            return;
        }
        // What is there is believed when something is written: this one may come too late.
        match self.jobs.read(&self.id, Instant::now() + ASK).await {
            Ok(Some(found)) if !found.record.is_held_by(&self.nonce) => self.lost.cancel(),
            Ok(Some(found)) if found.record.cancel => {
                self.cancel.cancel();
                held.record.cancel = true;
                held.revision = Some(found.revision);
            }
            _ => {}
        }
    }

    /// Nobody works on it here any more.
    pub(super) fn leave(&self) {
        self.ended.cancel();
    }

    /// Writes how the attempt ended, and says so.
    pub(super) async fn end(
        &self,
        deadline: Instant,
        change: impl Fn(&mut JobRecord),
    ) -> Result<Revised> {
        let written = self.write(deadline, true, change).await;
        self.ended.cancel();
        let written = written?;
        self.jobs.tell(&written.record).await;
        Ok(written)
    }

    async fn write(
        &self,
        deadline: Instant,
        last: bool,
        change: impl Fn(&mut JobRecord),
    ) -> Result<Revised> {
        let mut held = self.held.lock().await;
        if self.lost.is_cancelled() {
            return Err(self.taken_over());
        }
        if held.over {
            let text = format!("this attempt at the job {} has ended", self.id);
            return Err(Error::new(ErrorKind::NotActive, text));
        }
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut next = held.record.clone();
            next.updated_at = OffsetDateTime::now_utc();
            change(&mut next);
            let until = deadline.min(Instant::now() + ASK);
            let error = match self.jobs.write(&next, held.revision, until).await {
                Ok(revision) => {
                    held.record = next;
                    held.revision = Some(revision);
                    held.over = last;
                    return Ok(held.revised());
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    match self.refused(&mut held, until).await {
                        Ok(Refused::Again) => continue,
                        Ok(Refused::Ended) => return Ok(held.revised()),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            let wait = waits().delay(attempt, observe::chance()).unwrap_or(ASK);
            // What has come to its end is written down as soon as there is room.
            let passing = error.is_passing() || (last && error.kind() == ErrorKind::Overloaded);
            if !passing || Instant::now() + wait >= deadline {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn taken_over(&self) -> Error {
        let text = format!("another worker has taken the job {} over", self.id);
        Error::new(ErrorKind::NotActive, text)
    }

    /// Looks at what is there instead.
    async fn refused(&self, held: &mut Held, until: Instant) -> Result<Refused> {
        let Some(Revised { record, revision }) = self.jobs.read(&self.id, until).await? else {
            held.revision = None;
            return Ok(Refused::Again);
        };
        if !record.is_held_by(&self.nonce) {
            self.lost.cancel();
            return Err(self.taken_over());
        }
        if record.cancel {
            self.cancel.cancel();
        }
        let ended = record.state.is_final();
        held.record = record;
        held.revision = Some(revision);
        held.over = ended;
        Ok(if ended {
            Refused::Ended
        } else {
            Refused::Again
        })
    }
}

impl Held {
    fn revised(&self) -> Revised {
        Revised {
            record: self.record.clone(),
            revision: self.revision.unwrap_or_default(),
        }
    }
}
