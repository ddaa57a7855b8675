//! The way of a command into the queue: its message first, so that nothing is noted of a job that
//! is not there; then its record, which a worker writes as well if it is faster.

use futures_util::future::FutureExt;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::super::core::Client;
use super::super::layered::inside_layers;
use super::super::publish::{SEND, Storing, commands, in_time, until_held, waits};
use super::super::spans;
use super::known;
use super::store::JobStore;
use super::word::Prepared;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::{self, OperationKind};
use crate::model::{
    Headers, JobId, JobRecord, JobState, Stored, StreamMessage, StreamSpec, deadline_header, header,
};
use crate::observe;

/// What a dead letter says beside what was sent has so many bytes at most.
const ROOM: usize = 8 * 1024;
/// How often the record is written, if that fails.
const WRITES: u32 = 4;

/// A message for the queue.
pub(super) struct Queued<'a> {
    pub(super) client: &'a Client,
    pub(super) message: StreamMessage,
}

impl Storing for Queued<'_> {
    fn client(&self) -> &Client {
        self.client
    }

    fn stream(&self) -> StreamSpec {
        commands(
            self.client.layout(),
            &self.client.stream_settings().commands,
        )
    }

    async fn once(&self, until: Instant) -> Result<Stored> {
        let message = self.message.clone();
        self.client.streams().store(message, until).await
    }
}

/// A job that was sent.
pub(super) struct Sent {
    pub(super) id: JobId,
    pub(super) is_new: bool,
    /// The number of its message in the queue, if that is known.
    pub(super) sequence: Option<u64>,
}

impl Sent {
    fn new(id: JobId, is_new: bool, stored: &Stored) -> Self {
        Self {
            id,
            is_new,
            sequence: Some(stored.sequence),
        }
    }
}

/// Sends a command, inside the layers of its client; tells its job.
pub(super) async fn send(mut prepared: Prepared) -> Result<Sent> {
    let client = prepared.client.clone();
    let scope = client.scope();
    let own = in_time(prepared.within.unwrap_or(client.shared.settings.timeout));
    let deadline = scope.deadline.map_or(own, |scope| scope.min(own));
    let (service, command) = (prepared.service.clone(), prepared.command.clone());
    let name = format!("{service}.{command}");
    let traced = spans::stored(SEND, (&name, None), &mut prepared.headers, &scope);
    if client.layers().is_empty() {
        let outcome = queue(prepared, deadline).await;
        spans::ended(&traced, &outcome);
        return outcome;
    }
    let headers = prepared.headers.clone();
    let sent = layer::Sent {
        kind: OperationKind::Command,
        service: service.as_str(),
        name: command.as_str(),
        source: &client.shared.settings.source,
        headers: &headers,
        deadline: Some(deadline.into_std()),
        trace: traced.context,
    };
    let queueing = |headers: &Headers| {
        let headers = headers.clone();
        queue(
            Prepared {
                headers,
                ..prepared
            },
            deadline,
        )
        .boxed()
    };
    let outcome = inside_layers(client.layers(), &sent, queueing).await;
    spans::ended(&traced, &outcome);
    outcome
}

/// Queues it.
async fn queue(prepared: Prepared, deadline: Instant) -> Result<Sent> {
    let client = &prepared.client;
    let jobs = JobStore::new(client);
    if prepared.checked {
        known::check(client, &prepared.service, &prepared.command, deadline).await?;
    }
    let id = match &prepared.key {
        None => JobId::new(),
        Some(key) => {
            let names = (prepared.service.as_str(), prepared.command.as_str());
            JobId::of_key(names.0, names.1, key)
        }
    };
    let queued = Queued {
        client,
        message: message(&prepared, &id),
    };
    fits(&queued)?;
    if prepared.key.is_some()
        && let Some(found) = jobs.read(&id, deadline).await?
    {
        return known_before(queued, id, &found.record, deadline).await;
    }
    let mut sent = false;
    let stored = until_held(&queued, deadline, &mut sent).await;
    let stored = stored.map_err(|error| refused(&prepared, &id, error, sent))?;
    let is_new = prepared.key.is_none() || !stored.duplicate;
    match note(&jobs, record(&prepared, &id, &stored), deadline).await {
        // Its id is remembered, and nothing was known of it: is it there at all?
        Ok(true) if !is_new && is_lost(client, &id, stored.sequence, deadline).await? => {
            queue_anew(queued, id, deadline).await
        }
        Ok(_) => Ok(Sent::new(id, is_new, &stored)),
        Err(error) => unnoted(client, id, stored, error, deadline).await,
    }
}

/// There is a job with its key. One that waits, and that the queue has lost, is queued again.
async fn known_before(
    queued: Queued<'_>,
    id: JobId,
    record: &JobRecord,
    deadline: Instant,
) -> Result<Sent> {
    if let Some(sequence) = waits_under(record)
        && is_lost(queued.client, &id, sequence, deadline).await?
    {
        return queue_anew(queued, id, deadline).await;
    }
    Ok(Sent {
        id,
        is_new: false,
        sequence: record.sequence,
    })
}

/// The number of the message that a job waits under.
fn waits_under(record: &JobRecord) -> Option<u64> {
    let waits = matches!(record.state, JobState::Queued | JobState::Retrying);
    record.sequence.filter(|_| waits)
}

