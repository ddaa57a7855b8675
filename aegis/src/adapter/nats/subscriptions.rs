//! What a connection listens to, and what of that the server refuses.
//!
//! A server that is told of other permissions ends the subscriptions that are not allowed any more,
//! and does not make them again when they are: that is up to us.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

use super::bus::NatsBus;
use super::connect::Watch;
use super::listener::Listener;
use crate::observe;

/// Refusals remembered until somebody asks.
const MOST: usize = 64;
/// Before a refused subscription is tried again the first time; doubled up to the next.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The subscriptions of a connection.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    all: Mutex<Vec<Entry>>,
    /// Refused when they were made, and nobody was told so.
    unsaid: Mutex<Vec<String>>,
    made: AtomicU64,
    /// The patterns of those that are refused now.
    refused: watch::Sender<Vec<String>>,
    /// The pattern that is tried again, and whether that was refused.
    trial: Mutex<(String, bool)>,
    news: Notify,
}

#[derive(Debug)]
struct Entry {
    pattern: String,
    queue: Option<String>,
    listener: Weak<Listener>,
    refused: AtomicBool,
    /// The how manieth it is, and whether the server is known to have taken it.
    number: u64,
    taken: AtomicBool,
}

impl Entry {
    fn listener(&self) -> Option<Arc<Listener>> {
        self.listener
            .upgrade()
            .filter(|listener| !listener.has_ended())
    }

    fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }
}

