//! What becomes of a job, as a stream.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::{BoxStream, StreamExt, unfold};

use super::super::core::Client;
use super::follow::{Follow, News};
use crate::error::Result;
use crate::model::{JobProgress, JobStatus, ProgressNews};

/// How a job is, as a stream: first how it is now, then whatever changes, up to its end.
///
/// What a handler reports quickly after another report may be left out; the newest is told.
/// Outages are waited out, and what happened meanwhile is told as what it has led to. It ends
/// (`None`) behind the final state, and behind an error: `Invalid` for a job that nobody knows,
/// `Denied`, `Disconnected` if the client was closed.
pub struct JobUpdates(BoxStream<'static, Result<JobStatus>>);

impl fmt::Debug for JobUpdates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobUpdates").finish_non_exhaustive()
    }
}

impl JobUpdates {
    pub(super) fn new(client: Client, id: &str, sequence: Option<u64>) -> Self {
        let watcher = Watcher {
            client,
            id: id.to_owned(),
            sequence,
            follow: None,
            last: None,
            ended: false,
        };
        let all = unfold(watcher, async |mut watcher| {
            if watcher.ended {
                return None;
            }
            let next = watcher.next().await;
            watcher.ended = next.as_ref().map_or(true, |status| status.state.is_final());
            Some((next, watcher))
        });
        Self(all.boxed())
    }

    /// The next one; none behind the last.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name that streams give it"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<JobStatus>>> + '_ {
        std::future::poll_fn(move |cx| self.0.as_mut().poll_next(cx))
    }
}

impl Stream for JobUpdates {
    type Item = Result<JobStatus>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

struct Watcher {
    client: Client,
    id: String,
    sequence: Option<u64>,
    follow: Option<Follow>,
    /// What was told last.
    last: Option<JobStatus>,
    ended: bool,
}

impl Watcher {
    async fn next(&mut self) -> Result<JobStatus> {
        let follow = match &mut self.follow {
            Some(follow) => follow,
            none => none.insert(Follow::begin(&self.client, &self.id, self.sequence).await?),
        };
        let mut look = self.last.is_none();
        loop {
            if look {
                let found = follow.look().await?;
                let status = found.clone().map(|found| found.record.into_status());
                let status = status.map(|status| newest(status, self.last.as_ref()));
                if let Some(status) = status.filter(|status| self.last.as_ref() != Some(status)) {
                    self.last = Some(status.clone());
                    return Ok(status);
                }
                if let Some(error) = follow.hopeless(found.as_ref()).await {
                    return Err(error);
                }
            }
            look = true;
            if let News::Progress(news) = follow.next().await? {
                if let Some(status) = self.last.as_ref().and_then(|last| reported(last, news)) {
                    self.last = Some(status.clone());
                    return Ok(status);
                }
                look = self.last.is_none();
            }
        }
    }
}

/// What stands in the record, with what was reported since: not every report is written there.
fn newest(mut found: JobStatus, last: Option<&JobStatus>) -> JobStatus {
    let last = last.filter(|last| last.attempt == found.attempt);
    let Some(told) = last.and_then(|last| last.progress.as_ref()) else {
        return found;
    };
    let known = found.progress.as_ref();
    if known.is_none_or(|known| known.at < told.at) {
        found.progress = Some(told.clone());
    }
    found
}

/// What was told last, with what was reported now; none if that is of another attempt, or older.
fn reported(last: &JobStatus, news: ProgressNews) -> Option<JobStatus> {
    let known = last.progress.as_ref();
    let is_newer = known.is_none_or(|known| known.at < news.progress.at);
    if news.attempt != last.attempt || !is_newer || last.state.is_final() {
        return None;
    }
    let mut status = last.clone();
    status.progress = Some(JobProgress {
        percent: news.progress.percent,
        message: news.progress.message,
        at: news.progress.at,
    });
    Some(status)
}
