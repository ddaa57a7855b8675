//! A job that has failed, brought back from its dead letter.

use time::OffsetDateTime;
use tokio::time::Instant;

use super::super::core::Client;
use super::super::dead::kept_headers;
use super::super::publish::{Published, until_held};
use super::send::Queued;
use super::store::{JobStore, Revised, unknown};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    DeadLetter, JobId, JobRecord, JobState, Priority, StepRecord, StreamMessage, Subject, header,
};

/// Brings a job back by its id.
pub(super) async fn retry(client: &Client, id: &JobId) -> Result<()> {
    let deadline = Instant::now() + client.shared.settings.timeout;
    let found = JobStore::new(client).read(id, deadline).await?;
    let found = found.ok_or_else(|| unknown(id))?.record;
    let Some(sequence) = found.dead_letter.filter(|_| is_back(&found)) else {
        let text = format!(
            "the job {id} is {}: only what has failed, and has a dead letter, is brought back",
            found.state
        );
        return Err(Error::new(ErrorKind::Invalid, text));
    };
    client.dead_letters().retry(sequence).await.map(drop)
}

/// Whether it has failed, or was being brought back when that was interrupted.
fn is_back(record: &JobRecord) -> bool {
    record.state == JobState::Failed
        || (record.state == JobState::Queued && record.sequence.is_none())
}

/// Queues what stands in a dead letter of a command again, under the id of its job. The record comes
/// first: a worker that finds a job that has ended removes its message.
pub(in super::super) async fn bring_back(
    client: &Client,
    letter: &DeadLetter,
    (service, command, priority): (&str, &str, Priority),
) -> Result<Published> {
    let deadline = Instant::now() + client.shared.settings.timeout;
    let id = JobId::parse(&letter.id)?;
    let jobs = JobStore::new(client);
    let found = jobs.read(&id, deadline).await?;
    let (record, over) = match found {
        None if !letter.steps.is_empty() => return Err(forgotten(letter)),
        None => {
            let names = (service, command, priority);
            let mut record = JobRecord::queued(id.as_str(), names, OffsetDateTime::now_utc());
            record.again = 1;
            (record, None)
        }
        Some(Revised { record, revision }) if is_back(&record) => (again(record), Some(revision)),
        Some(Revised { record, .. }) => {
            let text = format!(
                "the dead letter {} is not brought back: its job {id} is {} already; remove it \
                 (`aegis dead drop {}`)",
                letter.sequence, record.state, letter.sequence
            );
            return Err(Error::new(ErrorKind::Invalid, text));
        }
    };
    jobs.write(&record, over, deadline).await?;
    jobs.tell(&record).await;
    let subject = Subject::parse(&letter.subject)?;
    let mut headers = kept_headers(&letter.headers, &[header::JOB_ID, header::DELAY]);
    headers.own(header::JOB_ID, id.to_string());
    let message = StreamMessage::new(subject, letter.body.clone())
        .with_headers(headers)
        .with_id(format!("{id}.{}.{}", letter.sequence, record.again));
    let queued = Queued { client, message };
    let mut sent = false;
    let stored = until_held(&queued, deadline, &mut sent).await?;
    Ok(Published::of(id.to_string(), &stored))
}

/// Which steps are done stood in the record.
fn forgotten(letter: &DeadLetter) -> Error {
    let DeadLetter {
        sequence, steps, ..
    } = letter;
    let text = format!(
        "the dead letter {sequence} is not brought back: its job is not known any more, and its steps \
         ({steps}) would all be taken again. Look what has happened, send what is left as a new \
         command, and remove the letter (`aegis dead drop {sequence}`)"
    );
    Error::new(ErrorKind::Invalid, text)
}

fn again(mut record: JobRecord) -> JobRecord {
    let now = OffsetDateTime::now_utc();
    // Whoever was interrupted goes on with the same id of a message.
    if record.state == JobState::Failed {
        record.again += 1;
    }
    record.state = JobState::Queued;
    record.sequence = None;
    record.delivery = 0;
    record.attempt = 0;
    record.failures = 0;
    record.worker = None;
    record.finished_at = None;
    record.run_at = None;
    record.updated_at = now;
    record.progress = None;
    record.error = None;
    record.cancel = false;
    record.steps.values_mut().for_each(StepRecord::bring_back);
    record
}