/// One that is refused.
pub(super) struct Refused {
    pub(super) pattern: String,
    pub(super) queue: Option<String>,
    pub(super) listener: Arc<Listener>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Subscriptions {
    pub(super) fn add(&self, pattern: &str, queue: Option<String>, listener: &Arc<Listener>) {
        let entry = Entry {
            pattern: pattern.to_owned(),
            queue,
            listener: Arc::downgrade(listener),
            // The refusal may have come before we came here.
            refused: AtomicBool::new(locked(&self.unsaid).iter().any(|one| one == pattern)),
            number: self.made.fetch_add(1, Ordering::Relaxed),
            taken: AtomicBool::new(false),
        };
        locked(&self.all).push(entry);
        self.tell();
    }

    /// The server refuses a pattern; tells whether that is news.
    pub(super) fn refuse(&self, pattern: &str) -> bool {
        let mut trial = locked(&self.trial);
        let is_tried = trial.0 == pattern;
        trial.1 |= is_tried;
        drop(trial);
        let all = locked(&self.all);
        let own = || all.iter().filter(|entry| entry.pattern == pattern);
        own().for_each(|entry| entry.refused.store(true, Ordering::Relaxed));
        // Its place here comes after what was sent to the server.
        let is_new = own().next().is_none() || own().any(|entry| !entry.is_taken());
        drop(all);
        let mut unsaid = locked(&self.unsaid);
        if is_new && !is_tried && unsaid.len() < MOST {
            unsaid.push(pattern.to_owned());
        }
        drop(unsaid);
        self.tell();
        self.wake();
        !is_tried
    }

    /// There is something to try again.
    pub(super) fn wake(&self) {
        self.news.notify_one();
    }

    /// A new connection: every subscription was made anew, and who is refused is refused again.
    pub(super) fn forget(&self) {
        locked(&self.unsaid).clear();
        for entry in locked(&self.all).iter() {
            entry.refused.store(false, Ordering::Relaxed);
        }
        self.tell();
    }

    /// How many were made so far.
    pub(super) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// The server has handled the first so many: one of those that it did not take. A refusal of
    /// what it had taken is none of who makes others later.
    pub(super) fn settle(&self, made: u64) -> Option<String> {
        let all = locked(&self.all);
        for entry in all.iter().filter(|entry| entry.number < made) {
            entry.taken.store(true, Ordering::Relaxed);
        }
        drop(all);
        std::mem::take(&mut *locked(&self.unsaid))
            .into_iter()
            .next()
    }

    /// The patterns that are refused, to look at or to wait for.
    pub(super) fn refused(&self) -> watch::Receiver<Vec<String>> {
        self.refused.subscribe()
    }

    /// Forgets what has ended, and tells what is refused.
    pub(super) fn tell(&self) {
        let mut all = locked(&self.all);
        all.retain(|entry| entry.listener().is_some());
        let refused = all.iter().filter(|entry| entry.is_refused());
        let mut refused: Vec<String> = refused.map(|entry| entry.pattern.clone()).collect();
        refused.dedup();
        self.refused.send_if_modified(|told| {
            let is_news = *told != refused;
            *told = refused;
            is_news
        });
    }

    /// Those that are refused now.
    pub(super) fn all_refused(&self) -> Vec<Refused> {
        let all = locked(&self.all);
        let refused = all.iter().filter(|entry| entry.is_refused());
        let refused = refused.filter_map(|entry| {
            Some(Refused {
                pattern: entry.pattern.clone(),
                queue: entry.queue.clone(),
                listener: entry.listener()?,
            })
        });
        refused.collect()
    }

    /// From now on a refusal of this pattern is the answer to [`trial_failed`](Self::trial_failed).
    pub(super) fn begin_trial(&self, pattern: &str) {
        *locked(&self.trial) = (pattern.to_owned(), false);
    }

    /// Whether what was tried was refused.
    pub(super) fn trial_failed(&self) -> bool {
        std::mem::take(&mut *locked(&self.trial)).1
    }

    /// It is heard again.
    pub(super) fn is_back(&self, listener: &Arc<Listener>) {
        for entry in locked(&self.all).iter() {
            if Weak::ptr_eq(&entry.listener, &Arc::downgrade(listener)) {
                entry.refused.store(false, Ordering::Relaxed);
            }
        }
        self.tell();
    }
}

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

/// Tries refused subscriptions again, until they are allowed or nobody wants them, for as long as
/// there is the bus.
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
        let Watch {
            inbox,
            subscriptions,
            ..
        } = &*self.watch;
        // The next connection makes everything anew, and we hear of what is refused then.
        if !self.is_connected() {
            return true;
        }
        if inbox.is_refused() {
            self.ask_for_the_inbox().await;
        }
        // Without it nothing can be asked.
        if inbox.is_refused() {
            return false;
        }
        for refused in subscriptions.all_refused() {
            self.ask_for(refused).await;
        }
        subscriptions.tell();
        subscriptions.refused().borrow().is_empty()
    }

    async fn ask_for(&self, refused: Refused) {
        let Refused {
            pattern,
            queue,
            listener,
        } = refused;
        let subscriptions = &self.watch.subscriptions;
        subscriptions.begin_trial(&pattern);
        let made = self.subscribed(&pattern, queue).await;
        let handled = self.handled().await;
        let is_refused = subscriptions.trial_failed();
        let Ok(subscriber) = made else { return };
        if handled.is_ok() && !is_refused {
            listener.replace(subscriber);
            subscriptions.is_back(&listener);
            tracing::info!(pattern, "NATS lets this user subscribe there again");
        }
    }

    async fn ask_for_the_inbox(&self) {
        let inbox = &self.watch.inbox;
        let Ok(answers) = self.subscribed(&inbox.pattern(), None).await else {
            return;
        };
        let answers = tokio::spawn(inbox.clone().receive(answers));
        let answers = AbortOnDropHandle::new(answers);
        inbox.allow();
        let handled = self.handled().await;
        if handled.is_ok() && !inbox.is_refused() {
            // The one before ends with it.
            *locked(&self.tasks.answers) = answers;
            tracing::info!("NATS lets this user get answers again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_to_who_makes_the_subscription_and_to_nobody_later() {
        let all = Subscriptions::default();
        let refused = || all.refused().borrow().clone();
        // The refusal of one that has no place yet.
        assert!(all.refuse("a.b"));
        assert_eq!(all.settle(all.made()), Some("a.b".to_owned()));
        assert_eq!(all.settle(all.made()), None);
        // What is tried again is nobody's news, and no reason for others to fail.
        all.begin_trial("a.b");
        assert!(!all.refuse("a.b") && all.trial_failed());
        assert_eq!(all.settle(all.made()), None);
        all.begin_trial("a.b");
        assert!(!all.trial_failed());
        // What has ended is not refused.
        assert_eq!(refused(), Vec::<String>::new());
    }
}
