//! What this program knows of a handler's place in the stream, over all its readings.

use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::place::Tried;
use crate::model::{ConsumerStatus, DeliverFrom};

/// Where a handler is in its stream. A stream that was made anew counts from the beginning, so
/// every number belongs to one making of it.
#[derive(Debug, Default)]
pub(super) struct Whereabouts(Mutex<Option<Known>>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// When the stream was made.
    stream: OffsetDateTime,
    /// When the consumer was made that was seen last.
    consumer: Option<OffsetDateTime>,
    /// Everything up to here is done with, as the server said; none if it has no place yet.
    pub(super) floor: Option<u64>,
    /// Of an exclusive handler: everything up to here was done with here.
    settled: Option<u64>,
    /// Of an exclusive handler: what leaders before began, and none of them ended.
    tried: Option<Tried>,
}

impl Known {
    fn new(stream: OffsetDateTime, floor: Option<u64>) -> Self {
        Self {
            stream,
            consumer: None,
            floor,
            settled: None,
            tried: None,
        }
    }

    /// Where its consumer begins if it has to be made; none if it is as the handler says.
    pub(super) fn from(self) -> Option<DeliverFrom> {
        self.floor.map(|floor| DeliverFrom::Sequence(floor + 1))
    }

    /// Where a leader begins, that finds what leaders before have done.
    pub(super) fn floor_after(self, others: Option<u64>) -> Option<u64> {
        others.max(self.settled).or(self.floor)
    }

    /// Whether a consumer was made by an instance that started while it was missing and did not
    /// know where it was: it passes over what was stored meanwhile.
    pub(super) fn is_skipped_by(self, consumer: &ConsumerStatus) -> bool {
        self.floor.is_some()
            && self.consumer != Some(consumer.created)
            && consumer.from == DeliverFrom::New
    }
}

impl Whereabouts {
    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream was found, made at that time. In one made anew all that is in it came since.
    pub(super) fn enter(&self, stream: OffsetDateTime) -> Known {
        let mut known = self.lock();
        let now = match *known {
            Some(known) if known.stream == stream => known,
            Some(_) => Known::new(stream, Some(0)),
            None => Known::new(stream, None),
        };
        *known = Some(now);
        now
    }

    /// What is known, if this making of the stream is the one that is read.
    pub(super) fn get(&self, stream: OffsetDateTime) -> Option<Known> {
        self.lock().filter(|known| known.stream == stream)
    }

    /// Whether the stream was found before.
    pub(super) fn knows(&self) -> bool {
        self.lock().is_some()
    }

    fn change(&self, stream: OffsetDateTime, change: impl FnOnce(&mut Known)) {
        let mut known = self.lock();
        if let Some(known) = known.as_mut().filter(|known| known.stream == stream) {
            change(known);
        }
    }

    /// Its consumer was seen.
    pub(super) fn note(&self, stream: OffsetDateTime, consumer: &ConsumerStatus) {
        self.change(stream, |known| {
            known.consumer = Some(consumer.created);
            known.floor = Some(consumer.ack_floor);
        });
    }

    /// Everything up to here is done with, by whomever.
    pub(super) fn note_floor(&self, stream: OffsetDateTime, floor: u64) {
        self.change(stream, |known| known.floor = Some(floor));
    }

    /// An event is done with here.
    pub(super) fn note_settled(&self, stream: OffsetDateTime, sequence: u64) {
        self.change(stream, |known| {
            known.settled = known.settled.max(Some(sequence));
        });
    }

    pub(super) fn note_tried(&self, stream: OffsetDateTime, tried: Option<Tried>) {
        self.change(stream, |known| known.tried = tried);
    }

    /// Whether an event was done with here.
    pub(super) fn is_settled(&self, stream: OffsetDateTime, sequence: u64) -> bool {
        let known = self.get(stream);
        known.is_some_and(|known| Some(sequence) <= known.settled)
    }

