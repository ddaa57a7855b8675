//! The laws of deliveries, whatever is stored, asked for, settled and forgotten in whatever order:
//! nothing is lost, nothing is in two hands, and attempts are counted right.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;
use tokio::time::Instant;

use super::log::Log;
use super::place::Place;
use crate::model::{ConsumerSpec, DeliverFrom, Headers, Pattern, Settling, StreamSpec, Subject};
use crate::port::Message;

const ACK_WAIT: Duration = Duration::from_millis(100);
const MOST_IN_HANDS: u32 = 3;

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    /// A message is stored; the consumer takes it or not.
    Store { taken: bool },
    /// Somebody asks for a message.
    Next,
    /// Somebody settles the so manieth of all deliveries, which may be an old one.
    Settle { which: usize, how: Settling },
    /// The stream forgets the so manieth message.
    Delete { which: usize },
    /// So many milliseconds pass.
    Pass(u64),
}

fn settling() -> impl Strategy<Value = Settling> {
    let retry = (0..200_u64).prop_map(|millis| Settling::Retry {
        after: Duration::from_millis(millis),
    });
    prop_oneof![
        3 => Just(Settling::Ack),
        1 => Just(Settling::Terminate),
        2 => Just(Settling::Progress),
        1 => Just(Settling::Retry { after: Duration::ZERO }),
        2 => retry,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let settle = (any::<usize>(), settling());
    prop_oneof![
        4 => any::<bool>().prop_map(|taken| Step::Store { taken }),
        6 => Just(Step::Next),
        5 => settle.prop_map(|(which, how)| Step::Settle { which, how }),
        1 => any::<usize>().prop_map(|which| Step::Delete { which }),
        3 => (1..150_u64).prop_map(Step::Pass),
    ]
}

/// What a message should be like, kept by other means than the consumer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nobody has it; it may be delivered.
    Free { attempts: u64 },
    /// Somebody has it, and nobody else gets it before that time.
    Held { attempts: u64, until: Instant },
}

impl Fate {
    fn attempts(self) -> u64 {
        match self {
            Self::Free { attempts } | Self::Held { attempts, .. } => attempts,
        }
    }
}

/// A stream with one consumer, and what is to be expected of them.
struct World {
    now: Instant,
    log: Log,
    place: Place,
    /// What is stored, taken, and not done with.
    open: BTreeMap<u64, Fate>,
    deliveries: Vec<u64>,
}

impl World {
    fn new() -> Self {
        let spec = StreamSpec::new("S", [Pattern::trusted("s.>".to_owned())]);
        let log = Log::new(&spec);
        let spec = ConsumerSpec {
            from: DeliverFrom::All,
            filters: vec![Pattern::trusted("s.taken".to_owned())],
            ack_wait: ACK_WAIT,
            max_ack_pending: MOST_IN_HANDS,
            ..ConsumerSpec::new("c")
        };
        Self {
            now: Instant::now(),
            place: Place::new(spec, &log),
            log,
            open: BTreeMap::new(),
            deliveries: Vec::new(),
        }
    }

    fn store(&mut self, taken: bool) {
        let subject = if taken { "s.taken" } else { "s.other" };
        let message = Message {
            subject: Subject::trusted(subject),
            reply: None,
            headers: Headers::new(),
            payload: bytes::Bytes::new(),
        };
        let sequence = self.log.store(&message, self.now).unwrap().sequence;
        self.place.stored(self.log.message(sequence).unwrap());
        if taken {
            self.open.insert(sequence, Fate::Free { attempts: 0 });
        }
    }

    fn delete(&mut self, which: usize) {
        let sequence = which as u64 % (self.log.last() + 1);
        self.log.remove(sequence);
        for message in self.log.forgotten() {
            self.place.forget(&message);
        }
        self.open.remove(&sequence);
    }

