//! A server, those who send and those who work.

use std::time::Instant;

use aegis::DeadLetter;
use aegis::testing::NatsServer;
use aegis_tests::PATIENCE;
use tokio::sync::MutexGuard;

use super::account::Account;
use super::queue::Queue;
use super::*;

/// How many are sent: `AEGIS_TEST_COMMANDS`.
fn commands() -> usize {
    let commands = std::env::var("AEGIS_TEST_COMMANDS");
    commands.map_or(1_000, |text| text.parse().expect("a number of commands"))
}

/// How often the journals are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How many milliseconds a command may take until it is sent: the second sender does not wait for a
/// server that is away.
const WITHIN: [&str; 2] = ["5000", "150"];
/// So many processes work.
pub(super) const MILLS: usize = 4;

/// All processes of a run, those that are gone included.
pub(super) struct World {
    // Before the server, in the order of their end.
    pub(super) senders: Vec<Program>,
    pub(super) mills: Vec<Program>,
    /// Which of them run.
    pub(super) running: [usize; MILLS],
    /// So many are sent in all.
    pub(super) commands: usize,
    /// So many may be by now.
    pub(super) told: usize,
    pub(super) outages: Vec<Outage>,
    /// When which of those who work was frozen.
    pub(super) freezes: Vec<(usize, Outage)>,
    pub(super) dice: Dice,
    began: Instant,
    queue: Queue,
    client: Client,
    pub(super) server: NatsServer,
    folder: Folder,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// Has all commands sent and worked on, with faults meanwhile, and ends all processes.
    pub(super) async fn run() -> Self {
        let mut world = Self::start().await;
        let enough = Duration::from_secs(90)
            + Duration::from_millis(40) * u32::try_from(world.commands).unwrap();
        let whole = tokio::time::timeout(enough, async {
            world.disturb().await;
            world.settle().await;
        });
        if whole.await.is_err() {
            let account = world.account().await;
            panic!("it does not come to an end: {account:#?}");
        }
        world
    }

    async fn start() -> Self {
        let turn = turn().await;
        let server = NatsServer::start().await.unwrap();
        let config = Config::default().url(&server.url());
        let mut world = Self {
            senders: Vec::new(),
            mills: Vec::new(),
            running: [0; MILLS],
            commands: commands(),
            told: 0,
            outages: Vec::new(),
            freezes: Vec::new(),
            dice: Dice::new(),
            began: Instant::now(),
            queue: Queue::of(&server.url()).await,
            client: Client::connect(config).await.unwrap(),
            server,
            folder: Folder::new("commands"),
            _turn: turn,
        };
        for (number, within) in WITHIN.iter().enumerate() {
            let name = format!("sender-{}", number + 1);
            let program = world.program(sender::ROLE, &name, within);
            world.senders.push(program);
        }
        for place in 0..MILLS {
            world.start_mill(place);
        }
        world
    }

    fn program(&self, role: &str, name: &str, word: &str) -> Program {
        let place = (&*self.server.url(), self.folder.path());
        Program::start(role, place, name, word)
    }

    /// Starts one that works, for the first time or again.
    pub(super) fn start_mill(&mut self, place: usize) {
        let name = format!("mill-{}-{}", place + 1, self.mills.len());
        let program = self.program(mill::ROLE, &name, "");
        self.running[place] = self.mills.len();
        self.mills.push(program);
    }

    /// Lets so many be sent in all.
    pub(super) fn tell(&mut self, commands: usize) {
        let more = commands.saturating_sub(self.told);
        self.told += more;
        let half = more / 2;
        for (sender, count) in self.senders.iter_mut().zip([half, more - half]) {
            // A zero is the end.
            if count > 0 {
                sender.tell(count);
            }
        }
    }

    /// Waits a moment, and reads what was written meanwhile; who ended without being asked to is a
    /// failure.
    pub(super) async fn look(&mut self) {
        tokio::time::sleep(LOOK).await;
        for program in self.senders.iter_mut().chain(&mut self.mills) {
            program.has_ended();
            program.journal.read_on();
        }
    }

    /// Whether everything that may be sent by now has come to its end, or was given up by its sender.
    pub(super) fn is_idle(&self) -> bool {
        let lines = self.senders.iter().flat_map(|it| it.journal.lines());
        let ended = lines.filter(|line| match &line.note {
            Note::Heard { .. } => true,
            Note::Unsent { name, was_sent, .. } => *was_sent && !plan::is_keyed(name),
            _ => false,
        });
        ended.count() == self.told
    }

    /// Waits for those who work: whoever starts while the server is away does not.
    pub(super) async fn all_ready(&mut self) {
        let is_ready = |mill: &Program| {
            let mut lines = mill.journal.lines().iter();
            lines.any(|line| line.note == Note::Ready)
        };
        while !self.running.iter().all(|mill| is_ready(&self.mills[*mill])) {
            self.look().await;
        }
    }

    /// Has all sent and ended, and ends all processes in order.
    async fn settle(&mut self) {
        self.tell(self.commands);
        for sender in &mut self.senders {
            sender.tell(0);
        }
        while self.senders.iter_mut().any(|sender| !sender.has_ended()) {
            self.look().await;
        }
        // What nobody waits for, and letters that are written late.
        while !self.queue.is_drained().await {
            self.look().await;
        }
        self.all_ready().await;
        for mill in self.running {
            self.mills[mill].tell(0);
        }
        while self.mills.iter_mut().any(|mill| !mill.has_ended()) {
            self.look().await;
        }
        self.look().await;
    }

    /// What came of it.
    pub(super) async fn account(&self) -> Account {
        let held = self.queue.held().await;
        let effects: Bucket<String> = self.client.bucket(mill::EFFECTS).open().await.unwrap();
        let effects = effects.entries("").within(PATIENCE).await.unwrap();
        let mut letters = Vec::new();
        loop {
            let next = letters
                .last()
                .map_or(0, |last: &DeadLetter| last.sequence + 1);
            let page = self.client.dead_letters().list_from(next, 1_000).await;
            match page.unwrap() {
                page if page.is_empty() => break,
                page => letters.extend(page),
            }
        }
        let jobs = self.client.jobs().list(usize::MAX).await.unwrap();
        let effects = effects.into_iter().map(|entry| (entry.key, entry.value));
        let found = account::Found {
            held: held.expect("the queue answers"),
            effects: effects.collect(),
            jobs: jobs.into_iter().map(|job| (job.id.clone(), job)).collect(),
            letters,
        };
        Account::of(self, &found, self.began.elapsed())
    }
}
