//! Who leads, decided step by step: events and the time go in, actions come out.
//!
//! It runs on a clock of its host that never stops, not even while the host sleeps, and compares it
//! with nobody's. Whoever is not the leader knows the newest record under the key and when *it* saw
//! that; it takes over by a write that expects exactly that record.

use std::time::Duration;

use super::policy::Failover;
use crate::model::Expect;

/// A time of the host's clock that runs on while the host sleeps: since it was booted.
pub(crate) type Moment = Duration;

/// A try again after an unknown outcome.
const AGAIN: Duration = Duration::from_millis(10);
const AGAIN_JITTER: Duration = Duration::from_millis(15);
/// Followers of one leader do not all come at once.
const JITTER: Duration = Duration::from_millis(30);

/// What one instance wants to stand under the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    /// Random for each process.
    pub(crate) boot: u64,
    /// Counts the leaderships of this process.
    pub(crate) term: u64,
    /// The revision of the write that won the term; not yet known in that write itself.
    pub(crate) epoch: Option<u64>,
    /// Random for each write.
    pub(crate) nonce: u64,
    pub(crate) lease: Duration,
    /// It is given up.
    pub(crate) released: bool,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// Time has passed.
    Tick,
    /// The connection is there.
    Connected,
    /// It is not.
    Disconnected,
    /// This stands under the key now; nothing is told if it stood there before.
    Seen(Option<(u64, Claim)>),
    /// The answer to [`Action::Read`]; none if there was none.
    Read {
        op: u64,
        answer: Option<Option<(u64, Claim)>>,
    },
    /// The answer to [`Action::Write`].
    Wrote { op: u64, outcome: Outcome },
    /// The answer to [`Action::RaiseFence`]: whether no greater one stands there; none if there
    /// was none.
    Fenced { op: u64, answer: Option<bool> },
    /// The end of [`Action::Activate`]: whether this instance can lead.
    Activated { epoch: u64, able: bool },
    /// This instance shall not lead any more.
    Leave,
    /// What ran while it led has ended, after [`Event::Leave`].
    Drained,
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// It is the newest revision.
    Done(u64),
    /// Something else stood there; nothing was written.
    Refused,
    /// It may have happened, or happen later.
    Unknown,
}

/// What shall be done. Answers name the number of what they answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Read the key, from whoever decides on writes.
    Read { op: u64, within: Duration },
    /// Write the key.
    Write {
        op: u64,
        claim: Claim,
        expect: Expect,
        within: Duration,
    },
    /// Raise the fence to this epoch.
    RaiseFence {
        op: u64,
        epoch: u64,
        within: Duration,
    },
    /// Lead: run the hook, subscribe, flush.
    Activate { epoch: u64 },
    /// The leadership is valid until then.
    Extend { until: Moment },
    /// Lead no longer: close the gate, unsubscribe, tell handlers.
    Deactivate { epoch: u64 },
    /// It is over; nothing further will be asked.
    End,
}

/// What is known of the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Known {
    /// It was never read.
    Nothing,
    /// There is no record.
    Missing,
    /// This record, seen first at that time.
    Record {
        revision: u64,
        claim: Claim,
        at: Moment,
    },
}

/// What this instance is at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Role {
    /// Another leads, or nobody. A read may be under way.
    Follower {
        reads: Option<u64>,
    },
    /// It has tried to win, with a write sent at that time; after an unknown outcome it reads.
    Candidate {
        op: u64,
        since: Moment,
        claim: Claim,
    },
    Leader(Leader),
    /// It has given up its leadership, and says so.
    Releasing {
        op: u64,
    },
    Ended,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Leader {
    epoch: u64,
    term: u64,
    revision: u64,
    until: Moment,
    phase: Phase,
    renewal: Renewal,
    /// It gives the leadership up as soon as no renewal is under way.
    gives_up: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    /// The fence is raised: from that time on, or already under way.
    Fence(Step),
    Activating,
    Serving,
    /// It takes nothing new and waits for what runs.
    Draining,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Renewal {
    /// Written from that time on.
    At(Moment),
    /// Sent at that time.
    Writes { op: u64, since: Moment },
    /// It was refused: by somebody else's record, or by an earlier one of ours whose answer was
    /// lost? It is read.
    Reads(Step),
}

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// Asked from that time on.
    At(Moment),
    /// Under way.
    Asked(u64),
}

