//! Shared by the tests: one server per test binary, and waiting for events. For tests with faults,
//! `proxy` disturbs connections, `interrupted` drops futures in the middle, `history` judges what the
//! processes say that happened. `kube` stands in for a Kubernetes cluster.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::match_wild_err_arm,
    clippy::print_stdout,
    reason = "a test fails by a panic"
)]

pub mod collector;
pub mod history;
pub mod interrupted;
#[cfg(feature = "k8s")]
pub mod kube;
pub mod proxy;

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aegis::testing::NatsServer;
use aegis::{Client, Config};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// The longest a test waits for an event before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The URL of a server that all tests of this binary share, under names of their own.
///
/// It ends with the process. `AEGIS_TEST_NATS_VERSION=2.10.26` takes another version.
pub async fn shared_server() -> String {
    static SERVER: OnceCell<NatsServer> = OnceCell::const_new();
    let server = SERVER.get_or_init(|| async {
        let builder = match std::env::var("AEGIS_TEST_NATS_VERSION") {
            Ok(version) => NatsServer::builder().version(&version),
            Err(_) => NatsServer::builder(),
        };
        // Streams set room aside that they never use: of all tests together more than a disk may have.
        let builder = builder.config("jetstream { max_file_store: 4TB, max_memory_store: 64GB }");
        builder.start().await.expect("a NATS server for the tests")
    });
    server.await.url()
}

/// A subject prefix that no other test uses.
pub fn unique_prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "t{}x{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// So many connections in memory, and so many to the shared server, under a prefix of their own.
pub async fn clients(number: usize) -> Vec<(&'static str, Vec<Client>)> {
    let prefix = unique_prefix();
    let mut places = Vec::new();
    for (name, url) in [
        ("memory", format!("memory://{prefix}")),
        ("nats", shared_server().await),
    ] {
        let config = Config::default().url(&url).subject_prefix(&prefix);
        let mut clients = Vec::new();
        for _ in 0..number {
            let client = Client::connect(config.clone()).await;
            clients.push(client.expect("a connection"));
        }
        places.push((name, clients));
    }
    places
}

/// Waits until no other test with many processes runs: what they show takes some processor time.
pub async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Where the processes of a test write what they do; kept if the test fails.
#[derive(Debug)]
pub struct Folder(Option<TempDir>);

impl Folder {
    /// An empty one, `aegis-{name}-` and a few letters.
    pub fn new(name: &str) -> Self {
        let prefix = format!("aegis-{name}-");
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir();
        Self(Some(folder.expect("room for a folder")))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.as_ref().expect("it is there until the end").path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.0.take()
        {
            println!("what happened is in {}", folder.keep().display());
        }
    }
}

/// Waits until a check holds. Only for what offers no event to wait for.
pub async fn eventually<F, Fut>(what: &str, mut check: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !check().await {
        assert!(tokio::time::Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for one event.
pub async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, event).await {
        Ok(value) => value,
        Err(_) => panic!("in vain: {what}"),
    }
}
