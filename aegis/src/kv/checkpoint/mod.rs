//! State of a leader that remembers the last message that changed it: position and value are one
//! record, so one write is both. `open` says which record, and how its bucket is to be.

mod open;

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::bucket::Bucket;
use super::failure::failed;
use super::{fenced, request};
use crate::error::Result;
use crate::lease::Leadership;
use crate::model::{Failure, Recorded};

pub use open::OpenCheckpoint;

/// What an application did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Applied {
    /// It changed the value, and that is stored.
    Now,
    /// The message was applied before; nothing was changed.
    Before,
}

/// State that messages change one after the other, each of them once: for handlers that only the
/// leader runs. Clones are the same checkpoint.
///
/// Position and value stand in one record, which one fenced write replaces; so a message that is
/// delivered again finds that it was applied.
///
/// ```
/// use aegis::prelude::*;
/// use aegis::{Applied, Checkpoint};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Default, Serialize, Deserialize)]
/// struct Book {
///     total: i64,
/// }
///
/// struct Ledger {
///     book: Checkpoint<Book>,
/// }
///
/// #[aegis::service(name = "ledger", version = "1.0.0", group = "main")]
/// impl Ledger {
///     /// Books an amount that has a sequence number, as an event has one.
///     #[exclusive_rpc(idempotent)]
///     async fn post(&self, leader: &Leadership, sequence: u64, amount: i64) -> Result<bool, Failure> {
///         let applied = self.book.apply(sequence, leader, |book| {
///             book.total += amount;
///             Ok(())
///         });
///         Ok(applied.await? == Applied::Now)
///     }
///
///     /// Any instance tells.
///     #[rpc]
///     async fn total(&self) -> Result<i64, Failure> {
///         Ok(self.book.read().await?.map_or(0, |book| book.value.total))
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> aegis::Result<()> {
/// # let client = Client::connect(aegis::Config::default().url("memory://checkpoint-example")).await?;
/// let ledger = Ledger {
///     book: client.checkpoint("ledger", "main").await?,
/// };
/// # #[cfg(feature = "testing")]
/// # {
/// # let leader = aegis::testing::leadership("ledger", "main", 7)?;
/// # assert!(ledger.post(&leader, 1, 5).await.unwrap() && !ledger.post(&leader, 1, 5).await.unwrap());
/// # }
/// # assert!(ledger.total().await.is_ok());
/// # Ok(())
/// # }
/// ```
///
/// # What is guaranteed
///
/// * **Each message changes the value once**, however often it is delivered, and whoever is killed,
///   frozen or cut off at whatever point: both halves are one write.
/// * **A leader of the past changes nothing.** Before a leader reads the record it raises the fence
///   of the bucket; from then on what an older one has on its way is refused, and what had landed is
///   read. After a write whose outcome is unknown the fence is raised once more, and the record is
///   read again: if it had landed, the message that is delivered again finds that.
/// * **Calls of one process happen one after the other**, also those of clones.
///
/// It takes NATS 2.11.7 on every server; on an older one a window of one round trip is left, as for
/// every [fenced write](crate::KvPut::fenced).
///
/// **What you keep to.** Messages come in order, as an exclusive handler gets them: a message behind
/// the position counts as applied. Whoever gives a message up leaves it out for good. One group
/// writes a record, through one checkpoint and its clones: another one that is opened beside it
/// would not know what this one has written. The value is written with every message and fits into
/// one of NATS, 1 MiB; larger state is for keys of their own, each with the sequence of its last
/// message inside. A stream that is made anew counts from 1, and then everything counts as applied:
/// take another record for it. An event that was given up and is
/// [brought back](crate::DeadLetters::retry) has a new sequence, and is applied, also if it was applied before:
/// that is open after `OUTCOME_UNKNOWN`, which is therefore tried for ten deliveries longer than other
/// failures, and after an attempt that was ended by a `timeout` or a crash. Look at the value first, or keep the
/// ids of the last events in it and let the closure do nothing for those. Other effects of the closure (a call, a counter in memory) are not
/// covered: do nothing in it but change the value.
pub struct Checkpoint<T> {
    bucket: Bucket<Recorded<T>>,
    record: Arc<str>,
    known: Arc<Mutex<Option<Known<T>>>>,
}

/// What stands in the record, as long as this leadership is the only one that writes it.
struct Known<T> {
    epoch: u64,
    /// None if nothing was applied yet.
    recorded: Option<Recorded<T>>,
}

impl<T> Clone for Checkpoint<T> {
    fn clone(&self) -> Self {
        Self {
            bucket: self.bucket.clone(),
            record: self.record.clone(),
            known: self.known.clone(),
        }
    }
}

impl<T> fmt::Debug for Checkpoint<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("bucket", &self.bucket.name())
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

impl<T> Checkpoint<T> {
    fn new(bucket: Bucket<Recorded<T>>, record: String) -> Self {
        Self {
            bucket,
            record: record.into(),
            known: Arc::default(),
        }
    }
}

impl<T: Send + 'static> Checkpoint<T> {
    /// What stands there, with its position, for whoever does not lead as well; none if nothing
    /// was applied yet. It is asked of the server that decides on writes.
    pub async fn read(&self) -> Result<Option<Recorded<T>>> {
        self.bucket.get(&self.record).await
    }
}

impl<T: Clone + Default + Send + Sync + 'static> Checkpoint<T> {
    /// Applies a message to the value, unless it was applied before: the closure changes a copy,
    /// and the copy is stored together with the message's sequence. The first value is `T`'s default.
    ///
    /// Errors: that of the closure (nothing was changed); `NOT_ACTIVE` if the leadership is over
    /// (nothing was changed, or a newer leader knows of it); `OUTCOME_UNKNOWN` if the answer to the
    /// write was lost: let the message come again; `INTERNAL` for a record that could not be read
    /// or written.
    pub async fn apply<F>(
        &self,
        sequence: u64,
        leader: &Leadership,
        change: F,
    ) -> Result<Applied, Failure>
    where
        F: FnOnce(&mut T) -> Result<(), Failure>,
    {
        leader.ensure().map_err(failed)?;
        let mut known = self.known.lock().await;
        // Taken out: whoever is interrupted from here on leaves nothing that may be wrong.
        let same = known.take().filter(|known| known.epoch == leader.epoch());
        let now = match same {
            Some(now) => now,
            None => self.load(leader).await.map_err(failed)?,
        };
        let recorded = now.recorded.as_ref();
        if recorded.is_some_and(|recorded| recorded.contains(sequence)) {
            *known = Some(now);
            return Ok(Applied::Before);
        }
        let mut value = recorded.map_or_else(T::default, |recorded| recorded.value.clone());
        if let Err(failure) = change(&mut value) {
            *known = Some(now);
            return Err(failure);
        }
        let next = Recorded::new(sequence, value);
        let written = self.bucket.put(&self.record, &next).fenced(leader);
        written.await.map_err(failed)?;
        *known = Some(Known {
            epoch: now.epoch,
            recorded: Some(next),
        });
        Ok(Applied::Now)
    }

    /// Keeps out what others, and earlier writes of this leader, have on their way; then reads.
    async fn load(&self, leader: &Leadership) -> Result<Known<T>> {
        let deadline = request::deadline(self.bucket.within);
        fenced::keep_out(&self.bucket.port, leader, deadline).await?;
        Ok(Known {
            epoch: leader.epoch(),
            recorded: self.read().await?,
        })
    }
}