impl Step {
    fn is_due(self, now: Moment) -> bool {
        matches!(self, Self::At(time) if now >= time)
    }

    fn time(self) -> Option<Moment> {
        match self {
            Self::At(time) => Some(time),
            Self::Asked(_) => None,
        }
    }
}

/// The election of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Election {
    boot: u64,
    failover: Failover,
    known: Known,
    /// Since when; none while it is not.
    connected: Option<Moment>,
    role: Role,
    term: u64,
    ops: u64,
    next_read: Moment,
    /// It does not try to win before this time.
    patience: Moment,
    /// Drawn for each record.
    jitter: Duration,
    leaving: bool,
    drained: bool,
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
            role: Role::Follower { reads: None },
            term: 0,
            ops: 0,
            next_read: Moment::ZERO,
            patience: Moment::ZERO,
            jitter: Duration::ZERO,
            leaving: false,
            drained: false,
            #[cfg(test)]
            mutant: None,
        }
    }

    /// Until when this instance may lead, and as which epoch; none if it does not lead.
    pub(crate) fn leads(&self) -> Option<(u64, Moment)> {
        match &self.role {
            Role::Leader(leader) => Some((leader.epoch, leader.until)),
            _ => None,
        }
    }

    /// The newest record that is known.
    pub(crate) fn holder(&self) -> Option<(u64, &Claim)> {
        match &self.known {
            Known::Record {
                revision, claim, ..
            } => Some((*revision, claim)),
            Known::Nothing | Known::Missing => None,
        }
    }

    /// Takes an event, at that time, with a random number.
    pub(crate) fn on(&mut self, event: Event, now: Moment, random: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        self.take(event, now, random, &mut actions);
        self.advance(now, random, &mut actions);
        actions
    }

    fn take(&mut self, event: Event, now: Moment, random: u64, actions: &mut Vec<Action>) {
        match event {
            Event::Tick => {}
            Event::Connected => {
                self.connected = Some(now);
                self.next_read = now;
            }
            Event::Disconnected => self.connected = None,
            Event::Seen(found) => self.observe(found, now, random),
            Event::Read { op, answer } => self.read(op, answer, now, random, actions),
            Event::Wrote { op, outcome } => self.wrote(op, outcome, now, random, actions),
            Event::Fenced { op, answer } => self.fenced(op, answer, now, random, actions),
            Event::Activated { epoch, able } => self.activated(epoch, able, actions),
            Event::Leave => self.leave(actions),
            Event::Drained => {
                self.drained = true;
                if let (true, Role::Leader(leader)) = (self.leaving, &mut self.role) {
                    leader.gives_up = true;
                }
            }
        }
    }

    /// When something is due though nothing happens.
    pub(crate) fn wake_at(&self, now: Moment) -> Moment {
        let due = match &self.role {
            Role::Follower { reads: None } if self.connected.is_some() => {
                let read = self.next_read;
                self.due().map_or(read, |due| due.min(read))
            }
            Role::Leader(leader) => leader.wake_at(),
            _ => now + self.failover.lease(),
        };
        due.max(now)
    }

    /// How much was asked so far.
    #[cfg(test)]
    pub(super) fn asked(&self) -> u64 {
        self.ops
    }

    fn number(&mut self) -> u64 {
        self.ops += 1;
        self.ops
    }
}

