//! A server, those who publish and those who handle, and what is done to them.

use aegis::testing::NatsServer;
use serde_json::Value;
use tokio::sync::MutexGuard;

use super::account::Account;
use super::*;

/// How many events: `AEGIS_TEST_EVENTS`.
fn events() -> usize {
    let events = std::env::var("AEGIS_TEST_EVENTS");
    events.map_or(10_000, |text| text.parse().expect("a number of events"))
}

/// An effect in an inbox takes three writes more: so many times fewer events are as many.
const COST_OF_AN_INBOX: usize = 4;
/// So many faults, as long as there are events for them.
const FAULTS: usize = 20;
/// At which of them the server is killed. At the others it is one that handles, in turn.
const OF_THE_SERVER: [usize; 2] = [6, 13];
/// How often the journals are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How many milliseconds an event may take until it is published: the second publisher does not
/// wait for a server that is away.
const WITHIN: [&str; 2] = ["5000", "150"];

/// All processes of a run, those that are gone included.
pub(super) struct World {
    // Before the server, in the order of their end.
    pub(super) publishers: Vec<Program>,
    pub(super) ledgers: Vec<Program>,
    /// Which of them run.
    running: [usize; 2],
    effect: Effect,
    events: usize,
    /// So many of them may be published by now.
    told: usize,
    pub(super) outages: Vec<Outage>,
    nats: async_nats::Client,
    client: Client,
    server: NatsServer,
    folder: Folder,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// Publishes and handles all events, with faults meanwhile, and ends all processes.
    pub(super) async fn run(effect: Effect) -> Self {
        let mut world = Self::start(effect).await;
        let enough = Duration::from_secs(60)
            + Duration::from_millis(10) * u32::try_from(world.events).unwrap();
        let whole = tokio::time::timeout(enough, async {
            world.disturb().await;
            world.settle().await;
        });
        let ended = whole.await.is_ok();
        let account = world.account().await;
        assert!(ended, "it does not come to an end: {account:?}");
        world
    }

    async fn start(effect: Effect) -> Self {
        let turn = turn().await;
        let server = NatsServer::start().await.unwrap();
        let nats = async_nats::connect(server.url()).await.unwrap();
        let config = Config::default().url(&server.url());
        let mut world = Self {
            publishers: Vec::new(),
            ledgers: Vec::new(),
            running: [0, 1],
            effect,
            events: match effect {
                Effect::Once => events() / COST_OF_AN_INBOX,
                _ => events(),
            },
            told: 0,
            outages: Vec::new(),
            nats,
            client: Client::connect(config).await.unwrap(),
            server,
            folder: Folder::new("loss"),
            _turn: turn,
        };
        for (number, within) in WITHIN.iter().enumerate() {
            let name = format!("publisher-{}", number + 1);
            let program = world.program(publisher::ROLE, &name, within);
            world.publishers.push(program);
        }
        for place in 0..world.running.len() {
            world.start_ledger(place);
        }
        world
    }

    fn program(&self, role: &str, name: &str, word: &str) -> Program {
        let place = (&*self.server.url(), self.folder.path());
        Program::start(role, place, name, word)
    }

    /// Starts one that handles, for the first time or again.
    fn start_ledger(&mut self, place: usize) {
        let name = format!("ledger-{}-{}", place + 1, self.ledgers.len());
        let program = self.program(ledger::ROLE, &name, self.effect.word());
        self.running[place] = self.ledgers.len();
        self.ledgers.push(program);
    }

    /// Lets one fault after the other happen, in the middle of the work.
    async fn disturb(&mut self) {
        for fault in 0..FAULTS {
            self.tell(self.events * (fault + 1) / FAULTS);
            let (place, other) = (fault % 2, (fault + 1) % 2);
            if !self.has_handled(place).await {
                return;
            }
            if OF_THE_SERVER.contains(&fault) {
                // Both of them: who just starts is not disturbed.
                if !self.has_handled(other).await {
                    return;
                }
                let from = now();
                self.server.kill().await;
                self.server.restart().await.expect("the server is back");
                self.outages.push(Outage { from, to: now() });
            } else {
                let killed = self.running[place];
                self.ledgers[killed].kill();
                self.start_ledger(place);
            }
        }
    }

