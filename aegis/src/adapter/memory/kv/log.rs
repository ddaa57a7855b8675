//! The content of one bucket, with the rules of a server: revisions, history, expiry, limits.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::error::Result;
use crate::model::{
    BucketSpec, BucketStatus, DEFAULT_MAX_BYTES, Expect, KvEntry, KvKey, KvOperation, KvWrite,
    MARKER_TTL,
};
use crate::observe;

/// What a server stores beside the subject and the body of a message, about.
const OVERHEAD: u64 = 32;

#[derive(Debug)]
pub(super) struct Log {
    spec: BucketSpec,
    created: OffsetDateTime,
    last: u64,
    bytes: u64,
    entries: BTreeMap<u64, Stored>,
    /// The revisions of each key, oldest first.
    keys: HashMap<KvKey, VecDeque<u64>>,
    deaths: BTreeSet<(Instant, u64)>,
}

#[derive(Debug)]
struct Stored {
    entry: KvEntry,
    dies: Option<Instant>,
}

impl Log {
    pub(super) fn new(spec: BucketSpec) -> Self {
        Self {
            last: spec.first_sequence.unwrap_or(1).saturating_sub(1),
            spec,
            created: OffsetDateTime::now_utc(),
            bytes: 0,
            entries: BTreeMap::new(),
            keys: HashMap::new(),
            deaths: BTreeSet::new(),
        }
    }

    fn history(&self) -> usize {
        usize::from(self.spec.history.unwrap_or(1))
    }

    pub(super) fn status(&self) -> BucketStatus {
        let spec = &self.spec;
        BucketStatus {
            name: spec.name.clone(),
            description: spec.description.clone(),
            entries: self.entries.len() as u64,
            bytes: self.bytes,
            last_revision: self.last,
            history: spec.history.unwrap_or(1),
            ttl: spec.ttl,
            max_value: spec.max_value,
            max_bytes: Some(spec.max_bytes.unwrap_or(DEFAULT_MAX_BYTES)),
            storage: spec.storage.unwrap_or_default(),
            replicas: spec.servers(),
            key_ttl: true,
            marker_ttl: self.spec.leaves_markers().then_some(MARKER_TTL),
            created: self.created,
        }
    }

    pub(super) fn created(&self) -> OffsetDateTime {
        self.created
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn latest(&self, key: &KvKey) -> Option<&KvEntry> {
        let newest = self.keys.get(key)?.back()?;
        self.revision(*newest)
    }

    pub(super) fn revision(&self, revision: u64) -> Option<&KvEntry> {
        self.entries.get(&revision).map(|stored| &stored.entry)
    }

    /// The first entry with this revision or a later one.
    pub(super) fn from(&self, revision: u64) -> Option<&KvEntry> {
        let mut rest = self.entries.range(revision..);
        rest.next().map(|(_, stored)| &stored.entry)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &KvEntry> {
        self.entries.values().map(|stored| &stored.entry)
    }

    /// Whether an entry is the newest of its key.
    pub(super) fn is_latest(&self, entry: &KvEntry) -> bool {
        let revisions = self.keys.get(&entry.key);
        revisions.and_then(VecDeque::back) == Some(&entry.revision)
    }

    /// When the next entry expires.
    pub(super) fn next_death(&self) -> Option<Instant> {
        self.deaths.first().map(|(time, _)| *time)
    }

    /// Removes what has expired, with a marker where it was the newest value of its key; tells
    /// whether there was any.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some((time, revision)) = self.deaths.first().copied()
            && time <= now
        {
            any = true;
            let Some(dead) = self.remove(revision) else {
                self.deaths.pop_first();
                continue;
            };
            let last = dead.is_value() && !self.keys.contains_key(&dead.key);
            if last && self.spec.leaves_markers() {
                // A marker lives from the death on, also when nobody looked at that time.
                self.store(
                    dead.key,
                    KvOperation::Expired,
                    bytes::Bytes::new(),
                    time,
                    Some(MARKER_TTL),
                );
            }
        }
        any
    }

    pub(super) fn write(&mut self, write: KvWrite, now: Instant) -> Result<u64> {
        let newest = self.latest(&write.key);
        let holds = match write.expect {
            Expect::Any => true,
            Expect::Absent => newest.is_none_or(|entry| !entry.is_value()),
            Expect::Revision(revision) => newest.map_or(0, |entry| entry.revision) == revision,
        };
        if !holds {
            return Err(observe::conflict(&self.spec.name, &write));
        }
        if let Some(fence) = &write.fence
            && self.latest(&fence.key).map_or(0, |entry| entry.revision) != fence.revision
        {
            return Err(observe::fenced_off(&self.spec.name, fence));
        }
        self.check_room(&write)?;
        let ttl = write.ttl_seconds().map(Duration::from_secs);
        // No older value may come back when this one expires.
        if write.operation == KvOperation::Purge || ttl.is_some() {
            for revision in self.keys.get(&write.key).cloned().unwrap_or_default() {
                self.remove(revision);
            }
        }
        Ok(self.store(write.key, write.operation, write.value, now, ttl))
    }

    fn check_room(&self, write: &KvWrite) -> Result<()> {
        let name = &self.spec.name;
        let size = write.value.len();
        if let Some(limit) = self.spec.max_value
            && u32::try_from(size).map_or(true, |size| size > limit)
        {
            return Err(observe::value_too_large(name, size, limit.into()));
        }
        let added = OVERHEAD + (write.key.wire().len() + size) as u64;
        let revisions = self.keys.get(&write.key);
        let replaced = revisions
            .filter(|revisions| revisions.len() >= self.history())
            .and_then(|revisions| self.entries.get(revisions.front()?))
            .map_or(0, |stored| cost(&stored.entry));
        let limit = self.spec.max_bytes.unwrap_or(DEFAULT_MAX_BYTES);
        if self.bytes + added >= limit && replaced <= added {
            return Err(observe::bucket_full(name));
        }
        Ok(())
    }

    fn store(
        &mut self,
        key: KvKey,
        operation: KvOperation,
        value: bytes::Bytes,
        now: Instant,
        ttl: Option<Duration>,
    ) -> u64 {
        self.last += 1;
        let entry = KvEntry {
            key: key.clone(),
            value,
            operation,
            revision: self.last,
            created: OffsetDateTime::now_utc(),
        };
        self.bytes += cost(&entry);
        // A fence that expires would let a leader of the past in again.
        let everything = self.spec.ttl.filter(|_| !key.is_reserved());
        let dies = ttl.into_iter().chain(everything).min().map(|ttl| now + ttl);
        if let Some(time) = dies {
            self.deaths.insert((time, self.last));
        }
        self.entries.insert(self.last, Stored { entry, dies });
        let revisions = self.keys.entry(key).or_default();
        revisions.push_back(self.last);
        let oldest = revisions.front().copied();
        if revisions.len() > self.history()
            && let Some(oldest) = oldest
        {
            self.remove(oldest);
        }
        self.last
    }

    fn remove(&mut self, revision: u64) -> Option<KvEntry> {
        let Stored { entry, dies } = self.entries.remove(&revision)?;
        self.bytes = self.bytes.saturating_sub(cost(&entry));
        if let Some(time) = dies {
            self.deaths.remove(&(time, revision));
        }
        if let Some(revisions) = self.keys.get_mut(&entry.key) {
            revisions.retain(|other| *other != revision);
            if revisions.is_empty() {
                self.keys.remove(&entry.key);
            }
        }
        Some(entry)
    }
}

fn cost(entry: &KvEntry) -> u64 {
    OVERHEAD + (entry.key.wire().len() + entry.value.len()) as u64
}
