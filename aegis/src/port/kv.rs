//! Key-value buckets: read, write under a condition, list, watch.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::Result;
use crate::model::{BucketSpec, BucketStatus, KvEntry, KvFilter, KvKey, KvWrite};

/// What the server at the other end can do for buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct KvFeatures {
    /// A time to live per key, and markers for what expired: NATS 2.11.2.
    pub key_ttl: bool,
    /// A fence is checked by the server, in one step with the write: NATS 2.11.7. Without it the
    /// adapter checks before the write, and the window in between is left.
    pub fenced_writes: bool,
    /// Several writes in one step: NATS 2.12.
    pub atomic_batches: bool,
}

/// The buckets of one connection.
///
/// Every operation ends by its deadline. Errors of all of them: `Timeout` and `Disconnected`
/// (`Error::was_sent` tells whether it may have happened), `Denied`, and `NoService` if the server
/// has no `JetStream` or the bucket is gone: that is never an empty answer.
///
/// The suite in `tests/contract` is the full text of this contract; it runs on every adapter.
pub trait KvStore: Send + Sync + fmt::Debug {
    /// Opens a bucket, and makes it first if it is missing. One that exists is taken as it is.
    ///
    /// Errors: `Invalid` for what cannot be, `Config` if the bucket that exists, or the server,
    /// cannot give what was asked for.
    fn open(&self, spec: BucketSpec, deadline: Instant)
    -> BoxFuture<'_, Result<Arc<dyn KvBucket>>>;

    /// Opens a bucket if it exists.
    fn find<'a>(
        &'a self,
        name: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn KvBucket>>>>;

    /// The names of all buckets, sorted.
    fn buckets(&self, deadline: Instant) -> BoxFuture<'_, Result<Vec<String>>>;

    /// Removes a bucket with everything in it; tells whether there was one.
    fn remove<'a>(&'a self, name: &'a str, deadline: Instant) -> BoxFuture<'a, Result<bool>>;

    /// What the server can do, as far as it is known now.
    fn features(&self) -> KvFeatures;
}

/// What to list of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvScan {
    /// The newest revision of each key, marks of deletions included, without values.
    Keys,
    /// The newest revision of each key, marks of deletions included.
    Latest,
    /// Every revision that is kept, oldest first.
    History,
}

/// Where a watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchFrom {
    /// With the newest revision of each key, marks of deletions included; then what changes.
    Latest,
    /// With what changes from now on.
    New,
    /// With this revision, if it is still kept, and everything after it.
    Revision(u64),
}

/// One bucket.
pub trait KvBucket: Send + Sync + fmt::Debug {
    /// Its name on the server.
    fn name(&self) -> &str;

    /// The newest revision of a key, a mark of a deletion included; none if there is none.
    /// It is asked of whoever decides on writes, so that decisions can be made on it.
    fn latest<'a>(
        &'a self,
        key: &'a KvKey,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<KvEntry>>>;

    /// One revision, if it is still kept and is one of this key.
    fn revision<'a>(
        &'a self,
        key: &'a KvKey,
        revision: u64,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<KvEntry>>>;

    /// Writes, and returns the new revision.
    ///
    /// A fenced write happens only while the fence has the revision that is named. Where the
    /// server cannot check that ([`KvFeatures::fenced_writes`]) it is refused once the fence was
    /// raised before the check, or a newer leader has written the same key. A fence never expires.
    ///
    /// Errors: `Conflict` if what was expected does not hold, `NotActive` if the fence was raised,
    /// or is gone (nothing was written in both cases), `TooLarge`, `Overloaded` if the bucket is
    /// full, `Invalid` or `Config` for a time to live that is not possible, `Invalid` for a fence
    /// together with an expectation, `Config` for a fence in a bucket where it would expire.
    fn write(&self, write: KvWrite, deadline: Instant) -> BoxFuture<'_, Result<u64>>;

    /// Lists entries in the order of their revisions.
    fn scan(
        &self,
        filter: KvFilter,
        scan: KvScan,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>>>;

    /// How it is, and how it is set up.
    fn status(&self, deadline: Instant) -> BoxFuture<'_, Result<BucketStatus>>;

    /// Follows keys until the watch is dropped or the connection is closed on purpose.
    fn watch(
        &self,
        filter: KvFilter,
        from: WatchFrom,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<KvWatch>>;
}

/// What a watch tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvEvent {
    /// A revision of a key.
    Entry(KvEntry),
    /// Everything that was there when the watch began, or began again, has been told.
    Ready,
    /// What was told before may no longer hold, because the bucket was made anew or changes were
    /// missed for good: what follows, up to the next `Ready`, is all there is.
    Reset,
}

/// Whether a watch hears from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchHealth {
    /// It does.
    Live,
    /// It has not since then, and tries again and again.
    Stale {
        /// When the server was heard last.
        since: Instant,
    },
}

/// The changes of some keys, as a stream. Dropping it ends it.
///
/// It is not read ahead without bound: a slow reader slows it down. After a lost connection it goes
/// on behind the last revision that it told. It ends only when the connection is closed on purpose;
/// an error in it (such as `Denied`, or a bucket that is gone) is told once until something is
/// heard again, and does not end it.
pub struct KvWatch {
    events: BoxStream<'static, Result<KvEvent>>,
    health: watch::Receiver<WatchHealth>,
    heard: Box<dyn Fn() -> Instant + Send + Sync>,
}

impl KvWatch {
    /// Made by adapters; `heard` tells when the server was heard last, and does not wait.
    pub fn new(
        events: BoxStream<'static, Result<KvEvent>>,
        health: watch::Receiver<WatchHealth>,
        heard: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Self {
        Self {
            events,
            health,
            heard: Box::new(heard),
        }
    }

    /// The next event; none when the connection was closed on purpose.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name that streams give it"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<KvEvent>>> + '_ {
        std::future::poll_fn(move |cx| self.events.as_mut().poll_next(cx))
    }

    /// Whether it hears from the server, to look at or to wait for.
    pub fn health(&self) -> watch::Receiver<WatchHealth> {
        self.health.clone()
    }

    /// When the server was heard last: a change, or a sign of life, which comes every half second.
    /// It costs nothing to ask, and never goes back. While a slow reader holds it up, the watch
    /// listens to nothing, and this stands still.
    pub fn heard(&self) -> Instant {
        (self.heard)()
    }
}

impl Stream for KvWatch {
    type Item = Result<KvEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for KvWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvWatch").finish_non_exhaustive()
    }
}
