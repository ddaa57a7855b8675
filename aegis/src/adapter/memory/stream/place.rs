//! Where a consumer is in its stream: what it has not looked at, what is in somebody's hands, and
//! when that comes again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::log::Log;
use crate::model::{ConsumerSpec, ConsumerStatus, DeliverFrom, Pattern, Settling, StoredMessage};

/// Nobody waits for so long: 30 years.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

#[derive(Debug)]
pub(super) struct Place {
    spec: ConsumerSpec,
    created: OffsetDateTime,
    /// The first sequence that it has not looked at.
    next: u64,
    /// The last one that it delivered for the first time.
    delivered: u64,
    /// How many messages from `next` on it will deliver.
    pending: u64,
    /// What was delivered and is not done with.
    hands: BTreeMap<u64, Hand>,
    /// When what is in hands comes again, but for what is in `again`.
    due: BTreeSet<(Instant, u64)>,
    /// What comes again before anything new, as soon as somebody asks.
    again: VecDeque<u64>,
}

#[derive(Debug)]
struct Hand {
    attempts: u64,
    /// When it comes again; none is as soon as somebody asks.
    due: Option<Instant>,
}

/// A message to deliver.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) message: Arc<StoredMessage>,
    pub(super) attempt: u64,
    pub(super) pending: u64,
}

impl Place {
    pub(super) fn new(spec: ConsumerSpec, log: &Log) -> Self {
        let next = match spec.from {
            DeliverFrom::New => log.last() + 1,
            DeliverFrom::All => 1,
            DeliverFrom::Sequence(sequence) => sequence.max(1),
            DeliverFrom::Time(time) => {
                let mut later = log.from(0).filter(|message| message.stored >= time);
                later.next().map_or(log.last() + 1, |first| first.sequence)
            }
        };
        let mut place = Self {
            spec,
            created: OffsetDateTime::now_utc(),
            next,
            delivered: next - 1,
            pending: 0,
            hands: BTreeMap::new(),
            due: BTreeSet::new(),
            again: VecDeque::new(),
        };
        place.count(log);
        place
    }

    pub(super) fn spec(&self) -> &ConsumerSpec {
        &self.spec
    }

    /// Takes over what is asked for. Where it began, and whether it is in memory, stays.
    pub(super) fn change(&mut self, spec: ConsumerSpec, log: &Log) {
        let description = spec.description.or(self.spec.description.take());
        self.spec = ConsumerSpec {
            description,
            from: self.spec.from,
            in_memory: self.spec.in_memory,
            ..spec
        };
        self.count(log);
    }

    fn count(&mut self, log: &Log) {
        let rest = log.from(self.next);
        let chosen = rest.filter(|message| self.takes(message));
        self.pending = chosen.count() as u64;
    }

    fn takes(&self, message: &StoredMessage) -> bool {
        let filters = &self.spec.filters;
        let subject = message.subject.as_str();
        filters.is_empty() || filters.iter().any(|filter| filter.matches(subject))
    }

    pub(super) fn status(&self) -> ConsumerStatus {
        let waits = self.hands.first_key_value().map(|(first, _)| first - 1);
        let twice = self.hands.values().filter(|hand| hand.attempts > 1);
        let filters = self.spec.filters.iter().map(Pattern::to_string);
        ConsumerStatus {
            name: self.spec.name.clone(),
            description: self.spec.description.clone(),
            filters: filters.collect(),
            from: self.spec.from,
            ack_wait: self.spec.ack_wait,
            max_ack_pending: self.spec.max_ack_pending,
            inactive_threshold: self.spec.inactive_threshold,
            delivered: self.delivered,
            ack_floor: waits.unwrap_or(self.delivered),
            deliveries: self.hands.values().map(|hand| hand.attempts).sum(),
            ack_pending: self.hands.len() as u64,
            redelivered: twice.count() as u64,
            pending: self.pending,
            waiting: 0,
            created: self.created,
        }
    }

    /// Takes note of a message that the stream has stored.
    pub(super) fn stored(&mut self, message: &StoredMessage) {
        if message.sequence >= self.next && self.takes(message) {
            self.pending += 1;
        }
    }

