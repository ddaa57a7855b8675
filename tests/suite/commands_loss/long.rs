//! A command that takes many times as long as its worker may be silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aegis::testing::{NatsServer, TestApp};
use serde_json::Value;

use super::*;

/// Counts how often it is begun.
struct Slow(Arc<AtomicU32>);

#[aegis::service(name = "slow", version = "1.0.0")]
impl Slow {
    #[command(ack_wait = "2s")]
    async fn take(&self, seconds: u64) -> Result<u64, Failure> {
        self.last(seconds).await
    }

    #[command(ack_wait = "10s")]
    async fn take_long(&self, seconds: u64) -> Result<u64, Failure> {
        self.last(seconds).await
    }
}

impl Slow {
    async fn last(&self, seconds: u64) -> Result<u64, Failure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(seconds)
    }
}

/// Its seconds, and whether it is the one with the longer ack wait: `AEGIS_TEST_LONG`.
fn seconds() -> (u64, bool) {
    match std::env::var("AEGIS_TEST_LONG") {
        Ok(text) => (text.parse().expect("a number of seconds"), true),
        // Six ack waits, each long enough for a host that is busy.
        Err(_) => (12, false),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_runs_once_however_many_ack_waits_it_takes() {
    let _turn = turn().await;
    let server = NatsServer::start().await.unwrap();
    let begun = Arc::new(AtomicU32::new(0));
    // Two that are free, if it were delivered again.
    let mut apps = Vec::new();
    for _ in 0..2 {
        let app = TestApp::new().on_nats(&server.url());
        let app = app.service(Slow(begun.clone())).start();
        apps.push(app.await.unwrap());
    }
    let slow: SlowClient = apps[0].client();
    let (seconds, is_long) = seconds();
    let (command, lane) = if is_long {
        (slow.take_long(seconds), "slow__take_long__normal")
    } else {
        (slow.take(seconds), "slow__take__normal")
    };
    let job = command.send().await.unwrap();
    let patience = Duration::from_secs(seconds) + aegis_tests::PATIENCE;
    assert_eq!(job.result().within(patience).await.unwrap(), seconds);
    let status = job.status().await.unwrap().unwrap();
    assert_eq!((status.state, status.attempt), (JobState::Succeeded, 1));
    assert_eq!(begun.load(Ordering::Relaxed), 1);
    let nats = async_nats::connect(server.url()).await.unwrap();
    let asked = format!("$JS.API.CONSUMER.INFO.COMMANDS.{lane}");
    let consumer = nats.request(asked, "".into()).await.unwrap();
    let consumer: Value = serde_json::from_slice(&consumer.payload).unwrap();
    assert_eq!(consumer["delivered"]["consumer_seq"], 1, "{consumer}");
    for app in apps {
        app.stop().await.unwrap();
    }
}
