//! Exclusive work that has an idempotency key: its result is kept, and given again to whoever asks
//! again, on whatever instance.
//!
//! Before the handler runs, a mark is written that it began; its result replaces the mark before
//! the caller hears of it. Whoever finds only the mark, of a leader that crashed or was deposed,
//! knows that the work may have been done: it runs again if the method is idempotent, and else it
//! never does.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::{ErrorKind, Result};
use crate::lease::Leadership;
use crate::model::{BucketSpec, Codec, Expect, Failure, KvEntry, KvKey, KvWrite, Replicas};
use crate::observe;
use crate::port::{KvBucket, KvStore};

/// The bucket's name.
pub(super) const RESULTS: &str = "exclusive_results";
/// How long a result is kept.
const KEPT: Duration = Duration::from_secs(3600);
/// Marks remembered whose work never began.
const MOST_UNBEGUN: usize = 1024;
/// A question or a write that takes longer has failed.
const ASK: Duration = Duration::from_secs(2);

/// The results of one service.
#[derive(Debug)]
pub(super) struct Once {
    store: Arc<dyn KvStore>,
    name: String,
    opened: tokio::sync::Mutex<Option<Arc<dyn KvBucket>>>,
    replicas: Replicas,
    /// What runs here now.
    running: Mutex<HashSet<KvKey>>,
    /// Marks of ours that may stand although their work never began, the latest last.
    unbegun: Mutex<VecDeque<Unbegun>>,
}

/// A mark whose work did not begin under it.
#[derive(Debug, Clone, Copy)]
struct Unbegun {
    nonce: u64,
    /// It had replaced a mark whose work may have run.
    again: bool,
}

/// What may be done with a piece of work.
pub(super) enum Begun {
    /// It runs now, for the first time or again.
    Run(Ticket),
    /// It was done: this came of it.
    Done(Kept),
    /// It runs already, here.
    Running,
    /// It began under that leadership, and nobody knows how far it came.
    Unknown { epoch: u64 },
}

/// The right to run a piece of work; whoever holds it is the only one.
#[derive(Debug)]
pub(super) struct Ticket {
    once: Arc<Once>,
    key: KvKey,
    /// Of the mark.
    revision: u64,
    /// Tells our mark from others.
    nonce: u64,
    epoch: u64,
    /// It may have run before.
    pub(super) again: bool,
}

/// What stands in the bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum State {
    Started {
        epoch: u64,
        #[serde(default)]
        nonce: u64,
    },
    Done(Kept),
}

/// What came of a piece of work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The leadership under which it was done.
    pub(super) epoch: u64,
    /// The encoding of the body.
    codec: String,
    /// The result, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The service's own error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// The number of that error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl Kept {
    /// The service's own error, if it was one.
    pub(super) fn failure(&self) -> Option<Failure> {
        let failure = self.failure.clone()?;
        Some(match self.status {
            Some(status) => failure.with_status(status),
            None => failure,
        })
    }

    /// The result, with its encoding; none if it was a failure, or cannot be read.
    pub(super) fn result(&self) -> Option<(Codec, Bytes)> {
        let body = BASE64.decode(self.body.as_ref()?.as_bytes()).ok()?;
        Some((Codec::detect(Some(&self.codec), &body), body.into()))
    }
}

impl Once {
    pub(super) fn new(store: Arc<dyn KvStore>, name: String, replicas: Replicas) -> Arc<Self> {
        Arc::new(Self {
            store,
            name,
            opened: tokio::sync::Mutex::default(),
            replicas,
            running: Mutex::default(),
            unbegun: Mutex::default(),
        })
    }

    async fn bucket(&self, deadline: Instant) -> Result<Arc<dyn KvBucket>> {
        let mut opened = self.opened.lock().await;
        if let Some(bucket) = &*opened {
            return Ok(bucket.clone());
        }
        let mut spec = BucketSpec::new(&self.name);
        spec.ttl = Some(KEPT);
        spec.keep_on(self.replicas);
        spec.description = Some("results of exclusive work with idempotency keys".to_owned());
        let bucket = self.store.open(spec, deadline).await?;
        Ok(opened.insert(bucket).clone())
    }

