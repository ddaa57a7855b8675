//! One fault each, and exactly what comes of it.

use super::clients::Caller;
use super::counter::{Added, Calls};
use super::world::World;
use super::*;

/// Calls until one succeeds; calls that are lost with their leader fail.
pub(super) async fn added(caller: &Caller) -> Added {
    soon("a call that succeeds", async {
        loop {
            if let Ok(added) = caller.add().await {
                return added;
            }
        }
    })
    .await
}

/// Calls until another leadership answers.
pub(super) async fn next_leader(caller: &Caller, before: &Added) -> Added {
    soon("an answer of the next leader", async {
        loop {
            let after = added(caller).await;
            assert!(after.epoch >= before.epoch, "{after:?} after {before:?}");
            if after.epoch > before.epoch {
                return after;
            }
        }
    })
    .await
}

/// All that is promised was kept.
pub(super) async fn kept(world: World) {
    world.end().await.assert_kept();
}

#[tokio::test]
async fn killed_leaders_are_replaced_down_to_the_last_of_five() {
    let mut world = World::start(5).await;
    let caller = world.caller("client");
    let mut leader = added(&caller).await;
    for _ in 1..5 {
        let from = now();
        let node = world.node(&leader.by);
        world.nodes[node].kill();
        let next = next_leader(&caller, &leader).await;
        world.was("killed", from);
        assert_ne!(next.by, leader.by);
        leader = next;
    }
    kept(world).await;
}

#[tokio::test]
async fn a_leader_that_is_cut_off_is_replaced_and_stands_by_when_it_is_back() {
    let world = World::start(3).await;
    let caller = world.caller("client");
    let mut leader = added(&caller).await;
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        let from = now();
        let node = &world.nodes[world.node(&leader.by)];
        node.proxy.blackhole(direction);
        let next = next_leader(&caller, &leader).await;
        assert_ne!(next.by, leader.by, "{direction:?}");
        node.proxy.heal();
        world.was(&format!("{direction:?}"), from);
        let calls = Calls::new(&world.client);
        eventually("it stands by", async || {
            let asked = calls.add().to_instance(&leader.by);
            let refused = asked.within(Duration::from_secs(1)).await.unwrap_err();
            refused.kind() == Some(ErrorKind::NotActive)
        })
        .await;
        assert_eq!(added(&caller).await.epoch, next.epoch, "{direction:?}");
        leader = next;
    }
    kept(world).await;
}

#[tokio::test]
async fn the_leader_stays_while_the_server_is_killed_and_back_at_once() {
    let mut world = World::start(3).await;
    let caller = world.caller("client");
    let before = added(&caller).await;
    let from = now();
    world.server_away(Duration::ZERO).await;
    let away = Duration::from_nanos(now() - from);
    let after = added(&caller).await;
    world.was("server killed", from);
    // On a host that is busy it may take longer than a lease until it is back.
    if away < Duration::from_millis(300) {
        assert_eq!(
            (after.epoch, after.by),
            (before.epoch, before.by),
            "{away:?}"
        );
    }
    kept(world).await;
}

#[tokio::test]
async fn service_comes_back_when_the_server_was_away_for_longer_than_a_lease() {
    let mut world = World::start(3).await;
    let caller = world.caller("client");
    let before = added(&caller).await;
    let from = now();
    world.server_away(Duration::from_secs(2)).await;
    let after = added(&caller).await;
    world.was("server away", from);
    assert!(after.epoch > before.epoch, "{after:?} after {before:?}");
    kept(world).await;
}

#[tokio::test]
async fn the_leader_stays_while_all_connections_are_reset_again_and_again() {
    let world = World::start(3).await;
    let clients = world.clients(2);
    clients.succeed().await;
    let before = world.client.leader("counter", "main").await.unwrap();
    let from = now();
    for _ in 0..25 {
        world.reset_all();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.was("resets", from);
    clients.succeed().await;
    let after = world.client.leader("counter", "main").await.unwrap();
    assert_eq!(after.unwrap().epoch, before.unwrap().epoch);
    clients.end().await;
    kept(world).await;
}

#[tokio::test]
async fn the_leader_stays_when_a_round_trip_takes_an_eleventh_of_its_lease() {
    let world = World::start(3).await;
    let clients = world.clients(2);
    clients.succeed().await;
    let leader = &world.nodes[world.running_leader().await];
    leader.proxy.delay(Duration::from_millis(40));
    tokio::time::sleep(Duration::from_secs(5)).await;
    leader.proxy.heal();
    clients.succeed().await;
    clients.end().await;
    // No fault is noted, so none excuses a change of leader.
    kept(world).await;
}

#[tokio::test]
async fn the_leader_stays_while_other_programs_keep_the_host_busy() {
    // A minute of a whole host: for long runs only.
    if std::env::var("AEGIS_TEST_CHAOS").is_err() {
        return;
    }
    let world = World::start(3).await;
    let clients = world.clients(2);
    clients.succeed().await;
    let end = std::time::Instant::now() + Duration::from_secs(60);
    let busy = move || {
        let mut number = 0_u64;
        while std::time::Instant::now() < end {
            number = std::hint::black_box(number.wrapping_add(1));
        }
    };
    let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(busy)).collect();
    while threads.iter().any(|thread| !thread.is_finished()) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    clients.succeed().await;
    clients.end().await;
    // Only a process that stood still is an excuse.
    kept(world).await;
}
