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

/// Ends it, and tells how it is then.
pub(super) async fn cancel(client: &Client, id: &JobId, sent: bool) -> Result<JobStatus> {
    let deadline = Instant::now() + client.shared.settings.timeout;
    let jobs = JobStore::new(client);
    let mut follow = Follow::begin(client, id.as_str()).await?;
    let record = ask(client, &jobs, id, sent, deadline).await?;
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
async fn ask(
    client: &Client,
    jobs: &JobStore,
    id: &JobId,
    sent: bool,
    deadline: Instant,
) -> Result<JobRecord> {
    loop {
        let Some(Revised { record, revision }) = jobs.read(id, deadline).await? else {
            if sent && Instant::now() < deadline {
                // A worker is about to note it.
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            return Err(unknown(id));
        };
        if record.state.is_final() || record.cancel {
            return Ok(record);
        }
        let asked = asked(&record);
        match jobs.write(&asked, Some(revision), deadline).await {
            Ok(_) => {
                jobs.tell(&asked).await;
                if asked.state.is_final() {
                    remove(client, &asked, deadline).await;
                }
                return Ok(asked);
            }
            // A worker has written meanwhile.
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
    }
}

fn asked(record: &JobRecord) -> JobRecord {
    let now = OffsetDateTime::now_utc();
    let mut asked = record.clone();
    asked.cancel = true;
    asked.updated_at = now;
    if matches!(record.state, JobState::Queued | JobState::Retrying) {
        asked.end(JobState::Cancelled, now);
    }
    asked
}

/// Makes room in the queue. A worker would, when it comes to the message: it is no harm if this
/// fails.
async fn remove(client: &Client, record: &JobRecord, deadline: Instant) {
    let Some(sequence) = record.sequence else {
        return;
    };
    let stream = client.layout().stream("COMMANDS");
    let deleted = client.streams().delete(&stream, sequence, deadline).await;
    if let Err(error) = deleted {
        tracing::debug!(job = record.id, %error, "a cancelled command stays in the queue for now");
    }
}
