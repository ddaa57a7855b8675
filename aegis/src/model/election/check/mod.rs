//! Every course of a small world: two or three instances, a store, answers that come late or
//! never, clocks that drift, processes that crash, freeze and come back.
//!
//! The instances run the code of production. Mutants of it must be caught: they prove that the
//! world is wild enough.

mod state;

use std::collections::BTreeSet;
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::event::Event;
use super::policy::Failover;
use state::{Ask, Kind, Message, Store};
pub(super) use state::{Node, State};

/// What is wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mutant {
    /// The lease counts from the answer.
    FromTheAnswer,
    /// Taking over does not look at what stands there.
    BlindTakeOver,
    /// Guarded writes are taken whatever the fence says.
    Unfenced,
    /// Where no record is, nobody is thought to lead.
    TrustsALostStore,
}

/// What may happen.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) nodes: usize,
    pub(super) failover: Failover,
    pub(super) mutant: Option<Mutant>,
    /// The last step of time.
    pub(super) horizon: u8,
    pub(super) faults: Faults,
}

/// How often what may go wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// A clock loses or gains a step against the others.
    pub(super) drifts: u8,
    /// An answer is given up.
    pub(super) losses: u8,
    pub(super) crashes: u8,
    /// The store is lost with everything in it.
    pub(super) wipes: u8,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Next {
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
    /// The store is lost, and made anew.
    Wipe,
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
            left: self.faults,
        };
        // The first one leads already, and the others know it: what is of interest comes then.
        for index in 0..self.nodes {
            state.tell(index, Event::Connected);
            state.settle();
            state.tell(index, Event::Tick);
            state.settle();
            state.nodes[index].election.lossless = false;
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Next>) {
        actions.extend(state.net.iter().cloned().map(Next::Deliver));
        if state.time < self.horizon {
            actions.push(Next::Tick);
            for index in 0..self.nodes {
                if state.left.drifts > 0 {
                    actions.extend([Next::Drift(index, true), Next::Drift(index, false)]);
                }
            }
        }
        if state.left.wipes > 0 {
            actions.push(Next::Wipe);
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
            if state.left.losses > 0 {
                let writes = node.waits.iter().filter(|(_, kind)| *kind == Kind::Write);
                actions.extend(writes.map(|(op, kind)| Next::GiveUp(index, *op, *kind)));
            }
            // A follower that starts anew knows nothing: that matters where records are lost.
            let of_interest = node.leads().is_some() || self.faults.wipes > 0;
            if state.left.crashes > 0 && of_interest {
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
                state.left.losses -= 1;
                state.give_up(index, op, kind);
            }
            Next::Tick => {
                state.time += 1;
                state.nodes.iter_mut().for_each(|node| node.clock += 1);
            }
            Next::Drift(index, fast) => {
                state.left.drifts -= 1;
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
                state.left.crashes -= 1;
                let clock = state.nodes[index].clock;
                let mut node = Node::new(index, 1, self);
                node.clock = clock;
                state.nodes[index] = node;
                state.tell(index, Event::Connected);
            }
            Next::Wipe => {
                state.left.wipes -= 1;
                state.store.lose();
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

/// Two instances, of which one leads, and nothing that goes wrong.
pub(super) fn world() -> World {
    World {
        nodes: 2,
        // Four steps, of which one is the reserve.
        failover: Failover::checked(40, 10, 10),
        mutant: None,
        horizon: 6,
        faults: Faults::default(),
    }
}

fn with(change: impl Fn(&mut Faults)) -> World {
    let mut world = world();
    change(&mut world.faults);
    world
}

fn wiped() -> World {
    with(|faults| (faults.wipes, faults.crashes) = (1, 1))
}

/// Looks at so many states at most; in the build of tests that is a matter of seconds.
fn check(world: World) -> impl Checker<World> {
    world
        .checker()
        .threads(2)
        .target_state_count(600_000)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join()
}

#[test]
fn never_two_leaders() {
    for world in [
        world(),
        with(|faults| faults.drifts = 1),
        with(|faults| faults.losses = 1),
        with(|faults| faults.crashes = 1),
        wiped(),
    ] {
        let faults = world.faults;
        let checker = check(world);
        checker.assert_no_discovery("never two leaders");
        checker.assert_no_discovery("no stale guarded write");
        assert!(
            checker.unique_state_count() > 100_000,
            "the world is too small: {faults:?}"
        );
        checker.assert_any_discovery("a second epoch leads");
    }
}

#[test]
fn three_instances_keep_to_one_leader() {
    let mut world = with(|faults| faults.crashes = 1);
    world.nodes = 3;
    let checker = check(world);
    checker.assert_no_discovery("never two leaders");
    checker.assert_no_discovery("no stale guarded write");
}

#[test]
fn every_mutant_is_caught() {
    let mutant = |mutant, mut world: World| {
        world.mutant = Some(mutant);
        world
    };
    let mut no_margin = with(|faults| faults.drifts = 1);
    no_margin.failover = Failover::checked(40, 0, 10);
    // An answer that is late, but not too late to be taken.
    let mut long = world();
    (long.failover, long.horizon) = (Failover::checked(50, 10, 10), 7);
    // As much drift as the reserve cannot bear.
    let thin_margin = with(|faults| faults.drifts = 2);
    for (world, property) in [
        (no_margin, "never two leaders"),
        (thin_margin, "never two leaders"),
        (mutant(Mutant::FromTheAnswer, long), "never two leaders"),
        (mutant(Mutant::BlindTakeOver, world()), "never two leaders"),
        (mutant(Mutant::Unfenced, world()), "no stale guarded write"),
        (
            mutant(Mutant::TrustsALostStore, wiped()),
            "never two leaders",
        ),
    ] {
        let what = format!("{:?} {} {:?}", world.mutant, world.failover, world.faults);
        let checker = check(world);
        assert!(checker.discovery(property).is_some(), "not caught: {what}");
    }
}
