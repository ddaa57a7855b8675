//! The records of jobs, in their bucket.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::RwLock;
use tokio::time::Instant;

use super::super::core::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::kv::Bucket;
use crate::model::{Codec, JobId, JobRecord, JobState, StateNews};
use crate::port::Outgoing;

/// Its name, as in `docs/subjects.md`.
pub(super) const BUCKET: &str = "aegis_jobs";
/// How much longer a job that has not ended is known than one that has: what waits for a worker
/// waits over a holiday as well.
const WAITS: Duration = Duration::from_secs(7 * 24 * 3600);

/// A bucket, and whether its records can have a time to live of their own: an older one cannot,
/// whatever the server can.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) bucket: Bucket<JobRecord>,
    key_ttl: bool,
}

/// The bucket, once it was opened.
#[derive(Debug, Default)]
pub(in super::super) struct JobShelf(RwLock<Option<Opened>>);

/// The records of jobs, as one client reads and writes them.
#[derive(Debug, Clone)]
pub(crate) struct JobStore {
    client: Client,
}

/// A record, and the number of its write.
#[derive(Debug, Clone)]
pub(crate) struct Revised {
    pub(crate) record: JobRecord,
    pub(crate) revision: u64,
}

impl JobStore {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
        }
    }

    fn opened(&self) -> &RwLock<Option<Opened>> {
        &self.client.shared.jobs.0
    }

    /// The bucket, if there is one.
    pub(super) async fn found(&self, deadline: Instant) -> Result<Option<Opened>> {
        if let Some(open) = &*self.opened().read().await {
            return Ok(Some(open.clone()));
        }
        let bucket = self.client.open_bucket(BUCKET, Codec::Json);
        match bucket.within(left(deadline)).find().await? {
            Some(found) => self.keep(found, deadline).await.map(Some),
            None => Ok(None),
        }
    }

    async fn keep(&self, bucket: Bucket<JobRecord>, deadline: Instant) -> Result<Opened> {
        let status = bucket.status().within(left(deadline)).await?;
        let open = Opened {
            bucket,
            key_ttl: status.key_ttl,
        };
        *self.opened().write().await = Some(open.clone());
        Ok(open)
    }

    /// The bucket, which is made if it is missing.
    ///
    /// Errors: `NoService` if the server has no `JetStream`.
    pub(crate) async fn ready(&self, deadline: Instant) -> Result<()> {
        self.open(deadline).await.map(drop)
    }

    async fn open(&self, deadline: Instant) -> Result<Opened> {
        if let Some(found) = self.found(deadline).await? {
            return Ok(found);
        }
        let settings = &self.client.stream_settings().commands;
        let mut bucket = self.client.open_bucket(BUCKET, Codec::Json);
        bucket = bucket
            .description("jobs: what became of commands, see `aegis command`")
            .max_bytes(settings.jobs_bytes())
            .within(left(deadline));
        if let Some(replicas) = settings.replicas {
            bucket = bucket.replicas(replicas);
        }
        if let Some(storage) = settings.storage {
            bucket = bucket.storage(storage);
        }
        if !self.client.store().features().key_ttl {
            bucket = bucket.ttl(settings.kept().max(WAITS));
        }
        let open: Bucket<JobRecord> = match bucket.open().await {
            // Somebody else has just made it, in another way.
            Err(error) if error.kind() == ErrorKind::Config => {
                let again = self.client.open_bucket(BUCKET, Codec::Json);
                let found = again.within(left(deadline)).find().await?;
                found.ok_or(error)?
            }
            opened => opened?,
        };
        self.keep(open, deadline).await
    }

    /// What is known of a job; none if nothing is.
    pub(crate) async fn read(&self, id: &JobId, deadline: Instant) -> Result<Option<Revised>> {
        let Some(open) = self.found(deadline).await? else {
            return Ok(None);
        };
        let read = open.bucket.entry(id.as_str()).within(left(deadline)).await;
        let read = self.unless_gone(read).await?;
        Ok(read.flatten().map(|entry| Revised {
            record: entry.value,
            revision: entry.revision,
        }))
    }

    /// A bucket that was removed holds nothing, and is looked for again.
    async fn unless_gone<T>(&self, read: Result<T>) -> Result<Option<T>> {
        match read {
            Err(error) if error.kind() == ErrorKind::NoService => {
                *self.opened().write().await = None;
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    /// Writes a record over exactly that revision; without one, if there is none.
    ///
    /// Errors: `Conflict` if something else is there: nothing was written.
    pub(crate) async fn write(
        &self,
        record: &JobRecord,
        over: Option<u64>,
        deadline: Instant,
    ) -> Result<u64> {
        let open = self.open(deadline).await?;
        match self.put(&open, record, over, deadline).await {
            // It was removed since, and a record of before is gone with it; or it is another one now.
            Err(error) if matches!(error.kind(), ErrorKind::NoService | ErrorKind::Config) => {
                *self.opened().write().await = None;
                let open = self.open(deadline).await?;
                self.put(&open, record, over, deadline).await
            }
            written => written,
        }
    }

    async fn put(
        &self,
        open: &Opened,
        record: &JobRecord,
        over: Option<u64>,
        deadline: Instant,
    ) -> Result<u64> {
        let put = match over {
            None => open.bucket.create(&record.id, record),
            Some(revision) => open.bucket.update(&record.id, record, revision),
        };
        let put = if open.key_ttl {
            put.ttl(self.life(record))
        } else {
            put
        };
        put.within(left(deadline)).await
    }

    /// How long a record is kept, if records can have a time of their own.
    fn life(&self, record: &JobRecord) -> Duration {
        let kept = self.client.stream_settings().commands.kept();
        // What has failed may be brought back: which of its steps are done is known for longer.
        if record.state.is_final() && record.state != JobState::Failed {
            return kept;
        }
        let waits = record.run_at.map(|at| at - OffsetDateTime::now_utc());
        let waits = waits.and_then(|waits| Duration::try_from(waits).ok());
        kept + WAITS + waits.unwrap_or_default()
    }

    /// Says to whoever listens that the record says something new. Should that be lost, they look
    /// by themselves.
    pub(crate) async fn tell(&self, record: &JobRecord) {
        let Ok(id) = JobId::parse(&record.id) else {
            return;
        };
        let news = StateNews {
            state: record.state,
        };
        let subject = self.client.layout().job(&id, "state");
        let Ok(body) = serde_json::to_vec(&news) else {
            return;
        };
        if let Err(error) = self
            .client
            .bus()
            .publish(Outgoing::new(subject, body))
            .await
        {
            tracing::debug!(job = record.id, %error, "the state of a job was not told");
        }
    }
}

pub(super) fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// There is no such job.
pub(super) fn unknown(id: &JobId) -> Error {
    let text = format!(
        "there is no job {id}: the id is wrong, or what came of it is not kept any more (24 h \
         after its end, unless `commands.jobs_kept` says otherwise)"
    );
    Error::new(ErrorKind::Invalid, text)
}
