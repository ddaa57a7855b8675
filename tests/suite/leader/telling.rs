//! What is told of a leader: to raw clients, to whoever asks a standby, in the registry.

use super::*;
use aegis::{DiscoveryMode, InstanceStatus};

#[tokio::test]
async fn a_standby_says_who_leads() {
    for config in configs().await {
        let first = serve(&config, "ledger-1", &Ledger::default()).await;
        let client = client(&config).await;
        let posted = post(&client).await;
        let second = serve(&config, "ledger-2", &Ledger::default()).await;
        let error = soon("the standby knows", async {
            loop {
                let call = client.call("ledger", "post", &());
                let called = call.to_instance("ledger-2").await;
                let Err(CallError::Failed(error)) = called else {
                    panic!("{called:?}");
                };
                if error.failure().unwrap().details()["leader"] == "ledger-1" {
                    return error;
                }
            }
        })
        .await;
        assert_eq!(error.kind(), ErrorKind::NotActive);
        assert_eq!(error.failure().unwrap().details()["epoch"], posted.epoch);
        assert!(error.to_string().contains("ledger-1"), "{error}");
        first.stop().await.unwrap();
        second.stop().await.unwrap();
    }
}

#[tokio::test]
async fn every_answer_bears_the_epoch() {
    let (url, prefix) = (shared_server().await, unique_prefix());
    let config = Config::default().url(&url).subject_prefix(&prefix);
    let running = serve(&config, "ledger-1", &Ledger::default()).await;
    let epoch = post(running.client()).await.epoch;
    let nats = async_nats::connect(url).await.unwrap();
    let subject = format!("{prefix}.rpc.ledger.post");
    let answer = nats.request(subject, "{}".into()).await.unwrap();
    let header = answer.headers.unwrap();
    assert_eq!(
        header.get("Aegis-Epoch").unwrap().as_str(),
        epoch.to_string()
    );
    running.stop().await.unwrap();
}

#[tokio::test]
async fn the_registry_shows_the_leader() {
    for config in configs().await {
        let first = serve(&config, "ledger-1", &Ledger::default()).await;
        let client = client(&config).await;
        let epoch = post(&client).await.epoch;
        let second = serve(&config, "ledger-2", &Ledger::default()).await;
        let discovery = client.discovery(DiscoveryMode::Watched);
        let role = async |id: &str| {
            let all = discovery.all("ledger").await.unwrap();
            let one = all.iter().find(|one| one.id == id)?;
            Some((
                one.status,
                one.metadata
                    .get("epoch")
                    .and_then(serde_json::Value::as_u64),
            ))
        };
        eventually("the first leads", async || {
            role("ledger-1").await == Some((InstanceStatus::Active, Some(epoch)))
        })
        .await;
        eventually("the second stands by", async || {
            role("ledger-2").await == Some((InstanceStatus::Standby, None))
        })
        .await;
        first.stop().await.unwrap();
        eventually("the second leads", async || {
            let (status, epoch) = role("ledger-2").await.unwrap();
            status == InstanceStatus::Active && epoch.is_some()
        })
        .await;
        let all = discovery.all("ledger").await.unwrap();
        assert!(
            all.iter()
                .all(|one| one.sticky_active_group.as_deref() == Some("main")),
            "{all:?}"
        );
        second.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_leader_that_stops_tells_that_it_gave_up() {
    let (url, prefix) = (shared_server().await, unique_prefix());
    let config = Config::default().url(&url).subject_prefix(&prefix);
    let nats = async_nats::connect(url).await.unwrap();
    let subject = format!("{prefix}.leaders.ledger.main");
    let mut told = nats.subscribe(subject).await.unwrap();
    nats.flush().await.unwrap();
    let running = serve(&config, "ledger-1", &Ledger::default()).await;
    post(running.client()).await;
    running.stop().await.unwrap();
    // Who only heard of renewals would wait for the whole lease.
    soon("the last words", async {
        loop {
            let message = futures_util::StreamExt::next(&mut told).await.unwrap();
            let said = String::from_utf8_lossy(&message.payload).into_owned();
            if said.contains("\"state\":\"released\"") {
                return;
            }
        }
    })
    .await;
}
