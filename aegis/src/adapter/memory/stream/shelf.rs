//! All streams of one hub.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::failure;
use super::one::One;
use super::word::{Refusal, answer};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Stored, StreamSpec, StreamStatus};
use crate::port::Message;

#[derive(Debug, Default)]
pub(in super::super) struct Shelf {
    /// Whether there are streams: all that a message costs that none stores.
    any: AtomicBool,
    streams: Mutex<HashMap<String, One>>,
    numbers: AtomicU64,
}

/// What a stream says to a message.
#[derive(Debug)]
pub(super) struct Word {
    stream: String,
    pub(super) word: Result<Stored, Refusal>,
}

impl Shelf {
    /// Whether there are streams.
    pub(in super::super) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<String, One>> {
        // Nothing in here can panic half-way: what a poisoned lock guards is whole.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that nothing else on this shelf has.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Offers a message that came over the bus to the streams. The answer is for whoever wants one;
    /// none if no stream stores this subject.
    pub(in super::super) fn offer(&self, message: &Message) -> Option<String> {
        let Word { stream, word } = self.store(message)?;
        Some(answer(&stream, &word))
    }

    /// Stores a message; none if no stream stores this subject.
    pub(super) fn store(&self, message: &Message) -> Option<Word> {
        let subject = message.subject.as_str();
        let mut streams = self.streams();
        let mut all = streams.values_mut();
        let one = all.find(|one| one.log.stores(subject))?;
        let now = Instant::now();
        one.tidy(now);
        Some(Word {
            stream: one.log.name().to_owned(),
            word: one.store(message, now),
        })
    }

    /// Looks at one stream, and at nothing that is too old.
    pub(super) fn with<T>(
        &self,
        name: &str,
        look: impl FnOnce(&mut One, Instant) -> Result<T>,
    ) -> Result<T> {
        let now = Instant::now();
        match self.streams().get_mut(name) {
            Some(one) => {
                one.tidy(now);
                look(one, now)
            }
            None => Err(failure::no_stream(name)),
        }
    }

    /// Makes a stream, or changes it.
    pub(super) fn ensure(&self, spec: &StreamSpec) -> Result<StreamStatus> {
        let now = Instant::now();
        let mut streams = self.streams();
        let found = streams.get_mut(&spec.name).map(|one| {
            one.tidy(now);
            one.status()
        });
        let asked = match &found {
            Some(found) => {
                let drift = spec.drift(found);
                if let Some(text) = drift.refusal(&spec.name) {
                    return Err(Error::new(ErrorKind::Config, text));
                }
                spec.united(found)
            }
            None => spec.subjects.iter().map(ToString::to_string).collect(),
        };
        let mut others = streams.values().map(|one| &one.log);
        let other = others.find(|log| log.name() != spec.name && log.overlaps(&asked));
        if let Some(other) = other {
            return Err(failure::overlap(&spec.name, other.name()));
        }
        let one = streams.entry(spec.name.clone());
        let one = one.or_insert_with(|| One::new(spec));
        if found.is_some() {
            one.change(spec, now);
        }
        let status = one.status();
        self.any.store(true, Ordering::Relaxed);
        Ok(status)
    }

    pub(super) fn status(&self, name: &str) -> Option<StreamStatus> {
        self.with(name, |one, _| Ok(one.status())).ok()
    }

    pub(super) fn remove(&self, name: &str) -> bool {
        let mut streams = self.streams();
        let removed = streams.remove(name).is_some();
        self.any.store(!streams.is_empty(), Ordering::Relaxed);
        removed
    }
}
