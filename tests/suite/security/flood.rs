//! Who floods a service with large messages makes it refuse calls, and takes neither its place in the
//! registry nor its leadership.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{BreakerPolicy, Config, DiscoveryMode, InstanceEvent, InstanceEvents, RetryPolicy};
use aegis_tests::{PATIENCE, eventually, soon, turn};
use bytes::Bytes;
use futures_util::StreamExt;

/// So many of so many bytes, to each of the subjects of the service.
const FLOOD: usize = 400;
const LARGE: usize = 250_000;

const SUBJECTS: [&str; 5] = [
    "rpc.victim.work",
    "rpc.victim.work.victim-1",
    "rpc.victim.epoch",
    "cancel.victim.x",
    "$SRV.PING.victim",
];

#[derive(Clone, Default)]
struct Victim(Arc<AtomicUsize>);

#[aegis::service(name = "victim", version = "1.0.0", group = "main")]
impl Victim {
    /// Does its work and wants no more than two at once.
    #[rpc(concurrency = 2, queue = 8)]
    async fn work(&self, text: String) -> Result<usize, Failure> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(text.len())
    }

    #[exclusive_rpc]
    async fn epoch(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }
}

/// Sends it all, and tells how many answers came.
async fn flood(url: &str, subjects: &[&str]) -> usize {
    let nats = async_nats::connect(url).await.unwrap();
    let inbox = nats.new_inbox();
    let mut answers = nats.subscribe(inbox.clone()).await.unwrap();
    let body = format!("{{\"text\": \"{}\"}}", "x".repeat(LARGE));
    let body = Bytes::from(body);
    for _ in 0..FLOOD {
        for subject in subjects {
            let subject = (*subject).to_owned();
            let sent = nats.publish_with_reply(subject, inbox.clone(), body.clone());
            sent.await.unwrap();
        }
    }
    nats.flush().await.unwrap();
    let mut count = 0;
    // The last one was answered, or refused, when this is.
    while tokio::time::timeout(Duration::from_secs(1), answers.next())
        .await
        .is_ok()
    {
        count += 1;
    }
    count
}

/// Ends when an instance is taken for dead.
async fn one_is_gone(mut events: InstanceEvents) {
    while let Some(event) = events.next().await {
        if matches!(event, InstanceEvent::Gone(_)) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_large_messages_starves_neither_heartbeats_nor_leadership() {
    let _turn = turn().await;
    let server = NatsServer::start().await.unwrap();
    let config = Config::default().url(&server.url());
    let config = config.heartbeat(Duration::from_millis(500));
    let victim = Victim::default();
    let start = |id: &str| {
        let app = App::new(config.clone().instance_id(id));
        app.service(victim.clone()).start()
    };
    let running = [start("victim-1").await, start("victim-2").await];
    let client = Client::connect(config.clone().breaker(BreakerPolicy::off()));
    let client = client.await.unwrap();
    let patient = RetryPolicy::default().max_attempts(1000);
    let patient = patient.max_delay(Duration::from_millis(50));
    let calls = VictimClient::new(&client);
    let epoch = || calls.epoch().within(PATIENCE).retry(patient);
    let before = epoch().await.unwrap();
    let discovery = client.discovery(DiscoveryMode::Watched);
    let gone = tokio::spawn(one_is_gone(discovery.events().unwrap()));
    let there = async || {
        discovery
            .all("victim")
            .await
            .is_ok_and(|all| all.len() == 2)
    };
    eventually("both are seen", there).await;

    let url = server.url();
    let floods = (0..2).map(|_| flood(&url, &SUBJECTS));
    let answered = soon("the floods", futures_util::future::join_all(floods)).await;
    assert!(
        answered.iter().sum::<usize>() > 0,
        "they were answered, or refused"
    );
    assert!(there().await, "both are in the registry");
    assert_eq!(epoch().await.unwrap(), before, "nobody else led meanwhile");
    assert!(!gone.is_finished(), "nobody was taken for dead");
    let small = calls
        .work("small".to_owned())
        .within(PATIENCE)
        .retry(patient);
    assert_eq!(small.await.unwrap(), 5, "and it serves as before");
    for running in running {
        soon("the end", running.unwrap().stop()).await.unwrap();
    }
}

#[tokio::test]
async fn headers_and_bodies_beyond_the_limits_are_refused_before_they_are_sent() {
    let server = NatsServer::start().await.unwrap();
    let client = Client::connect(Config::default().url(&server.url()))
        .await
        .unwrap();
    let (long, longest) = ("x".repeat(16 * 1024 + 1), "x".repeat(16 * 1024));
    let call = || client.call("till", "ring", &serde_json::json!({"amount": 1}));
    let many = |count: usize, value: &str| {
        (0..count).fold(call(), |call, number| {
            call.header(&format!("H{number}"), value)
        })
    };
    let large = client.call(
        "till",
        "ring",
        &serde_json::json!({"text": "x".repeat(1 << 20)}),
    );
    for (what, call, kind, part) in [
        (
            "a long header",
            call().header("Tenant", &long),
            ErrorKind::Invalid,
            "16 KiB",
        ),
        (
            "too many",
            many(65, "a"),
            ErrorKind::Invalid,
            "at most 64 headers",
        ),
        (
            "too much in all",
            many(64, &longest),
            ErrorKind::TooLarge,
            "`max_payload`",
        ),
        ("a large body", large, ErrorKind::TooLarge, "`max_payload`"),
        (
            "a line break",
            call().header("A", "b\r\nC: d"),
            ErrorKind::Invalid,
            "A",
        ),
    ] {
        let error = match soon(what, call.into_future()).await {
            Err(CallError::Failed(error)) => error,
            other => panic!("{what}: {other:?}"),
        };
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(error.to_string().contains(part), "{what}: {error}");
        assert!(!error.was_sent(), "{what}");
    }
}
