//! What one stream holds, with the rules of a server: sequences, ids, conditions, limits, age.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::word::{Asked, Refusal};
use crate::model::{Discard, Pattern, Retention, Stored, StoredMessage, StreamSpec, StreamStatus};
use crate::port::Message;

/// What a server stores beside the subject, the headers and the body of a message, about.
const OVERHEAD: u64 = 34;

#[derive(Debug)]
pub(super) struct Log {
    /// Its settings; the numbers in it are filled in when somebody asks.
    settings: StreamStatus,
    subjects: Vec<Pattern>,
    last: u64,
    last_id: Option<String>,
    bytes: u64,
    messages: BTreeMap<u64, Held>,
    /// The sequences of each subject.
    by_subject: BTreeMap<String, BTreeSet<u64>>,
    ids: HashMap<String, u64>,
    /// The ids, and when they came, oldest first.
    windows: VecDeque<(Instant, String)>,
    /// What it forgot since somebody asked.
    forgotten: Vec<Arc<StoredMessage>>,
}

#[derive(Debug)]
struct Held {
    message: Arc<StoredMessage>,
    came: Instant,
}

impl Log {
    pub(super) fn new(spec: &StreamSpec) -> Self {
        let settings = StreamStatus {
            name: spec.name.clone(),
            description: spec.description.clone(),
            subjects: Vec::new(),
            retention: spec.retention,
            discard: spec.discard.unwrap_or_default(),
            storage: spec.storage.unwrap_or_default(),
            replicas: spec.replicas.unwrap_or(1),
            max_bytes: Some(spec.byte_limit()),
            max_messages: spec.max_messages,
            max_age: spec.max_age,
            dedup: spec.dedup_window(),
            messages: 0,
            bytes: 0,
            first_sequence: 0,
            last_sequence: 0,
            consumers: 0,
            created: OffsetDateTime::now_utc(),
        };
        let mut log = Self {
            settings,
            subjects: Vec::new(),
            last: 0,
            last_id: None,
            bytes: 0,
            messages: BTreeMap::new(),
            by_subject: BTreeMap::new(),
            ids: HashMap::new(),
            windows: VecDeque::new(),
            forgotten: Vec::new(),
        };
        log.unite(spec);
        log
    }

    fn unite(&mut self, spec: &StreamSpec) {
        self.settings.subjects = spec.united(&self.settings);
        let subjects = self.settings.subjects.iter().cloned();
        self.subjects = subjects.map(Pattern::trusted).collect();
    }

    /// Takes over what is asked for; what is not asked for stays.
    pub(super) fn change(&mut self, spec: &StreamSpec, now: Instant) {
        self.unite(spec);
        let dedup = spec.dedup_of(&self.settings);
        let settings = &mut self.settings;
        if spec.description.is_some() {
            settings.description.clone_from(&spec.description);
        }
        settings.discard = spec.discard.unwrap_or(settings.discard);
        settings.replicas = spec.replicas.unwrap_or(settings.replicas);
        settings.max_bytes = spec.max_bytes.or(settings.max_bytes);
        settings.max_messages = spec.max_messages.or(settings.max_messages);
        settings.max_age = spec.max_age.or(settings.max_age);
        settings.dedup = dedup;
        self.expire(now);
        self.shrink();
    }