/// Whether a job waits under a message that the queue does not hold. The record is read behind that:
/// whoever ends a job notes it first, and removes its message then.
async fn is_lost(client: &Client, id: &JobId, sequence: u64, deadline: Instant) -> Result<bool> {
    if is_held(client, sequence, deadline).await? {
        return Ok(false);
    }
    let found = JobStore::new(client).read(id, deadline).await?;
    Ok(found.is_none_or(|found| waits_under(&found.record) == Some(sequence)))
}

/// Whether the queue holds a message.
pub(super) async fn is_held(client: &Client, sequence: u64, deadline: Instant) -> Result<bool> {
    let stream = client.layout().stream("COMMANDS");
    match client.streams().message(&stream, sequence, deadline).await {
        Ok(found) => Ok(found.is_some()),
        Err(error) if error.kind() == ErrorKind::NoService => Ok(false),
        Err(error) => Err(error),
    }
}

fn message(prepared: &Prepared, id: &JobId) -> StreamMessage {
    let layout = prepared.client.layout();
    let subject = layout.command(&prepared.service, &prepared.command, prepared.priority);
    let mut headers = prepared.headers.clone();
    if !prepared.delay.is_zero() {
        headers.own(header::DELAY, deadline_header(prepared.delay));
    }
    StreamMessage::new(subject, prepared.body.clone())
        .with_headers(headers)
        .with_id(id.as_str())
}

/// Errors: `TooLarge` for what has no room in a dead letter: it could not be brought back.
fn fits(queued: &Queued<'_>) -> Result<()> {
    let StreamMessage {
        subject,
        headers,
        payload,
        ..
    } = &queued.message;
    let headers: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 4)
        .sum();
    let size = subject.as_str().len() + headers + payload.len();
    let most = queued.client.bus().max_payload().saturating_sub(ROOM);
    if size <= most {
        return Ok(());
    }
    let text = format!(
        "the command on {subject} has {size} bytes, and at most {most} can be queued: store what is \
         large, in a bucket or an object store, and send where it is"
    );
    Err(Error::new(ErrorKind::TooLarge, text))
}

fn record(prepared: &Prepared, id: &JobId, stored: &Stored) -> JobRecord {
    let names = (
        prepared.service.as_str(),
        prepared.command.as_str(),
        prepared.priority,
    );
    let now = OffsetDateTime::now_utc();
    let mut record = JobRecord::queued(id.as_str(), names, now);
    record.sequence = Some(stored.sequence);
    record.idempotency_key.clone_from(&prepared.key);
    if !prepared.delay.is_zero() {
        record.run_at = now.checked_add(prepared.delay.try_into().unwrap_or_default());
    }
    record
}

/// Queues a job again whose message is gone although its id is remembered: it was refused before, or
/// its record is not kept any more, or the stream was purged.
async fn queue_anew(mut queued: Queued<'_>, id: JobId, deadline: Instant) -> Result<Sent> {
    let message = &mut queued.message;
    message.headers.own(header::JOB_ID, id.to_string());
    message.id = Some(format!("{id}.{:016x}", observe::random()));
    let mut sent = false;
    let stored = until_held(&queued, deadline, &mut sent).await;
    let stored = stored.map_err(|error| if sent { error.after_sending() } else { error })?;
    Ok(Sent::new(id, true, &stored))
}

/// Writes what is known of a new job; tells whether nothing was.
async fn note(jobs: &JobStore, record: JobRecord, deadline: Instant) -> Result<bool> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let error = match jobs.write(&record, None, deadline).await {
            Ok(_) => return Ok(true),
            // A worker was faster, or the other one who sent it with this key; or it is this
            // record, of an attempt whose answer was lost.
            Err(error) if error.kind() == ErrorKind::Conflict => return Ok(false),
            Err(error) => error,
        };
        let wait = waits().delay(attempt, observe::chance());
        let passing = error.is_passing();
        match wait.filter(|wait| passing && attempt < WRITES && Instant::now() + *wait < deadline) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(error),
        }
    }
}

/// Its message is queued, and its record could not be written. A worker would write it, if it can.
/// What it cannot do either is not left in the queue.
async fn unnoted(
    client: &Client,
    id: JobId,
    stored: Stored,
    error: Error,
    deadline: Instant,
) -> Result<Sent> {
    let passing = error.was_sent() || error.kind() == ErrorKind::Disconnected;
    let unknown = JobStore::new(client).read(&id, deadline).await;
    let unknown = unknown.is_ok_and(|found| found.is_none());
    if !passing && unknown && !stored.duplicate {
        let streams = client.streams();
        let deleted = streams.delete(&stored.stream, stored.sequence, deadline);
        if deleted.await.is_ok_and(|deleted| deleted) {
            let text = format!("the job {id} is not queued, as it cannot be noted: {error}");
            return Err(Error::new(error.kind(), text).because(error));
        }
    }
    tracing::warn!(job = %id, %error, "a job is queued and could not be noted: a worker will do that");
    Ok(Sent::new(id, !stored.duplicate, &stored))
}

fn refused(prepared: &Prepared, id: &JobId, error: Error, sent: bool) -> Error {
    let outcome = if sent {
        "may be queued, or not"
    } else {
        "is not queued"
    };
    let (service, command) = (&prepared.service, &prepared.command);
    let text = format!("the command {service}.{command} (job {id}) {outcome}: {error}");
    let told = Error::new(error.kind(), text).because(error);
    if sent { told.after_sending() } else { told }
}