    /// Waits until one that handles has had its share since it was started, and lets more be
    /// published if nothing is left for it. Tells whether there was enough.
    async fn has_handled(&mut self, place: usize) -> bool {
        let share = (self.events / FAULTS / 5).max(1);
        loop {
            self.look();
            let lines = self.ledgers[self.running[place]].journal.lines();
            if lines.iter().filter(is_handled).count() >= share {
                return true;
            }
            if self.published() == self.told && self.is_idle().await {
                if self.told == self.events {
                    return false;
                }
                self.tell((self.told + share).min(self.events));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Has all events published and handled, and ends all processes in order.
    async fn settle(&mut self) {
        self.tell(self.events);
        for publisher in &mut self.publishers {
            publisher.tell(0);
        }
        while self.published() < self.events || !self.is_idle().await {
            self.look();
            tokio::time::sleep(LOOK).await;
        }
        for ledger in self.running {
            self.ledgers[ledger].terminate();
        }
        let mut all: Vec<&mut Program> = Vec::new();
        all.extend(&mut self.publishers);
        all.extend(&mut self.ledgers);
        while all.iter_mut().any(|program| !program.has_ended()) {
            tokio::time::sleep(LOOK).await;
        }
        self.look();
    }

    /// Lets so many be published in all.
    fn tell(&mut self, events: usize) {
        let more = events.saturating_sub(self.told);
        self.told += more;
        let half = more / 2;
        for (publisher, count) in self.publishers.iter_mut().zip([half, more - half]) {
            // A zero is the end.
            if count > 0 {
                publisher.tell(count);
            }
        }
    }

    /// Reads what was written meanwhile; who ended without being asked to is a failure.
    fn look(&mut self) {
        for program in self.publishers.iter_mut().chain(&mut self.ledgers) {
            program.has_ended();
            program.journal.read_on();
        }
    }

    fn published(&self) -> usize {
        let lines = self.publishers.iter().flat_map(|it| it.journal.lines());
        lines.filter(is_published).count()
    }

    /// What JetStream answers; none if nobody does now.
    async fn ask(&self, what: &str) -> Option<Value> {
        let asked = self.nats.request(format!("$JS.API.{what}"), "".into());
        let answer: Value = serde_json::from_slice(&asked.await.ok()?.payload).unwrap();
        answer["error"].is_null().then_some(answer)
    }

    /// Whether everything that is published by now was delivered and acknowledged.
    async fn is_idle(&self) -> bool {
        let consumer = self.ask("CONSUMER.INFO.EVENTS.ledger__book").await;
        let nothing = |field: &str| consumer.as_ref().is_some_and(|it| it[field] == 0);
        nothing("num_pending") && nothing("num_ack_pending")
    }

    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// How many messages a stream has ever stored, if it holds all of them.
    pub(super) async fn stored(&self, stream: &str) -> usize {
        let info = self.ask(&format!("STREAM.INFO.{stream}")).await.unwrap();
        let state = &info["state"];
        assert_eq!(state["messages"], state["last_seq"], "{info}");
        usize::try_from(state["messages"].as_u64().unwrap()).unwrap()
    }

    /// What came of it.
    pub(super) async fn account(&self) -> Account {
        let dead = self.client.dead_letters().list(10).await.unwrap();
        let mut account = Account::of(self);
        account.stored = self.stored("EVENTS").await;
        account.dead = dead.into_iter().map(|letter| letter.reason).collect();
        account
    }
}

fn is_handled(line: &&Line) -> bool {
    matches!(line.note, Note::Handled { .. })
}

fn is_published(line: &&Line) -> bool {
    matches!(line.note, Note::Published { .. })
}
