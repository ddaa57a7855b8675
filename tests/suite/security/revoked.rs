//! A login that was good, and is no more.

use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, ConnectionState, RetryPolicy};
use aegis_tests::{eventually, soon};

use super::{Till, TillClient, config, hides, server};
use crate::log::{Captured, capture};

const REFUSED: &str = "NATS refuses the login it took before";

fn users(password: &str) -> String {
    format!("authorization {{ user: joe, password: {password} }}")
}

fn joe(server: &NatsServer) -> Config {
    config(server).user_and_password("joe", "g00d")
}

async fn wait_for(client: &Client, state: ConnectionState) {
    let mut connection = client.connection();
    let change = connection.wait_for(|now| *now == state);
    soon("the state of the connection", change).await.unwrap();
}

async fn refusal_is_logged(log: &Captured) {
    eventually("the refusal is logged", || async {
        log.text().contains(REFUSED)
    })
    .await;
}

/// A call that waits until service and caller are connected again.
async fn recovered(client: &Client) {
    wait_for(client, ConnectionState::Connected).await;
    let patient = RetryPolicy::default()
        .max_attempts(1000)
        .max_delay(Duration::from_millis(50));
    let till = TillClient::new(client);
    let call = till.ring(1).within(Duration::from_secs(20)).retry(patient);
    assert_eq!(call.await.unwrap(), 2);
}

#[tokio::test]
async fn clients_keep_trying_while_a_server_does_not_know_them_and_recover() {
    let (log, _guard) = capture();
    let mut good = server(&users("g00d")).start().await.unwrap();
    let app = App::new(joe(&good)).service(Till);
    let running = app.start().await.unwrap();
    let client = Client::connect(joe(&good)).await.unwrap();
    recovered(&client).await;
    good.stop().await.unwrap();
    let other = server(&users("0ther")).port(good.port());
    let mut other = other.start().await.unwrap();
    refusal_is_logged(&log).await;
    let till = TillClient::new(&client);
    let call = till.ring(1).within(Duration::from_millis(100));
    let error = soon("the call's end", call.into_future())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Disconnected), "{error}");
    other.stop().await.unwrap();
    good.restart().await.unwrap();
    recovered(&client).await;
    hides(&log.text(), &["g00d", "0ther"]);
    soon("the end", running.stop()).await.unwrap();
}

/// Tells a server to read its configuration again.
#[cfg(unix)]
pub(super) fn reload(server: &NatsServer) {
    let id = server.pid().unwrap().to_string();
    let status = std::process::Command::new("kill")
        .args(["-HUP", &id])
        .status();
    assert!(status.unwrap().success());
}

#[cfg(unix)]
#[tokio::test]
async fn a_login_revoked_while_connected_works_again_once_it_is_restored() {
    let (log, _guard) = capture();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.conf");
    let write = |password: &str| std::fs::write(&file, users(password)).unwrap();
    write("g00d");
    // A path in `include` is relative to the server's configuration, which is in a temporary
    // folder as well.
    let name = folder.path().file_name().unwrap().display();
    let nats = server(&format!("include \"../{name}/users.conf\""));
    let nats = nats.start().await.unwrap();
    let running = App::new(joe(&nats)).service(Till).start().await.unwrap();
    let client = Client::connect(joe(&nats)).await.unwrap();
    recovered(&client).await;
    for _ in 0..2 {
        let before = log.text().matches(REFUSED).count();
        write("0ther");
        reload(&nats);
        wait_for(&client, ConnectionState::Disconnected).await;
        eventually("both clients report the refusal, once", || async {
            log.text().matches(REFUSED).count() == before + 2
        })
        .await;
        write("g00d");
        reload(&nats);
        recovered(&client).await;
        assert_eq!(log.text().matches(REFUSED).count(), before + 2, "once");
    }
    soon("the end", running.stop()).await.unwrap();
}

#[tokio::test]
async fn an_inbox_lost_with_a_restart_is_told_to_every_call() {
    let limits = |limits: &str| {
        format!(
            "authorization {{ users: [{{user: joe, password: g00d, permissions: {{ {limits} }}}}] }}"
        )
    };
    let mut free = server(&limits("")).start().await.unwrap();
    let client = Client::connect(joe(&free)).await.unwrap();
    free.stop().await.unwrap();
    let narrow = server(&limits("subscribe: {deny: \"_INBOX.>\"}")).port(free.port());
    let mut narrow = narrow.start().await.unwrap();
    let till = TillClient::new(&client);
    for _ in 0..3 {
        let call = till.ring(1).within(Duration::from_secs(3600));
        let error = soon("the refusal", call.into_future()).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Denied), "{error}");
    }
    narrow.stop().await.unwrap();
    free.restart().await.unwrap();
    wait_for(&client, ConnectionState::Connected).await;
    let error = till.ring(1).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::NoService), "{error}");
}
