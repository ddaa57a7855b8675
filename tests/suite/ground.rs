//! Where a test runs, in memory and on a server, and what its handlers saw.

use std::sync::{Arc, Mutex};

use aegis::port::{Stored, StreamMessage, StreamStatus, Streams};
use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use aegis::{Config, Subject};
use aegis_tests::{PATIENCE, eventually, shared_server, unique_prefix};
use tokio::time::Instant;

/// What handlers saw, in order: who, and what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<(String, String)>>>);

impl Seen {
    pub(crate) fn note<T: ToString + ?Sized>(&self, who: &str, what: &T) {
        let what = what.to_string();
        self.0.lock().unwrap().push((who.to_owned(), what));
    }

    pub(crate) fn of(&self, who: &str) -> Vec<String> {
        let all = self.0.lock().unwrap();
        let own = all.iter().filter(|(by, _)| by == who);
        own.map(|(_, what)| what.clone()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Waits until somebody has seen so many.
    pub(crate) async fn until(&self, who: &str, count: usize) -> Vec<String> {
        let what = format!("{count} events for {who}");
        eventually(&what, async || self.of(who).len() >= count).await;
        self.of(who)
    }
}

/// Where a test runs: in memory, and on a server, under names that nobody else uses.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pub(crate) prefix: String,
}

impl Ground {
    pub(crate) async fn both() -> [Self; 2] {
        let prefix = unique_prefix();
        let memory = format!("memory://{prefix}");
        [("memory", memory), ("nats", shared_server().await)].map(|(name, url)| Self {
            name,
            url,
            prefix: prefix.clone(),
        })
    }

    pub(crate) fn app(&self) -> TestApp {
        let (url, prefix) = (self.url.clone(), self.prefix.clone());
        TestApp::new().configure(move |config| {
            let config = config.url(&url).subject_prefix(&prefix);
            let config = config.events_max_bytes(16 << 20).dead_max_bytes(16 << 20);
            config.commands_max_bytes(16 << 20).jobs_max_bytes(16 << 20)
        })
    }

    /// A client, without a service.
    pub(crate) async fn client(&self) -> Client {
        let config = Config::default().url(&self.url);
        let config = config.subject_prefix(&self.prefix);
        let config = config.commands_max_bytes(16 << 20).jobs_max_bytes(16 << 20);
        Client::connect(config).await.unwrap()
    }

    async fn streams(&self) -> Arc<dyn Streams> {
        let config = Config::default().url(&self.url);
        aegis::testing::streams(&config).await.unwrap()
    }

    /// How the queue of commands is.
    pub(crate) async fn queue(&self) -> StreamStatus {
        let (streams, name) = (self.streams().await, format!("{}_COMMANDS", self.prefix));
        let deadline = Instant::now() + PATIENCE;
        let status = streams.status(&name, deadline).await.unwrap();
        status.expect("there is a queue")
    }

    /// How many commands are in the queue.
    pub(crate) async fn queued(&self) -> u64 {
        self.queue().await.messages
    }

    /// Removes the queue of commands.
    pub(crate) async fn remove_queue(&self) {
        let (streams, name) = (self.streams().await, format!("{}_COMMANDS", self.prefix));
        let removed = streams.remove(&name, Instant::now() + PATIENCE);
        assert!(removed.await.unwrap(), "there is a queue");
    }

    /// How many questions for messages wait at a consumer of the queue.
    pub(crate) async fn asks(&self, consumer: &str) -> u64 {
        let (streams, name) = (self.streams().await, format!("{}_COMMANDS", self.prefix));
        let (wanted, deadline) = (|name: &str| name == consumer, Instant::now() + PATIENCE);
        let found = streams.consumers(&name, &wanted, deadline).await.unwrap();
        found.first().expect("there is such a consumer").waiting
    }

    /// Stores a message, as any program can.
    pub(crate) async fn stored(&self, subject: &str, body: &'static str) -> Stored {
        let subject = Subject::parse(&format!("{}.{subject}", self.prefix)).unwrap();
        let message = StreamMessage::new(subject, body);
        let deadline = Instant::now() + PATIENCE;
        self.streams().await.store(message, deadline).await.unwrap()
    }

    pub(crate) fn instance(&self, id: &str) -> TestApp {
        let id = id.to_owned();
        self.app().configure(move |config| config.instance_id(&id))
    }
}

/// A client of a program that runs.
pub(crate) fn client(app: &RunningTest) -> Client {
    app.running().client().clone()
}