/// What follows from what is known: everybody but the leader.
impl Election {
    /// The newest revision wins, and keeps the time at which it was seen first: to hear of it late
    /// makes us wait longer, never shorter.
    fn observe(&mut self, found: Option<(u64, Claim)>, now: Moment, random: u64) {
        let Some((revision, claim)) = found else {
            // A bucket that was lost says nothing of the leader whose record was in it: whoever was
            // seen there last keeps the whole lease.
            if self.known == Known::Nothing {
                self.known = Known::Missing;
            }
            if let Known::Record { claim, at, .. } = &self.known
                && now >= *at + claim.lease
            {
                self.known = Known::Missing;
            }
            return;
        };
        if let Known::Record {
            revision: newest, ..
        } = &self.known
            && revision <= *newest
        {
            return;
        }
        self.jitter = portion(JITTER, random);
        self.known = Known::Record {
            revision,
            claim,
            at: now,
        };
    }

    /// When we may try to win; none while there is nothing to go by.
    fn due(&self) -> Option<Moment> {
        let connected = self.connected?;
        let due = match &self.known {
            Known::Nothing => return None,
            Known::Missing => connected,
            Known::Record { claim, at, .. } if claim.released => *at + self.jitter,
            // Our own, of a term that has ended: nobody else acts on it.
            Known::Record { claim, at, .. } if claim.boot == self.boot => *at,
            Known::Record { claim, at, .. } => (*at).max(connected) + claim.lease + self.jitter,
        };
        Some(due.max(self.patience))
    }

    fn expected(&self) -> Expect {
        #[cfg(test)]
        if self.mutant == Some(super::check::Mutant::BlindTakeOver) {
            return Expect::Any;
        }
        match &self.known {
            Known::Record { revision, .. } => Expect::Revision(*revision),
            Known::Nothing | Known::Missing => Expect::Absent,
        }
    }

    fn advance(&mut self, now: Moment, random: u64, actions: &mut Vec<Action>) {
        match &self.role {
            Role::Follower { reads: None } => self.follow(now, random, actions),
            Role::Leader(leader) if now >= leader.until => self.step_down(now, actions),
            Role::Leader(_) => self.lead(now, random, actions),
            _ => {}
        }
    }

    fn follow(&mut self, now: Moment, random: u64, actions: &mut Vec<Action>) {
        if self.leaving {
            self.role = Role::Ended;
            actions.push(Action::End);
            return;
        }
        if self.connected.is_none() {
            return;
        }
        if self.due().is_some_and(|due| now >= due) {
            self.term += 1;
            let op = self.number();
            let claim = self.claim(self.term, None, random);
            actions.push(Action::Write {
                op,
                claim: claim.clone(),
                expect: self.expected(),
                within: self.patiently(),
            });
            self.role = Role::Candidate {
                op,
                since: now,
                claim,
            };
        } else if now >= self.next_read {
            let op = self.number();
            self.next_read = now + self.failover.lease();
            self.role = Role::Follower { reads: Some(op) };
            actions.push(Action::Read {
                op,
                within: self.patiently(),
            });
        }
    }

    /// How long an answer is waited for.
    fn patiently(&self) -> Duration {
        self.failover.held() / 2
    }

