//! One stream with its consumers: what changes in it is told to them, and they to their readers.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::failure;
use super::log::Log;
use super::place::{Handed, Place, later};
use super::readers::Readers;
use super::word::Refusal;
use crate::error::Result;
use crate::model::{
    ConsumerSpec, ConsumerStatus, DeliverFrom, Pattern, Retention, Settling, Stored, StreamSpec,
    StreamStatus,
};
use crate::port::Message;

#[derive(Debug)]
pub(super) struct One {
    pub(super) log: Log,
    seats: BTreeMap<String, Seat>,
}

/// A consumer, and who reads from it.
#[derive(Debug)]
pub(super) struct Seat {
    /// Tells it from one of the same name that was there before.
    pub(super) number: u64,
    pub(super) place: Place,
    pub(super) readers: Readers,
}

impl Seat {
    fn serve(&mut self, log: &Log, now: Instant) {
        let place = &mut self.place;
        self.readers.serve(now, || place.next(log, now));
        // Also if nobody asks: a time that is over is not waited for.
        self.place.look(now);
        self.readers.tell(self.place.next_due());
    }

    /// What is there for somebody who does not wait; those who do are served first.
    fn fetch(&mut self, log: &Log, most: usize, now: Instant) -> Vec<Handed> {
        self.serve(log, now);
        self.readers.see(now);
        let place = &mut self.place;
        let handed = (0..most).map_while(|_| place.next(log, now)).collect();
        self.readers.tell(self.place.next_due());
        handed
    }

    pub(super) fn status(&self) -> ConsumerStatus {
        ConsumerStatus {
            waiting: self.readers.waiting(),
            ..self.place.status()
        }
    }

    /// Whether nobody pulled from it for as long as it stays then. What is in somebody's hands is
    /// waited for.
    fn is_left(&self, now: Instant) -> bool {
        let (Some(threshold), Some(since)) = (
            self.place.spec().inactive_threshold,
            self.readers.idle_since(),
        ) else {
            return false;
        };
        let since = self.place.last_due().map_or(since, |due| since.max(due));
        later(since, threshold) <= now
    }
}

impl One {
    pub(super) fn new(spec: &StreamSpec) -> Self {
        Self {
            log: Log::new(spec),
            seats: BTreeMap::new(),
        }
    }

    pub(super) fn status(&self) -> StreamStatus {
        self.log.status(self.seats.len())
    }

    /// Removes what is too old, and consumers that nobody pulls from.
    pub(super) fn tidy(&mut self, now: Instant) {
        self.log.expire(now);
        self.forget(None);
        self.seats.retain(|_, seat| !seat.is_left(now));
    }

    /// Has the consumers forget what the log has forgotten, but for one that they never knew.
    fn forget(&mut self, unknown: Option<u64>) {
        for message in self.log.forgotten() {
            if unknown == Some(message.sequence) {
                continue;
            }
            for seat in self.seats.values_mut() {
                seat.place.forget(&message);
            }
        }
    }

    fn serve(&mut self, now: Instant) {
        for seat in self.seats.values_mut() {
            seat.serve(&self.log, now);
        }
    }

    pub(super) fn change(&mut self, spec: &StreamSpec, now: Instant) {
        self.log.change(spec, now);
        self.forget(None);
        self.serve(now);
    }

    pub(super) fn store(&mut self, message: &Message, now: Instant) -> Result<Stored, Refusal> {
        let word = self.log.store(message, now);
        let new = word.as_ref().ok().filter(|stored| !stored.duplicate);
        let new = new.map(|stored| stored.sequence);
        match new.and_then(|sequence| self.log.message(sequence)) {
            Some(message) => {
                let message = Arc::clone(message);
                for seat in self.seats.values_mut() {
                    seat.place.stored(&message);
                }
                self.forget(None);
            }
            // It was forgotten as soon as it was stored.
            None => self.forget(new),
        }
        self.serve(now);
        word
    }

    pub(super) fn delete(&mut self, sequence: u64, now: Instant) -> bool {
        let was_there = self.log.remove(sequence);
        self.forget(None);
        self.serve(now);
        was_there
    }

    /// Makes or changes a consumer.
    pub(super) fn consumer(&mut self, spec: ConsumerSpec, number: u64, now: Instant) -> Result<()> {
        self.check(&spec)?;
        if let Some(seat) = self.seats.get_mut(&spec.name) {
            seat.place.change(spec, &self.log);
            seat.serve(&self.log, now);
            return Ok(());
        }
        let seat = Seat {
            number,
            place: Place::new(spec.clone(), &self.log),
            readers: Readers::new(now),
        };
        self.seats.insert(spec.name, seat);
        Ok(())
    }

    /// Of a work queue each message has one taker.
    fn check(&self, spec: &ConsumerSpec) -> Result<()> {
        if self.log.retention() != Retention::WorkQueue {
            return Ok(());
        }
        let name = self.log.name();
        if spec.from != DeliverFrom::All && !self.seats.contains_key(&spec.name) {
            return Err(failure::not_from_all(name, &spec.name));
        }
        let mut others = self.seats.values().map(|seat| seat.place.spec());
        let taken = others
            .find(|other| other.name != spec.name && takes_the_same(&other.filters, &spec.filters));
        match taken {
            Some(other) => Err(failure::same_work(name, &spec.name, &other.name)),
            None => Ok(()),
        }
    }

    pub(super) fn consumers(&self) -> Vec<ConsumerStatus> {
        let all = self.seats.values();
        all.map(Seat::status).collect()
    }

    pub(super) fn remove_consumer(&mut self, name: &str) -> bool {
        self.seats.remove(name).is_some()
    }

    pub(super) fn seat(&mut self, name: &str) -> Result<&mut Seat> {
        match self.seats.get_mut(name) {
            Some(seat) => Ok(seat),
            None => Err(failure::no_consumer(self.log.name(), name)),
        }
    }

    /// The consumer with this number, and nobody in its place.
    pub(super) fn seat_of(&mut self, name: &str, number: u64) -> Result<&mut Seat> {
        match self.seats.get_mut(name) {
            Some(seat) if seat.number == number => Ok(seat),
            _ => Err(failure::no_consumer(self.log.name(), name)),
        }
    }

    /// Hands out what is there of one consumer.
    pub(super) fn fetch(&mut self, name: &str, most: usize, now: Instant) -> Result<Vec<Handed>> {
        match self.seats.get_mut(name) {
            Some(seat) => Ok(seat.fetch(&self.log, most, now)),
            None => Err(failure::no_consumer(self.log.name(), name)),
        }
    }

    /// Serves the readers of one consumer.
    pub(super) fn wake(&mut self, name: &str, now: Instant) {
        if let Some(seat) = self.seats.get_mut(name) {
            seat.serve(&self.log, now);
        }
    }

    /// Says how a delivery ended, or goes on.
    pub(super) fn settle(
        &mut self,
        (name, number): (&str, u64),
        sequence: u64,
        how: &Settling,
        now: Instant,
    ) -> Result<()> {
        let done = self.seat_of(name, number)?.place.settle(sequence, how, now);
        if done && self.log.retention() == Retention::WorkQueue {
            self.log.remove(sequence);
            self.forget(None);
        }
        self.wake(name, now);
        Ok(())
    }
}

/// Whether a message can pass both; no filter is every message.
fn takes_the_same(here: &[Pattern], there: &[Pattern]) -> bool {
    let meets = |one: &Pattern| there.iter().any(|other| one.overlaps(other));
    here.is_empty() || there.is_empty() || here.iter().any(meets)
}
