//! Calls that get no answer: they end in time, tell the service so, and leave nothing behind.

use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{NatsServer, TestApp};
use aegis::{BreakerPolicy, Config, ConnectionState};
use aegis_tests::{shared_server, soon, unique_prefix};
use futures_util::future::FutureExt;
use futures_util::stream::StreamExt;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

struct Clock;

#[aegis::service(name = "clock", version = "1.0.0")]
impl Clock {
    /// Milliseconds that the call has left.
    #[rpc]
    async fn left(&self, ctx: &Context) -> Result<u64, Failure> {
        Ok(u64::try_from(
            ctx.remaining().unwrap_or_default().as_millis(),
        )?)
    }
}

/// The same service, as somebody elsewhere describes it.
#[aegis::client(service = "clock")]
trait Patient {
    #[rpc(timeout = "60s")]
    async fn left(&self) -> Result<u64, Failure>;
}

#[tokio::test]
async fn a_trait_client_gets_the_time_it_asks_for() {
    let app = TestApp::new().service(Clock).start().await.unwrap();
    let left = app.client::<PatientClient>().left().await.unwrap();
    assert!((50_000..=60_000).contains(&left), "{left} ms");
    let left = app.client::<ClockClient>().left().await.unwrap();
    assert!((1..=5_000).contains(&left), "{left} ms");
}

#[tokio::test]
async fn headers_of_the_framework_are_set_by_their_own_words_only() {
    let app = TestApp::new().service(Clock).start().await.unwrap();
    for (name, word) in [
        ("Aegis-Deadline-Ms", ".within(..)"),
        ("aegis-idempotency-key", ".idempotency_key(..)"),
        ("traceparent", ".trace(..)"),
        ("Content-Type", "Config::codec"),
        ("Nats-Msg-Id", "another name"),
    ] {
        let call = app.client::<ClockClient>().left().header(name, "60000");
        let CallError::Failed(error) = call.await.unwrap_err() else {
            panic!("{name} is not a matter of the service")
        };
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
        assert!(error.to_string().contains(word), "{name}: {error}");
    }
}

#[tokio::test]
async fn asking_who_is_there_for_ever_is_possible() {
    let app = TestApp::new().service(Clock).start().await.unwrap();
    let answers = app.running().client().services(Duration::MAX);
    assert!(answers.now_or_never().is_none(), "it collects");
}

/// Calls end at their deadline although the connection takes nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_and_no_close_waits_for_a_full_connection() {
    let mut server = NatsServer::start().await.unwrap();
    let config = Config::default()
        .url(&server.url())
        // Nobody notices within this test that the server is frozen.
        .ping_interval(Duration::from_secs(60))
        .breaker(BreakerPolicy::off());
    let client = Client::connect(config).await.unwrap();
    server.pause().await.unwrap();
    let body = json!({"x": "y".repeat(4000)});
    let mut calls = JoinSet::new();
    for _ in 0..6000 {
        let (client, body) = (client.clone(), body.clone());
        calls.spawn(async move {
            let call = client.call("till", "ring", &body);
            call.within(Duration::from_millis(500)).await.unwrap_err()
        });
    }
    let (mut waited, mut never_sent) = (0, 0);
    while let Some(error) = soon("a call's end", calls.join_next()).await {
        let CallError::Failed(error) = error.unwrap() else {
            panic!("nobody answered")
        };
        match error.kind() {
            ErrorKind::Timeout => waited += 1,
            ErrorKind::Disconnected if error.nothing_ran() => never_sent += 1,
            other => panic!("{other:?}: {error}"),
        }
    }
    assert!(
        waited > 0 && never_sent > 0,
        "the queue was not full: {waited} waited, {never_sent} were never sent"
    );
    assert_eq!(*client.connection().borrow(), ConnectionState::Connected);
    soon("the end of the client", client.close())
        .await
        .unwrap_err();
    server.resume().unwrap();
}

#[tokio::test]
async fn a_dropped_client_closes_its_connection() {
    let server = shared_server().await;
    let server = server.trim_start_matches("nats://").to_owned();
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", door.local_addr().unwrap());
    let passing = tokio::spawn(async move {
        let (mut inside, _) = door.accept().await.unwrap();
        let mut outside = TcpStream::connect(server).await.unwrap();
        tokio::io::copy_bidirectional(&mut inside, &mut outside).await
    });
    let client = Client::connect(Config::default().url(&url)).await.unwrap();
    let clone = client.clone();
    drop(client);
    let error = clone.call("nobody", "x", &json!({})).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::NoService), "a clone lives");
    drop(clone);
    soon("the end of the connection", passing)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_service_is_told_when_a_caller_waits_no_longer() {
    let (url, prefix) = (shared_server().await, unique_prefix());
    let raw = async_nats::connect(&url).await.unwrap();
    let mut mute = raw.subscribe(format!("{prefix}.rpc.mute.x")).await.unwrap();
    let mut cancels = raw
        .subscribe(format!("{prefix}.cancel.mute.*"))
        .await
        .unwrap();
    raw.flush().await.unwrap();
    let config = Config::default().url(&url).subject_prefix(&prefix);
    let client = Client::connect(config).await.unwrap();
    let call = client.call("mute", "x", &json!({}));
    let error = call.within(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Timeout));
    let asked = soon("the request", mute.next()).await.unwrap();
    let told = soon("the cancellation", cancels.next()).await.unwrap();
    let reply = asked.reply.unwrap().replace('.', "-");
    assert_eq!(
        told.subject.as_str(),
        format!("{prefix}.cancel.mute.{reply}")
    );
}

#[tokio::test]
async fn what_was_never_sent_is_not_cancelled() {
    let mut server = NatsServer::start().await.unwrap();
    let client = Client::connect(Config::default().url(&server.url()))
        .await
        .unwrap();
    let before = Handle::current().metrics().num_alive_tasks();
    server.kill().await;
    let mut connection = client.connection();
    let lost = connection.wait_for(|now| *now == ConnectionState::Disconnected);
    soon("the loss", lost).await.unwrap();
    for _ in 0..1000 {
        let call = client.call("till", "ring", &json!({})).into_future();
        assert!(call.now_or_never().is_none(), "it waits for a connection");
    }
    let after = Handle::current().metrics().num_alive_tasks();
    assert!(
        after <= before + 10,
        "{before} tasks, {after} after the calls"
    );
}
