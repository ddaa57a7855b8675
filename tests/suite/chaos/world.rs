//! A server, instances and callers, and what is known of them at the end.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use aegis::testing::NatsServer;
use tokio::sync::MutexGuard;

use super::clients::{Caller, Clients};
use super::counter::{BOOKS, Calls, TOTAL};
use super::node::Node;
use super::stall::Stalls;
use super::*;

/// Who calls goes through a proxy, too, and writes its lines here.
pub(super) struct World {
    // Before the server, in the order of their end.
    pub(super) nodes: Vec<Node>,
    pub(super) client: Client,
    pub(super) front: Proxy,
    pub(super) server: NatsServer,
    books: Bucket<u64>,
    recorder: Recorder,
    stalls: Stalls,
    folder: Folder,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// So many instances; one of them leads.
    pub(super) async fn start(nodes: usize) -> Self {
        Self::of(nodes, true).await
    }

    /// One whose leaders write without a fence.
    pub(super) async fn unfenced(nodes: usize) -> Self {
        Self::of(nodes, false).await
    }

    async fn of(nodes: usize, fenced: bool) -> Self {
        let turn = turn().await;
        let server = NatsServer::start().await.unwrap();
        let folder = Folder::new("chaos");
        std::fs::create_dir(history(&folder)).unwrap();
        let front = Proxy::start(([127, 0, 0, 1], server.port()).into());
        let config = Config::default().url(&front.url());
        let client = Client::connect(config).await.unwrap();
        let books = client.bucket(BOOKS).open().await.unwrap();
        let node = |number| Node::new(number, server.port(), folder.path(), fenced);
        let recorder = Recorder::create(&history(&folder), "test");
        let mut world = Self {
            nodes: (1..=nodes).map(node).collect(),
            client,
            front,
            books,
            stalls: Stalls::watch(recorder.clone()),
            recorder,
            folder,
            server,
            _turn: turn,
        };
        for node in 0..nodes {
            world.nodes[node].start();
            world.serves(node).await;
        }
        world.running_leader().await;
        world
    }

    /// Waits until an instance answers.
    pub(super) async fn serves(&self, node: usize) {
        let id = &self.nodes[node].id;
        let calls = Calls::new(&self.client);
        let who = async || {
            let asked = calls.who().to_instance(id);
            asked.within(Duration::from_secs(1)).await.is_ok()
        };
        eventually("an instance that answers", who).await;
    }

    pub(super) fn node(&self, id: &str) -> usize {
        let found = self.nodes.iter().position(|node| node.id == id);
        found.expect("one of our instances")
    }

    /// Which instance leads, as its record says: the last one that did, while nobody does.
    pub(super) async fn leader(&self) -> Option<usize> {
        let leader = self.client.leader("counter", "main").await;
        Some(self.node(&leader.ok()??.instance))
    }

    /// Waits until an instance that runs leads, as far as its record says.
    pub(super) async fn running_leader(&self) -> usize {
        let find = async || loop {
            match self.leader().await {
                Some(node) if self.nodes[node].is_running() => return node,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        soon("a leader", find()).await
    }

    /// Waits until this instance has answered as the leader.
    pub(super) async fn leads(&self, node: usize) {
        let caller = self.caller("waits");
        let id = &self.nodes[node].id;
        let leads = async || caller.add().await.is_ok_and(|added| added.by == *id);
        eventually("an answer of this leader", leads).await;
    }

    /// A caller of its own.
    pub(super) fn caller(&self, name: &str) -> Caller {
        Caller::new(&self.client, &history(&self.folder), name)
    }

    /// Callers that go on by themselves.
    pub(super) fn clients(&self, number: usize) -> Clients {
        Clients::start(number, &self.client, &history(&self.folder))
    }

    /// Notes a fault that began then and is over now.
    pub(super) fn was(&self, name: &str, from: u64) {
        let (name, to) = (name.to_owned(), now());
        println!("{name}: {:?}", Duration::from_nanos(to - from));
        self.recorder.write(What::Fault { name, from, to });
    }

    /// Ends it in order, and says what happened.
    pub(super) async fn end(mut self) -> Story {
        // The leader last: nobody is to follow it without a fault.
        let leader = self.running_leader().await;
        for node in (0..self.nodes.len()).filter(|node| *node != leader) {
            if self.nodes[node].is_running() {
                self.nodes[node].stop().await;
            }
        }
        // From here on nothing is a fault any more, and its word is the last one.
        let limits = self.stalls.limits();
        drop(self.stalls);
        is_led(&history(&self.folder)).await;
        self.nodes[leader].stop().await;
        let value = self.books.get(TOTAL).await.unwrap().unwrap_or(0);
        let key = String::new();
        self.recorder.write(What::Final { key, value });
        let history = History::read(&history(&self.folder)).unwrap();
        Story {
            history,
            limits,
            _folder: self.folder,
        }
    }
}

/// Where the lines of all processes are.
fn history(folder: &Folder) -> PathBuf {
    folder.path().join("history")
}

/// Waits for the word of a leader.
async fn is_led(folder: &Path) {
    let since = now();
    let led = async || {
        let said = History::read(folder).unwrap();
        let mut late = said.lines().iter().rev();
        late.any(|line| line.at > since && matches!(line.what, What::Lead { .. }))
    };
    eventually("the word of a leader", led).await;
}

/// What happened, and where that stands.
pub(super) struct Story {
    history: History,
    /// What this run allows.
    pub(super) limits: Limits,
    _folder: Folder,
}

impl Story {
    /// All that is promised was kept.
    pub(super) fn assert_kept(&self) {
        self.history.assert_kept(&self.limits);
    }
}

impl Deref for Story {
    type Target = History;

    fn deref(&self) -> &History {
        &self.history
    }
}
