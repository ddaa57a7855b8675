//! What becomes of a job: news say when to look, and a look now and then makes up for lost ones.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::core::Client;
use super::super::publish::waits;
use super::send::is_held;
use super::store::{JobStore, Revised, unknown};
use crate::error::{CallError, Error, ErrorKind, Result};
use crate::model::{
    Code, DomainError, Failure, JobId, JobRecord, JobState, ProgressNews, RetryPolicy, StateNews,
};
use crate::observe;
use crate::port::{ConnectionState, Message, Subscription};

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(2);

/// After so many looks without news, 8 s, it is looked whether the queue holds it still.
const LONG: u32 = 5;

/// Between two looks without news: 250 ms, doubled up to 30 s. News may be lost while the connection
/// is, and in a cluster in the first moment of a subscription.
fn pauses() -> RetryPolicy {
    RetryPolicy::default()
        .max_attempts(u32::MAX)
        .initial_delay(Duration::from_millis(250))
        .max_delay(Duration::from_secs(30))
        .jitter(0.0)
}

/// Follows one job.
pub(super) struct Follow {
    pub(super) id: JobId,
    client: Client,
    jobs: JobStore,
    news: Subscription,
    connection: watch::Receiver<ConnectionState>,
    quiet: u32,
    /// The number of its message in the queue, once it was known.
    sequence: Option<u64>,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum News {
    /// It is in this state now.
    State(JobState),
    /// Its handler reported.
    Progress(ProgressNews),
    /// Nothing for a while, or something was missed.
    Look,
}

impl Follow {
    /// Listens from now on: what happens after the next look is heard of.
    pub(super) async fn begin(client: &Client, id: &str, sequence: Option<u64>) -> Result<Self> {
        let id = JobId::parse(id)?;
        let news = client.bus().subscribe(client.layout().job_news(&id), None);
        Ok(Self {
            client: client.clone(),
            jobs: JobStore::new(client),
            news: news.await?,
            connection: client.connection(),
            quiet: 0,
            sequence,
            id,
        })
    }

    /// How it is, as soon as that can be asked.
    pub(super) async fn look(&mut self) -> Result<Option<Revised>> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match self.jobs.read(&self.id, Instant::now() + LOOK).await {
                Ok(found) => {
                    let sequence = found.as_ref().map(|found| found.record.sequence);
                    self.sequence = sequence.unwrap_or(self.sequence);
                    return Ok(found);
                }
                Err(error) if error.is_passing() => error,
                Err(error) => return Err(error),
            };
            let Some(wait) = waits().delay(attempt, observe::chance()) else {
                return Err(error);
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// What is heard next. Errors: `Disconnected` if the client was closed.
    pub(super) async fn next(&mut self) -> Result<News> {
        loop {
            let pause = pauses().delay(self.quiet + 1, 0.5).unwrap_or(LOOK);
            tokio::select! {
                message = self.news.next() => {
                    let message = message.ok_or_else(closed)?;
                    if let Some(news) = self.newest(&message) {
                        return Ok(news);
                    }
                }
                // What was said while there was no connection is lost.
                changed = self.connection.changed() => {
                    changed.map_err(|_| closed())?;
                    if *self.connection.borrow_and_update() == ConnectionState::Connected {
                        return Ok(News::Look);
                    }
                }
                () = tokio::time::sleep(pause) => {
                    self.quiet += 1;
                    return Ok(News::Look);
                }
            }
        }
    }

    /// The newest of what has come already: whoever was busy is told how it is, and not how it was. A
    /// state outweighs progress, which stands in the record as well.
    fn newest(&mut self, first: &Message) -> Option<News> {
        let mut newest = read(first);
        while let Some(Some(message)) = self.news.next().now_or_never() {
            newest = match (newest, read(&message)) {
                (newest, None) => newest,
                (Some(News::State(state)), Some(News::Progress(_))) => Some(News::State(state)),
                (_, newer) => newer,
            };
        }
        newest
    }

    /// What makes further waiting useless, if something does: nothing is known of it (any more), or it
    /// waits and the queue has lost it.
    pub(super) async fn hopeless(&mut self, found: Option<&Revised>) -> Option<Error> {
        let Some(found) = found else {
            // A worker notes it, or notes it again, as long as the queue holds it.
            let held = match self.sequence {
                Some(sequence) => self.is_held(sequence).await,
                None => false,
            };
            return (!held).then(|| unknown(&self.id));
        };
        let waits = matches!(found.record.state, JobState::Queued | JobState::Retrying);
        // That is looked at when there was no news for long.
        let sequence = self.sequence.filter(|_| waits && self.quiet >= LONG)?;
        if self.is_held(sequence).await {
            return None;
        }
        // Somebody may have taken it, and ended it, between the two looks.
        let again = self.look().await.ok().flatten();
        let is_left = again.is_some_and(|again| again.revision == found.revision);
        is_left.then(|| left(&self.id))
    }

    /// Whether the queue holds a message; what cannot be asked may be.
    async fn is_held(&mut self, sequence: u64) -> bool {
        let held = is_held(&self.client, sequence, Instant::now() + LOOK).await;
        held.unwrap_or(true)
    }

    /// Waits until it has ended.
    pub(super) async fn end(&mut self) -> Result<JobRecord> {
        loop {
            let found = self.look().await?;
            match found {
                Some(found) if found.record.state.is_final() => return Ok(found.record),
                found => {
                    if let Some(error) = self.hopeless(found.as_ref()).await {
                        return Err(error);
                    }
                }
            }
            loop {
                match self.next().await? {
                    News::Progress(_) => {}
                    News::State(state) if !state.is_final() => {}
                    News::State(_) | News::Look => break,
                }
            }
        }
    }
}

fn read(message: &Message) -> Option<News> {
    let body = &message.payload;
    match message.subject.as_str().rsplit('.').next()? {
        "state" => {
            let news: StateNews = serde_json::from_slice(body).ok()?;
            Some(News::State(news.state))
        }
        "progress" => serde_json::from_slice(body).ok().map(News::Progress),
        _ => None,
    }
}

/// Nobody will ever take it.
fn left(id: &JobId) -> Error {
    let text = format!(
        "the job {id} waits, and the queue does not hold it any more (the stream COMMANDS was removed \
         or purged): send it again"
    );
    Error::new(ErrorKind::NoService, text)
}

fn closed() -> Error {
    Error::new(ErrorKind::Disconnected, "the client was closed")
}

/// What comes of a job, waited for by `.await`, as long as it takes.
///
/// Errors: `CallError::Service` if the handler failed with its own error; else `Cancelled`, what the
/// handler's failure says (as for a call), `Invalid` for a job that nobody knows (any more), `NoService`
/// for one that waits and that the queue has lost, because somebody removed its stream, `Decode` for a
/// result of another type, `Denied`, `Timeout` after [`within`](Self::within). Outages are waited
/// out.
#[must_use = "it is waited for by `.await`"]
pub struct JobResult<T, E> {
    client: Client,
    id: String,
    sequence: Option<u64>,
    within: Option<Duration>,
    result: PhantomData<fn() -> (T, E)>,
}

impl<T, E> fmt::Debug for JobResult<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobResult")
            .field("id", &self.id)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

impl<T, E> JobResult<T, E> {
    pub(super) fn new(client: Client, id: &str, sequence: Option<u64>) -> Self {
        Self {
            client,
            id: id.to_owned(),
            sequence,
            within: None,
            result: PhantomData,
        }
    }