    fn claim(&self, term: u64, epoch: Option<u64>, nonce: u64) -> Claim {
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

/// What answers mean.
impl Election {
    fn read(
        &mut self,
        op: u64,
        answer: Option<Option<(u64, Claim)>>,
        now: Moment,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        if let Some(found) = &answer {
            self.observe(found.clone(), now, random);
        }
        match &mut self.role {
            Role::Follower { reads } if *reads == Some(op) => {
                *reads = None;
                if answer.is_none() {
                    self.next_read = now + again(random);
                }
            }
            Role::Candidate {
                op: asked,
                since,
                claim,
            } if *asked == op => {
                let found = answer.flatten();
                let won = found.filter(|(_, there)| there.nonce == claim.nonce);
                let (since, term) = (*since, claim.term);
                self.follow_again(now);
                if let Some((revision, _)) = won {
                    self.win(revision, term, since, now, actions);
                }
            }
            Role::Leader(leader) if leader.renewal == Renewal::Reads(Step::Asked(op)) => {
                match answer {
                    None => leader.renewal = Renewal::Reads(Step::At(now + again(random))),
                    // An earlier renewal of ours, whose answer was lost.
                    Some(Some((revision, claim)))
                        if claim.boot == self.boot && claim.term == leader.term =>
                    {
                        leader.revision = revision;
                        leader.renewal = Renewal::At(now);
                    }
                    Some(_) => self.step_down(now, actions),
                }
            }
            _ => {}
        }
    }

    fn wrote(
        &mut self,
        op: u64,
        outcome: Outcome,
        now: Moment,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        match (&mut self.role, outcome) {
            (
                Role::Candidate {
                    op: asked,
                    since,
                    claim,
                },
                outcome,
            ) if *asked == op => {
                let (since, claim) = (*since, claim.clone());
                match outcome {
                    Outcome::Done(revision) => {
                        let term = claim.term;
                        self.observe(Some((revision, claim)), now, random);
                        self.win(revision, term, since, now, actions);
                    }
                    Outcome::Refused => self.follow_again(now),
                    Outcome::Unknown => {
                        let op = self.number();
                        self.role = Role::Candidate { op, since, claim };
                        let within = self.patiently();
                        actions.push(Action::Read { op, within });
                    }
                }
            }
            (Role::Leader(leader), outcome) => {
                let Renewal::Writes { op: asked, since } = leader.renewal else {
                    return;
                };
                if asked != op {
                    return;
                }
                match outcome {
                    Outcome::Done(revision) => {
                        leader.revision = revision;
                        leader.renewal = Renewal::At(since + self.failover.renew());
                        let until = self.until(since, now);
                        self.extend(until, actions);
                    }
                    Outcome::Refused => leader.renewal = Renewal::Reads(Step::At(now)),
                    Outcome::Unknown => leader.renewal = Renewal::At(now + again(random)),
                }
            }
            (Role::Releasing { op: asked }, _) if *asked == op => self.follow_again(now),
            _ => {}
        }
    }

    fn follow_again(&mut self, now: Moment) {
        self.role = Role::Follower { reads: None };
        self.next_read = now;
    }

    /// The end of a lease whose write was sent at `since`: counted from before it left.
    fn until(&self, since: Moment, now: Moment) -> Moment {
        #[cfg(test)]
        if self.mutant == Some(super::check::Mutant::FromTheAnswer) {
            return now + self.failover.held();
        }
        let _ = now;
        since + self.failover.held()
    }

    fn extend(&mut self, until: Moment, actions: &mut Vec<Action>) {
        if let Role::Leader(leader) = &mut self.role {
            leader.until = leader.until.max(until);
            let until = leader.until;
            actions.push(Action::Extend { until });
        }
    }

    fn win(
        &mut self,
        revision: u64,
        term: u64,
        since: Moment,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let until = self.until(since, now);
        if now >= until {
            return self.follow_again(now);
        }
        self.role = Role::Leader(Leader {
            epoch: revision,
            term,
            revision,
            until,
            phase: Phase::Fence(Step::At(now)),
            renewal: Renewal::At(now),
            gives_up: self.drained,
        });
        actions.push(Action::Extend { until });
        if self.leaving {
            self.leave(actions);
        }
    }

    fn fenced(
        &mut self,
        op: u64,
        answer: Option<bool>,
        now: Moment,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if leader.phase != Phase::Fence(Step::Asked(op)) {
            return;
        }
        match answer {
            Some(true) => {
                leader.phase = Phase::Activating;
                let epoch = leader.epoch;
                actions.push(Action::Activate { epoch });
            }
            Some(false) => self.step_down(now, actions),
            None => leader.phase = Phase::Fence(Step::At(now + again(random))),
        }
    }

    fn activated(&mut self, epoch: u64, able: bool, actions: &mut Vec<Action>) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if leader.epoch != epoch || leader.phase != Phase::Activating {
            return;
        }
        if able {
            leader.phase = Phase::Serving;
            return;
        }
        // Another one may be able to.
        leader.phase = Phase::Draining;
        leader.gives_up = true;
        actions.push(Action::Deactivate { epoch });
    }
}

/// The course of a leadership.
impl Election {
    fn lead(&mut self, now: Moment, random: u64, actions: &mut Vec<Action>) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let mut leader = leader.clone();
        let within = self.patiently().min(leader.until.saturating_sub(now));
        if matches!(leader.phase, Phase::Fence(step) if step.is_due(now)) {
            let (op, epoch) = (self.number(), leader.epoch);
            leader.phase = Phase::Fence(Step::Asked(op));
            actions.push(Action::RaiseFence { op, epoch, within });
        }
        match leader.renewal {
            Renewal::At(_) if leader.gives_up => {
                return self.release(&leader, now, random, actions);
            }
            Renewal::At(time) if now >= time => {
                let op = self.number();
                leader.renewal = Renewal::Writes { op, since: now };
                actions.push(Action::Write {
                    op,
                    claim: self.claim(leader.term, Some(leader.epoch), random),
                    expect: Expect::Revision(leader.revision),
                    within,
                });
            }
            Renewal::Reads(step) if step.is_due(now) => {
                let op = self.number();
                leader.renewal = Renewal::Reads(Step::Asked(op));
                actions.push(Action::Read { op, within });
            }
            _ => {}
        }
        self.role = Role::Leader(leader);
    }

