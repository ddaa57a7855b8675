//! Who leads, decided step by step: events and the time go in, actions come out.
//!
//! It runs on a clock of its host that never stops, not even while the host sleeps, and compares it
//! with nobody's. Whoever is not the leader knows the newest record under the key and when *it* saw
//! that; it takes over by a write that expects exactly that record.

use std::time::Duration;

use super::event::{Action, Claim, Event, Moment};
use super::policy::Failover;
use super::state::{Known, Phase, Role};

/// A try again after an unknown outcome.
const AGAIN: Duration = Duration::from_millis(10);
const AGAIN_JITTER: Duration = Duration::from_millis(15);

/// The election of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Election {
    pub(super) boot: u64,
    pub(super) failover: Failover,
    pub(super) known: Known,
    /// Since when; none while it is not.
    pub(super) connected: Option<Moment>,
    /// When the connection was lost, while it is.
    pub(super) disconnected: Option<Moment>,
    pub(super) role: Role,
    pub(super) term: u64,
    ops: u64,
    pub(super) next_read: Moment,
    /// Reads without an answer since the last one that had one.
    pub(super) stumbles: u32,
    /// It does not try to win before this time.
    pub(super) patience: Moment,
    /// It has given up a leadership, and lets others win until then, unless one has.
    pub(super) others_first: Moment,
    /// Drawn for each record.
    pub(super) jitter: Duration,
    pub(super) leaving: bool,
    /// A record that is missing was never there: the store loses nothing.
    pub(super) lossless: bool,
    #[cfg(test)]
    pub(super) mutant: Option<super::check::Mutant>,
}

impl Election {
    pub(crate) fn new(boot: u64, failover: Failover) -> Self {
        Self {
            boot,
            failover,
            known: Known::Nothing,
            connected: None,
            disconnected: None,
            role: Role::Follower { reads: None },
            term: 0,
            ops: 0,
            next_read: Moment::ZERO,
            stumbles: 0,
            patience: Moment::ZERO,
            others_first: Moment::ZERO,
            jitter: Duration::ZERO,
            leaving: false,
            lossless: false,
            #[cfg(test)]
            mutant: None,
        }
    }

    /// The same with a store that never loses a record: where there is none, nobody leads.
    #[must_use]
    pub(crate) fn on_lossless_store(mut self) -> Self {
        self.lossless = true;
        self
    }

    /// Until when this instance may lead, and as which epoch; none if it does not lead.
    #[cfg(test)]
    pub(super) fn leads(&self) -> Option<(u64, Moment)> {
        match &self.role {
            Role::Leader(leader) => Some((leader.epoch, leader.until)),
            _ => None,
        }
    }

    /// The newest record that is known.
    #[cfg(test)]
    pub(super) fn holder(&self) -> Option<(u64, &Claim)> {
        match &self.known {
            Known::Record {
                revision, claim, ..
            } => Some((*revision, claim)),
            Known::Nothing | Known::Missing { .. } => None,
        }
    }

    /// Takes an event, at that time, with a random number.
    pub(crate) fn on(&mut self, event: Event, now: Moment, random: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        // A lease that has run out is not revived by an answer that comes now.
        if matches!(&self.role, Role::Leader(leader) if now >= leader.until) {
            self.step_down(now, &mut actions);
        }
        self.take(event, now, random, &mut actions);
        self.advance(now, random, &mut actions);
        actions
    }

    fn take(&mut self, event: Event, now: Moment, random: u64, actions: &mut Vec<Action>) {
        match event {
            Event::Tick => {}
            Event::Connected => {
                self.connected = Some(now);
                self.disconnected = None;
                self.next_read = now;
            }
            Event::Disconnected => {
                self.connected = None;
                self.disconnected.get_or_insert(now);
            }
            Event::Seen(found) => {
                if self.observe(found, now, random) {
                    // As long as the leader is heard of, nobody needs to ask. After two renewals
                    // that were not heard somebody looks: the leader may have written, and crashed
                    // before it told.
                    self.next_read = now + self.failover.renew() * 2;
                }
            }
            Event::Read { op, answer } => self.read(op, answer, now, random, actions),
            Event::Wrote { op, outcome } => self.wrote(op, outcome, now, random, actions),
            Event::Fenced { op, answer } => self.fenced(op, answer, now, random, actions),
            Event::Activated { epoch, able } => self.activated(epoch, able, actions),
            Event::StandAside => self.drain(actions),
            Event::Leave => {
                self.leaving = true;
                self.drain(actions);
            }
            Event::Drained { epoch } => self.drained(epoch),
        }
    }

    fn advance(&mut self, now: Moment, random: u64, actions: &mut Vec<Action>) {
        match &self.role {
            Role::Follower { reads: None } => self.follow(now, random, actions),
            Role::Leader(leader) if now >= leader.until => {
                self.step_down(now, actions);
                self.follow(now, random, actions);
            }
            Role::Leader(_) => self.lead(now, random, actions),
            _ => {}
        }
    }

    /// When something is due though nothing happens.
    pub(crate) fn wake_at(&self, now: Moment) -> Moment {
        let far = now + self.failover.lease();
        let due = match &self.role {
            Role::Follower { reads: None } if self.connected.is_some() => {
                let read = self.next_read;
                self.due().map_or(read, |due| due.min(read))
            }
            Role::Leader(leader) => {
                let draining = leader.phase == Phase::Draining;
                let alone = self.alone_at().filter(|_| !draining);
                leader.wake_at().min(alone.unwrap_or(far))
            }
            _ => far,
        };
        due.max(now)
    }

    /// How much was asked so far.
    #[cfg(test)]
    pub(super) fn asked(&self) -> u64 {
        self.ops
    }

    pub(super) fn number(&mut self) -> u64 {
        self.ops += 1;
        self.ops
    }

    /// How long an answer is waited for.
    pub(super) fn patiently(&self) -> Duration {
        self.failover.held() / 2
    }

    pub(super) fn claim(&self, term: u64, epoch: Option<u64>, nonce: u64) -> Claim {
        Claim {
            boot: self.boot,
            term,
            epoch,
            nonce,
            lease: self.failover.lease(),
            released: false,
        }
    }
}

/// The wait before a question is asked again.
pub(super) fn again(random: u64) -> Duration {
    AGAIN + portion(AGAIN_JITTER, random)
}

/// A part of a time, by a random number.
pub(super) fn portion(of: Duration, random: u64) -> Duration {
    let share = u32::try_from(random >> 32).unwrap_or(0);
    of.mul_f64(f64::from(share) / f64::from(u32::MAX))
}
