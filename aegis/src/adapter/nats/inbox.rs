//! The answers to calls: one subscription for all of them, one entry per call that waits.
//!
//! `async-nats` has such a thing inside, but keeps the entry of a call that timed out or was
//! dropped for ever; here it goes with the call.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use tokio::sync::oneshot;

use super::refusal::{denied, no_inbox};
use crate::error::Error;
use crate::model::Subject;
use crate::port::OpenCall;

/// What a call waits for.
pub(super) type Answered = Result<async_nats::Message, Error>;

#[derive(Debug)]
pub(super) struct Inbox {
    /// Ends with a dot.
    prefix: String,
    next: AtomicU64,
    /// Makes numbers nobody can guess: who has seen one reply subject cannot answer other calls.
    keys: RandomState,
    /// Several, so that callers on several threads seldom meet; a call's number chooses.
    shards: [Mutex<Waiters>; SHARDS],
    /// The server lets us receive no answers at all.
    refused: AtomicBool,
}

const SHARDS: usize = 16;
/// A number in a reply subject, in hexadecimal.
const DIGITS: usize = 16;

type Waiters = HashMap<u64, Waiter, BuildHasherDefault<Spread>>;

/// Numbers that are spread already, and that nobody else chooses.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        // The lowest bits chose the shard: they are the same for all of its numbers.
        self.0.rotate_right(32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 ^= number;
    }
}

#[derive(Debug)]
struct Waiter {
    /// Of the subject that is asked.
    hash: u64,
    sender: oneshot::Sender<Answered>,
}

/// One call that waits; dropping it removes its entry.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    inbox: &'a Inbox,
    id: u64,
    answer: oneshot::Receiver<Answered>,
    /// Its entry is gone already.
    ended: bool,
}

impl Inbox {
    pub(super) fn new(prefix: &str) -> Arc<Self> {
        let unique = uuid::Uuid::new_v4().simple();
        Arc::new(Self {
            prefix: format!("{prefix}.{unique}."),
            next: AtomicU64::new(0),
            keys: RandomState::new(),
            shards: Default::default(),
            refused: AtomicBool::new(false),
        })
    }

    /// The pattern of all its reply subjects.
    pub(super) fn pattern(&self) -> String {
        format!("{}*", self.prefix)
    }

    fn waiting(&self, id: u64) -> MutexGuard<'_, Waiters> {
        let number = usize::try_from(id % (SHARDS as u64)).unwrap_or(0);
        lock(&self.shards[number])
    }

    /// Makes room for an answer to a request on `subject`.
    pub(super) fn ticket(&self, call: &OpenCall, subject: &Subject) -> Ticket<'_> {
        let (sender, answer) = oneshot::channel();
        let id = call.id();
        let waiter = Waiter {
            hash: hash(subject.as_str()),
            sender,
        };
        let mut waiting = self.waiting(id);
        // Asked under the lock: a refusal that comes later finds this call in its place.
        if self.is_refused() {
            let _ = waiter.sender.send(Err(no_inbox(&self.pattern())));
        } else {
            waiting.insert(id, waiter);
        }
        drop(waiting);
        Ticket {
            inbox: self,
            id,
            answer,
            ended: false,
        }
    }

    pub(super) fn new_call(&self) -> OpenCall {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        OpenCall::new(self.keys.hash_one(count))
    }

    pub(super) fn reply_to(&self, call: &OpenCall) -> String {
        // Its exact size: a `String` with room to spare costs a second allocation in the client.
        let mut text = String::with_capacity(self.prefix.len() + DIGITS);
        text.push_str(&self.prefix);
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{:0DIGITS$x}", call.id());
        text
    }

    /// Hands each message to the call that waits for it, until the subscription ends.
    pub(super) async fn receive(self: Arc<Self>, mut messages: async_nats::Subscriber) {
        while let Some(message) = messages.next().await {
            let token = message.subject.strip_prefix(&*self.prefix);
            let id = token.and_then(|token| u64::from_str_radix(token, 16).ok());
            let Some(id) = id else { continue };
            let waiter = self.waiting(id).remove(&id);
            if let Some(waiter) = waiter {
                let _ = waiter.sender.send(Ok(message));
            }
        }
    }

    /// Tells the calls on a subject that the server refused it.
    pub(super) fn denied(&self, subject: &str) {
        let refused = hash(subject);
        self.end(
            |waiter| waiter.hash == refused,
            || denied("publish", subject),
        );
    }

    /// Ends the calls that are chosen, with an error.
    fn end(&self, chosen: impl Fn(&Waiter) -> bool, error: impl Fn() -> Error) {
        for shard in &self.shards {
            for (_, waiter) in lock(shard).extract_if(|_, waiter| chosen(waiter)) {
                let _ = waiter.sender.send(Err(error()));
            }
        }
    }

    /// Whether a subject is one of its own.
    pub(super) fn owns(&self, subject: &str) -> bool {
        subject.starts_with(&*self.prefix)
    }

    /// The server refuses its subscription: no call will be answered, those that wait included.
    /// Tells whether that is news.
    pub(super) fn refuse(&self) -> bool {
        let was_refused = self.refused.swap(true, Ordering::SeqCst);
        self.end(|_| true, || no_inbox(&self.pattern()));
        !was_refused
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::SeqCst)
    }

    /// A new connection, or another attempt: perhaps with other permissions.
    pub(super) fn allow(&self) {
        self.refused.store(false, Ordering::SeqCst);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }
}