    pub(super) fn status(&self, consumers: usize) -> StreamStatus {
        let first = self.messages.first_key_value().map(|(first, _)| *first);
        let next = if self.last == 0 { 0 } else { self.last + 1 };
        StreamStatus {
            messages: self.messages.len() as u64,
            bytes: self.bytes,
            first_sequence: first.unwrap_or(next),
            last_sequence: self.last,
            consumers: consumers as u64,
            ..self.settings.clone()
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    pub(super) fn retention(&self) -> Retention {
        self.settings.retention
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn stores(&self, subject: &str) -> bool {
        self.subjects.iter().any(|stored| stored.matches(subject))
    }

    /// Which of these patterns it stores already.
    pub(super) fn overlaps(&self, patterns: &[String]) -> bool {
        let patterns: Vec<_> = patterns.iter().cloned().map(Pattern::trusted).collect();
        let stored = |pattern| self.subjects.iter().any(|stored| stored.overlaps(pattern));
        patterns.iter().any(stored)
    }

    /// Stores a message, if what it asks for holds. The conditions come before the id, as with
    /// servers since 2.12.
    pub(super) fn store(&mut self, message: &Message, now: Instant) -> Result<Stored, Refusal> {
        self.expire(now);
        let asked = Asked::of(message);
        self.check(&asked)?;
        if let Some(sequence) = asked.id.and_then(|id| self.ids.get(id)) {
            return Ok(self.word(*sequence, true));
        }
        if asked
            .last_id
            .is_some_and(|id| self.last_id.as_deref() != Some(id))
        {
            let last = self.last_id.clone().unwrap_or_default();
            return Err(Refusal::OtherLastId(last));
        }
        let stored = StoredMessage {
            subject: message.subject.clone(),
            headers: message.headers.clone(),
            payload: message.payload.clone(),
            sequence: self.last + 1,
            stored: OffsetDateTime::now_utc(),
        };
        self.check_room(cost(&stored))?;
        self.last_id = asked.id.map(str::to_owned);
        self.keep(Arc::new(stored), now);
        Ok(self.word(self.last, false))
    }

    fn word(&self, sequence: u64, duplicate: bool) -> Stored {
        Stored {
            stream: self.settings.name.clone(),
            sequence,
            duplicate,
        }
    }

    fn check(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        if asked.stream.is_some_and(|name| name != self.settings.name) {
            return Err(Refusal::OtherStream);
        }
        if let Some((subject, expected)) = asked.last_on {
            let last = self.last_on(subject).map_or(0, |newest| newest.sequence);
            if last != expected {
                return Err(Refusal::OtherLast(last));
            }
        }
        if asked.last.is_some_and(|expected| expected != self.last) {
            return Err(Refusal::OtherLast(self.last));
        }
        Ok(())
    }

    fn check_room(&self, added: u64) -> Result<(), Refusal> {
        let settings = &self.settings;
        if settings.discard == Discard::Old {
            return Ok(());
        }
        let count = self.messages.len() as u64;
        if settings.max_messages.is_some_and(|most| count >= most) {
            return Err(Refusal::Full("messages"));
        }
        let bytes = self.bytes.saturating_add(added);
        if settings.max_bytes.is_some_and(|most| bytes > most) {
            return Err(Refusal::Full("bytes"));
        }
        Ok(())
    }

    fn keep(&mut self, message: Arc<StoredMessage>, now: Instant) {
        self.last = message.sequence;
        self.bytes += cost(&message);
        if let Some(id) = &self.last_id {
            self.ids.insert(id.clone(), self.last);
            self.windows.push_back((now, id.clone()));
        }
        let subject = message.subject.as_str();
        if let Some(sequences) = self.by_subject.get_mut(subject) {
            sequences.insert(self.last);
        } else {
            let sequences = BTreeSet::from([self.last]);
            self.by_subject.insert(subject.to_owned(), sequences);
        }
        let held = Held { message, came: now };
        self.messages.insert(self.last, held);
        self.shrink();
    }

    /// Forgets the oldest until the limits hold. One that is larger than all its stream may hold is
    /// forgotten as well, as a server does.
    fn shrink(&mut self) {
        let (bytes, messages) = (self.settings.max_bytes, self.settings.max_messages);
        while let Some((oldest, _)) = self.messages.first_key_value()
            && (bytes.is_some_and(|most| self.bytes > most)
                || messages.is_some_and(|most| self.messages.len() as u64 > most))
        {
            self.remove(*oldest);
        }
    }

    /// Forgets what is too old: messages, and ids.
    pub(super) fn expire(&mut self, now: Instant) {
        if let Some(age) = self.settings.max_age {
            while let Some((oldest, held)) = self.messages.first_key_value()
                && now.saturating_duration_since(held.came) >= age
            {
                self.remove(*oldest);
            }
        }
        let window = self.settings.dedup;
        while let Some((came, _)) = self.windows.front()
            && now.saturating_duration_since(*came) >= window
        {
            if let Some((_, id)) = self.windows.pop_front() {
                self.ids.remove(&id);
            }
        }
    }

    /// Removes a message for good; tells whether there was one.
    pub(super) fn remove(&mut self, sequence: u64) -> bool {
        let Some(Held { message, .. }) = self.messages.remove(&sequence) else {
            return false;
        };
        self.bytes = self.bytes.saturating_sub(cost(&message));
        let subject = message.subject.as_str();
        if let Some(sequences) = self.by_subject.get_mut(subject) {
            sequences.remove(&sequence);
            if sequences.is_empty() {
                self.by_subject.remove(subject);
            }
        }
        self.forgotten.push(message);
        true
    }

    /// What it does not hold any more since the last time.
    pub(super) fn forgotten(&mut self) -> Vec<Arc<StoredMessage>> {
        std::mem::take(&mut self.forgotten)
    }

    pub(super) fn message(&self, sequence: u64) -> Option<&Arc<StoredMessage>> {
        self.messages.get(&sequence).map(|held| &held.message)
    }

    /// All messages from this sequence on.
    pub(super) fn from(&self, sequence: u64) -> impl Iterator<Item = &Arc<StoredMessage>> {
        let rest = self.messages.range(sequence..);
        rest.map(|(_, held)| &held.message)
    }

    pub(super) fn last_on(&self, subject: &str) -> Option<&Arc<StoredMessage>> {
        let newest = self.by_subject.get(subject)?.last()?;
        self.message(*newest)
    }

    pub(super) fn subjects(&self, pattern: &Pattern) -> BTreeMap<String, u64> {
        let all = self.by_subject.iter();
        let chosen = all.filter(|(subject, _)| pattern.matches(subject));
        let counted = chosen.map(|(subject, them)| (subject.clone(), them.len() as u64));
        counted.collect()
    }
}

fn cost(message: &StoredMessage) -> u64 {
    let headers = message.headers.iter();
    let headers: usize = headers
        .map(|(name, value)| name.len() + value.len() + 4)
        .sum();
    let size = message.subject.as_str().len() + headers + message.payload.len();
    OVERHEAD + size as u64
}

#[cfg(test)]
mod tests;
