//! The place of one handler in the stream: its name, and how its consumer is set up.

use std::time::Duration;

use super::handler::EventHandler;
use crate::model::{
    ConsumerSpec, ConsumerStatus, DeliverFrom, EventMode, EventStart, InstanceId, Layout,
    ServiceName, handler_place, instance_place, process_place,
};
use crate::observe;

/// What is neither settled nor worked on for so long is delivered again, if nothing is said.
const DEFAULT_ACK_WAIT: Duration = Duration::from_secs(30);
/// Events that may be on their way to handlers, or wait for another attempt, in all instances
/// together. As long as more wait for another attempt, nothing new is delivered.
const MOST_PENDING: u32 = 10_000;
/// An instance that was away for longer begins anew, where it was.
const AWAY: Duration = Duration::from_secs(60);
/// The same for one that says that it comes back.
const AWAY_FOR_LONG: Duration = Duration::from_secs(7 * 24 * 3600);

/// One leadership, and the how manieth beginning in it this is. Each has a consumer of its own: what
/// was delivered to the one before, and got lost, would hold up everything behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Term {
    pub(super) epoch: u64,
    pub(super) session: u64,
}

/// What the names of one handler's consumers are made of.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `{service}__{handler}`
    base: String,
    instance: InstanceId,
    mode: EventMode,
    /// Of an instance whose place ends with its process: tells it from the one before.
    boot: Option<u64>,
}

impl Place {
    pub(super) fn new(
        service: &ServiceName,
        handler: &str,
        instance: &InstanceId,
        (mode, durable): (EventMode, bool),
    ) -> Self {
        let passing = mode == EventMode::Broadcast && !durable;
        Self {
            base: handler_place(service.as_str(), handler),
            instance: instance.clone(),
            mode,
            boot: passing.then(observe::random),
        }
    }

    /// Which handler it is, whatever the instance: `{service}__{handler}`.
    pub(super) fn handler(&self) -> &str {
        &self.base
    }

    /// The name of its consumer; that of a leader has its term.
    pub(super) fn consumer(&self, term: Option<Term>) -> String {
        match (self.mode, term) {
            (EventMode::Broadcast, _) => match self.boot {
                Some(boot) => process_place(&self.base, self.instance.as_str(), boot),
                None => instance_place(&self.base, self.instance.as_str()),
            },
            (EventMode::Exclusive, Some(Term { epoch, session })) => {
                format!("{}__{epoch}-{session}", self.base)
            }
            _ => self.base.clone(),
        }
    }

    /// Whether an event that is meant for one handler alone is meant for this one: `only` names it,
    /// or this instance of it.
    pub(super) fn is_meant(&self, only: &str) -> bool {
        let own = || instance_place(&self.base, self.instance.as_str());
        only == self.base || (self.mode == EventMode::Broadcast && only == own())
    }

    /// Whether a consumer is one of this handler's, if it is exclusive.
    pub(super) fn owns(&self, consumer: &str) -> bool {
        consumer == self.consumer(None) || self.term_of(consumer).is_some()
    }

    /// The term in the name of a consumer that a leader of this handler made.
    pub(super) fn term_of(&self, consumer: &str) -> Option<Term> {
        let rest = consumer.strip_prefix(&self.base)?.strip_prefix("__")?;
        let (epoch, session) = rest.split_once('-')?;
        Some(Term {
            epoch: epoch.parse().ok()?,
            session: session.parse().ok()?,
        })
    }
}

/// How often the leaders before began an event that none of them ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tried {
    pub(super) sequence: u64,
    pub(super) attempts: u64,
}

impl Tried {
    /// As the next consumer's description has it.
    pub(super) fn describe(self) -> String {
        let Self { sequence, attempts } = self;
        format!("message {sequence} was begun {attempts} times before")
    }

    fn read(description: &str) -> Option<Self> {
        let rest = description.strip_prefix("message ")?;
        let (sequence, rest) = rest.split_once(" was begun ")?;
        Some(Self {
            sequence: sequence.parse().ok()?,
            attempts: rest.strip_suffix(" times before")?.parse().ok()?,
        })
    }

