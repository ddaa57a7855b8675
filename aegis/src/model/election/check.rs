//! Every course of a small world: two or three instances, a store, answers that come late or
//! never, clocks that drift, processes that crash, freeze and come back.
//!
//! The instances run the code of production. Mutants of it must be caught: they prove that the
//! world is wild enough.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::machine::{Action, Claim, Election, Event, Moment, Outcome};
use super::policy::Failover;
use crate::model::Expect;

/// What is wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mutant {
    /// The lease counts from the answer.
    FromTheAnswer,
    /// Taking over does not look at what stands there.
    BlindTakeOver,
    /// Guarded writes are taken whatever the fence says.
    Unfenced,
}

/// One step of every clock.
const STEP: Duration = Duration::from_millis(10);

/// What may happen.
#[derive(Debug, Clone)]
struct World {
    nodes: usize,
    failover: Failover,
    mutant: Option<Mutant>,
    /// The last step of time.
    horizon: u8,
    /// How often a clock loses or gains a step against the others.
    drifts: u8,
    /// How often an answer is given up.
    losses: u8,
    crashes: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    nodes: Vec<Node>,
    store: Store,
    net: BTreeSet<Message>,
    time: u8,
    drifts: u8,
    losses: u8,
    crashes: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node {
    election: Election,
    clock: u8,
    boot: u64,
    /// Answers that it waits for, with what it hears instead.
    waits: BTreeSet<(u64, Kind)>,
    /// It leads as this epoch, once it was told to.
    active: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Read,
    Write,
    Fence,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Store {
    revision: u64,
    record: Option<(u64, Claim)>,
    fence: u64,
    /// The epoch of the last guarded write, and whether an older one came after a newer.
    guarded: u64,
    stale: bool,
}

/// On the way, for as long as it takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Message {
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
enum Ask {
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
enum Answer {
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
struct Stamp(u64, u64, Option<u64>, u64, Duration, bool);

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

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Next {
    Deliver(Message),
    /// An answer is not waited for any more; what was asked may still come to pass.
    GiveUp(usize, u64, Kind),
    Tick,
    /// The same, but the clock of one stands still or goes two steps.
    Drift(usize, bool),
    Wake(usize),
    /// It hears of the newest record without having asked.
    See(usize),
    Crash(usize),
    /// The leader writes something that the fence guards.
    Act(usize),
}

impl Node {
    fn new(index: usize, start: u64, world: &World) -> Self {
        let boot = (index as u64 + 1) * 100 + start;
        let mut election = Election::new(boot, world.failover);
        election.mutant = world.mutant;
        Self {
            election,
            clock: 0,
            boot,
            waits: BTreeSet::new(),
            active: None,
        }
    }

    fn now(&self) -> Moment {
        STEP * u32::from(self.clock)
    }

    /// Acts as a leader: it was told to lead, and its lease is valid by its own clock.
    fn leads(&self) -> Option<u64> {
        let (epoch, until) = self.election.leads()?;
        (self.active == Some(epoch) && self.now() < until).then_some(epoch)
    }
}

impl State {
    fn tell(&mut self, index: usize, event: Event) {
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
            Action::Deactivate { .. } => {
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
    fn settle(&mut self) {
        while let Some(message) = self.net.pop_first() {
            self.deliver(message, None);
        }
    }

    fn deliver(&mut self, message: Message, mutant: Option<Mutant>) {
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
                    answer: Some(found),
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

impl Model for World {
    type State = State;
    type Action = Next;

    fn init_states(&self) -> Vec<State> {
        let nodes = (0..self.nodes).map(|index| Node::new(index, 0, self));
        let mut state = State {
            nodes: nodes.collect(),
            store: Store::default(),
            net: BTreeSet::new(),
            time: 0,
            drifts: self.drifts,
            losses: self.losses,
            crashes: self.crashes,
        };
        // The first one leads already, and the others know it: what is of interest comes then.
        for index in 0..self.nodes {
            state.tell(index, Event::Connected);
            state.settle();
            state.tell(index, Event::Tick);
            state.settle();
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Next>) {
        actions.extend(state.net.iter().cloned().map(Next::Deliver));
        if state.time < self.horizon {
            actions.push(Next::Tick);
            for index in 0..self.nodes {
                if state.drifts > 0 {
                    actions.extend([Next::Drift(index, true), Next::Drift(index, false)]);
                }
            }
        }
        for (index, node) in state.nodes.iter().enumerate() {
            if node.election.wake_at(node.now()) <= node.now() {
                actions.push(Next::Wake(index));
            }
            let newest = state
                .store
                .record
                .as_ref()
                .map_or(0, |(revision, _)| *revision);
            if node.election.leads().is_none()
                && node
                    .election
                    .holder()
                    .is_none_or(|(known, _)| known < newest)
            {
                actions.push(Next::See(index));
            }
            if state.losses > 0 {
                let writes = node.waits.iter().filter(|(_, kind)| *kind == Kind::Write);
                actions.extend(writes.map(|(op, kind)| Next::GiveUp(index, *op, *kind)));
            }
            if state.crashes > 0 && node.leads().is_some() {
                actions.push(Next::Crash(index));
            }
            if node
                .leads()
                .is_some_and(|epoch| epoch > state.store.guarded)
            {
                actions.push(Next::Act(index));
            }
        }
    }

    fn next_state(&self, last: &State, next: Next) -> Option<State> {
        let mut state = last.clone();
        match next {
            Next::Deliver(message) => {
                state.net.remove(&message);
                state.deliver(message, self.mutant);
            }
            Next::GiveUp(index, op, kind) => {
                state.losses -= 1;
                state.nodes[index].waits.remove(&(op, kind));
                let event = match kind {
                    Kind::Read => Event::Read { op, answer: None },
                    Kind::Write => Event::Wrote {
                        op,
                        outcome: Outcome::Unknown,
                    },
                    Kind::Fence => Event::Fenced { op, answer: None },
                };
                state.tell(index, event);
            }
            Next::Tick => {
                state.time += 1;
                state.nodes.iter_mut().for_each(|node| node.clock += 1);
            }
            Next::Drift(index, fast) => {
                state.drifts -= 1;
                state.time += 1;
                for (other, node) in state.nodes.iter_mut().enumerate() {
                    node.clock += match (other == index, fast) {
                        (true, true) => 2,
                        (true, false) => 0,
                        (false, _) => 1,
                    };
                }
            }
            Next::Wake(index) => state.tell(index, Event::Tick),
            Next::See(index) => {
                let found = state.store.record.clone();
                state.tell(index, Event::Seen(found));
            }
            Next::Crash(index) => {
                state.crashes -= 1;
                let clock = state.nodes[index].clock;
                let mut node = Node::new(index, 1, self);
                node.clock = clock;
                state.nodes[index] = node;
                state.tell(index, Event::Connected);
            }
            Next::Act(index) => {
                let node = &state.nodes[index];
                let (epoch, boot) = (node.leads()?, node.boot);
                state.net.insert(Message::Ask {
                    node: index,
                    boot,
                    op: 0,
                    what: Ask::Guarded(epoch),
                });
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never two leaders", |_, state: &State| {
                let leaders = state.nodes.iter().filter(|node| node.leads().is_some());
                leaders.count() <= 1
            }),
            Property::always("no stale guarded write", |_, state: &State| {
                !state.store.stale
            }),
            Property::sometimes("a second epoch leads", |_, state: &State| {
                let epochs = state.nodes.iter().filter_map(Node::leads);
                epochs.max().is_some_and(|epoch| epoch > 1)
            }),
        ]
    }
}

fn world() -> World {
    World {
        nodes: 2,
        // Four steps, of which one is the reserve.
        failover: Failover::unchecked(40, 10, 10),
        mutant: None,
        horizon: 6,
        drifts: 1,
        losses: 1,
        crashes: 1,
    }
}

fn check(world: World) -> impl Checker<World> {
    world
        .checker()
        .threads(2)
        .target_state_count(1_000_000)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join()
}

#[test]
fn never_two_leaders() {
    for (drifts, losses, crashes) in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)] {
        let world = World {
            drifts,
            losses,
            crashes,
            ..world()
        };
        let checker = check(world);
        checker.assert_no_discovery("never two leaders");
        checker.assert_no_discovery("no stale guarded write");
        assert!(
            checker.unique_state_count() > 100_000,
            "the world is too small"
        );
        checker.assert_any_discovery("a second epoch leads");
    }
}

#[test]
fn every_mutant_is_caught() {
    let calm = World {
        drifts: 0,
        losses: 0,
        crashes: 0,
        ..world()
    };
    let mutant = |mutant| World {
        mutant: Some(mutant),
        ..calm.clone()
    };
    let no_margin = World {
        failover: Failover::unchecked(40, 0, 10),
        drifts: 1,
        ..calm.clone()
    };
    // As much drift as the reserve cannot bear.
    let thin_margin = World {
        drifts: 2,
        ..calm.clone()
    };
    for (world, property) in [
        (no_margin, "never two leaders"),
        (thin_margin, "never two leaders"),
        (mutant(Mutant::FromTheAnswer), "never two leaders"),
        (mutant(Mutant::BlindTakeOver), "never two leaders"),
        (mutant(Mutant::Unfenced), "no stale guarded write"),
    ] {
        let what = format!(
            "{:?} {}, {} drifts",
            world.mutant, world.failover, world.drifts
        );
        let checker = check(world);
        assert!(checker.discovery(property).is_some(), "not caught: {what}");
    }
}