fn lock(shard: &Mutex<Waiters>) -> MutexGuard<'_, Waiters> {
    // Nothing in here can panic half-way: what a poisoned lock guards is whole.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl Ticket<'_> {
    /// Waits for the answer.
    pub(super) async fn answered(&mut self) -> Result<Answered, oneshot::error::RecvError> {
        let answer = (&mut self.answer).await;
        self.ended = true;
        answer
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.inbox.waiting(self.id).remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_went_away_leaves_nothing() {
        let inbox = Inbox::new("_INBOX");
        let subject = Subject::literal("rpc.a.b");
        let tickets: Vec<Ticket<'_>> = (0..100)
            .map(|_| inbox.ticket(&inbox.new_call(), &subject))
            .collect();
        assert_eq!(inbox.len(), 100);
        drop(tickets);
        assert_eq!(inbox.len(), 0);
    }

    #[test]
    fn who_has_seen_one_reply_subject_knows_no_other() {
        let inbox = Inbox::new("_INBOX");
        let ids: Vec<u64> = (0..10_000).map(|_| inbox.new_call().id()).collect();
        let all: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(all.len(), ids.len());
        let near = ids
            .windows(2)
            .filter(|pair| pair[0].abs_diff(pair[1]) < 1 << 32);
        assert!(near.count() < 10, "they do not count up");
        let other = Inbox::new("_INBOX");
        assert_ne!(other.new_call().id(), ids[0], "each inbox has its own");
        let call = OpenCall::new(7);
        assert!(inbox.reply_to(&call).ends_with(".0000000000000007"));
    }

    #[tokio::test]
    async fn a_refused_subject_ends_its_calls_only() {
        let inbox = Inbox::new("_INBOX");
        let mut refused = inbox.ticket(&inbox.new_call(), &Subject::literal("rpc.a.b"));
        let mut other = inbox.ticket(&inbox.new_call(), &Subject::literal("rpc.a.c"));
        inbox.denied("rpc.a.b");
        let error = refused.answered().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Denied);
        assert!(other.answer.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_refused_inbox_ends_every_call_until_there_is_another_connection() {
        let inbox = Inbox::new("_INBOX");
        let subject = Subject::literal("rpc.a.b");
        let mut waiting = inbox.ticket(&inbox.new_call(), &subject);
        inbox.refuse();
        let mut late = inbox.ticket(&inbox.new_call(), &subject);
        for ticket in [&mut waiting, &mut late] {
            let error = ticket.answered().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Denied);
            assert!(error.to_string().contains("nats.inbox_prefix"), "{error}");
        }
        inbox.allow();
        let mut next = inbox.ticket(&inbox.new_call(), &subject);
        assert!(next.answer.try_recv().is_err());
        assert_eq!(inbox.len(), 1);
    }
}