    /// How often leaders before began an event.
    pub(super) fn attempts_before(&self, stream: OffsetDateTime, sequence: u64) -> u64 {
        let known = self.get(stream);
        let tried = known.and_then(|known| known.tried);
        let tried = tried.filter(|tried| tried.sequence == sequence);
        tried.map_or(0, |tried| tried.attempts)
    }

    /// Whether this making of the stream is the one that is read. What is said of another one would
    /// count for other events.
    pub(super) fn is_current(&self, stream: OffsetDateTime) -> bool {
        self.lock().is_none_or(|known| known.stream == stream)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OLD: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn new() -> OffsetDateTime {
        OLD + Duration::from_secs(1)
    }

    fn consumer(from: DeliverFrom, created: OffsetDateTime) -> ConsumerStatus {
        ConsumerStatus {
            name: "c".to_owned(),
            description: None,
            filters: Vec::new(),
            from,
            ack_wait: Duration::from_secs(30),
            max_ack_pending: 1,
            inactive_threshold: None,
            delivered: 9,
            ack_floor: 9,
            deliveries: 0,
            ack_pending: 0,
            redelivered: 0,
            pending: 0,
            waiting: 0,
            created,
        }
    }

    #[test]
    fn it_goes_on_where_it_was_and_at_the_beginning_of_a_new_stream() {
        let place = Whereabouts::default();
        assert_eq!(place.enter(OLD).from(), None, "as the handler says");
        assert_eq!(place.enter(OLD).from(), None, "still");
        place.note(OLD, &consumer(DeliverFrom::New, OLD));
        let known = place.enter(OLD);
        assert_eq!(known.from(), Some(DeliverFrom::Sequence(10)));
        let known = place.enter(new());
        assert_eq!(known.from(), Some(DeliverFrom::Sequence(1)));
        // Of the one before: too late.
        place.note(OLD, &consumer(DeliverFrom::New, OLD));
        let known = place.enter(new());
        assert_eq!(known.from(), Some(DeliverFrom::Sequence(1)));
    }

    #[test]
    fn what_is_done_with_belongs_to_one_stream() {
        let place = Whereabouts::default();
        place.enter(OLD);
        place.note_settled(OLD, 50);
        assert!(place.is_settled(OLD, 50) && !place.is_settled(OLD, 51));
        assert!(place.is_current(OLD));
        place.enter(new());
        place.note_settled(OLD, 51);
        assert!(!place.is_settled(new(), 1) && !place.is_current(OLD));
        assert_eq!(place.enter(new()).floor_after(None), Some(0));
        assert_eq!(place.enter(new()).floor_after(Some(7)), Some(7));
        place.note_settled(new(), 8);
        assert_eq!(place.enter(new()).floor_after(Some(7)), Some(8));
    }

    #[test]
    fn attempts_belong_to_one_event_of_one_stream() {
        let place = Whereabouts::default();
        place.enter(OLD);
        let tried = Tried {
            sequence: 5,
            attempts: 3,
        };
        place.note_tried(OLD, Some(tried));
        assert_eq!(place.attempts_before(OLD, 5), 3);
        assert_eq!(place.attempts_before(OLD, 6), 0);
        assert_eq!(place.attempts_before(new(), 5), 0);
    }

    #[test]
    fn a_consumer_of_an_instance_that_knew_nothing_is_noticed() {
        let place = Whereabouts::default();
        let first = place.enter(OLD);
        let fresh = consumer(DeliverFrom::New, OLD);
        assert!(!first.is_skipped_by(&fresh), "it knows nothing itself");
        place.note(OLD, &fresh);
        let known = place.enter(OLD);
        for (name, from, created, expected) in [
            ("the same", DeliverFrom::New, OLD, false),
            ("made anew", DeliverFrom::New, new(), true),
            ("by one that knew", DeliverFrom::Sequence(3), new(), false),
            ("from the beginning", DeliverFrom::All, new(), false),
        ] {
            let found = consumer(from, created);
            assert_eq!(known.is_skipped_by(&found), expected, "{name}");
        }
    }
}
