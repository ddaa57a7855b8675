//! The end of a job before its time.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::super::core::Client;
use super::follow::{Follow, News};
use super::store::{JobStore, Revised, unknown};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{JobId, JobRecord, JobState, JobStatus};
use crate::port::Outgoing;

/// The word may get lost: it is said again as long as nobody has ended the job.
const AGAIN: Duration = Duration::from_millis(250);
/// An answer may get lost as well: it is asked again after so long.
const ASK: Duration = Duration::from_secs(1);

/// Ends it, and tells how it is then.
pub(super) async fn cancel(
    client: &Client,
    id: &JobId,
    sequence: Option<u64>,
) -> Result<JobStatus> {
    let deadline = Instant::now() + client.shared.settings.timeout;
    let jobs = JobStore::new(client);
    let mut follow = Follow::begin(client, id.as_str(), sequence).await?;
    let record = ask(&jobs, id, sequence.is_some(), deadline).await?;
    jobs.tell(&record).await;
    if record.state == JobState::Cancelled {
        remove(client, &record, deadline).await;
    }
    if record.state.is_final() {
        return Ok(record.into_status());
    }
    let subject = client.layout().job(id, "cancel");
    loop {
        client
            .bus()
            .publish(Outgoing::new(subject.clone(), ""))
            .await?;
        let until = deadline.min(Instant::now() + AGAIN);
        let ended = async {
            loop {
                match follow.next().await? {
                    News::State(state) if state.is_final() => return Ok::<_, Error>(()),
                    _ => {}
                }
            }
        };
        if let Ok(heard) = tokio::time::timeout_at(until, ended).await {
            heard?;
        }
        let found = jobs.read(id, deadline.max(until + AGAIN)).await?;
        let found = found.ok_or_else(|| unknown(id))?.record;
        if found.state.is_final() || Instant::now() >= deadline {
            return Ok(found.into_status());
        }
    }
}

/// Writes that it is to end; of one that nobody is at, that it has.
async fn ask(jobs: &JobStore, id: &JobId, sent: bool, deadline: Instant) -> Result<JobRecord> {
    loop {
        let error = match ask_once(jobs, id, deadline.min(Instant::now() + ASK)).await {
            Ok(Some(asked)) => return Ok(asked),
            // A worker is about to note it.
            Ok(None) if sent => unnoted(id),
            Ok(None) => return Err(unknown(id)),
            // A worker has written meanwhile.
            Err(error) if error.kind() == ErrorKind::Conflict => continue,
            Err(error) if is_unheard(&error) => error,
            Err(error) => return Err(error),
        };
        if Instant::now() + AGAIN >= deadline {
            return Err(error);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn unnoted(id: &JobId) -> Error {
    let text = format!("the job {id} is queued, and nobody has noted it yet: cancel it again");
    Error::new(ErrorKind::Timeout, text)
}

/// Whether an answer was lost.
fn is_unheard(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected)
}

/// None if nothing is known of it.
async fn ask_once(jobs: &JobStore, id: &JobId, deadline: Instant) -> Result<Option<JobRecord>> {
    let Some(Revised { record, revision }) = jobs.read(id, deadline).await? else {
        return Ok(None);
    };
    let is_told = record.cancel && record.state == JobState::Running;
    if record.state.is_final() || is_told {
        return Ok(Some(record));
    }
    let asked = asked(&record);
    jobs.write(&asked, Some(revision), deadline).await?;
    Ok(Some(asked))
}

fn asked(record: &JobRecord) -> JobRecord {
    let now = OffsetDateTime::now_utc();
    let mut asked = record.clone();
    asked.cancel = true;
    asked.updated_at = now;
    if matches!(record.state, JobState::Queued | JobState::Retrying) {
        asked.withdraw(JobState::Cancelled, now);
    }
    asked
}

/// Makes room in the queue. A worker would, when it comes to the message: it is no harm if this
/// fails.
async fn remove(client: &Client, record: &JobRecord, deadline: Instant) {
    loop {
        let until = deadline.min(Instant::now() + ASK);
        let Err(error) = remove_once(client, record, until).await else {
            return;
        };
        if !is_unheard(&error) || Instant::now() + AGAIN >= deadline {
            tracing::debug!(job = record.id, %error, "a cancelled command stays in the queue for now");
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn remove_once(client: &Client, record: &JobRecord, deadline: Instant) -> Result<()> {
    let Some(sequence) = record.sequence else {
        return Ok(());
    };
    let (streams, stream) = (client.streams(), client.layout().stream("COMMANDS"));
    let Some(found) = streams.message(&stream, sequence, deadline).await? else {
        return Ok(());
    };
    // In a stream that was made anew that number is another one's.
    let names = (record.service.as_str(), record.command.as_str());
    let id = JobId::of_message(&found.headers, names, (sequence, found.stored));
    if id.as_str() == record.id {
        streams.delete(&stream, sequence, deadline).await?;
    }
    Ok(())
}
