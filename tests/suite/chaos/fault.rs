//! What can happen.

use rustix::process::Signal;

use super::world::World;
use super::*;

/// Something that goes wrong, or is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The leader's process is killed, and started again later.
    LeaderKilled,
    /// The same of one that does not lead.
    StandbyKilled,
    /// The leader stands still for longer than its lease.
    LeaderFrozen,
    /// The leader is stopped in order, and started again.
    LeaderStopped,
    /// The connections of an instance are closed, and new ones are refused.
    Cut,
    /// An instance is heard by nobody.
    HoleToServer,
    /// An instance hears nobody.
    HoleToClient,
    /// Both.
    HoleBothWays,
    /// Each way to and from an instance takes 50 ms.
    Delay,
    /// All connections are closed once, those of callers as well.
    ResetAll,
    /// The server is killed and comes back at once.
    ServerKilled,
    /// The same, but it comes back later.
    ServerAway,
    /// The leader is asked to let another one lead.
    StepDown,
    /// The bucket with the records of leaders is removed.
    BucketLost,
}

impl Fault {
    pub(super) const ALL: [Self; 14] = [
        Self::LeaderKilled,
        Self::StandbyKilled,
        Self::LeaderFrozen,
        Self::LeaderStopped,
        Self::Cut,
        Self::HoleToServer,
        Self::HoleToClient,
        Self::HoleBothWays,
        Self::Delay,
        Self::ResetAll,
        Self::ServerKilled,
        Self::ServerAway,
        Self::StepDown,
        Self::BucketLost,
    ];
}

impl World {
    /// Lets it happen, and ends it.
    pub(super) async fn strike(&mut self, fault: Fault, dice: &mut Dice) {
        let leader = self.running_leader().await;
        let others: Vec<usize> = (0..self.nodes.len()).filter(|at| *at != leader).collect();
        let standby = others[dice.below(others.len())];
        // Most of what can go wrong with an instance does so with the leader.
        let any = [leader, leader, standby][dice.below(3)];
        let from = now();
        match fault {
            Fault::LeaderKilled => self.killed(leader, dice).await,
            Fault::StandbyKilled => self.killed(standby, dice).await,
            Fault::LeaderFrozen => self.frozen(leader, dice).await,
            Fault::LeaderStopped => self.stopped(leader).await,
            Fault::Cut => self.disturbed(any, dice, Proxy::cut).await,
            Fault::HoleToServer => self.hole(any, dice, Direction::ToServer).await,
            Fault::HoleToClient => self.hole(any, dice, Direction::ToClient).await,
            Fault::HoleBothWays => self.hole(any, dice, Direction::Both).await,
            Fault::Delay => {
                let delay = |proxy: &Proxy| proxy.delay(Duration::from_millis(50));
                self.disturbed(any, dice, delay).await;
            }
            Fault::ResetAll => self.reset_all(),
            Fault::ServerKilled => self.server_away(Duration::ZERO).await,
            Fault::ServerAway => self.server_away(Duration::from_secs(2)).await,
            Fault::StepDown => {
                let id = &self.nodes[leader].id;
                let asked = self.client.step_down("counter", id).await;
                asked.expect("the leader hands over");
            }
            Fault::BucketLost => {
                let lost = self.client.bucket("sticky_active").remove().await;
                assert!(lost.expect("an answer"), "a bucket");
            }
        }
        self.was(&format!("{fault:?}"), from);
    }

    async fn killed(&mut self, node: usize, dice: &mut Dice) {
        self.nodes[node].kill();
        tokio::time::sleep(dice.millis(0, 1500)).await;
        self.nodes[node].start();
        self.serves(node).await;
    }

    async fn frozen(&mut self, node: usize, dice: &mut Dice) {
        self.nodes[node].signal(Signal::STOP);
        tokio::time::sleep(dice.millis(1000, 2000)).await;
        self.nodes[node].signal(Signal::CONT);
    }

    async fn stopped(&mut self, node: usize) {
        self.nodes[node].stop().await;
        self.nodes[node].start();
        self.serves(node).await;
    }

    async fn disturbed(&mut self, node: usize, dice: &mut Dice, disturb: impl Fn(&Proxy)) {
        disturb(&self.nodes[node].proxy);
        tokio::time::sleep(dice.millis(100, 1800)).await;
        self.nodes[node].proxy.heal();
    }

    /// At its end what was held is passed on, or lost with its connections.
    async fn hole(&mut self, node: usize, dice: &mut Dice, direction: Direction) {
        self.disturbed(node, dice, |proxy| proxy.blackhole(direction))
            .await;
    }

    pub(super) fn reset_all(&self) {
        self.front.reset_all();
        for node in &self.nodes {
            node.proxy.reset_all();
        }
    }

    pub(super) async fn server_away(&mut self, time: Duration) {
        self.server.kill().await;
        tokio::time::sleep(time).await;
        self.server.restart().await.expect("the server is back");
    }
}
