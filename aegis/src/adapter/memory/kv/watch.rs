//! Follows the changes of a bucket: what was there at the beginning, then a place in its log.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::Instant;

use super::log::Log;
use super::store::MemoryStore;
use crate::error::Result;
use crate::model::{KvEntry, KvFilter};
use crate::observe;
use crate::port::{ConnectionState, KvEvent, KvWatch, WatchFrom, WatchHealth};

struct Follower {
    store: MemoryStore,
    name: String,
    filter: KvFilter,
    changes: watch::Receiver<u64>,
    _health: watch::Sender<WatchHealth>,
    /// When the bucket it follows was made.
    created: OffsetDateTime,
    /// The first revision that was not looked at.
    next: u64,
    /// Up to this revision was there at the beginning; then it is told that this was all.
    initial: Option<u64>,
    /// The newest of each key that is still to be told, as it was at the beginning: in the log it
    /// moves on when it is rewritten.
    newest: VecDeque<KvEntry>,
    gone: bool,
}

/// What there is to do.
enum Step {
    Tell(Result<KvEvent>),
    Wait(Option<Instant>),
}

/// The bucket at the beginning.
pub(super) struct Begun {
    created: OffsetDateTime,
    last: u64,
    newest: VecDeque<KvEntry>,
}

impl Begun {
    pub(super) fn new(log: &Log, filter: &KvFilter, from: WatchFrom) -> Self {
        let newest = match from {
            WatchFrom::Latest => newest(log, filter),
            WatchFrom::New | WatchFrom::Revision(_) => VecDeque::new(),
        };
        Self {
            created: log.created(),
            last: log.last(),
            newest,
        }
    }
}

/// The newest entry of each key.
fn newest(log: &Log, filter: &KvFilter) -> VecDeque<KvEntry> {
    let chosen = log.all().filter(|entry| filter.matches(&entry.key));
    chosen
        .filter(|entry| log.is_latest(entry))
        .cloned()
        .collect()
}

pub(super) fn follow(
    store: &MemoryStore,
    name: &str,
    filter: KvFilter,
    from: WatchFrom,
    Begun {
        created,
        last,
        newest,
    }: Begun,
) -> KvWatch {
    let (sender, health) = watch::channel(WatchHealth::Live);
    let next = match from {
        WatchFrom::Latest | WatchFrom::New => last + 1,
        WatchFrom::Revision(revision) => revision,
    };
    let follower = Follower {
        changes: store.hub.buckets.changes(),
        store: store.clone(),
        name: name.to_owned(),
        filter,
        _health: sender,
        created,
        next,
        initial: Some(last),
        newest,
        gone: false,
    };
    let events = stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((event, follower))
    });
    // Nothing lies between this watch and its bucket.
    KvWatch::new(events.fuse().boxed(), health, Instant::now)
}

impl Follower {
    async fn next(&mut self) -> Option<Result<KvEvent>> {
        loop {
            if *self.store.state.borrow() == ConnectionState::Closed {
                return None;
            }
            // Marked before it is looked at: what changes meanwhile is seen the next time.
            self.changes.mark_unchanged();
            let store = self.store.clone();
            let name = self.name.clone();
            let step = store.hub.buckets.with(&name, |log| self.step(log));
            match step {
                Step::Tell(event) => return Some(event),
                Step::Wait(until) => self.wait(until).await,
            }
        }
    }

    async fn wait(&mut self, until: Option<Instant>) {
        let state = &mut self.store.state;
        let closed = async {
            let closed = state.wait_for(|state| *state == ConnectionState::Closed);
            if closed.await.is_err() {
                // The bus is gone and was never closed: then nobody closes this store.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            // It fails when the hub is gone, which the store of this watch holds.
            _ = self.changes.changed() => {}
            () = closed => {}
            () = death(until) => {}
        }
    }

    fn step(&mut self, log: Option<&mut Log>) -> Step {
        let Some(log) = log else {
            if std::mem::replace(&mut self.gone, true) {
                return Step::Wait(None);
            }
            return Step::Tell(Err(observe::no_bucket(&self.name)));
        };
        self.gone = false;
        if log.created() != self.created {
            self.created = log.created();
            (self.next, self.initial) = (log.last() + 1, Some(log.last()));
            self.newest = newest(log, &self.filter);
            return Step::Tell(Ok(KvEvent::Reset));
        }
        if let Some(entry) = self.newest.pop_front() {
            return Step::Tell(Ok(KvEvent::Entry(entry)));
        }
        while let Some(entry) = log.from(self.next) {
            if self.initial.is_some_and(|initial| entry.revision > initial) {
                break;
            }
            self.next = entry.revision + 1;
            if self.filter.matches(&entry.key) {
                return Step::Tell(Ok(KvEvent::Entry(entry.clone())));
            }
        }
        if let Some(initial) = self.initial.take() {
            self.next = self.next.max(initial + 1);
            return Step::Tell(Ok(KvEvent::Ready));
        }
        Step::Wait(log.next_death())
    }
}

/// Wakes up when something expires; that which has no death never.
async fn death(until: Option<Instant>) {
    match until {
        // A timer counts in milliseconds, and with a paused clock it may fire a little early.
        Some(time) => tokio::time::sleep_until(time + Duration::from_millis(1)).await,
        None => std::future::pending().await,
    }
}
