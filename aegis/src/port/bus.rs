//! The bus: publish, request, subscribe.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::Result;
use crate::model::{Headers, Pattern, ServerFacts, Subject};

/// A message that arrived.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it was sent.
    pub subject: Subject,
    /// Where an answer goes; none if the sender wants none.
    pub reply: Option<Subject>,
    /// What travels beside the body.
    pub headers: Headers,
    /// The body.
    pub payload: Bytes,
}

/// What a request got.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What travels beside the body.
    pub headers: Headers,
    /// The body.
    pub payload: Bytes,
}

/// One request on one bus: its number, and whether it may have left.
#[derive(Debug)]
pub struct OpenCall {
    id: u64,
    sent: AtomicBool,
}

impl OpenCall {
    /// Made by adapters.
    pub fn new(id: u64) -> Self {
        Self {
            id,
            sent: AtomicBool::new(false),
        }
    }

    /// Its number, unique on its bus.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Said by adapters when the request is handed over.
    pub fn mark_sent(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }

    /// Whether the request may have reached somebody.
    pub fn was_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where it goes.
    pub subject: Subject,
    /// Where answers should go; for [`Bus::request`] the bus sets it.
    pub reply: Option<Subject>,
    /// What travels beside the body.
    pub headers: Headers,
    /// The body.
    pub payload: Bytes,
}

impl Outgoing {
    /// A message without headers and without a reply subject.
    pub fn new(subject: Subject, payload: impl Into<Bytes>) -> Self {
        Self {
            subject,
            reply: None,
            headers: Headers::new(),
            payload: payload.into(),
        }
    }

    /// The same with headers.
    #[must_use]
    pub fn with_headers(self, headers: Headers) -> Self {
        Self { headers, ..self }
    }

    /// The same with a reply subject.
    #[must_use]
    pub fn with_reply(self, reply: Subject) -> Self {
        Self {
            reply: Some(reply),
            ..self
        }
    }
}

/// Whether there is a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// Messages travel.
    Connected,
    /// The connection is lost and being made again.
    Disconnected,
    /// The connection was closed on purpose.
    Closed,
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Closed => "closed",
        })
    }
}

/// Core messaging, as NATS offers it: at most once, no storage.
///
/// The suite in `tests/contract` is the full text of this contract; it runs on every adapter.
pub trait Bus: Send + Sync + fmt::Debug {
    /// Hands a message over. Larger ones than [`max_payload`](Self::max_payload) are refused.
    fn publish(&self, message: Outgoing) -> BoxFuture<'_, Result<()>>;

    /// Begins a request, with a number that is unique on this bus.
    fn new_call(&self) -> OpenCall;

    /// Where the answer to this call goes: a subject that belongs to this bus alone.
    fn reply_to(&self, call: &OpenCall) -> String;

    /// Sends a request and waits for the first answer, at most until `deadline`.
    ///
    /// Errors: `NoService` at once if nobody listens, `Timeout`, `Disconnected` (not sent, when
    /// there was no connection the whole time), `TooLarge`, `Denied`.
    fn request<'a>(
        &'a self,
        message: Outgoing,
        call: &'a OpenCall,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Answer>>;

    /// Listens on a pattern; with a queue group each message goes to one member of the group.
    fn subscribe(
        &self,
        pattern: Pattern,
        queue: Option<String>,
    ) -> BoxFuture<'_, Result<Subscription>>;

    /// Returns when the server has handled everything handed over before.
    fn flush(&self) -> BoxFuture<'_, Result<()>>;

    /// The same, and nothing else: refusals of subscriptions may come later. To measure the way.
    fn round_trip(&self) -> BoxFuture<'_, Result<()>> {
        self.flush()
    }

    /// Sends what is left and closes the connection; later calls fail.
    fn close(&self) -> BoxFuture<'_, Result<()>>;

    /// The state of the connection, to look at or to wait for.
    fn state(&self) -> watch::Receiver<ConnectionState>;

    /// Patterns that this connection may not listen on although it should, to look at or to wait for:
    /// permissions were changed since. They are tried again until they are allowed. A subscription
    /// that is refused when it is made is an error of [`flush`](Self::flush).
    fn refused(&self) -> watch::Receiver<Vec<String>> {
        watch::channel(Vec::new()).1
    }

    /// The largest message in bytes, headers included.
    fn max_payload(&self) -> usize;

    /// What the server says of itself; none if there is no server.
    fn server(&self) -> Option<ServerFacts> {
        None
    }

    /// Where this bus leads, without secrets, for logs.
    fn name(&self) -> String;
}

/// Ends a subscription at its source: once it returns, nothing new is delivered, and everything
/// that was delivered is in the stream, which then ends.
pub type Stop = Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// The messages of one subscription, as a stream. Dropping it unsubscribes.
pub struct Subscription {
    messages: BoxStream<'static, Message>,
    stop: Stop,
}

impl Subscription {
    /// Made by adapters.
    pub fn new(messages: BoxStream<'static, Message>, stop: Stop) -> Self {
        Self { messages, stop }
    }

    /// The handle that ends it without losing what was delivered.
    pub fn stop_handle(&self) -> Stop {
        self.stop.clone()
    }

    /// The next message; none when the subscription has ended.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name that streams give it"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Message>> + '_ {
        std::future::poll_fn(move |cx| self.messages.as_mut().poll_next(cx))
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.messages.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
