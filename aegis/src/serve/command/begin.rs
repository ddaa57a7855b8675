//! What becomes of a delivery before the handler's code runs: it is begun, or it is none of that.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::keeper::{ASK, Keeper, waits};
use super::worker::{CommandWorker, Held};
use crate::client::{JobStore, Revised};
use crate::error::{ErrorKind, Result};
use crate::model::{
    Failure, JobClaim, JobId, JobRecord, JobState, OtherMessage, Priority, Settling, StoredMessage,
    TakenCommand, WorkerRecord, claim, delay_of, header,
};
use crate::observe;
use crate::port::Delivery;

/// How long it may take to find out; after that it is tried again later.
const WITHIN: Duration = Duration::from_secs(10);
/// What could not be begun is tried again after so long.
const LATER: Duration = Duration::from_secs(2);
/// The same of a job whose record cannot be read.
const MUCH_LATER: Duration = Duration::from_secs(30);

/// An attempt that has begun.
pub(super) struct Begun {
    pub(super) keeper: Arc<Keeper>,
    pub(super) attempt: u32,
    /// It may end the process: as long as it is at work, others like it wait.
    _alone: Option<OwnedMutexGuard<()>>,
}

/// What was found about a delivery.
enum Decided {
    /// It is to be looked at again: somebody else has written.
    Again,
    /// The message that its job stands under was looked for.
    Other(OtherMessage),
    /// It is to be begun when no other is at work that may end the process.
    Alone,
    /// It has begun, with this record.
    Begun(Box<Revised>),
    /// There is nothing more to do.
    Settled,
}

impl CommandWorker {
    /// Whose job a message is.
    pub(super) fn job_of(&self, delivery: &Delivery) -> JobId {
        let names = (self.handler.service, self.row.name);
        let place = (delivery.sequence, delivery.stored);
        JobId::of_message(&delivery.message.headers, names, place)
    }

    /// Begins a job, if it is to be; else settles its delivery.
    pub(super) async fn begin(&self, held: &Held) -> Option<Begun> {
        let nonce = format!("{:016x}", observe::random());
        let deadline = Instant::now() + WITHIN;
        match self.decided(held, &nonce, deadline).await {
            Ok(Some((begun, alone))) => {
                let attempt = begun.record.attempt;
                self.jobs.tell(&begun.record).await;
                let (jobs, id) = (self.jobs.clone(), held.id.clone());
                let keeper = Arc::new(Keeper::new(jobs, id, nonce, begun));
                held.keep(keeper.clone());
                Some(Begun {
                    keeper,
                    attempt,
                    _alone: alone,
                })
            }
            Ok(None) => None,
            Err(error) => {
                if let Some(unsaid) = self.complaints.again() {
                    tracing::warn!(
                        handler = self.row.handler(), job = %held.id, %error, unsaid,
                        "a command cannot be begun, and is tried again"
                    );
                }
                // A record that cannot be read may be that of a newer version, whose worker can.
                let unreadable = error.kind() == ErrorKind::Decode;
                let after = if unreadable { MUCH_LATER } else { LATER };
                self.tell(held, Settling::Retry { after }).await;
                None
            }
        }
    }

