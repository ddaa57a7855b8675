//! Makes subscriptions again that the server refused, until they are allowed or nobody wants them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::bus::NatsBus;
use super::listener::Listener;
use super::subscriptions::{Refused, Subscriptions};
use crate::observe;

/// Before a refused subscription is tried again the first time; doubled up to the next.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Subscriptions that are tried at once: the client tells of 128 refusals at most that come together.
const AT_ONCE: usize = 32;

/// What a connection does by itself. It ends with the last clone, and so does the connection.
pub(super) struct Tasks {
    /// Reads the answers.
    answers: Mutex<AbortOnDropHandle<()>>,
    /// Tries again what is refused.
    again: OnceLock<AbortOnDropHandle<()>>,
}

impl Tasks {
    pub(super) fn new(answers: AbortOnDropHandle<()>) -> Self {
        Self {
            answers: Mutex::new(answers),
            again: OnceLock::new(),
        }
    }
}

async fn try_again(bus: Weak<NatsBus>, subscriptions: Arc<Subscriptions>) {
    loop {
        subscriptions.news.notified().await;
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::time::sleep(pause.mul_f64(1.0 + observe::chance() / 4.0)).await;
            let Some(bus) = bus.upgrade() else { return };
            if bus.is_heard().await {
                break;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl NatsBus {
    /// From now on what the server refuses is tried again.
    pub(super) fn tries_again(self: &Arc<Self>) {
        let again = try_again(Arc::downgrade(self), self.watch.subscriptions.clone());
        let again = AbortOnDropHandle::new(tokio::spawn(again));
        let _ = self.tasks.again.set(again);
    }

    /// Tries again what the server refuses; true if nothing is refused any more.
    async fn is_heard(&self) -> bool {
        // The next connection makes everything anew, and we hear of what is refused then.
        if !self.is_connected() {
            return true;
        }
        let subscriptions = &self.watch.subscriptions;
        // None ends in the middle of it.
        let _round = subscriptions.round.write().await;
        subscriptions.tell();
        // Without the inbox nothing can be asked.
        if self.watch.inbox.is_refused() && !self.has_its_inbox_again().await {
            return false;
        }
        let (refused, connection) = subscriptions.begin_trial();
        let mut refused = refused.into_iter().peekable();
        while refused.peek().is_some() {
            let some = refused.by_ref().take(AT_ONCE).collect();
            let are_back = self.ask_again(some, connection).await;
            if are_back && subscriptions.are_doubtful() {
                self.connect_anew().await;
                break;
            }
        }
        subscriptions.end_trial();
        subscriptions.are_heard()
    }

    /// After so many refusals that some may be unheard: another connection makes all subscriptions anew.
    async fn connect_anew(&self) {
        tracing::warn!(
            "NATS had refused so many subscriptions at once that some refusals may be unheard: \
             connects anew, which makes all of them again"
        );
        if let Err(error) = self.client.force_reconnect().await {
            tracing::error!(%error, "no new connection could be asked for");
        }
    }

    /// Makes some of them again, and lets those that the server takes stand in the place of the old ones;
    /// whether there are any.
    async fn ask_again(&self, refused: Vec<Refused>, connection: u64) -> bool {
        let subscriptions = &self.watch.subscriptions;
        let mut tried = Vec::new();
        for one in refused {
            if let Ok(made) = self.subscribed(&one.pattern, one.queue.clone()).await {
                tried.push((one, made));
            }
        }
        let handled = self.handled().await;
        let again = subscriptions.refused_again(connection);
        let mut are_back = false;
        for (one, made) in tried {
            let is_taken = |pattern| again.as_ref().is_some_and(|again| !again.contains(pattern));
            let Refused {
                pattern,
                queue,
                listener,
            } = one;
            // On another connection both may be heard: the new one is given up, and so is one that nobody
            // wants any more.
            let wanted = handled.is_ok() && !listener.has_ended();
            let other = if wanted && is_taken(&pattern) {
                let old = listener.replace(made);
                subscriptions.is_back(&listener);
                are_back = true;
                tracing::info!(pattern, "NATS lets this user subscribe there again");
                old
            } else {
                made
            };
            // Of a queue group each message goes to one of its members, of others to all.
            if queue.is_some() {
                self.hand_back(other, &listener).await;
            }
        }
        are_back
    }

    /// Ends a subscription, and gives what it still had to another one.
    async fn hand_back(&self, subscriber: async_nats::Subscriber, to: &Arc<Listener>) {
        let ending = Listener::new(subscriber);
        ending.stop_delivery().await;
        // Without an answer nothing is on the way.
        let _ = self.there_and_back().await;
        to.take_what_is_left(&ending);
    }

    /// Whether answers come in again.
    async fn has_its_inbox_again(&self) -> bool {
        let (inbox, subscriptions) = (&self.watch.inbox, &self.watch.subscriptions);
        subscriptions.tries_inbox.store(true, Ordering::Relaxed);
        // A refusal that comes from here on is the answer.
        inbox.allow();
        let made = self.subscribed(&inbox.pattern(), None).await;
        let answers = made.map(|answers| {
            let answers = tokio::spawn(inbox.clone().receive(answers));
            AbortOnDropHandle::new(answers)
        });
        let handled = self.handled().await;
        subscriptions.tries_inbox.store(false, Ordering::Relaxed);
        match answers {
            Ok(answers) if handled.is_ok() && !inbox.is_refused() => {
                let own = self.tasks.answers.lock();
                // The one before ends with it.
                *own.unwrap_or_else(PoisonError::into_inner) = answers;
                tracing::info!("NATS lets this user get answers again");
                true
            }
            _ => {
                // Also if nothing was said: it is asked again.
                inbox.refuse();
                false
            }
        }
    }
}
