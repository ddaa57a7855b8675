//! Long random courses of the small world, on the code of production: however it was treated, a
//! leader appears once the faults end, and stays.

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use stateright::Model;

use super::check::{Faults, Node, State, World, world};
use super::event::Event;

/// Ticks in which everything that is sent arrives: one lease to wait for, one more for a candidate
/// who had stood aside, and some to win.
const CALM: usize = 16;

fn wild(nodes: usize) -> World {
    let mut world = world();
    world.nodes = nodes;
    world.horizon = u8::MAX;
    world.faults = Faults {
        drifts: 9,
        losses: 9,
        crashes: 5,
        wipes: 1,
    };
    world
}

fn leaders(state: &State) -> Vec<u64> {
    state.nodes.iter().filter_map(Node::leads).collect()
}

/// Something that may happen, happens; now and then a connection is lost, or somebody is asked to
/// stand aside.
fn step(world: &World, state: State, choice: u32) -> State {
    let mut state = state;
    let node = usize::try_from(choice >> 8).unwrap_or(0) % state.nodes.len();
    match choice % 64 {
        0 => state.tell(node, Event::Disconnected),
        1 | 2 => state.tell(node, Event::Connected),
        3 => state.tell(node, Event::StandAside),
        _ => {
            let mut actions = Vec::new();
            world.actions(&state, &mut actions);
            let count = actions.len();
            let next = usize::try_from(choice >> 6).unwrap_or(0) % count.max(1);
            if let Some(next) = actions.into_iter().nth(next) {
                state = world.next_state(&state, next).unwrap_or(state);
            }
        }
    }
    state
}

/// One tick without faults.
fn calm(state: State) -> State {
    let mut state = state;
    for index in 0..state.nodes.len() {
        state.tell(index, Event::Tick);
        state.settle();
    }
    state.nodes.iter_mut().for_each(|node| node.clock += 1);
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_leader_appears_once_faults_end(
        nodes in 2usize..4,
        choices in proptest::collection::vec(any::<u32>(), 1..200),
    ) {
        let world = wild(nodes);
        let mut state = world.init_states().remove(0);
        for choice in choices {
            state = step(&world, state, choice);
            // Drift beyond what the reserve bears may make two; the fence is for that.
            prop_assert!(!state.store.stale);
            if state.nodes.iter().any(|node| node.clock > 200) {
                break;
            }
        }
        for index in 0..nodes {
            state.tell(index, Event::Connected);
        }
        state.give_up_all();
        for _ in 0..CALM {
            state = calm(state);
        }
        let first = leaders(&state);
        prop_assert_eq!(first.len(), 1, "{:?}", state);
        for _ in 0..CALM {
            state = calm(state);
            prop_assert_eq!(&leaders(&state), &first, "no change of leader without a fault");
        }
    }
}