    /// What one consumer tells of: its own deliveries, and those that were noted when it was made.
    fn by(consumer: &ConsumerStatus) -> Option<Self> {
        let noted = consumer.description.as_deref().and_then(Self::read);
        if consumer.ack_pending == 0 {
            return noted;
        }
        let sequence = consumer.delivered;
        let before = noted.filter(|noted| noted.sequence == sequence);
        let before = before.map_or(0, |noted| noted.attempts);
        Some(Self {
            sequence,
            attempts: before + consumer.deliveries,
        })
    }
}

/// What the leaders before left of one handler.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// The names of their consumers.
    pub(super) consumers: Vec<String>,
    /// The greatest epoch among them.
    pub(super) epoch: Option<u64>,
    /// Everything up to this sequence is done with.
    pub(super) floor: Option<u64>,
    /// Where the first instance of all began, if its note is still there.
    pub(super) begun: Option<u64>,
    /// What was begun and not ended.
    pub(super) tried: Option<Tried>,
}

impl Left {
    /// Among all consumers of the stream. The one without an epoch notes where the first instance
    /// began. It is no leader's: one that starts late may make it anew.
    pub(super) fn by(place: &Place, all: &[ConsumerStatus]) -> Self {
        let mut left = Self::default();
        for found in all {
            if found.name == place.consumer(None) {
                left.begun = Some(found.ack_floor);
            } else if let Some(term) = place.term_of(&found.name) {
                left.epoch = left.epoch.max(Some(term.epoch));
                left.floor = left.floor.max(Some(found.ack_floor));
                left.tried = left.tried.max(Tried::by(found));
            } else {
                continue;
            }
            left.consumers.push(found.name.clone());
        }
        left.tried = left.tried.filter(|tried| Some(tried.sequence) > left.floor);
        left
    }
}

/// How long the server waits before it delivers an event of this handler again.
pub(super) fn ack_wait(handler: &EventHandler) -> Duration {
    handler.ack_wait.unwrap_or(DEFAULT_ACK_WAIT)
}

