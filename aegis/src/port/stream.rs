//! Streams: store a message and know that it is stored; read it at a place that is remembered.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::bus::{Message, Stop};
use crate::error::Result;
use crate::model::{
    ConsumerSpec, ConsumerStatus, Pattern, Settling, Stored, StoredMessage, StreamMessage,
    StreamSpec, StreamStatus, Subject,
};

/// What the server at the other end can do for streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StreamFeatures {
    /// A message may depend on the newest one of another subject, decided by the server in one
    /// step: NATS 2.11.7. Without it the adapter checks before it stores, and the window in
    /// between is left.
    pub fenced_writes: bool,
    /// Several messages in one step: NATS 2.12.
    pub atomic_batches: bool,
    /// A message that is stored at a later time: NATS 2.12.
    pub schedules: bool,
}

/// Which names are wanted.
pub type Wanted<'a> = &'a (dyn Fn(&str) -> bool + Send + Sync);

/// The streams of one connection.
///
/// Every operation ends by its deadline. Errors of all of them: `Timeout` and `Disconnected`
/// (`Error::was_sent` tells whether it may have happened), `Denied`, and `NoService` if the server
/// has no `JetStream` or the stream is gone: that is never an empty answer.
///
/// The suite in `tests/contract` is the full text of this contract; it runs on every adapter.
pub trait Streams: Send + Sync + fmt::Debug {
    /// Asks the server what it can do. Errors: `NoService` if it has no `JetStream`.
    fn probe(&self, deadline: Instant) -> BoxFuture<'_, Result<StreamFeatures>>;

    /// Makes a stream, or changes one that exists to what is asked for. What is not asked for stays
    /// as it is, subjects that it stores beyond those asked for included
    /// ([`StreamSpec::united`]). It is read back: what the server did not take over is an error.
    ///
    /// Errors: `Invalid` for what cannot be; `Config` for a drift that cannot be changed, which it
    /// names, for subjects that another stream stores, and for what the server does not know;
    /// `Overloaded` if the store has no room for it.
    fn ensure(&self, spec: StreamSpec, deadline: Instant) -> BoxFuture<'_, Result<StreamStatus>>;

    /// How a stream is; none if there is none.
    fn status<'a>(
        &'a self,
        stream: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<StreamStatus>>>;

    /// Removes a stream with everything in it; tells whether there was one.
    fn remove<'a>(&'a self, stream: &'a str, deadline: Instant) -> BoxFuture<'a, Result<bool>>;

    /// Stores a message, and returns when the stream holds it. It is sent once: whoever repeats it
    /// gives it an id.
    ///
    /// Errors: `NoService` if no stream stores the subject, `Conflict` if what was expected does not
    /// hold, `TooLarge`, `Overloaded` if the stream is full and refuses, `Invalid` for an id that
    /// cannot travel ([`StreamMessage::check`]); nothing was stored in all
    /// these cases.
    ///
    /// Whoever repeats a message that has an id and a condition too: servers up to 2.11 look at the
    /// id first and say that it is a duplicate; since 2.12 they look at the condition first, and it
    /// is a `Conflict` that the message itself has caused. Read what is there then.
    fn store(&self, message: StreamMessage, deadline: Instant) -> BoxFuture<'_, Result<Stored>>;

    /// One message; none if the stream does not hold it (any more).
    fn message<'a>(
        &'a self,
        stream: &'a str,
        sequence: u64,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>>;

    /// The newest message on a subject, asked of whoever decides on writes; none if there is none.
    /// Servers before NATS 2.12 find none if a newer one was [deleted](Self::delete), and take an
    /// expected sequence on this subject for wrong.
    fn last<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a Subject,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>>;

    /// The oldest message from a sequence on that matches; none if there is none.
    fn first<'a>(
        &'a self,
        stream: &'a str,
        pattern: &'a Pattern,
        from: u64,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>>;

    /// Removes one message for good; tells whether there was one.
    fn delete<'a>(
        &'a self,
        stream: &'a str,
        sequence: u64,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<bool>>;

    /// The subjects of the messages that a stream holds and that match, with how many each has.
    fn subjects<'a>(
        &'a self,
        stream: &'a str,
        pattern: &'a Pattern,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<BTreeMap<String, u64>>>;

    /// Makes a consumer, or changes one that exists to what is asked for. Where one that exists has
    /// begun stays as it was.
    ///
    /// Errors: `Invalid` for what cannot be, which in a work queue is any begin but
    /// [`All`](crate::port::DeliverFrom::All); `Config` if another consumer of a work queue takes
    /// the same messages; `NoService` if the stream is gone.
    fn consumer<'a>(
        &'a self,
        stream: &'a str,
        spec: ConsumerSpec,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Arc<dyn Consumer>>>;

    /// The consumers of a stream whose names are wanted, sorted by name.
    ///
    /// Errors: `Timeout` if the cluster does not know how one of them is, as whoever leads it does
    /// not answer. Of others it need not know: a server that is down holds up nobody but those whose
    /// consumers it has. The server may look for them for four seconds.
    fn consumers<'a>(
        &'a self,
        stream: &'a str,
        wanted: Wanted<'a>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Vec<ConsumerStatus>>>;

    /// Removes a consumer; tells whether there was one.
    fn remove_consumer<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<bool>>;

    /// What the server can do, as far as it is known now.
    fn features(&self) -> StreamFeatures;
}

/// One consumer.
pub trait Consumer: Send + Sync + fmt::Debug {
    /// Its name on the server.
    fn name(&self) -> &str;

