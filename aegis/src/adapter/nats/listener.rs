//! One subscription, and its end without a loss.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::FutureExt;
use futures_util::stream::{self, Stream, StreamExt};
use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::convert;
use crate::port::Message;

/// `UNSUB sid max` with a `max` of more than nine digits ends the subscription in the server at
/// once (`parseSize` in nats-server, 2.0 to 2.15, takes it for "no maximum"), while the client
/// goes on receiving what is on the way. That is the drain which `Subscriber::drain` of
/// `async-nats` 0.51 promises: it forgets the subscription before the server has answered
/// (`docs/adr/0004-our-own-drain-and-inbox.md`).
const END_IN_SERVER: u64 = 10_000_000_000;
/// A queue of commands that has no room for so long belongs to a connection that is gone.
const STUCK: Duration = Duration::from_secs(5);

/// A subscription of the client, with an end of our own.
#[derive(Debug)]
pub(super) struct Listener {
    source: Mutex<Source>,
    /// Nothing more is delivered: what is in the queue is all there is.
    ended: AtomicBool,
    reader: AtomicWaker,
}

#[derive(Debug)]
struct Source {
    subscriber: async_nats::Subscriber,
    /// What came before the subscription was made anew.
    left: VecDeque<Message>,
}

impl Listener {
    pub(super) fn new(subscriber: async_nats::Subscriber) -> Arc<Self> {
        Arc::new(Self {
            source: Mutex::new(Source {
                subscriber,
                left: VecDeque::new(),
            }),
            ended: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        })
    }

    /// The messages, to the end.
    pub(super) fn messages(self: Arc<Self>) -> impl Stream<Item = Message> + Send {
        stream::poll_fn(move |cx| self.poll(cx))
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.reader.register(cx.waker());
        if let Some(message) = self.source().left.pop_front() {
            return Poll::Ready(Some(message));
        }
        // Asked before the queue is: what was delivered before the end is in the queue by then.
        let ended = self.ended.load(Ordering::Acquire);
        let next = if ended {
            // Only an empty queue is the end, not a task that has used up its turn (the
            // cooperative budget of tokio is "pending" as well).
            let next = self
                .with(|subscriber| pin!(tokio::task::unconstrained(subscriber.next())).poll(cx));
            Poll::Ready(match next {
                Poll::Ready(next) => next,
                Poll::Pending => None,
            })
        } else {
            self.with(|subscriber| subscriber.poll_next_unpin(cx))
        };
        next.map(|next| next.map(convert::from_message))
    }

    /// Asks the server to deliver nothing more, and goes on receiving what is on the way.
    pub(super) async fn stop_delivery(&self) {
        let deadline = Instant::now() + STUCK;
        let attempt =
            || self.with(|subscriber| subscriber.unsubscribe_after(END_IN_SERVER).now_or_never());
        while attempt().is_none() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Everything that was delivered is in the queue: the stream ends after it.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// Takes another subscription in the place of one that the server has ended, which it gives back.
    pub(super) fn replace(&self, subscriber: async_nats::Subscriber) -> async_nats::Subscriber {
        let mut source = self.source();
        let mut old = std::mem::replace(&mut source.subscriber, subscriber);
        source.left.extend(queued(&mut old));
        drop(source);
        self.reader.wake();
        old
    }

    /// Takes what another one has not read.
    pub(super) fn take_what_is_left(&self, other: &Self) {
        let mut other = other.source();
        let mut left = std::mem::take(&mut other.left);
        left.extend(queued(&mut other.subscriber));
        drop(other);
        self.source().left.extend(left);
        self.reader.wake();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, f: impl FnOnce(&mut async_nats::Subscriber) -> T) -> T {
        f(&mut self.source().subscriber)
    }
}

/// What stands in the queue of a subscription.
fn queued(subscriber: &mut async_nats::Subscriber) -> Vec<Message> {
    // Not a task that has used up its turn is the end, but an empty queue.
    let mut next = || tokio::task::unconstrained(subscriber.next()).now_or_never();
    let mut all = Vec::new();
    while let Some(Some(message)) = next() {
        all.push(convert::from_message(message));
    }
    all
}