    async fn decided(
        &self,
        held: &Held,
        nonce: &str,
        deadline: Instant,
    ) -> Result<Option<(Revised, Option<OwnedMutexGuard<()>>)>> {
        let mut other = OtherMessage::NotAsked;
        let mut alone = None;
        let mut failures = 0;
        loop {
            // An answer that was lost is not waited for to the end: it is asked again.
            let until = deadline.min(Instant::now() + ASK);
            let look = self.decide(held, nonce, (other, alone.is_some()), until);
            let error = match look.await {
                Ok(Decided::Begun(begun)) => return Ok(Some((*begun, alone))),
                Ok(Decided::Settled) => return Ok(None),
                Ok(Decided::Again) => continue,
                Ok(Decided::Other(found)) => {
                    other = found;
                    continue;
                }
                Ok(Decided::Alone) => {
                    // Whoever waits for its turn takes no room from others.
                    let Ok(turn) = self.alone.clone().try_lock_owned() else {
                        self.tell(held, Settling::Retry { after: LATER }).await;
                        return Ok(None);
                    };
                    alone = Some(turn);
                    continue;
                }
                Err(error) => error,
            };
            failures += 1;
            let wait = waits().delay(failures, observe::chance()).unwrap_or(ASK);
            if !error.is_passing() || Instant::now() + wait >= deadline {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Looks once, and does what follows from that.
    async fn decide(
        &self,
        held: &Held,
        nonce: &str,
        (other, is_alone): (OtherMessage, bool),
        deadline: Instant,
    ) -> Result<Decided> {
        let found = self.jobs.read(&held.id, deadline).await?;
        // An attempt to write that it has begun was not heard of, and was successful.
        if let Some(own) = found
            .as_ref()
            .filter(|found| found.record.is_held_by(nonce))
        {
            return Ok(Decided::Begun(Box::new(own.clone())));
        }
        let record = found.as_ref().map(|found| &found.record);
        if let Some(other) = record.filter(|record| !self.is_own(record)) {
            self.refuse(held, other).await;
            return Ok(Decided::Settled);
        }
        let now = OffsetDateTime::now_utc();
        match claim(record, self.taken(held), other, now) {
            JobClaim::Look(sequence) => self
                .other(&held.id, sequence, deadline)
                .await
                .map(Decided::Other),
            JobClaim::Alone if !is_alone => Ok(Decided::Alone),
            JobClaim::Begin | JobClaim::Alone => self.try_begin(held, found, nonce, deadline).await,
            JobClaim::Later(left) => self.later(held, found, left, deadline).await,
            JobClaim::Cancel => self.cancelled(held, found, deadline).await,
            JobClaim::WornOut => self.worn_out(held, found, deadline).await,
            JobClaim::OwesLetter => Ok(self.owes_letter(held, found).await),
            JobClaim::Ended => {
                // Whoever wrote that may not have come to say it.
                if let Some(found) = found {
                    self.jobs.tell(&found.record).await;
                }
                self.tell(held, Settling::Ack).await;
                Ok(Decided::Settled)
            }
            JobClaim::Stale => Ok(Decided::Settled),
            JobClaim::Double => {
                self.tell(held, Settling::Ack).await;
                Ok(Decided::Settled)
            }
        }
    }

    fn is_own(&self, record: &JobRecord) -> bool {
        record.service == self.handler.service && record.command == self.row.name
    }

    fn taken(&self, held: &Held) -> TakenCommand {
        let delivery = &held.delivery;
        let delay = delivery.message.headers.get(header::DELAY);
        let delay = delay.and_then(delay_of);
        let delay = delay.and_then(|delay| delay.try_into().ok());
        TakenCommand {
            sequence: delivery.sequence,
            delivery: delivery.attempt,
            not_before: delay.and_then(|delay| delivery.stored.checked_add(delay)),
            attempts: self.policy.attempts(),
        }
    }

    async fn other(&self, id: &JobId, sequence: u64, deadline: Instant) -> Result<OtherMessage> {
        let client = &self.shared.home.client;
        let stream = client.layout().stream("COMMANDS");
        let found = client.streams().message(&stream, sequence, deadline);
        let is_same = |found: StoredMessage| {
            let names = (self.handler.service, self.row.name);
            let place = (sequence, found.stored);
            // In a stream that was made anew that number is another one's.
            JobId::of_message(&found.headers, names, place) == *id
        };
        Ok(if found.await?.is_some_and(is_same) {
            OtherMessage::There
        } else {
            OtherMessage::Gone
        })
    }

    /// A record for a job of which nothing is known: a worker was faster than the sender, or it is
    /// not kept any more, or it was sent by somebody who writes none.
    fn unknown(&self, held: &Held) -> JobRecord {
        let home = &self.shared.home;
        let Delivery {
            message, stored, ..
        } = &held.delivery;
        let sent = home.client.layout().command_of(message.subject.as_str());
        let priority = sent.map_or_else(Priority::default, |(_, _, priority)| priority);
        let names = (home.service.as_str(), self.row.name, priority);
        let mut record = JobRecord::queued(held.id.as_str(), names, *stored);
        let key = message.headers.get(header::IDEMPOTENCY_KEY);
        record.idempotency_key = key.map(str::to_owned);
        record
    }

    /// Writes that it has begun, over exactly what was found.
    async fn try_begin(
        &self,
        held: &Held,
        found: Option<Revised>,
        nonce: &str,
        deadline: Instant,
    ) -> Result<Decided> {
        let over = found.as_ref().map(|found| found.revision);
        let mut record = found.map_or_else(|| self.unknown(held), |found| found.record);
        let lost = (record.state == JobState::Running).then(|| record.worker.clone());
        let now = OffsetDateTime::now_utc();
        record.state = JobState::Running;
        record.sequence = Some(held.delivery.sequence);
        record.delivery = record.delivery.max(held.delivery.attempt);
        record.attempt = record.attempt.saturating_add(1);
        record.worker = Some(WorkerRecord {
            instance: self.shared.home.instance.to_string(),
            nonce: nonce.to_owned(),
        });
        record.updated_at = now;
        record.started_at = Some(now);
        record.run_at = None;
        record.progress = None;
        // Of the time before it was brought back.
        record.dead_letter = None;
        let written = write(&self.jobs, record, over, deadline).await?;
        if let (Some(Revised { record, .. }), Some(Some(lost))) = (&written, lost) {
            tracing::warn!(
                service = self.handler.service, command = self.row.name, job = %held.id,
                attempt = record.attempt, lost = lost.instance,
                "a job is begun again, as nothing was heard of its worker"
            );
        }
        Ok(written.map_or(Decided::Again, |written| Decided::Begun(Box::new(written))))
    }

    /// It waits for its time.
    async fn later(
        &self,
        held: &Held,
        found: Option<Revised>,
        left: Duration,
        deadline: Instant,
    ) -> Result<Decided> {
        if found.is_none() {
            let mut record = self.unknown(held);
            record.sequence = Some(held.delivery.sequence);
            let left = left.try_into().unwrap_or_default();
            record.run_at = OffsetDateTime::now_utc().checked_add(left);
            // If somebody else has written it, that is as good.
            write(&self.jobs, record, None, deadline).await?;
        }
        self.tell(held, Settling::Retry { after: left }).await;
        Ok(Decided::Settled)
    }

    /// It is to end, and nobody is at it.
    async fn cancelled(
        &self,
        held: &Held,
        found: Option<Revised>,
        deadline: Instant,
    ) -> Result<Decided> {
        let ended = self.withdrawn(found, JobState::Cancelled, deadline).await?;
        if ended.is_none() {
            return Ok(Decided::Again);
        }
        self.tell(held, Settling::Ack).await;
        Ok(Decided::Settled)
    }

    /// It was begun too often.
    async fn worn_out(
        &self,
        held: &Held,
        mut found: Option<Revised>,
        deadline: Instant,
    ) -> Result<Decided> {
        if let Some(Revised { record, .. }) = &mut found {
            let text = format!(
                "it was begun {} times and nobody said how that ended: does the work on it end the \
                 process, or is `ack_wait` too short?",
                record.attempt
            );
            record.error = Some(Failure::internal(text).terminal());
        }
        let Some(ended) = self.withdrawn(found, JobState::Failed, deadline).await? else {
            return Ok(Decided::Again);
        };
        self.bury(held, ended).await;
        Ok(Decided::Settled)
    }

    /// Ends a job in the place of whoever was at it, and says so; none if somebody else has written.
    async fn withdrawn(
        &self,
        found: Option<Revised>,
        state: JobState,
        deadline: Instant,
    ) -> Result<Option<Revised>> {
        let Some(Revised {
            mut record,
            revision,
        }) = found
        else {
            return Ok(None);
        };
        record.withdraw(state, OffsetDateTime::now_utc());
        let written = write(&self.jobs, record, Some(revision), deadline).await?;
        if let Some(written) = &written {
            self.jobs.tell(&written.record).await;
        }
        Ok(written)
    }

    /// Whoever noted that it has failed did not come to write its dead letter.
    async fn owes_letter(&self, held: &Held, found: Option<Revised>) -> Decided {
        if let Some(found) = found {
            self.jobs.tell(&found.record).await;
            self.bury(held, found).await;
        }
        Decided::Settled
    }
}

/// Writes over exactly that; none if something else is there.
async fn write(
    jobs: &JobStore,
    record: JobRecord,
    over: Option<u64>,
    deadline: Instant,
) -> Result<Option<Revised>> {
    match jobs.write(&record, over, deadline).await {
        Ok(revision) => Ok(Some(Revised { record, revision })),
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
        Err(error) => Err(error),
    }
}