    /// Waits so long at most. The job does not mind. Default: as long as it takes; inside a handler
    /// for calls never more than the call being handled has left.
    pub fn within(self, time: Duration) -> Self {
        Self {
            within: Some(time),
            ..self
        }
    }

    async fn ended(&self) -> Result<JobRecord> {
        let now = Instant::now();
        let own = self.within.and_then(|within| now.checked_add(within));
        let deadline = own.into_iter().chain(self.client.scope().deadline).min();
        let ended = async {
            let mut follow = Follow::begin(&self.client, &self.id, self.sequence).await?;
            follow.end().await
        };
        let Some(deadline) = deadline else {
            return ended.await;
        };
        let ended = tokio::time::timeout_at(deadline, ended).await;
        ended.unwrap_or_else(|_| {
            let text = format!("the job {} has not ended in time: it goes on", self.id);
            Err(Error::new(ErrorKind::Timeout, text))
        })
    }
}

impl<T: DeserializeOwned, E: DomainError> JobResult<T, E> {
    fn read(record: JobRecord) -> Result<T, CallError<E>> {
        if record.state == JobState::Succeeded {
            return serde_json::from_value(record.result).map_err(|cause| {
                let text = "the result does not have the expected type: is the client of the \
                            service's version?";
                CallError::Failed(Error::new(ErrorKind::Decode, text).because(cause))
            });
        }
        if record.state == JobState::Cancelled {
            let text = format!("the job {} was cancelled", record.id);
            return Err(Error::new(ErrorKind::Cancelled, text).into());
        }
        let failure = record.error;
        let failure = failure.unwrap_or_else(|| Failure::internal("it failed without a reason"));
        Err(failed(failure))
    }
}

/// Why a job failed, as its sender is told. What the framework says of a job is said of calls as well;
/// other codes of the framework are those of a call that the handler made, and not of the job.
fn failed<E: DomainError>(failure: Failure) -> CallError<E> {
    match Code::parse(failure.code()) {
        None => match E::from_failure(&failure) {
            Some(error) => CallError::Service(error),
            None => CallError::Failed(Error::reported(failure)),
        },
        Some(Code::InvalidParams | Code::Timeout | Code::TooLarge | Code::Internal) => {
            CallError::Failed(Error::reported(failure))
        }
        Some(_) => CallError::Failed(Error::reported(Failure::internal(failure.to_string()))),
    }
}

impl<T: DeserializeOwned + Send + 'static, E: DomainError> IntoFuture for JobResult<T, E> {
    type Output = Result<T, CallError<E>>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move { Self::read(self.ended().await?) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sender_is_told_is_what_became_of_the_job() {
        for (failure, kind) in [
            (Failure::new("MINE", "x"), None),
            (
                Failure::framework(Code::Timeout, "x"),
                Some(ErrorKind::Timeout),
            ),
            (
                Failure::framework(Code::InvalidParams, "x"),
                Some(ErrorKind::Invalid),
            ),
            (
                Failure::framework(Code::TooLarge, "x"),
                Some(ErrorKind::TooLarge),
            ),
            (Failure::internal("x"), Some(ErrorKind::Internal)),
            // Of a call that the handler made.
            (
                Failure::framework(Code::NotActive, "x"),
                Some(ErrorKind::Internal),
            ),
            (
                Failure::framework(Code::Overloaded, "x"),
                Some(ErrorKind::Internal),
            ),
        ] {
            let error: CallError<Failure> = failed(failure.clone());
            assert_eq!(error.kind(), kind, "{failure}");
            assert!(error.to_string().contains('x'));
        }
    }
}
