//! What is done to those who work, and to the server, in the middle of the work.

use rustix::process::Signal;

use super::world::MILLS;
use super::*;

/// One fault for so many commands.
const COMMANDS: usize = 60;
/// At least so many, and at most.
const FAULTS: [usize; 2] = [15, 60];
/// Of so many one is a freeze.
const OF_FREEZES: usize = 5;
/// What somebody may have in hands when that happens is up to so many.
const HANDS: usize = 6;

/// What one of those who work has begun and not ended, by its journal.
fn in_hands(mill: &Program) -> BTreeMap<&str, u64> {
    let mut hands = BTreeMap::new();
    for line in mill.journal.lines() {
        match &line.note {
            Note::Began { job, .. } => {
                hands.insert(job.as_str(), line.at);
            }
            Note::Returned { job, .. } | Note::Failed { job, .. } => {
                hands.remove(job.as_str());
            }
            _ => {}
        }
    }
    hands
}

fn is_began(line: &&Line) -> bool {
    matches!(line.note, Note::Began { .. })
}

impl World {
    /// Lets one fault after the other happen.
    pub(super) async fn disturb(&mut self) {
        let faults = (self.commands / COMMANDS).clamp(FAULTS[0], FAULTS[1]);
        for fault in 0..faults {
            self.tell(self.commands * (fault + 1) / faults);
            let place = self.dice.below(MILLS);
            if !self.is_busy(place, faults).await {
                return;
            }
            if fault == faults / 2 {
                self.all_ready().await;
                let from = now();
                self.server.kill().await;
                self.server.restart().await.expect("the server is back");
                self.outages.push(Outage { from, to: now() });
            } else if fault % OF_FREEZES == OF_FREEZES - 1 {
                self.freeze(place).await;
            } else {
                let killed = self.running[place];
                self.mills[killed].kill();
                self.start_mill(place);
            }
        }
    }

    /// Waits until one that works has had its share since it was started, and has something in hands;
    /// lets more be sent if nothing is left for it. Tells whether there was enough.
    async fn is_busy(&mut self, place: usize, faults: usize) -> bool {
        let share = (self.commands / faults / MILLS / 2).max(1);
        let mut hands = 1 + self.dice.below(HANDS);
        loop {
            self.look().await;
            let mill = &self.mills[self.running[place]];
            let began = mill.journal.lines().iter().filter(is_began).count();
            if began >= share && in_hands(mill).len() >= hands {
                return true;
            }
            if self.is_idle() {
                if self.told == self.commands {
                    return false;
                }
                hands = 1;
                self.tell((self.told + 4 * share).min(self.commands));
            }
        }
    }

    /// Freezes one until somebody else has something that it has in hands, and lets it go on then.
    async fn freeze(&mut self, place: usize) {
        let (frozen, from) = (self.running[place], now());
        self.mills[frozen].signal(Signal::STOP);
        self.look().await;
        while !self.is_bereft(frozen) {
            self.look().await;
        }
        self.mills[frozen].signal(Signal::CONT);
        self.freezes.push((frozen, Outage { from, to: now() }));
    }

    /// Whether something that it has in hands was begun by somebody else since, or has ended; or it
    /// has nothing.
    fn is_bereft(&self, frozen: usize) -> bool {
        let hands = in_hands(&self.mills[frozen]);
        let others = self.mills.iter().enumerate();
        let others = others.filter(|(mill, _)| *mill != frozen);
        let others = others.map(|(_, mill)| mill).chain(&self.senders);
        let mut lines = others.flat_map(|it| it.journal.lines());
        let is_gone = |line: &Line| match &line.note {
            Note::Began { job, .. } => hands.get(job.as_str()).is_some_and(|at| *at < line.at),
            Note::Heard { job, .. } => hands.contains_key(job.as_str()),
            _ => false,
        };
        hands.is_empty() || lines.any(is_gone)
    }
}
