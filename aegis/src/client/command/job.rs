//! One job: a command that was sent.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::super::core::Client;
use super::follow::JobResult;
use super::send::Sent;
use super::store::JobStore;
use super::updates::JobUpdates;
use super::{again, cancel};
use crate::error::Result;
use crate::model::{DomainError, Failure, JobId, JobStatus, MethodName, ServiceName};

/// A command that was sent: what becomes of it, from whatever process. Cheap to clone.
///
/// It is a name and a connection. Dropping it changes nothing, and whoever has the
/// [id](Self::id) gets it again with [`Client::command`], also after sender or worker were started
/// anew.
///
/// ```no_run
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// let job = client.command("0198c6a0-7b1e-7c3a-9f00-1b2c3d4e5f60");
/// let mut updates = job.progress();
/// while let Some(status) = updates.next().await {
///     let status = status?;
///     let percent = status.progress.map_or(0.0, |progress| progress.percent);
///     println!("{} {percent:.0} %", status.state);
/// }
/// println!("{}", job.result().await?);
/// # Ok(())
/// # }
/// ```
pub struct Job<T = Value, E = Failure> {
    client: Client,
    id: String,
    /// The number of its message in the queue, if this process has sent it: as long as that is there,
    /// it is no mistake that nothing is known of it.
    sequence: Option<u64>,
    is_new: bool,
    result: PhantomData<fn() -> (T, E)>,
}

impl<T, E> Clone for Job<T, E> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            id: self.id.clone(),
            result: PhantomData,
            ..*self
        }
    }
}

impl<T, E> fmt::Debug for Job<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.id).finish()
    }
}

impl Client {
    /// The job of this id, from whatever process it was sent. Nothing is asked before something is
    /// wanted of it; then an id that nobody has is an `Invalid` error.
    ///
    /// ```no_run
    /// # async fn example(client: aegis::Client, id: String) -> aegis::Result<()> {
    /// client.command(&id).cancel().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn command(&self, id: &str) -> Job {
        Job {
            client: self.clone(),
            id: id.to_owned(),
            sequence: None,
            is_new: false,
            result: PhantomData,
        }
    }
}

impl Client {
    /// The job that a command with this idempotency key is, or would be, without sending it: to look
    /// whether it is done. Errors: `Invalid` for what is no name.
    ///
    /// ```no_run
    /// # async fn example(client: aegis::Client) -> aegis::Result<()> {
    /// let job = client.command_of_key("importer", "import", "load-7")?;
    /// let is_known = job.status().await?.is_some();
    /// # Ok(())
    /// # }
    /// ```
    pub fn command_of_key(&self, service: &str, command: &str, key: &str) -> Result<Job> {
        let (service, command) = (ServiceName::parse(service)?, MethodName::parse(command)?);
        let id = JobId::of_key(service.as_str(), command.as_str(), key);
        Ok(self.command(id.as_str()))
    }
}

impl<T, E> Job<T, E> {
    pub(super) fn sent(client: Client, sent: &Sent) -> Self {
        Self {
            client,
            id: sent.id.to_string(),
            sequence: sent.sequence,
            is_new: sent.is_new,
            result: PhantomData,
        }
    }

    /// What it is called.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether this sending made it: false if one with its idempotency key was there before, and for
    /// a job that was found by its id.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// How it is now; none if nothing is known of it (any more, or yet: a worker notes what a sender
    /// could not).
    ///
    /// Errors: `Invalid` for a text that is no id; `Timeout`, `Disconnected`, `Denied`.
    pub async fn status(&self) -> Result<Option<JobStatus>> {
        let id = JobId::parse(&self.id)?;
        let deadline = Instant::now() + self.client.shared.settings.timeout;
        let read = JobStore::new(&self.client).read(&id, deadline).await?;
        Ok(read.map(|read| read.record.into_status()))
    }

    /// How it is, and then whatever changes: states, and what the handler reports. It ends behind
    /// the final state.
    pub fn progress(&self) -> JobUpdates {
        JobUpdates::new(self.client.clone(), &self.id, self.sequence)
    }

    /// What came of it, as soon as it has ended; [`JobResult::within`] limits the wait.
    pub fn result(&self) -> JobResult<T, E> {
        JobResult::new(self.client.clone(), &self.id, self.sequence)
    }

    /// Ends it before its time: one that waits never runs; of one that runs the handler is told
    /// ([`Context::cancelled`](crate::Context::cancelled)), and dropped a second later. Tells how
    /// it is then; one that has ended stays as it is. To ask twice is the same as once.
    ///
    /// It waits until the job has ended, for 5 s at most (the timeout of the client's calls): a
    /// worker that is lost in the meantime keeps it `RUNNING` and
    /// [`cancelling`](JobStatus::cancelling), and whoever gets it next ends it.
    ///
    /// Errors: `Invalid` if there is no such job; `Timeout`, `Disconnected`, `Denied`.
    pub async fn cancel(&self) -> Result<JobStatus> {
        let id = JobId::parse(&self.id)?;
        cancel::cancel(&self.client, &id, self.sequence).await
    }

    /// Brings a job back that has failed, with all its attempts, under the same id: what stands in
    /// its dead letter is queued again, and the dead letter removed. Steps
    /// ([`Context::once`](crate::Context::once)) that are done stay done; one that may have happened
    /// asks, if it has a [`resolve`](crate::Step::resolve), and else is taken again: whoever says
    /// this has looked.
    ///
    /// Errors: `Invalid` if it has not failed, or its dead letter is gone; as
    /// [`Command::send`](crate::Command::send).
    pub async fn retry(&self) -> Result<()> {
        let id = JobId::parse(&self.id)?;
        again::retry(&self.client, &id).await
    }

    /// The same job with another type of result.
    pub fn returning<U: DeserializeOwned>(self) -> Job<U, E> {
        Job {
            client: self.client,
            id: self.id,
            sequence: self.sequence,
            is_new: self.is_new,
            result: PhantomData,
        }
    }

    /// The same job with a typed error.
    pub fn failing_with<F: DomainError>(self) -> Job<T, F> {
        Job {
            client: self.client,
            id: self.id,
            sequence: self.sequence,
            is_new: self.is_new,
            result: PhantomData,
        }
    }
}
