//! The small world: instances, a store, and what is on the way between them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Faults, Mutant, World};
use crate::model::Expect;
use crate::model::election::event::{Action, Claim, Event, Moment, NoAnswer, Outcome};
use crate::model::election::machine::Election;

/// One step of every clock.
const STEP: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in super::super) struct State {
    pub(in super::super) nodes: Vec<Node>,
    pub(in super::super) store: Store,
    pub(super) net: BTreeSet<Message>,
    pub(super) time: u8,
    pub(super) left: Faults,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in super::super) struct Node {
    pub(super) election: Election,
    pub(in super::super) clock: u8,
    pub(super) boot: u64,
    /// Answers that it waits for, with what it hears instead.
    pub(super) waits: BTreeSet<(u64, Kind)>,
    /// It leads as this epoch, once it was told to.
    active: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in super::super) enum Kind {
    Read,
    Write,
    Fence,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct Store {
    revision: u64,
    pub(super) record: Option<(u64, Claim)>,
    fence: u64,
    /// The epoch of the last guarded write, and whether an older one came after a newer.
    pub(super) guarded: u64,
    pub(in super::super) stale: bool,
}

/// On the way, for as long as it takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in super::super) enum Message {
    Ask {
        node: usize,
        boot: u64,
        op: u64,
        what: Ask,
    },
    Answer {
        node: usize,
        boot: u64,
        op: u64,
        what: Answer,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in super::super) enum Ask {
    Read,
    Write {
        claim: Stamp,
        expect: Option<u64>,
        blind: bool,
    },
    Fence(u64),
    Guarded(u64),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in super::super) enum Answer {
    Read(Option<(u64, Stamp)>),
    Wrote(Option<u64>),
    Fenced(bool),
}

impl Answer {
    fn kind(&self) -> Kind {
        match self {
            Self::Read(_) => Kind::Read,
            Self::Wrote(_) => Kind::Write,
            Self::Fenced(_) => Kind::Fence,
        }
    }
}

/// A claim that can be sorted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in super::super) struct Stamp(u64, u64, Option<u64>, u64, Duration, bool);

impl From<&Claim> for Stamp {
    fn from(claim: &Claim) -> Self {
        Self(
            claim.boot,
            claim.term,
            claim.epoch,
            claim.nonce,
            claim.lease,
            claim.released,
        )
    }
}

impl From<&Stamp> for Claim {
    fn from(stamp: &Stamp) -> Self {
        Self {
            boot: stamp.0,
            term: stamp.1,
            epoch: stamp.2,
            nonce: stamp.3,
            lease: stamp.4,
            released: stamp.5,
        }
    }
}

impl Node {
    pub(super) fn new(index: usize, start: u64, world: &World) -> Self {
        let boot = (index as u64 + 1) * 100 + start;
        let mut election = Election::new(boot, world.failover);
        election.mutant = world.mutant;
        // The world begins with a leader.
        election.lossless = start == 0;
        Self {
            election,
            clock: 0,
            boot,
            waits: BTreeSet::new(),
            active: None,
        }
    }

    pub(super) fn now(&self) -> Moment {
        STEP * u32::from(self.clock)
    }

    /// Acts as a leader: it was told to lead, and its lease is valid by its own clock.
    pub(in super::super) fn leads(&self) -> Option<u64> {
        let (epoch, until) = self.election.leads()?;
        (self.active == Some(epoch) && self.now() < until).then_some(epoch)
    }
}

impl State {
    pub(in super::super) fn tell(&mut self, index: usize, event: Event) {
        let node = &mut self.nodes[index];
        // Different for every write of every node; the upper half, which is the jitter, is 0.
        let random = node.boot * 1000 + node.election.asked();
        let actions = node.election.on(event, node.now(), random);
        for action in actions {
            self.act(index, action);
        }
    }

    fn act(&mut self, index: usize, action: Action) {
        let node = &mut self.nodes[index];
        let (op, kind, what) = match action {
            Action::Read { op, .. } => (op, Kind::Read, Ask::Read),
            Action::Write {
                op, claim, expect, ..
            } => {
                let what = Ask::Write {
                    claim: Stamp::from(&claim),
                    expect: match expect {
                        Expect::Revision(revision) => Some(revision),
                        Expect::Absent | Expect::Any => None,
                    },
                    blind: expect == Expect::Any,
                };
                (op, Kind::Write, what)
            }
            Action::RaiseFence { op, epoch, .. } => (op, Kind::Fence, Ask::Fence(epoch)),
            Action::Activate { epoch } => {
                node.active = Some(epoch);
                return self.tell(index, Event::Activated { epoch, able: true });
            }
            Action::Drain { epoch } => {
                node.active = None;
                return self.tell(index, Event::Drained { epoch });
            }
            Action::Lost { .. } => {
                node.active = None;
                return;
            }
            Action::Extend { .. } | Action::End => return,
        };
        node.waits.insert((op, kind));
        let (node, boot) = (index, node.boot);
        self.net.insert(Message::Ask {
            node,
            boot,
            op,
            what,
        });
    }

    /// Delivers what is on the way, in order, until nothing is.
    pub(in super::super) fn settle(&mut self) {
        while let Some(message) = self.net.pop_first() {
            self.deliver(message, None);
        }
    }

    /// An answer is not waited for any more.
    pub(super) fn give_up(&mut self, index: usize, op: u64, kind: Kind) {
        self.nodes[index].waits.remove(&(op, kind));
        let event = match kind {
            Kind::Read => Event::Read {
                op,
                answer: Err(NoAnswer),
            },
            Kind::Write => Event::Wrote {
                op,
                outcome: Outcome::Unknown,
            },
            Kind::Fence => Event::Fenced { op, answer: None },
        };
        self.tell(index, event);
    }

    /// What is on the way arrives, and whoever waits for more gives up.
    pub(in super::super) fn give_up_all(&mut self) {
        self.settle();
        for index in 0..self.nodes.len() {
            for (op, kind) in std::mem::take(&mut self.nodes[index].waits) {
                self.give_up(index, op, kind);
            }
        }
    }

    pub(super) fn deliver(&mut self, message: Message, mutant: Option<Mutant>) {
        match message {
            Message::Ask {
                node,
                boot,
                op,
                what,
            } => {
                let Some(answer) = self.store.ask(&what, mutant) else {
                    return;
                };
                // An answer that nobody waits for changes nothing.
                let there = &self.nodes[node];
                if there.boot == boot && there.waits.contains(&(op, answer.kind())) {
                    self.net.insert(Message::Answer {
                        node,
                        boot,
                        op,
                        what: answer,
                    });
                }
            }
            Message::Answer {
                node,
                boot,
                op,
                what,
            } => self.answer(node, boot, op, what),
        }
    }

    fn answer(&mut self, node: usize, boot: u64, op: u64, what: Answer) {
        let alive = self.nodes[node].boot == boot;
        if !alive || !self.nodes[node].waits.remove(&(op, what.kind())) {
            return;
        }
        let event = match what {
            Answer::Read(found) => {
                let found = found.map(|(revision, stamp)| (revision, Claim::from(&stamp)));
                Event::Read {
                    op,
                    answer: Ok(found),
                }
            }
            Answer::Wrote(Some(revision)) => Event::Wrote {
                op,
                outcome: Outcome::Done(revision),
            },
            Answer::Wrote(None) => Event::Wrote {
                op,
                outcome: Outcome::Refused,
            },
            Answer::Fenced(raised) => Event::Fenced {
                op,
                answer: Some(raised),
            },
        };
        self.tell(node, event);
    }
}

impl Store {
    /// It is lost with everything in it, and made anew; revisions go on, as the time does that they
    /// begin with.
    pub(super) fn lose(&mut self) {
        self.record = None;
        self.fence = 0;
        self.revision += 10;
    }

    fn ask(&mut self, what: &Ask, mutant: Option<Mutant>) -> Option<Answer> {
        Some(match what {
            Ask::Read => {
                let found = self.record.as_ref();
                Answer::Read(found.map(|(revision, claim)| (*revision, Stamp::from(claim))))
            }
            Ask::Write {
                claim,
                expect,
                blind,
            } => {
                let newest = self.record.as_ref().map(|(revision, _)| *revision);
                if !blind && newest != *expect {
                    return Some(Answer::Wrote(None));
                }
                self.revision += 1;
                self.record = Some((self.revision, Claim::from(claim)));
                Answer::Wrote(Some(self.revision))
            }
            Ask::Fence(epoch) => {
                let raised = *epoch >= self.fence;
                self.fence = self.fence.max(*epoch);
                Answer::Fenced(raised)
            }
            Ask::Guarded(epoch) => {
                if *epoch == self.fence || mutant == Some(Mutant::Unfenced) {
                    self.stale |= *epoch < self.guarded;
                    self.guarded = self.guarded.max(*epoch);
                }
                return None;
            }
        })
    }
}
