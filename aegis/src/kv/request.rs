//! One operation before it is sent: what is optional is said in words, `.await` sends.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::time::Instant;

use super::fenced;
use crate::error::Result;
use crate::lease::Leadership;
use crate::model::{Expect, KvWrite};
use crate::port::KvBucket;

/// Longer is the same as for ever.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn deadline(within: Duration) -> Instant {
    Instant::now() + within.min(LONGEST)
}

type Work<T> = Box<dyn FnOnce(Instant) -> BoxFuture<'static, Result<T>> + Send>;

/// An operation of a bucket, sent by `.await`.
#[must_use = "an operation is sent by `.await`"]
pub struct KvRequest<T> {
    within: Duration,
    work: Work<T>,
}

impl<T> fmt::Debug for KvRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvRequest")
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> KvRequest<T> {
    pub(super) fn new<F>(within: Duration, work: impl FnOnce(Instant) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        Self {
            within,
            work: Box::new(move |deadline| work(deadline).boxed()),
        }
    }

    /// The time for everything. Default: that of the bucket.
    pub fn within(self, time: Duration) -> Self {
        Self {
            within: time,
            ..self
        }
    }
}

impl<T: Send + 'static> IntoFuture for KvRequest<T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<'static, Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        (self.work)(deadline(self.within))
    }
}

/// A write of a value, sent by `.await`; it gives the new revision.
#[must_use = "a write is sent by `.await`"]
#[derive(Debug)]
pub struct KvPut {
    bucket: Arc<dyn KvBucket>,
    write: Result<KvWrite>,
    leader: Option<Leadership>,
    within: Duration,
}

impl KvPut {
    pub(super) fn new(bucket: Arc<dyn KvBucket>, write: Result<KvWrite>, within: Duration) -> Self {
        Self {
            bucket,
            write,
            leader: None,
            within,
        }
    }

    /// How long the value lives: at least 1 s, in whole seconds; what is between counts as the
    /// next. It takes NATS 2.11.2 (an older server is a `Config` error, never silence).
    ///
    /// In a bucket with a history such a value replaces the history of its key, so that no older
    /// value comes back when it expires.
    pub fn ttl(self, time: Duration) -> Self {
        Self {
            write: self.write.map(|write| write.living(time)),
            ..self
        }
    }

    /// Writes as this leader: refused, in one step with the write, once a newer leader of the group
    /// has written here.
    ///
    /// The first such write of a leader to a bucket raises the bucket's fence to its
    /// [epoch](Leadership::epoch): that is two requests more, once. From then on a leader of the
    /// past, one that stood still in the middle of a handler, can write nothing here any more.
    ///
    /// Errors: `NotActive` if this leadership is over, or a newer one has raised the fence (nothing
    /// was written); `Invalid` for [`create`](crate::Bucket::create) and
    /// [`update`](crate::Bucket::update), as NATS checks one condition only; `Config` in a bucket
    /// where everything expires (`.ttl(..)`) on a server before NATS 2.11.2.
    ///
    /// It takes NATS 2.11.7, on every server of a cluster. An older one cannot check the fence
    /// together with the write: there the write is refused if the newer leader had raised the
    /// fence before it began, or has written the same key; in between a window of one round trip
    /// is left.
    pub fn fenced(self, leader: &Leadership) -> Self {
        Self {
            leader: Some(leader.clone()),
            ..self
        }
    }

    /// The time for everything. Default: that of the bucket.
    pub fn within(self, time: Duration) -> Self {
        Self {
            within: time,
            ..self
        }
    }
}

impl IntoFuture for KvPut {
    type Output = Result<u64>;
    type IntoFuture = BoxFuture<'static, Result<u64>>;

    fn into_future(self) -> Self::IntoFuture {
        send(self.bucket, self.write, self.leader, self.within)
    }
}

/// A removal of a value, sent by `.await`.
#[must_use = "a removal is sent by `.await`"]
#[derive(Debug)]
pub struct KvRemove {
    bucket: Arc<dyn KvBucket>,
    write: Result<KvWrite>,
    leader: Option<Leadership>,
    within: Duration,
}

impl KvRemove {
    pub(super) fn new(bucket: Arc<dyn KvBucket>, write: Result<KvWrite>, within: Duration) -> Self {
        Self {
            bucket,
            write,
            leader: None,
            within,
        }
    }

    /// Removes it only if this is the newest revision; else `Conflict`.
    pub fn revision(self, revision: u64) -> Self {
        let expect = Expect::Revision(revision);
        Self {
            write: self.write.map(|write| write.expecting(expect)),
            ..self
        }
    }

    /// Removes it as this leader, as [`KvPut::fenced`] writes; not together with
    /// [`revision`](Self::revision).
    pub fn fenced(self, leader: &Leadership) -> Self {
        Self {
            leader: Some(leader.clone()),
            ..self
        }
    }

    /// The time for everything. Default: that of the bucket.
    pub fn within(self, time: Duration) -> Self {
        Self {
            within: time,
            ..self
        }
    }
}

impl IntoFuture for KvRemove {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<'static, Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        let sent = send(self.bucket, self.write, self.leader, self.within);
        sent.map(|written| written.map(drop)).boxed()
    }
}

fn send(
    bucket: Arc<dyn KvBucket>,
    write: Result<KvWrite>,
    leader: Option<Leadership>,
    within: Duration,
) -> BoxFuture<'static, Result<u64>> {
    let write = match write {
        Ok(write) => write,
        Err(error) => return ready(Err(error)).boxed(),
    };
    let until = deadline(within);
    async move {
        match leader {
            None => bucket.write(write, until).await,
            Some(leader) => fenced::write(&bucket, write, &leader, until).await,
        }
    }
    .boxed()
}