    /// It has ended, or may have: nothing is done in its name any more.
    fn step_down(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        if leader.phase != Phase::Draining {
            let epoch = leader.epoch;
            actions.push(Action::Deactivate { epoch });
        }
        let ours = self.claim(leader.term, Some(leader.epoch), 0);
        let revision = leader.revision;
        self.observe(Some((revision, ours)), now, 0);
        self.follow_again(now);
    }

    /// Takes nothing new; what runs may end, and the lease is kept for it.
    fn leave(&mut self, actions: &mut Vec<Action>) {
        self.leaving = true;
        if let Role::Leader(leader) = &mut self.role
            && leader.phase != Phase::Draining
        {
            leader.phase = Phase::Draining;
            let epoch = leader.epoch;
            actions.push(Action::Deactivate { epoch });
        }
    }

    /// Gives the leadership up, so that another takes it at once.
    fn release(&mut self, leader: &Leader, now: Moment, random: u64, actions: &mut Vec<Action>) {
        let op = self.number();
        let mut claim = self.claim(leader.term, Some(leader.epoch), random);
        claim.released = true;
        actions.push(Action::Write {
            op,
            claim,
            expect: Expect::Revision(leader.revision),
            within: self.patiently(),
        });
        self.role = Role::Releasing { op };
        // Others first.
        self.patience = now + self.failover.lease() * 2;
    }
}

impl Leader {
    fn wake_at(&self) -> Moment {
        let renewal = match self.renewal {
            Renewal::At(time) => Some(time),
            Renewal::Reads(step) => step.time(),
            Renewal::Writes { .. } => None,
        };
        let fence = match self.phase {
            Phase::Fence(step) => step.time(),
            Phase::Activating | Phase::Serving | Phase::Draining => None,
        };
        let soonest = renewal.into_iter().chain(fence).min();
        soonest.map_or(self.until, |time| time.min(self.until))
    }
}

/// The wait before a question is asked again.
fn again(random: u64) -> Duration {
    AGAIN + portion(AGAIN_JITTER, random)
}

/// A part of a time, by a random number.
fn portion(of: Duration, random: u64) -> Duration {
    let share = u32::try_from(random >> 32).unwrap_or(0);
    of.mul_f64(f64::from(share) / f64::from(u32::MAX))
}
