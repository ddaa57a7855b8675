//! A leader that stands between its decision and its write when it is replaced. With the fence the
//! late write is refused; without it the same run loses what was counted meanwhile.

use std::sync::Arc;

use rustix::process::Signal;
use tokio::task::JoinHandle;

use super::clients::Caller;
use super::counter::Added;
use super::targeted::{added, next_leader};
use super::world::{Story, World};
use super::*;

/// A leader in the middle of a call.
struct Held {
    node: usize,
    before: Added,
    caller: Arc<Caller>,
    call: JoinHandle<Result<Added, CallError<Failure>>>,
}

impl Held {
    async fn start(world: &mut World) -> Self {
        let caller = Arc::new(world.caller("client"));
        let before = added(&caller).await;
        let node = world.node(&before.by);
        let held = caller.clone();
        let call = tokio::spawn(async move { held.add_held().await });
        world.nodes[node].holding().await;
        Self {
            node,
            before,
            caller,
            call,
        }
    }

    /// Others count meanwhile, and more than once.
    async fn is_replaced(&self) {
        let next = next_leader(&self.caller, &self.before).await;
        assert_ne!(next.by, self.before.by);
        for _ in 0..3 {
            added(&self.caller).await;
        }
    }

    async fn fails(self) {
        let ended = soon("the end of the call", self.call).await.unwrap();
        assert!(ended.is_err(), "{ended:?} as a leader of the past");
    }
}

/// The leader's process stands still for longer than its lease.
async fn frozen(mut world: World) -> Story {
    let held = Held::start(&mut world).await;
    let from = now();
    world.nodes[held.node].signal(Signal::STOP);
    held.is_replaced().await;
    world.nodes[held.node].signal(Signal::CONT);
    world.was("frozen", from);
    world.nodes[held.node].goes_on();
    held.fails().await;
    world.end().await
}

/// The leader's write is on its way for longer than its lease.
async fn delayed(mut world: World) -> Story {
    let held = Held::start(&mut world).await;
    let from = now();
    world.nodes[held.node].proxy.blackhole(Direction::ToServer);
    world.nodes[held.node].goes_on();
    held.is_replaced().await;
    world.nodes[held.node].proxy.heal();
    world.was("delayed", from);
    held.fails().await;
    world.end().await
}

fn refused(story: &Story) {
    story.assert_kept();
    let mut lines = story.lines().iter().map(|line| &line.what);
    assert!(lines.any(|what| matches!(what, What::Refused { .. })));
}

fn landed(story: &Story) {
    let broken = story.violations(&story.limits);
    for expected in [Invariant::I2, Invariant::I3, Invariant::I4] {
        let found = broken.iter().any(|found| found.invariant == expected);
        assert!(found, "{expected:?} among {broken:?}");
    }
}

#[tokio::test]
async fn the_late_write_of_a_frozen_leader_is_refused() {
    refused(&frozen(World::start(2).await).await);
}

#[tokio::test]
async fn without_a_fence_it_lands() {
    landed(&frozen(World::unfenced(2).await).await);
}

#[tokio::test]
async fn a_write_that_was_on_its_way_for_too_long_is_refused() {
    refused(&delayed(World::start(2).await).await);
}

#[tokio::test]
async fn without_a_fence_that_lands_as_well() {
    landed(&delayed(World::unfenced(2).await).await);
}