    /// Somebody asks: tells whether there was something.
    fn next(&mut self) -> Result<bool, TestCaseError> {
        let now = self.now;
        let Some(handed) = self.place.next(&self.log, now) else {
            return Ok(false);
        };
        let sequence = handed.message.sequence;
        let Some(fate) = self.open.get_mut(&sequence) else {
            return Err(TestCaseError::fail("what is done with comes again"));
        };
        if let Fate::Held { until, .. } = *fate {
            prop_assert!(until <= now, "{sequence} is in two hands");
        }
        let attempts = fate.attempts() + 1;
        prop_assert_eq!(handed.attempt, attempts);
        *fate = Fate::Held {
            attempts,
            until: now + ACK_WAIT,
        };
        self.deliveries.push(sequence);
        Ok(true)
    }

    fn settle(&mut self, which: usize, how: &Settling) {
        if self.deliveries.is_empty() {
            return;
        }
        let sequence = self.deliveries[which % self.deliveries.len()];
        let done = self.place.settle(sequence, how, self.now);
        let Some(fate) = self.open.get_mut(&sequence) else {
            assert!(!done, "{sequence} was done with already");
            return;
        };
        let (attempts, now) = (fate.attempts(), self.now);
        match how {
            Settling::Ack | Settling::Terminate => {
                self.open.remove(&sequence);
            }
            Settling::Retry { after } if after.is_zero() => *fate = Fate::Free { attempts },
            Settling::Retry { after } => {
                let until = now + *after;
                *fate = Fate::Held { attempts, until };
            }
            // It prolongs what is held, and takes nothing back that was given up.
            Settling::Progress => {
                if let Fate::Held { until, .. } = fate
                    && *until > now
                {
                    *until = now + ACK_WAIT;
                }
            }
        }
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Store { taken } => self.store(taken),
            Step::Next => _ = self.next()?,
            Step::Settle { which, how } => {
                self.place.look(self.now);
                self.settle(which, &how);
            }
            Step::Delete { which } => self.delete(which),
            Step::Pass(millis) => self.now += Duration::from_millis(millis),
        }
        self.check()
    }

    /// The numbers are those of the messages.
    fn check(&self) -> Result<(), TestCaseError> {
        let status = self.place.status();
        let of = |wanted: fn(u64) -> bool| {
            let all = self.open.values();
            all.filter(|fate| wanted(fate.attempts())).count() as u64
        };
        prop_assert_eq!(status.pending, of(|attempts| attempts == 0));
        prop_assert_eq!(status.ack_pending, of(|attempts| attempts > 0));
        prop_assert_eq!(status.redelivered, of(|attempts| attempts > 1));
        prop_assert!(status.ack_pending <= u64::from(MOST_IN_HANDS));
        prop_assert!(status.ack_floor <= status.delivered);
        let delivered = self.open.iter().filter(|(_, fate)| fate.attempts() > 0);
        for (sequence, _) in delivered {
            prop_assert!(*sequence > status.ack_floor, "{sequence} is not done with");
        }
        Ok(())
    }

    /// Whoever goes on reading and acknowledging gets all that is left.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..1000 {
            while self.next()? {
                self.settle(self.deliveries.len() - 1, &Settling::Ack);
            }
            if self.open.is_empty() {
                return Ok(());
            }
            let due = self.place.next_due();
            prop_assert!(due.is_some(), "nothing is waited for: {:?}", self.open);
            self.now = self.now.max(due.unwrap_or(self.now));
        }
        Err(TestCaseError::fail("it does not end"))
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_is_in_two_hands(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut world = World::new();
        for step in steps {
            world.step(step)?;
        }
        world.finish()?;
    }

    #[test]
    fn what_is_new_comes_in_order(steps in proptest::collection::vec(step(), 1..200)) {
        let mut world = World::new();
        for step in steps {
            world.step(step)?;
        }
        world.finish()?;
        let mut seen = std::collections::BTreeSet::new();
        let first: Vec<u64> =
            world.deliveries.iter().copied().filter(|it| seen.insert(*it)).collect();
        prop_assert!(first.is_sorted(), "{first:?}");
    }
}
