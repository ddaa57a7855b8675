//! Faults in a random order, for a while.

use tokio::time::Instant;

use super::fault::Fault;
use super::world::World;
use super::*;

/// How long faults go on: `AEGIS_TEST_CHAOS` in seconds.
fn long() -> Duration {
    let seconds = std::env::var("AEGIS_TEST_CHAOS");
    let seconds = seconds.map_or(30, |text| text.parse().expect("seconds"));
    Duration::from_secs(seconds)
}

/// Longer than a fault excuses a change of leader.
const CALM: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_promised_holds_whatever_happens() {
    let mut dice = Dice::new();
    let mut world = World::start(3).await;
    let clients = world.clients(4);
    clients.succeed().await;
    let end = Instant::now() + long();
    let mut next: Vec<Fault> = Vec::new();
    let mut seen = 0;
    // Each kind once before one comes again.
    while Instant::now() < end || seen < Fault::ALL.len() {
        if next.is_empty() {
            next = Fault::ALL.to_vec();
            dice.shuffle(&mut next);
        }
        let fault = next.pop().unwrap();
        world.strike(fault, &mut dice).await;
        seen += 1;
        clients.succeed().await;
        let calm = [dice.millis(0, 300), CALM][usize::from(dice.below(8) == 0)];
        tokio::time::sleep(calm).await;
    }
    tokio::time::sleep(CALM).await;
    clients.succeed().await;
    clients.end().await;
    let history = world.end().await;
    tell(&history);
    history.assert_kept();
    if long() >= Duration::from_secs(120) {
        let refused = |what: &What| matches!(what, What::Refused { .. });
        let provoked = history.lines().iter().any(|line| refused(&line.what));
        assert!(provoked, "a write of a leader of the past that is refused");
    }
}

/// What a run was made of.
fn tell(history: &History) {
    let count =
        |of: fn(&What) -> bool| history.lines().iter().filter(|line| of(&line.what)).count();
    let ok = count(|what| matches!(what, What::Ok { .. }));
    let nothing = count(|what| {
        matches!(
            what,
            What::Failed {
                nothing_ran: true,
                ..
            }
        )
    });
    let unknown = count(|what| {
        matches!(
            what,
            What::Failed {
                nothing_ran: false,
                ..
            }
        )
    });
    let refused = count(|what| matches!(what, What::Refused { .. }));
    let over = count(|what| matches!(what, What::Over { .. }));
    let faults = count(|what| matches!(what, What::Fault { .. }));
    println!(
        "{faults} faults, {over} leaderships over, {ok} calls succeeded, of {nothing} nothing ran, \
         of {unknown} it is unknown, {refused} writes refused"
    );
}
