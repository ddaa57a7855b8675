//! Attempts that end in the middle, and servers that do.

use std::time::Duration;

use aegis::testing::NatsServer;
use aegis::{Bucket, Client, Config, Failure, Inbox, Once};
use aegis_tests::interrupted::{Dice, interrupted};
use aegis_tests::{clients, unique_prefix};

use super::{Outside, again};

const EVENTS: u32 = 300;

/// Something outside that keeps every effect, and can be asked: a bucket that takes a write the
/// moment that it is sent. What is under way to a server cannot be asked for by anybody.
async fn outside() -> Bucket<u32> {
    let url = format!("memory://{}", unique_prefix());
    let client = Client::connect(Config::default().url(&url)).await.unwrap();
    client.bucket("effects").open().await.unwrap()
}

/// One delivery; none if it was dropped after so many polls.
async fn delivered(
    inbox: &Inbox,
    effects: &Bucket<u32>,
    event: u32,
    polls: u64,
) -> Option<Result<Once<()>, Failure>> {
    let id = format!("event-{event}");
    let effect = inbox.once(&id).resolve(|| async {
        let found = effects.keys_with_prefix(&format!("{event}/")).await?;
        Ok(!found.is_empty())
    });
    let run = effect.run(|| async {
        let number = effects.keys().await?.len();
        effects.put(&format!("{event}/{number}"), &event).await?;
        tokio::task::yield_now().await;
        Ok(())
    });
    interrupted(polls, run).await
}

/// Delivers all events until each is done with; tells how many deliveries were dropped.
async fn all_delivered(inboxes: &[Inbox], effects: &Bucket<u32>, polls: u64) -> u32 {
    let (dice, mut drops) = (Dice::new(7), 0);
    for event in 0..EVENTS {
        loop {
            let inbox = &inboxes[usize::from(dice.below(2) == 1) % inboxes.len()];
            let ended = delivered(inbox, effects, event, dice.below(polls)).await;
            if let Some(once) = ended {
                once.unwrap();
                break;
            }
            drops += 1;
        }
    }
    drops
}

#[tokio::test]
async fn dropped_anywhere_each_effect_happens_once() {
    for handles in [1, 2] {
        for (name, clients) in clients(2).await {
            let mut inboxes = Vec::new();
            for client in &clients[..handles] {
                let inbox = client.inbox("billing").max_bytes(8 << 20);
                let inbox = inbox.patience(Duration::ZERO).open().await;
                inboxes.push(inbox.unwrap());
            }
            let effects = outside().await;
            let polls = if name == "memory" { 4 } else { 8 };
            let drops = all_delivered(&inboxes, &effects, polls).await;
            let happened = effects.keys().await.unwrap().len();
            assert_eq!(happened, EVENTS as usize, "{name}, {handles} inboxes");
            assert!(drops > EVENTS / 3, "{name}: only {drops} were dropped");
        }
    }
}

#[tokio::test]
async fn what_could_not_be_recorded_is_found_out_by_the_next_delivery() {
    for (asks, expected) in [(true, (false, 1, 1)), (false, (true, 2, 0))] {
        let mut server = NatsServer::start().await.unwrap();
        let client = Client::connect(Config::default().url(&server.url())).await;
        let client = client.unwrap();
        let inbox = client.inbox("billing").max_bytes(8 << 20);
        let inbox = inbox
            .within(Duration::from_millis(200))
            .open()
            .await
            .unwrap();
        let outside = Outside::default();
        let failure = inbox.once("event-7").run(|| async {
            server.kill().await;
            outside.act("event-7").await
        });
        let failure = failure.await.unwrap_err();
        assert_eq!(failure.code(), "OUTCOME_UNKNOWN", "{failure}");
        assert!(failure.is_retryable() && failure.message().contains("has happened"));
        let nothing = inbox.once("event-8").run(|| outside.act("event-8")).await;
        assert!(nothing.unwrap_err().is_retryable());
        assert_eq!(outside.count(), 1, "nothing runs without a record");
        server.restart().await.unwrap();
        aegis_tests::eventually("the connection", async || client.buckets().await.is_ok()).await;
        assert_eq!(
            again(&inbox, &outside, asks).await,
            expected,
            "asks: {asks}"
        );
    }
}
