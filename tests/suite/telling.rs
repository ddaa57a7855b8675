//! What errors and log lines tell whoever looks for the reason.

use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{NatsServer, TestApp};
use aegis::{Config, ConnectionState};
use aegis_tests::soon;
use serde_json::json;

use crate::log::capture;

struct Bell;

#[aegis::service(name = "bell", version = "1.0.0")]
impl Bell {
    #[rpc]
    async fn ring(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// What a call that nobody serves ends with.
async fn nobody(retry: RetryPolicy, within: Duration) -> String {
    let app = TestApp::new().service(Bell).start().await.unwrap();
    let client = app.running().client();
    let call = client.call("nobody", "there", &json!({})).retry(retry);
    let CallError::Failed(error) = call.within(within).await.unwrap_err() else {
        panic!("nobody answered")
    };
    assert_eq!(error.kind(), ErrorKind::NoService);
    error.to_string()
}

#[tokio::test]
async fn an_error_after_several_attempts_tells_how_many_and_what_allows_more() {
    let quick = RetryPolicy::default().initial_delay(Duration::from_millis(1));
    let long = Duration::from_secs(10);
    let text = nobody(quick, long).await;
    assert!(text.contains(", after 3 attempts in "), "{text}");
    let way = " ms; `max_attempts` of its `RetryPolicy` allows more";
    assert!(text.ends_with(way), "{text}");
    let slower = quick.max_attempts(1000).multiplier(1000.0);
    let text = nobody(slower, Duration::from_millis(500)).await;
    assert!(text.contains(", after 2 attempts in "), "{text}");
    assert!(
        text.ends_with("a longer `within` leaves time for more"),
        "{text}"
    );
    let text = nobody(RetryPolicy::never(), long).await;
    assert!(!text.contains("attempt"), "{text}");
}

#[tokio::test]
async fn the_log_tells_where_a_program_is_connected_and_that_the_connection_is_back() {
    let (log, _guard) = capture();
    let mut server = NatsServer::start().await.unwrap();
    let config = Config::default().url(&server.url().replace("//", "//joe:s3cret@"));
    let running = App::new(config).service(Bell).start().await.unwrap();
    let url = server.url();
    assert!(
        log.text().contains(&format!("connected server={url}")),
        "{}",
        log.text()
    );
    assert!(!log.text().contains("is back"), "{}", log.text());
    let mut connection = running.client().connection();
    server.kill().await;
    for state in [ConnectionState::Disconnected, ConnectionState::Connected] {
        let changed = connection.wait_for(|now| *now == state);
        soon("the state of the connection", changed).await.unwrap();
        if state == ConnectionState::Disconnected {
            server.restart().await.unwrap();
        }
    }
    let text = log.text();
    let back = "the connection to NATS is back after ";
    let mut lines = text.lines();
    let told = lines.any(|line| line.contains("INFO") && line.contains(back));
    assert!(told, "{text}");
    assert!(!text.contains("s3cret"));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_that_waits_for_the_server_tells_so() {
    let (log, _guard) = capture();
    let config = Config::default().url("nats://127.0.0.1:9");
    let config = config.connect_timeout(Duration::from_secs(2));
    let error = App::new(config).service(Bell).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let text = log.text();
    let expected = "waiting for NATS at nats://127.0.0.1:9 (up to 2 s, `connect_timeout`)";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn a_program_that_mounts_nothing_is_told_what_it_could_mount() {
    for error in [
        TestApp::new().start().await.unwrap_err(),
        App::new(Config::default().url("memory://"))
            .run()
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Lifecycle);
        let text = error.to_string();
        assert!(
            text.starts_with("nothing is mounted: `app.service(..)`"),
            "{text}"
        );
        assert!(
            text.contains("bell (`ring` at tests/suite/telling.rs:"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn params_that_cannot_be_read_are_told_by_the_arguments_name_alone() {
    struct Shop;
    #[aegis::service(name = "shop_of_telling", version = "1.0.0")]
    impl Shop {
        #[rpc]
        async fn price(&self, sku: String) -> Result<usize, Failure> {
            Ok(sku.len())
        }
    }
    let app = TestApp::new().service(Shop).start().await.unwrap();
    let client = app.running().client();
    for (params, text) in [
        (
            json!({"sku": 5}),
            "argument `sku`: invalid type: integer `5`, expected a string",
        ),
        (json!({}), "the argument `sku` is missing"),
        (
            json!([1]),
            "invalid type: sequence, expected a map with the argument `sku`",
        ),
    ] {
        let call = client.call("shop_of_telling", "price", &params);
        let error = call.await.unwrap_err();
        let expected = format!("INVALID_PARAMS: the params cannot be read: {text}");
        assert_eq!(error.to_string(), expected);
    }
    let answer = app
        .request("shop_of_telling", "price", &[], b"{")
        .await
        .unwrap();
    let told = answer.headers.get("Nats-Service-Error").unwrap_or_default();
    assert!(
        told.contains("JSON: ") && told.contains(" at line 1 column 1"),
        "{told}"
    );
}

#[tokio::test]
async fn a_call_whose_attempts_are_all_too_short_is_told_what_each_had() {
    struct Slow;
    #[aegis::service(name = "slow_of_telling", version = "1.0.0")]
    impl Slow {
        #[rpc(idempotent)]
        async fn quote(&self) -> Result<(), Failure> {
            std::future::pending().await
        }
    }
    let app = TestApp::new().service(Slow).start().await.unwrap();
    let client = app.running().client();
    let ended = async |retry: RetryPolicy| {
        let call = SlowClient::new(client).quote().retry(retry);
        let CallError::Failed(error) = call.within(Duration::from_millis(600)).await.unwrap_err()
        else {
            panic!("nobody answered")
        };
        assert_eq!(error.kind(), ErrorKind::Timeout);
        error.to_string()
    };
    let text = ended(RetryPolicy::default().initial_delay(Duration::from_millis(1))).await;
    let each = ", each with 200 ms at most: give the call more time with `within`, ";
    assert!(text.contains(", after 3 attempts in "), "{text}");
    assert!(text.contains(each), "{text}");
    assert!(!text.contains("allows more"), "{text}");
    // The second attempt did not begin: there was no time for the wait before it.
    let text = ended(RetryPolicy::default().initial_delay(Duration::from_secs(1))).await;
    assert!(text.contains(", after 1 attempt in "), "{text}");
    assert!(text.contains(each), "{text}");
    let text = ended(RetryPolicy::never()).await;
    assert!(!text.contains("attempt"), "{text}");
}