    /// Takes note of a message that the stream does not hold any more.
    pub(super) fn forget(&mut self, message: &StoredMessage) {
        if message.sequence >= self.next {
            if self.takes(message) {
                self.pending -= 1;
            }
        } else {
            self.release(message.sequence);
        }
    }

    /// Lets go of what was in hands; tells whether it was.
    fn release(&mut self, sequence: u64) -> bool {
        let Some(hand) = self.hands.remove(&sequence) else {
            return false;
        };
        match hand.due {
            Some(due) => _ = self.due.remove(&(due, sequence)),
            None => self.again.retain(|other| *other != sequence),
        }
        true
    }

    /// When the next message comes again by itself.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// When the last message in hands is given up.
    pub(super) fn last_due(&self) -> Option<Instant> {
        self.due.last().map(|(due, _)| *due)
    }

    /// Lines up what was not acknowledged in time.
    pub(super) fn look(&mut self, now: Instant) {
        while let Some((due, sequence)) = self.due.first().copied()
            && due <= now
        {
            self.due.pop_first();
            if let Some(hand) = self.hands.get_mut(&sequence) {
                hand.due = None;
                self.again.push_back(sequence);
            }
        }
    }

    /// The next message to deliver, which is in hands from now on.
    pub(super) fn next(&mut self, log: &Log, now: Instant) -> Option<Handed> {
        self.look(now);
        while let Some(sequence) = self.again.pop_front() {
            if let Some(message) = log.message(sequence) {
                return Some(self.hand(message, now));
            }
            self.hands.remove(&sequence);
        }
        if self.hands.len() as u64 >= u64::from(self.spec.max_ack_pending) {
            return None;
        }
        let Some(message) = log.from(self.next).find(|message| self.takes(message)) else {
            self.next = self.next.max(log.last() + 1);
            return None;
        };
        self.next = message.sequence + 1;
        self.delivered = message.sequence;
        self.pending -= 1;
        Some(self.hand(message, now))
    }

    fn hand(&mut self, message: &Arc<StoredMessage>, now: Instant) -> Handed {
        let due = later(now, self.spec.ack_wait);
        let hand = self.hands.entry(message.sequence).or_insert(Hand {
            attempts: 0,
            due: None,
        });
        hand.attempts += 1;
        hand.due = Some(due);
        self.due.insert((due, message.sequence));
        Handed {
            message: message.clone(),
            attempt: hand.attempts,
            pending: self.pending,
        }
    }

    /// Says how a delivery ended, or goes on; tells whether the message is done with by that. A
    /// word on an earlier delivery of the same message counts like one on the newest.
    pub(super) fn settle(&mut self, sequence: u64, how: &Settling, now: Instant) -> bool {
        match how {
            Settling::Ack | Settling::Terminate => return self.release(sequence),
            Settling::Retry { after } if after.is_zero() => self.line_up(sequence),
            Settling::Retry { after } => {
                self.again.retain(|other| *other != sequence);
                self.put_off(sequence, later(now, *after));
            }
            Settling::Progress => {
                // What was given up already is not taken back from the next.
                if self
                    .hands
                    .get(&sequence)
                    .is_some_and(|hand| hand.due.is_some())
                {
                    self.put_off(sequence, later(now, self.spec.ack_wait));
                }
            }
        }
        false
    }

    fn line_up(&mut self, sequence: u64) {
        if let Some(hand) = self.hands.get_mut(&sequence)
            && let Some(due) = hand.due.take()
        {
            self.due.remove(&(due, sequence));
            self.again.push_back(sequence);
        }
    }

    fn put_off(&mut self, sequence: u64, due: Instant) {
        if let Some(hand) = self.hands.get_mut(&sequence) {
            if let Some(before) = hand.due.replace(due) {
                self.due.remove(&(before, sequence));
            }
            self.due.insert((due, sequence));
        }
    }
}

/// So much later, or as good as never.
pub(super) fn later(now: Instant, after: Duration) -> Instant {
    now.checked_add(after).unwrap_or(now + NEVER)
}
