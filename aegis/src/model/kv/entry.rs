//! What is read from a bucket, and what is written to it.

use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;

use super::key::KvKey;

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KvOperation {
    /// It got a value.
    Put,
    /// It was deleted; older values stay in its history.
    Delete,
    /// It was deleted together with its history.
    Purge,
    /// Its time ran out, and the server left a marker.
    Expired,
}

/// One revision of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// The key.
    pub key: KvKey,
    /// The value; empty unless the operation is [`KvOperation::Put`].
    pub value: Bytes,
    /// What happened.
    pub operation: KvOperation,
    /// The number of this write: it grows over all keys of the bucket.
    pub revision: u64,
    /// When the server took it, by its clock.
    pub created: OffsetDateTime,
}

impl KvEntry {
    /// Whether the key has a value here, rather than a mark that it has none.
    pub fn is_value(&self) -> bool {
        self.operation == KvOperation::Put
    }
}

/// What must hold for a write to happen; the server decides it together with the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Expect {
    /// Nothing.
    #[default]
    Any,
    /// The key has no value: it never had one, or it was deleted, purged or has expired.
    Absent,
    /// The newest revision of the key is this one; a deletion is a revision as well.
    Revision(u64),
}

/// A fence, as its leader raised it: it stands as long as its key has this revision. A newer leader
/// raises it again, and from then on what this one writes is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvFence {
    /// The key that it stands under, of the same bucket: see [`KvKey::fence`].
    pub key: KvKey,
    /// The revision of that key.
    pub revision: u64,
    /// The epoch of the leader.
    pub epoch: u64,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KvWrite {
    /// The key.
    pub key: KvKey,
    /// [`Put`](KvOperation::Put), [`Delete`](KvOperation::Delete) or
    /// [`Purge`](KvOperation::Purge).
    pub operation: KvOperation,
    /// The value of a put.
    pub value: Bytes,
    /// What must hold.
    pub expect: Expect,
    /// How long a put lives, in whole seconds; what is between counts as the next.
    pub ttl: Option<Duration>,
    /// What a newer leader must not have raised.
    pub fence: Option<KvFence>,
}

impl KvWrite {
    fn new(key: KvKey, operation: KvOperation, value: Bytes) -> Self {
        Self {
            key,
            operation,
            value,
            expect: Expect::Any,
            ttl: None,
            fence: None,
        }
    }

    /// Writes a value.
    pub fn put(key: KvKey, value: impl Into<Bytes>) -> Self {
        Self::new(key, KvOperation::Put, value.into())
    }

    /// Writes a mark that the key has no value.
    pub fn delete(key: KvKey) -> Self {
        Self::new(key, KvOperation::Delete, Bytes::new())
    }

    /// The same, and removes the history of the key.
    pub fn purge(key: KvKey) -> Self {
        Self::new(key, KvOperation::Purge, Bytes::new())
    }

    /// The same under a condition.
    #[must_use]
    pub fn expecting(self, expect: Expect) -> Self {
        Self { expect, ..self }
    }

    /// The same for a time only.
    #[must_use]
    pub fn living(self, ttl: Duration) -> Self {
        Self {
            ttl: Some(ttl),
            ..self
        }
    }

    /// The same, unless a newer leader has raised the fence. It has no other condition.
    #[must_use]
    pub fn fenced(self, fence: KvFence) -> Self {
        Self {
            fence: Some(fence),
            ..self
        }
    }

    /// The time to live in whole seconds, as it is sent.
    pub(crate) fn ttl_seconds(&self) -> Option<u64> {
        self.ttl.map(whole_seconds)
    }
}

/// What is between two seconds counts as the next one, so that nothing lives shorter than asked.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    let more = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(more).max(1)
}