    /// Asks for the right to run a piece of work, under a leadership that must hold meanwhile.
    ///
    /// Errors: `NotActive` if it does not.
    pub(super) async fn begin(
        self: &Arc<Self>,
        work: &str,
        leader: &Leadership,
        idempotent: bool,
    ) -> Result<Begun> {
        let key = KvKey::new(work)?;
        if !self.running().insert(key.clone()) {
            return Ok(Begun::Running);
        }
        // From here on, dropping it makes room for the next try.
        let mut ticket = Ticket {
            once: self.clone(),
            key,
            revision: 0,
            nonce: observe::random() | 1,
            epoch: leader.epoch(),
            again: false,
        };
        let outcome = ticket.claim(leader, idempotent).await;
        if outcome.is_err() {
            // The mark may stand, or come to stand.
            self.never_began(&ticket);
        }
        if let Err(error) = &outcome
            && error.kind() == ErrorKind::NoService
        {
            // The bucket is gone: the next one makes it.
            *self.opened.lock().await = None;
        }
        Ok(match outcome? {
            Claimed::Ours => Begun::Run(ticket),
            Claimed::Found(State::Done(kept)) => Begun::Done(kept),
            Claimed::Found(State::Started { epoch, .. }) => Begun::Unknown { epoch },
        })
    }

    fn never_began(&self, ticket: &Ticket) {
        let Ticket { nonce, again, .. } = *ticket;
        let mut unbegun = self.unbegun.lock().unwrap_or_else(PoisonError::into_inner);
        if unbegun.len() == MOST_UNBEGUN {
            unbegun.pop_front();
        }
        unbegun.push_back(Unbegun { nonce, again });
    }

    /// The mark of this nonce, if it is one of ours that never began.
    fn unbegun(&self, nonce: u64) -> Option<Unbegun> {
        let unbegun = self.unbegun.lock().unwrap_or_else(PoisonError::into_inner);
        unbegun.iter().find(|mark| mark.nonce == nonce).copied()
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashSet<KvKey>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Claimed {
    Ours,
    Found(State),
}

impl Ticket {
    async fn claim(&mut self, leader: &Leadership, idempotent: bool) -> Result<Claimed> {
        let deadline = Instant::now() + ASK;
        let bucket = self.once.bucket(deadline).await?;
        loop {
            let found = bucket.latest(&self.key, deadline).await?;
            let expect = match found.filter(KvEntry::is_value) {
                None => Expect::Absent,
                Some(entry) => {
                    if let Some(state) = self.stands_in_the_way(&entry, idempotent) {
                        return Ok(Claimed::Found(state));
                    }
                    Expect::Revision(entry.revision)
                }
            };
            leader.ensure()?;
            let mark = State::Started {
                epoch: self.epoch,
                nonce: self.nonce,
            };
            let mark = serde_json::to_vec(&mark).unwrap_or_default();
            let write = KvWrite::put(self.key.clone(), mark).expecting(expect);
            match bucket.write(write, deadline).await {
                Ok(revision) => {
                    self.revision = revision;
                    return Ok(Claimed::Ours);
                }
                // Another leader was quicker: it is read again what it wrote.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What stands there and must not be replaced; none if it is a mark that may be.
    fn stands_in_the_way(&mut self, entry: &KvEntry, idempotent: bool) -> Option<State> {
        // What cannot be read is work that may have been done.
        let unknown = State::Started { epoch: 0, nonce: 0 };
        let state = serde_json::from_slice::<State>(&entry.value).unwrap_or(unknown);
        let State::Started { epoch, nonce } = state else {
            return Some(state);
        };
        // Ours, of a try whose answer was lost, or that came too late to begin.
        if let Some(mark) = self.once.unbegun(nonce) {
            self.again = mark.again;
            return None;
        }
        if idempotent && epoch > 0 && epoch <= self.epoch {
            self.again = true;
            return None;
        }
        Some(state)
    }

    /// Keeps what came of it.
    pub(super) async fn keep(&self, codec: Codec, outcome: Result<Bytes, Failure>) -> Result<()> {
        let (body, failure) = match outcome {
            Ok(body) => (Some(BASE64.encode(&body)), None),
            Err(failure) => (None, Some(failure)),
        };
        let state = State::Done(Kept {
            epoch: self.epoch,
            codec: codec.content_type().to_owned(),
            body,
            status: failure.as_ref().map(Failure::status),
            failure,
        });
        let value = serde_json::to_vec(&state).unwrap_or_default();
        self.replace(KvWrite::put(self.key.clone(), value)).await
    }

    /// It had no effect, and may run again. What may have run before keeps its mark.
    pub(super) async fn give_back(&self) -> Result<()> {
        if self.again {
            return Ok(());
        }
        self.once.never_began(self);
        self.replace(KvWrite::purge(self.key.clone())).await
    }

    async fn replace(&self, write: KvWrite) -> Result<()> {
        let deadline = Instant::now() + ASK;
        let bucket = self.once.bucket(deadline).await?;
        let write = write.expecting(Expect::Revision(self.revision));
        bucket.write(write, deadline).await.map(drop)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.once.running().remove(&self.key);
    }
}
