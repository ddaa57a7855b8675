//! Follows the changes of keys, as values.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::watch;

use super::bucket::Bucket;
use super::request::deadline;
use super::value::{Change, Format};
use crate::error::Result;
use crate::model::KvFilter;
use crate::port::{KvBucket, KvEvent, KvWatch, WatchFrom, WatchHealth};

/// A watch before it begins; `.await` begins it.
#[must_use = "a watch begins by `.await`"]
pub struct WatchRequest<T> {
    bucket: Arc<dyn KvBucket>,
    format: Format<T>,
    filter: Result<KvFilter>,
    from: WatchFrom,
    within: Duration,
}

impl<T> fmt::Debug for WatchRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchRequest")
            .field("bucket", &self.bucket.name())
            .field("filter", &self.filter)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl<T> WatchRequest<T> {
    pub(super) fn new(bucket: &Bucket<T>, filter: Result<KvFilter>) -> Self {
        Self {
            bucket: bucket.port.clone(),
            format: bucket.format,
            filter,
            from: WatchFrom::Latest,
            within: bucket.within,
        }
    }

    /// Tells what changes from now on, and nothing that is there.
    pub fn updates_only(self) -> Self {
        Self {
            from: WatchFrom::New,
            ..self
        }
    }

    /// Tells everything that is kept from this revision on: one behind the last that was handled
    /// goes on where an earlier watch ended.
    pub fn from_revision(self, revision: u64) -> Self {
        Self {
            from: WatchFrom::Revision(revision),
            ..self
        }
    }

    /// The time for the beginning. Default: that of the bucket.
    pub fn within(self, time: Duration) -> Self {
        Self {
            within: time,
            ..self
        }
    }
}

impl<T: Send + 'static> IntoFuture for WatchRequest<T> {
    type Output = Result<Watch<T>>;
    type IntoFuture = BoxFuture<'static, Result<Watch<T>>>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let until = deadline(self.within);
            let events = self.bucket.watch(self.filter?, self.from, until).await?;
            Ok(Watch {
                bucket: self.bucket,
                format: self.format,
                events,
            })
        }
        .boxed()
    }
}

/// The changes of some keys, as a stream. Dropping it ends it.
///
/// First come the newest values of the keys (and the removals that the bucket remembers), in the
/// order of their writes, then [`Change::Ready`], then what changes. Of writes of one key that
/// follow each other quickly the bucket's history decides which are told; the newest always is.
///
/// It survives outages: it goes on behind the last revision that it told, or says
/// [`Change::Reset`] and tells everything anew where that is not possible. It ends (`None`) only
/// when the client is closed. An error in it does not end it: a value that cannot be read
/// (`Decode`), or why it cannot go on for now (`Denied`, `NoService` for a bucket that was
/// removed). A slow reader slows it down; nothing is dropped.
///
/// ```
/// use aegis::{Bucket, Change, Client, Config};
///
/// # #[tokio::main]
/// # async fn main() -> aegis::Result<()> {
/// let client = Client::connect(Config::default().url("memory://watch-example")).await?;
/// let users: Bucket<String> = client.bucket("users").open().await?;
/// users.put("user:1", &"Ann".to_owned()).await?;
///
/// let mut changes = users.watch_prefix("user:").await?;
/// users.delete("user:1").await?;
/// while let Some(change) = changes.next().await {
///     match change? {
///         Change::Put(entry) => println!("{} = {}", entry.key, entry.value),
///         Change::Removed(removed) => {
///             println!("{} is gone: {:?}", removed.key, removed.why);
///             break;
///         }
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Watch<T> {
    bucket: Arc<dyn KvBucket>,
    format: Format<T>,
    events: KvWatch,
}

impl<T> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("bucket", &self.bucket.name())
            .finish_non_exhaustive()
    }
}

impl<T> Watch<T> {
    /// The next change; none when the client was closed.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name that streams give it"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<Change<T>>>> + '_ {
        std::future::poll_fn(move |cx| Pin::new(&mut *self).poll_next(cx))
    }

    /// Whether it hears from the server, to look at or to wait for: while it does not, what it
    /// told may be out of date.
    pub fn health(&self) -> watch::Receiver<WatchHealth> {
        self.events.health()
    }

    fn change(&self, event: KvEvent) -> Result<Change<T>> {
        match event {
            KvEvent::Entry(entry) => self.format.change(self.bucket.name(), &entry),
            KvEvent::Ready => Ok(Change::Ready),
            KvEvent::Reset => Ok(Change::Reset),
        }
    }
}

impl<T> Stream for Watch<T> {
    type Item = Result<Change<T>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let event = match ready!(Pin::new(&mut self.events).poll_next(cx)) {
                // The framework's own.
                Some(Ok(KvEvent::Entry(entry))) if entry.key.is_reserved() => continue,
                event => event,
            };
            return Poll::Ready(event.map(|event| event.and_then(|event| self.change(event))));
        }
    }
}
