//! All jobs that are known.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::super::core::Client;
use super::store::{BUCKET, JobStore};
use crate::error::{Error, ErrorKind, Result};
use crate::kv::Change;
use crate::model::{Codec, JobRecord, JobState, JobStatus};
use crate::observe;

/// The jobs that are known: those that have not ended, and for 24 h those that have.
///
/// ```no_run
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// use aegis::JobState;
///
/// for job in client.jobs().state(JobState::Failed).list(100).await? {
///     println!("{} {}.{}", job.id, job.service, job.command);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "they are listed by `.list(..).await`"]
pub struct Jobs {
    client: Client,
    state: Option<JobState>,
    service: Option<String>,
    command: Option<String>,
}

/// By its age.
struct Aged(OffsetDateTime, JobRecord);

impl PartialEq for Aged {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Aged {}

impl PartialOrd for Aged {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Aged {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Client {
    /// The jobs that are known, to be listed.
    pub fn jobs(&self) -> Jobs {
        Jobs {
            client: self.clone(),
            state: None,
            service: None,
            command: None,
        }
    }
}

impl Jobs {
    /// Only those in this state.
    pub fn state(self, state: JobState) -> Self {
        Self {
            state: Some(state),
            ..self
        }
    }

    /// Only those of this service.
    pub fn service(self, service: &str) -> Self {
        Self {
            service: Some(service.to_owned()),
            ..self
        }
    }

    /// Only those of this command.
    pub fn command(self, command: &str) -> Self {
        Self {
            command: Some(command.to_owned()),
            ..self
        }
    }

    /// The newest so many, the newest first. It reads all that are known, one after the other, and
    /// keeps so many.
    ///
    /// Errors: `Timeout` if the server is silent for longer than the timeout of the client's calls;
    /// `Disconnected`, `Denied`.
    pub async fn list(self, most: usize) -> Result<Vec<JobStatus>> {
        let within = self.client.shared.settings.timeout;
        let jobs = JobStore::new(&self.client);
        let Some(open) = jobs.found(Instant::now() + within).await? else {
            return Ok(Vec::new());
        };
        let bucket = open.bucket;
        let mut all = bucket.watch_all().within(within).await?;
        let mut newest = BinaryHeap::new();
        loop {
            let next = tokio::time::timeout(within, all.next()).await;
            let change = next.map_err(|_| silent(bucket.name()))?;
            match change.transpose() {
                Ok(Some(Change::Put(entry))) if self.wants(&entry.value) => {
                    newest.push(Reverse(Aged(entry.value.created_at, entry.value)));
                    if newest.len() > most {
                        newest.pop();
                    }
                }
                Ok(Some(Change::Reset)) => newest.clear(),
                Ok(Some(Change::Ready) | None) => break,
                Ok(Some(_)) => {}
                // What somebody else has put there is none of ours.
                Err(error) if error.kind() == ErrorKind::Decode => {}
                Err(error) => return Err(error),
            }
        }
        let sorted = newest.into_sorted_vec().into_iter();
        Ok(sorted.map(|Reverse(aged)| aged.1.into_status()).collect())
    }

    /// The ids of records that cannot be read, at most so many: jobs that nobody works on, as nobody
    /// knows what they are. It reads all records, whatever was said of state, service and command.
    ///
    /// Errors: as [`list`](Self::list).
    pub async fn unreadable(self, most: usize) -> Result<Vec<String>> {
        let within = self.client.shared.settings.timeout;
        let found = self.client.open_bucket(BUCKET, Codec::Json).within(within);
        let Some(bucket) = found.find_bytes().await? else {
            return Ok(Vec::new());
        };
        let mut all = bucket.watch_all().within(within).await?;
        let mut ids = Vec::new();
        while ids.len() < most {
            let next = tokio::time::timeout(within, all.next()).await;
            let change = next.map_err(|_| silent(bucket.name()))?;
            match change.transpose()? {
                Some(Change::Put(entry)) => {
                    if serde_json::from_slice::<JobRecord>(&entry.value).is_err() {
                        ids.push(entry.key);
                    }
                }
                Some(Change::Reset) => ids.clear(),
                Some(Change::Ready) | None => break,
                Some(_) => {}
            }
        }
        Ok(ids)
    }

    fn wants(&self, record: &JobRecord) -> bool {
        let is = |wanted: &Option<String>, there: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == there)
        };
        self.state.is_none_or(|state| state == record.state)
            && is(&self.service, &record.service)
            && is(&self.command, &record.command)
    }
}

fn silent(bucket: &str) -> Error {
    observe::no_answer(&crate::model::Subject::trusted(bucket.to_owned()))
}
