//! The connection: refused, lost, back again; nothing hangs, nothing is sent late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, ConnectionState};
use aegis_tests::soon;
use serde_json::json;

#[derive(Clone, Default)]
struct Till(Arc<AtomicUsize>);

#[aegis::service(name = "till", version = "1.0.0")]
impl Till {
    #[rpc]
    async fn ring(&self) -> Result<usize, Failure> {
        Ok(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

fn config(server: &NatsServer) -> Config {
    Config::default()
        .url(&server.url())
        .connect_timeout(Duration::from_secs(10))
}

async fn wait_for(client: &Client, state: ConnectionState) {
    let mut connection = client.connection();
    soon(
        "the state of the connection",
        connection.wait_for(|now| *now == state),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn calls_fail_at_their_deadline_while_there_is_no_connection_and_work_again_after() {
    let mut server = NatsServer::start().await.unwrap();
    let till = Till::default();
    let running = App::new(config(&server))
        .service(till.clone())
        .start()
        .await
        .unwrap();
    let client = Client::connect(config(&server)).await.unwrap();
    let calls = TillClient::new(&client);
    calls.ring().await.unwrap();
    server.kill().await;
    wait_for(&client, ConnectionState::Disconnected).await;
    let start = Instant::now();
    let call = calls.ring().within(Duration::from_millis(200));
    let error = soon("the call's end", call.into_future())
        .await
        .unwrap_err();
    let CallError::Failed(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(
        !error.was_sent() && error.is_retryable(false),
        "nothing was sent: {error}"
    );
    assert!(
        start.elapsed() >= Duration::from_millis(200),
        "it waited for a connection"
    );
    let waiting = tokio::spawn(calls.ring().within(Duration::from_secs(20)).into_future());
    server.restart().await.unwrap();
    wait_for(&client, ConnectionState::Connected).await;
    let mut attempts = calls
        .ring()
        .retry(RetryPolicy::default().max_attempts(1000));
    attempts = attempts.within(Duration::from_secs(20));
    attempts.await.unwrap();
    // The one that waited found a connection, perhaps before the service did.
    match soon("the waiting call", waiting).await.unwrap() {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), Some(ErrorKind::NoService), "{error}"),
    }
    let rung = till.0.load(Ordering::SeqCst);
    assert!(
        (2..=3).contains(&rung),
        "what failed at its deadline was not sent later: {rung}"
    );
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_under_way_when_the_connection_is_lost_has_an_unknown_outcome() {
    struct Slow(Arc<tokio::sync::Notify>);
    #[aegis::service(name = "slow", version = "1.0.0")]
    impl Slow {
        #[rpc]
        async fn work(&self) -> Result<(), Failure> {
            self.0.notify_one();
            std::future::pending().await
        }
    }
    let mut server = NatsServer::start().await.unwrap();
    let begun = Arc::new(tokio::sync::Notify::new());
    let running = App::new(config(&server).drain_timeout(Duration::ZERO));
    let running = running.service(Slow(begun.clone())).start().await.unwrap();
    let client = Client::connect(config(&server)).await.unwrap();
    let call = SlowClient::new(&client)
        .work()
        .within(Duration::from_secs(1));
    let call = tokio::spawn(call.into_future());
    soon("the work", begun.notified()).await;
    server.kill().await;
    let error = soon("the call's end", call).await.unwrap().unwrap_err();
    let CallError::Failed(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(error.was_sent() && !error.is_retryable(false) && error.is_retryable(true));
    server.restart().await.unwrap();
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_program_survives_outage_after_outage() {
    let mut server = NatsServer::start().await.unwrap();
    let running = App::new(config(&server))
        .service(Till::default())
        .start()
        .await
        .unwrap();
    let client = Client::connect(config(&server)).await.unwrap();
    for _ in 0..5 {
        server.kill().await;
        wait_for(&client, ConnectionState::Disconnected).await;
        server.restart().await.unwrap();
        let call = TillClient::new(&client)
            .ring()
            .within(Duration::from_secs(20))
            .retry(
                RetryPolicy::default()
                    .max_attempts(1000)
                    .max_delay(Duration::from_millis(50)),
            );
        call.await.unwrap();
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn stopping_without_a_connection_ends() {
    let mut server = NatsServer::start().await.unwrap();
    let app = App::new(config(&server).drain_timeout(Duration::from_millis(200)));
    let running = app.service(Till::default()).start().await.unwrap();
    let client = running.client().clone();
    server.kill().await;
    wait_for(&client, ConnectionState::Disconnected).await;
    soon("the end", running.stop()).await.ok();
    wait_for(&client, ConnectionState::Closed).await;
}

#[tokio::test]
async fn call_before_connect_and_bad_urls() {
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let nobody = Config::default().url(&format!("nats://127.0.0.1:{free}"));
    let quick = nobody.connect_timeout(Duration::from_millis(200));
    let error = Client::connect(quick).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let text = error.to_string();
    assert!(
        text.contains(&free.to_string()) && text.contains("aegis dev"),
        "{text}"
    );
    for url in ["http://127.0.0.1", "nats://", "nats://127.0.0.1:99999", ""] {
        let error = Client::connect(Config::default().url(url))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url:?}");
    }
    let quick = Config::default()
        .url("nats://no.such.host.invalid")
        .connect_timeout(Duration::from_millis(200));
    let error = soon("an error", Client::connect(quick)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
}

#[tokio::test]
async fn a_start_waits_for_a_late_server() {
    let mut server = NatsServer::start().await.unwrap();
    server.stop().await.unwrap();
    let connecting = tokio::spawn(Client::connect(config(&server)));
    tokio::task::yield_now().await;
    server.restart().await.unwrap();
    let client = soon("the connection", connecting).await.unwrap().unwrap();
    let error = client
        .call("nobody", "there", &json!({}))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::NoService));
}

#[tokio::test]
async fn closed_clients_say_so() {
    let server = NatsServer::start().await.unwrap();
    let client = Client::connect(config(&server)).await.unwrap();
    client.close().await.unwrap();
    let error = soon("an error", client.call("a", "b", &json!({})).into_future())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Disconnected));
}