    /// How it is. Errors: `NoService` if it is gone.
    fn status(&self, deadline: Instant) -> BoxFuture<'_, Result<ConsumerStatus>>;

    /// Begins to pull. Nothing is delivered before it is asked for.
    fn pull(&self) -> BoxFuture<'_, Result<Pull>>;

    /// What is there to be delivered now, at most so many, without waiting for more; nothing if
    /// there is nothing. What is given back or not settled in time is there again.
    ///
    /// Nothing is there either while as much is in hands as may be (`max_ack_pending`), while the
    /// consumer is paused, and as far as those who [pull](Self::pull) have asked for it already. A
    /// message that was stored or given back this moment may be found by the next question only. It
    /// may bring fewer than there are: the server limits what one question gets.
    ///
    /// A NATS server does not say that as much is in hands as may be: an answer to that takes some
    /// 25 milliseconds more, and some 125 if the consumer has replicas.
    ///
    /// Whoever stops waiting, by the deadline or by dropping this, loses nothing: what is delivered
    /// all the same is given back at once, which counts as an attempt. After a loss of the
    /// connection it comes again after its ack wait.
    ///
    /// Errors: `NoService` if the consumer or its stream is gone, or its cluster elects who leads
    /// it; `Overloaded` if too many ask; `Config` if it cannot be asked; `Disconnected`, at once
    /// when the connection is lost; `Timeout`, by the deadline or a little after an answer got lost.
    /// What came before an error is returned instead of it.
    fn fetch(&self, most: usize, deadline: Instant) -> BoxFuture<'_, Result<Vec<Delivery>>>;
}

/// One message, delivered to be worked on and [settled](Self::settle).
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What was stored. It has no reply subject.
    pub message: Message,
    /// Its number in the stream.
    pub sequence: u64,
    /// The how manieth delivery of this message this is, whoever got the others: 1 is the first.
    pub attempt: u64,
    /// Messages that were not delivered yet.
    pub pending: u64,
    /// When the server took it, by its clock.
    pub stored: OffsetDateTime,
    receipt: Subject,
    settles: Arc<dyn Settle>,
}

impl Delivery {
    /// Made by adapters; the receipt tells the delivery from all others.
    pub fn new(
        message: Message,
        (sequence, attempt, pending): (u64, u64, u64),
        stored: OffsetDateTime,
        (receipt, settles): (Subject, Arc<dyn Settle>),
    ) -> Self {
        Self {
            message,
            sequence,
            attempt,
            pending,
            stored,
            receipt,
            settles,
        }
    }

    /// Says how it ended, or that it goes on. It is handed over, and not confirmed: should it be
    /// lost, the message is delivered again.
    pub async fn settle(&self, how: Settling) -> Result<()> {
        self.settles.settle(&self.receipt, how).await
    }

    /// Says that it is done with, and returns when the server has taken note.
    pub async fn confirm(&self, deadline: Instant) -> Result<()> {
        self.settles.confirm(&self.receipt, deadline).await
    }
}

/// Where deliveries are settled; made by adapters.
pub trait Settle: Send + Sync + fmt::Debug {
    /// [`Delivery::settle`].
    fn settle<'a>(&'a self, receipt: &'a Subject, how: Settling) -> BoxFuture<'a, Result<()>>;

    /// [`Delivery::confirm`].
    fn confirm<'a>(&'a self, receipt: &'a Subject, deadline: Instant) -> BoxFuture<'a, Result<()>>;
}

/// Asks for more deliveries of one [`Pull`].
pub type AskMore = Arc<dyn Fn(usize) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// The deliveries of one consumer to one reader, as a stream. Dropping it gives back what was asked
/// for and did not come; what came and was not settled is delivered again after its ack wait.
///
/// It never delivers more than was asked for in all. It ends with an error: when the connection
/// changes, when the consumer or the stream is gone (`NoService`), when the server is silent
/// although it should say that it is there (`Timeout`). Whoever goes on reading begins a new one.
pub struct Pull {
    deliveries: BoxStream<'static, Result<Delivery>>,
    more: AskMore,
    heard: Arc<dyn Fn() -> Instant + Send + Sync>,
    stop: Stop,
}

impl Pull {
    /// Made by adapters; `heard` tells when the server was heard last, and does not wait; `stop`
    /// ends it at its source.
    pub fn new(
        deliveries: BoxStream<'static, Result<Delivery>>,
        more: AskMore,
        heard: Arc<dyn Fn() -> Instant + Send + Sync>,
        stop: Stop,
    ) -> Self {
        Self {
            deliveries,
            more,
            heard,
            stop,
        }
    }

    /// Takes nothing new: once this returns, everything that was delivered is in the stream, which
    /// then ends without an error.
    pub fn stop(&self) -> BoxFuture<'static, Result<()>> {
        (self.stop)()
    }

    /// Asks for so many more.
    pub fn more(&self, count: usize) -> BoxFuture<'static, Result<()>> {
        (self.more)(count)
    }

    /// The same, to be kept beside the stream.
    pub fn asker(&self) -> AskMore {
        self.more.clone()
    }

    /// The next delivery; none after an error.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name that streams give it"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<Delivery>>> + '_ {
        std::future::poll_fn(move |cx| self.deliveries.as_mut().poll_next(cx))
    }

    /// When the server was heard last: a delivery, or a sign of life. It costs nothing to ask.
    pub fn heard(&self) -> Arc<dyn Fn() -> Instant + Send + Sync> {
        self.heard.clone()
    }
}

impl Stream for Pull {
    type Item = Result<Delivery>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.deliveries.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Pull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pull").finish_non_exhaustive()
    }
}
