//! `aegis leader`: who leads, nobody, handover, changes.

use std::time::Duration;

use aegis::Failover;
use aegis::prelude::*;
use aegis::testing::{NatsServer, RunningTest, TestApp};
use serde_json::{Value, json};

use super::{Said, read_line_with, run, signal, start, wait_for};

/// A service with exclusive work.
pub(crate) struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0", failover = "aggressive")]
impl Ledger {
    #[exclusive_rpc]
    async fn post(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }
}

/// An instance; the first one leads when this returns.
pub(crate) async fn ledger(url: &str, id: &str) -> RunningTest {
    let app = TestApp::new().on_nats(url);
    let app = app.configure(|config| {
        let config = config.instance_id(id).failover(Failover::aggressive());
        config.heartbeat(Duration::from_millis(300))
    });
    let running = app.service(Ledger).start().await.unwrap();
    let calls: LedgerClient = running.client();
    calls.post().within(super::PATIENCE).await.unwrap();
    running
}

fn leader(url: &str, words: &[&str]) -> Said {
    run(&[&["leader", "ledger", "--url", url], words].concat())
}

fn json_of(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_ever_led() {
    let server = NatsServer::start().await.unwrap();
    let said = leader(&server.url(), &[]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    let text = "error: nobody leads ledger, and nobody ever did";
    assert!(said.err.starts_with(text), "{said:?}");
    let said = leader(&server.url(), &["--json"]);
    let expected = json!({"service": "ledger", "led": false, "leaders": []});
    assert_eq!((said.code, json_of(&said)), (1, expected), "{said:?}");
    assert_eq!(leader(&server.url(), &["--step-down"]).code, 1);
    let said = run(&["leader", "no.name", "--url", &server.url()]);
    assert_eq!(said.code, 64, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_holder_is_shown_until_it_gives_up() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let one = ledger(&url, "ledger-1").await;
    let said = leader(&url, &[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    for words in ["main  ledger-1 leads as epoch ", "; lease 600ms, renewed "] {
        assert!(said.out.contains(words), "{said:?}");
    }
    let shown = json_of(&leader(&url, &["--json"]));
    let client: LedgerClient = one.client();
    let epoch = client.post().await.unwrap();
    assert_eq!(shown["led"], true, "{shown}");
    let found = &shown["leaders"][0];
    for (field, expected) in [
        ("group", json!("main")),
        ("state", json!("leads")),
        ("instance", json!("ledger-1")),
        ("epoch", json!(epoch)),
        ("lease_ms", json!(600)),
    ] {
        assert_eq!(found[field], expected, "{field}: {shown}");
    }
    assert_eq!(leader(&url, &["--group", "other"]).code, 1);
    one.stop().await.unwrap();
    let said = leader(&url, &[]);
    assert_eq!(said.code, 1, "{said:?}");
    let text = "main  nobody leads: ledger-1 gave its leadership up ";
    assert!(said.out.starts_with(text), "{said:?}");
    let shown = json_of(&leader(&url, &["--json"]));
    assert_eq!(shown["leaders"][0]["state"], "released", "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_crashed_leads_no_more() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    drop(ledger(&url, "ledger-1").await);
    wait_for("end of its lease", || leader(&url, &[]).code == 1);
    let said = leader(&url, &[]);
    let text = "main  nobody leads: ledger-1 (epoch ";
    assert!(said.out.starts_with(text), "{said:?}");
    assert!(
        said.out.contains("has not renewed its lease of 600ms"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_hands_over_on_request() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let one = ledger(&url, "ledger-1").await;
    let two = ledger(&url, "ledger-2").await;
    let said = leader(&url, &["--step-down"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("ledger-1 (epoch "), "{said:?}");
    assert!(said.out.contains(") -> ledger-2 (epoch "), "{said:?}");
    let said = leader(&url, &["--step-down", "--json"]);
    let told = json_of(&said);
    assert_eq!(told["old"]["instance"], "ledger-2", "{told}");
    assert_eq!(told["new"]["instance"], "ledger-1", "{told}");
    let epoch = |of: &str| told[of]["epoch"].as_u64().unwrap();
    assert!(epoch("new") > epoch("old"), "{told}");
    two.stop().await.unwrap();
    // Alone it leads again.
    let said = leader(&url, &["--step-down"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("it leads again"), "{said:?}");
    one.stop().await.unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_followed_through_an_outage() {
    let mut server = NatsServer::start().await.unwrap();
    let url = server.url();
    // The watch is there before the first leader.
    let words = ["leader", "ledger", "--url", &url, "--watch", "--json"];
    let mut watch = start(&words);
    read_line_with(&mut watch, "\"event\":\"nobody\"");
    let one = ledger(&url, "ledger-1").await;
    let line = read_line_with(&mut watch, "\"event\":\"leads\"");
    let told: Value = serde_json::from_str(line.lines().last().unwrap()).unwrap();
    assert_eq!(told["leader"]["instance"], "ledger-1", "{told}");
    server.kill().await;
    read_line_with(&mut watch, "\"event\":\"stale\"");
    server.restart().await.unwrap();
    read_line_with(&mut watch, "\"event\":\"heard\"");
    // It leads again, or still.
    let calls: LedgerClient = one.client();
    calls.post().within(super::PATIENCE).await.unwrap();
    one.stop().await.unwrap();
    read_line_with(&mut watch, "\"event\":\"released\"");
    let _two = ledger(&url, "ledger-2").await;
    let line = read_line_with(&mut watch, "\"event\":\"leads\"");
    assert!(line.contains("ledger-2"), "{line}");
    signal(&watch, "-INT");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}
