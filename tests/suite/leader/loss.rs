//! The leadership ends while work is under way: handlers are told, and late results are refused.

use super::*;
use aegis::Bucket;
use serde_json::Value;

async fn records(client: &Client) -> Bucket<Value> {
    client
        .bucket("sticky_active")
        .find()
        .await
        .unwrap()
        .unwrap()
}

/// Somebody else's record stands there from now on, as if this one had been away for long.
async fn depose(records: &Bucket<Value>) {
    let rival = serde_json::json!({
        "instance_id": "rival", "boot": "1", "term": 1, "lease_ms": 300, "nonce": "1", "state": "held",
    });
    records.put("ledger.main.leader", &rival).await.unwrap();
}

#[tokio::test]
async fn late_results_are_refused() {
    for config in configs().await {
        let ledger = Ledger::default();
        let running = serve(&config, "ledger-1", &ledger).await;
        let client = client(&config).await;
        let epoch = post(&client).await.epoch;
        let calls = LedgerClient::new(&client);
        let slow = tokio::spawn(calls.post_slowly().into_future());
        let again = tokio::spawn(calls.post_again().into_future());
        let told = tokio::spawn(calls.watch().into_future());
        let _ = soon("all have begun", ledger.begun.acquire_many(3))
            .await
            .unwrap();
        depose(&records(&client).await).await;
        let error = soon("the one that was told", told)
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::OutcomeUnknown), "{error}");
        eventually("it stands by", async || {
            ledger
                .seen()
                .iter()
                .any(|line| line == "ledger-1 stands by")
        })
        .await;
        assert!(ledger.seen().contains(&"ledger-1 was told".to_owned()));
        ledger.lets_go.add_permits(1);
        let error = soon("the slow one", slow).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::OutcomeUnknown), "{error}");
        // What may be repeated is, by the caller itself.
        ledger.lets_go.add_permits(1);
        let later = soon("the idempotent one", again).await.unwrap().unwrap();
        assert!(later > epoch);
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_lost_bucket_is_made_anew_and_epochs_grow() {
    for config in configs().await {
        let first = serve(&config, "ledger-1", &Ledger::default()).await;
        let second = serve(&config, "ledger-2", &Ledger::default()).await;
        let client = client(&config).await;
        let before = post(&client).await.epoch;
        assert!(client.bucket("sticky_active").remove().await.unwrap());
        eventually("a new leader", async || post(&client).await.epoch > before).await;
        first.stop().await.unwrap();
        second.stop().await.unwrap();
    }
}
