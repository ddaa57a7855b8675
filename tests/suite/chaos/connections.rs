//! An instance has two connections: one for calls, one for its lease. It may lose one of them.

use super::fork::Fork;
use super::targeted::{added, kept, next_leader};
use super::world::World;
use super::*;

/// The first instance leads, and its lease has a proxy of its own.
async fn forked() -> (World, Proxy) {
    let mut world = World::start(2).await;
    let server = ([127, 0, 0, 1], world.server.port()).into();
    let control = Proxy::start(server);
    let from = now();
    for node in &mut world.nodes {
        node.kill();
    }
    let first = &mut world.nodes[0];
    let fork = Fork::start(server, &first.proxy, &control).await;
    first.goes_through(fork);
    first.start();
    world.serves(0).await;
    world.leads(0).await;
    world.nodes[1].start();
    world.serves(1).await;
    world.was("begun again", from);
    assert_eq!(control.connections(), 1);
    (world, control)
}

/// It is replaced, and answers again as a standby when the connection is back.
async fn is_replaced(world: &World, lost: &Proxy) {
    let caller = world.caller("client");
    let before = added(&caller).await;
    assert_eq!(before.by, "counter-1");
    let from = now();
    lost.cut();
    let after = next_leader(&caller, &before).await;
    assert_eq!(after.by, "counter-2");
    lost.heal();
    world.was("one connection lost", from);
    world.serves(0).await;
    assert_eq!(added(&caller).await.epoch, after.epoch);
}

#[tokio::test]
async fn a_leader_that_no_call_can_reach_hands_over() {
    let (world, control) = forked().await;
    is_replaced(&world, &world.nodes[0].proxy).await;
    assert_eq!(control.connections(), 1);
    kept(world).await;
}

#[tokio::test]
async fn a_leader_that_cannot_renew_its_lease_is_replaced() {
    let (world, control) = forked().await;
    is_replaced(&world, &control).await;
    kept(world).await;
}