/// The consumer of a handler, which begins as the handler says if it has no place yet.
pub(super) fn spec(handler: &EventHandler, layout: &Layout, name: String) -> ConsumerSpec {
    let patterns = handler.patterns();
    let mut spec = ConsumerSpec::new(name);
    spec.filters = patterns
        .iter()
        .map(|pattern| layout.event_pattern(pattern))
        .collect();
    spec.from = match handler.start {
        EventStart::New => DeliverFrom::New,
        EventStart::All => DeliverFrom::All,
    };
    spec.ack_wait = ack_wait(handler);
    spec.max_ack_pending = match handler.mode {
        // In order: the next one only when this one is done with, also if that takes attempts.
        EventMode::Exclusive => 1,
        _ => MOST_PENDING,
    };
    if handler.mode == EventMode::Broadcast {
        let away = if handler.durable { AWAY_FOR_LONG } else { AWAY };
        spec.inactive_threshold = Some(away);
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(mode: EventMode) -> Place {
        let service = ServiceName::parse("billing").unwrap();
        let instance = InstanceId::parse("billing-7").unwrap();
        Place::new(&service, "bill", &instance, (mode, true))
    }

    /// A consumer that has nothing in hands.
    fn status(name: &str, ack_floor: u64) -> ConsumerStatus {
        ConsumerStatus {
            name: name.to_owned(),
            description: None,
            filters: Vec::new(),
            from: DeliverFrom::New,
            ack_wait: DEFAULT_ACK_WAIT,
            max_ack_pending: 1,
            inactive_threshold: None,
            delivered: ack_floor,
            ack_floor,
            deliveries: 0,
            ack_pending: 0,
            redelivered: 0,
            pending: 0,
            waiting: 0,
            created: time::OffsetDateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_mode_has_a_consumer_of_its_own_kind() {
        for (mode, term, name) in [
            (EventMode::Compete, None, "billing__bill"),
            (EventMode::Broadcast, None, "billing__bill__billing-7"),
            (
                EventMode::Exclusive,
                Some(Term {
                    epoch: 42,
                    session: 1,
                }),
                "billing__bill__42-1",
            ),
        ] {
            assert_eq!(place(mode).consumer(term), name);
            assert_eq!(place(mode).handler(), "billing__bill");
        }
        let service = ServiceName::parse("billing").unwrap();
        let instance = InstanceId::parse("billing-7").unwrap();
        let passing = || Place::new(&service, "bill", &instance, (EventMode::Broadcast, false));
        let (one, next) = (passing().consumer(None), passing().consumer(None));
        assert!(one.starts_with("billing__bill__billing-7-"), "{one}");
        assert_ne!(one, next, "each process begins anew");
        let exclusive = place(EventMode::Exclusive);
        for (name, term) in [
            ("billing__bill__42-3", Some((42, 3))),
            ("billing__bill__42", None),
            ("billing__bill__x", None),
            ("billing__bill", None),
            ("billing__bills__42-1", None),
        ] {
            let found = exclusive.term_of(name);
            let found = found.map(|term| (term.epoch, term.session));
            assert_eq!(found, term, "{name}");
            let own = term.is_some() || name == "billing__bill";
            assert_eq!(exclusive.owns(name), own, "{name}");
        }
    }

    #[test]
    fn what_is_brought_back_is_meant_for_a_handler_or_for_one_instance_of_it() {
        for (only, broadcast, others) in [
            ("billing__bill", true, true),
            ("billing__bill__billing-7", true, false),
            ("billing__bill__billing-8", false, false),
            ("billing__bills", false, false),
            ("", false, false),
        ] {
            assert_eq!(
                place(EventMode::Broadcast).is_meant(only),
                broadcast,
                "{only}"
            );
            for mode in [EventMode::Compete, EventMode::Exclusive] {
                assert_eq!(place(mode).is_meant(only), others, "{only}");
            }
        }
    }

    #[test]
    fn a_leader_goes_on_where_the_leaders_before_ended() {
        let place = place(EventMode::Exclusive);
        let all = |names: &[(&str, u64)]| -> Vec<ConsumerStatus> {
            let made = names.iter().map(|(name, floor)| status(name, *floor));
            made.collect()
        };
        for (there, epoch, floor, consumers) in [
            (&[][..], None, None, 0),
            (&[("billing__other__7-1", 9)], None, None, 0),
            (&[("billing__bill", 5)], None, None, 1),
            // Made anew by an instance that started while there was a leader: it skips nothing.
            (
                &[("billing__bill", 50), ("billing__bill__7-2", 9)],
                Some(7),
                Some(9),
                2,
            ),
            // A leader died before it removed the place of the one before.
            (
                &[("billing__bill__7-2", 9), ("billing__bill__8-1", 12)],
                Some(8),
                Some(12),
                2,
            ),
        ] {
            let left = Left::by(&place, &all(there));
            assert_eq!((left.epoch, left.floor), (epoch, floor), "{there:?}");
            let begun = there.iter().find(|(name, _)| *name == "billing__bill");
            assert_eq!(left.begun, begun.map(|(_, floor)| *floor), "{there:?}");
            assert_eq!(left.consumers.len(), consumers, "{there:?}");
        }
    }

    #[test]
    fn attempts_are_counted_over_all_leaders() {
        let place = place(EventMode::Exclusive);
        let tried = |sequence, attempts| Some(Tried { sequence, attempts });
        // What its consumer was made with, what it has delivered and how often.
        for (name, noted, delivered, deliveries, expected) in [
            ("nothing", None, 12, 0, None),
            ("one that was begun", None, 13, 2, tried(13, 2)),
            ("begun before too", tried(13, 3), 13, 2, tried(13, 5)),
            ("it did not come to it", tried(13, 3), 12, 0, tried(13, 3)),
            ("that one ended", tried(11, 3), 12, 0, None),
            (
                "that one ended, the next began",
                tried(12, 3),
                13,
                1,
                tried(13, 1),
            ),
        ] {
            let mut left = status("billing__bill__8-1", 12);
            left.description = noted.map(Tried::describe);
            left.delivered = delivered;
            left.deliveries = deliveries;
            left.ack_pending = u64::from(deliveries > 0);
            let before = status("billing__bill__7-1", 9);
            let left = Left::by(&place, &[before, left]);
            assert_eq!(left.tried, expected, "{name}");
        }
        assert_eq!(Tried::read("of somebody else"), None);
    }
}
