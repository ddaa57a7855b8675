//! What a connection listens to, and what of that the server refuses.
//!
//! A server that is told of other permissions ends the subscriptions that are not allowed any more,
//! and does not make them again when they are: that is up to us, in `again`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, RwLock, watch};

use super::listener::Listener;

/// Refusals of what has no place here yet.
const MOST_EARLY: usize = 64;
/// The client tells of 128 events at most that come at once: of so many refusals, some may be unheard.
const MANY: usize = 64;
/// A subscription has its place so soon after the server was told of it.
const EARLY: Duration = Duration::from_secs(1);

/// The subscriptions of a connection.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    state: Mutex<State>,
    /// The patterns of those that are refused now.
    refused: watch::Sender<Vec<String>>,
    /// There is something to try again.
    pub(super) news: Notify,
    /// Written while they are tried again, read while some end.
    pub(super) round: RwLock<()>,
    /// The inbox is tried again.
    pub(super) tries_inbox: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    early: VecDeque<(String, Instant)>,
    /// Counts connections: each makes all subscriptions anew.
    connection: u64,
    /// How many were refused on it since all were heard.
    refusals: usize,
    /// While some are tried again: what of that was refused.
    trial: Option<BTreeSet<String>>,
}

#[derive(Debug)]
struct Entry {
    pattern: String,
    queue: Option<String>,
    listener: Weak<Listener>,
    refused: bool,
    /// Whoever asked whether everything was taken was told of the refusal.
    told: bool,
}

impl Entry {
    fn listener(&self) -> Option<Arc<Listener>> {
        let listener = self.listener.upgrade();
        listener.filter(|listener| !listener.has_ended())
    }
}

/// One that is refused.
pub(super) struct Refused {
    pub(super) pattern: String,
    pub(super) queue: Option<String>,
    pub(super) listener: Arc<Listener>,
}

impl Subscriptions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, pattern: &str, queue: Option<String>, listener: &Arc<Listener>) {
        let mut state = self.state();
        state.early.retain(|(_, at)| at.elapsed() < EARLY);
        // The refusal may have come before we came here.
        let refused = state.early.iter().any(|(early, _)| early == pattern);
        state.entries.push(Entry {
            pattern: pattern.to_owned(),
            queue,
            listener: Arc::downgrade(listener),
            refused,
            told: false,
        });
        drop(state);
        self.tell();
    }

    /// The server refuses a pattern; tells whether that is news.
    pub(super) fn refuse(&self, pattern: &str) -> bool {
        let mut state = self.state();
        if let Some(trial) = &mut state.trial {
            trial.insert(pattern.to_owned());
        }
        let mut is_known = false;
        let mut is_news = false;
        for entry in &mut state.entries {
            if entry.pattern == pattern {
                is_known = true;
                is_news |= !std::mem::replace(&mut entry.refused, true);
            }
        }
        state.refusals += usize::from(is_news);
        if !is_known {
            if state.early.len() == MOST_EARLY {
                state.early.pop_front();
            }
            state.early.push_back((pattern.to_owned(), Instant::now()));
            is_news = true;
        }
        drop(state);
        self.tell();
        self.news.notify_one();
        is_news
    }

    /// A new connection: every subscription was made anew, and who is refused is refused again.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        state.connection += 1;
        state.refusals = 0;
        state.early.clear();
        for entry in &mut state.entries {
            entry.refused = false;
        }
        drop(state);
        self.tell();
    }

    /// A pattern whose refusal nobody was told of yet.
    pub(super) fn take_untold(&self) -> Option<String> {
        let mut state = self.state();
        let mut untold = state
            .entries
            .iter_mut()
            .filter(|entry| entry.refused && !entry.told && entry.listener().is_some());
        let entry = untold.next()?;
        entry.told = true;
        Some(entry.pattern.clone())
    }

    /// The patterns that are refused, to look at or to wait for.
    pub(super) fn refused(&self) -> watch::Receiver<Vec<String>> {
        self.refused.subscribe()
    }

    /// Forgets what has ended, and tells what is refused.
    pub(super) fn tell(&self) {
        let mut state = self.state();
        state.entries.retain(|entry| entry.listener().is_some());
        let refused = state.entries.iter().filter(|entry| entry.refused);
        let refused: BTreeSet<&str> = refused.map(|entry| &*entry.pattern).collect();
        self.refused.send_if_modified(|told| {
            let is_news = !told.iter().map(String::as_str).eq(refused.iter().copied());
            if is_news {
                *told = refused.iter().map(|&pattern| pattern.to_owned()).collect();
            }
            is_news
        });
    }

    /// Those that are refused now, and on which connection. What is refused from now on is noted for
    /// [`end_trial`](Self::end_trial).
    pub(super) fn begin_trial(&self) -> (Vec<Refused>, u64) {
        let mut state = self.state();
        state.trial = Some(BTreeSet::new());
        let refused = state.entries.iter().filter(|entry| entry.refused);
        let refused = refused.filter_map(|entry| {
            Some(Refused {
                pattern: entry.pattern.clone(),
                queue: entry.queue.clone(),
                listener: entry.listener()?,
            })
        });
        (refused.collect(), state.connection)
    }

    /// What was refused since the trial began; none if the connection is another one by now, so that the
    /// old subscriptions may be heard as well.
    pub(super) fn refused_again(&self, connection: u64) -> Option<BTreeSet<String>> {
        let state = self.state();
        let refused = state.trial.clone();
        refused.filter(|_| state.connection == connection)
    }

    pub(super) fn end_trial(&self) {
        self.state().trial = None;
    }

    /// Tells whether all are heard.
    pub(super) fn are_heard(&self) -> bool {
        let are_heard = self.refused().borrow().is_empty();
        if are_heard {
            self.state().refusals = 0;
        }
        are_heard
    }

    /// Whether so many were refused on this connection that others may be, unheard.
    pub(super) fn are_doubtful(&self) -> bool {
        self.state().refusals >= MANY
    }

    /// It is heard again.
    pub(super) fn is_back(&self, listener: &Arc<Listener>) {
        for entry in &mut self.state().entries {
            if Weak::ptr_eq(&entry.listener, &Arc::downgrade(listener)) {
                entry.refused = false;
            }
        }
        self.tell();
    }

    /// A refusal of the inbox is an answer to our own attempt.
    pub(super) fn tries_inbox(&self) -> bool {
        self.tries_inbox.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_without_a_subscription_is_kept_for_a_moment_only_and_within_bounds() {
        let all = Subscriptions::default();
        for number in 0..=MOST_EARLY {
            assert!(all.refuse(&number.to_string()));
        }
        let early = |state: &State| state.early.iter().any(|(early, _)| early == "0");
        assert!(!early(&all.state()) && all.state().early.len() == MOST_EARLY);
        assert!(all.refused().borrow().is_empty() && all.take_untold().is_none());
        all.forget();
        assert!(all.state().early.is_empty(), "another connection");
    }

    #[test]
    fn what_was_tried_on_another_connection_says_nothing() {
        let all = Subscriptions::default();
        let (refused, connection) = all.begin_trial();
        assert!(refused.is_empty());
        all.refuse("a.b");
        assert!(all.refused_again(connection).unwrap().contains("a.b"));
        all.end_trial();
        assert_eq!(all.refused_again(connection), None);
        let (_, connection) = all.begin_trial();
        all.forget();
        assert_eq!(all.refused_again(connection), None);
    }
}
