//! Effects that happen once: whatever fails, is dropped, or is delivered again.

mod crashes;
mod others;

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aegis::{Bucket, Client, Codec, Config, Failure, Inbox, Once};
use aegis_tests::{clients, shared_server, soon, unique_prefix};
use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::yield_now;

async fn inbox(client: &Client) -> Inbox {
    let inbox = client.inbox("billing").max_bytes(8 << 20);
    inbox.open().await.unwrap()
}

/// Something outside, where effects take place.
#[derive(Debug, Default)]
struct Outside {
    happened: Mutex<Vec<String>>,
    asked: AtomicU32,
    /// An effect does not come back.
    stuck: Notify,
}

impl Outside {
    async fn act(&self, id: &str) -> Result<usize, Failure> {
        yield_now().await;
        let number = {
            let mut happened = self.happened.lock().unwrap();
            happened.push(id.to_owned());
            happened.len()
        };
        yield_now().await;
        Ok(number)
    }

    async fn find(&self, id: &str) -> Result<bool, Failure> {
        yield_now().await;
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.happened.lock().unwrap().iter().any(|one| one == id))
    }

    /// Acts, and does not come back.
    async fn act_and_hang(&self, id: Option<&str>) -> Result<usize, Failure> {
        if let Some(id) = id {
            self.act(id).await?;
        }
        self.stuck.notify_one();
        pending().await
    }

    fn count(&self) -> usize {
        self.happened.lock().unwrap().len()
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// How an earlier attempt ended.
#[derive(Debug, Clone, Copy)]
enum Earlier {
    None,
    Done,
    FailedBefore,
    FailedAfter,
    DroppedBefore,
    DroppedAfter,
    PanickedAfter,
}

impl Earlier {
    async fn play(self, inbox: &Inbox, outside: &Outside, asks: bool) {
        let mut effect = inbox.once("event-7");
        if asks {
            effect = effect.resolve(|| outside.find("event-7"));
        }
        let broken = || Err::<usize, _>(Failure::new("BROKEN", "as it was meant to be"));
        let act = || outside.act("event-7");
        match self {
            Self::None => {}
            Self::Done => drop(effect.run(act).await.unwrap()),
            Self::FailedBefore => drop(effect.run(|| async { broken() }).await.unwrap_err()),
            Self::FailedAfter => {
                let ran = effect.run(|| async {
                    act().await?;
                    broken()
                });
                assert_eq!(ran.await.unwrap_err().code(), "BROKEN");
            }
            Self::DroppedBefore => {
                dropped(outside, effect.run(|| outside.act_and_hang(None))).await;
            }
            Self::DroppedAfter => {
                let run = effect.run(|| outside.act_and_hang(Some("event-7")));
                dropped(outside, run).await;
            }
            Self::PanickedAfter => {
                let ran = effect.run(|| async {
                    act().await?;
                    panic!("as it was meant to be")
                });
                let ran: Result<Result<Once<usize>, _>, _> =
                    AssertUnwindSafe(ran).catch_unwind().await;
                assert!(ran.is_err());
            }
        }
    }
}

/// Drops an attempt once its effect is stuck.
async fn dropped(outside: &Outside, run: impl Future<Output = Result<Once<usize>, Failure>>) {
    tokio::select! {
        biased;
        ran = run => panic!("{ran:?}"),
        () = outside.stuck.notified() => {}
    }
}

/// The delivery after the earlier one: what came of it, how often the effect has happened by then,
/// and how often it was asked.
async fn again(inbox: &Inbox, outside: &Outside, asks: bool) -> (bool, usize, u32) {
    let mut effect = inbox.once("event-7");
    if asks {
        effect = effect.resolve(|| outside.find("event-7"));
    }
    let once = effect.run(|| outside.act("event-7")).await.unwrap();
    let ran = matches!(once, Once::Done(_));
    (ran, outside.count(), outside.asked())
}

#[tokio::test]
async fn what_comes_again_runs_only_if_it_has_not_happened() {
    // Whether it runs again, how often it has happened, how often it was asked.
    let asking = [
        (Earlier::None, (true, 1, 0)),
        (Earlier::Done, (false, 1, 0)),
        (Earlier::FailedBefore, (true, 1, 1)),
        (Earlier::FailedAfter, (false, 1, 1)),
        (Earlier::DroppedBefore, (true, 1, 1)),
        (Earlier::DroppedAfter, (false, 1, 1)),
        (Earlier::PanickedAfter, (false, 1, 1)),
    ];
    let not_asking = [
        (Earlier::None, (true, 1, 0)),
        (Earlier::Done, (false, 1, 0)),
        (Earlier::FailedBefore, (true, 1, 0)),
        (Earlier::FailedAfter, (true, 2, 0)),
        (Earlier::DroppedBefore, (true, 1, 0)),
        (Earlier::DroppedAfter, (true, 2, 0)),
        (Earlier::PanickedAfter, (true, 2, 0)),
    ];
    for (asks, rows) in [(true, asking), (false, not_asking)] {
        for (earlier, expected) in rows {
            for (name, clients) in clients(2).await {
                let (here, there) = (inbox(&clients[0]).await, inbox(&clients[1]).await);
                let outside = Outside::default();
                earlier.play(&here, &outside, asks).await;
                let found = again(&here, &outside, asks).await;
                let shown = format!("{name}: {earlier:?}, asks: {asks}");
                assert_eq!(found, expected, "{shown}");
                let (_, count, asked) = expected;
                let found = again(&there, &outside, asks).await;
                assert_eq!(found, (false, count, asked), "{shown}, then elsewhere");
            }
        }
    }
}

#[tokio::test]
async fn each_id_is_an_effect_of_its_own_and_its_result_is_handed_back() {
    for (name, clients) in clients(1).await {
        let (inbox, outside) = (inbox(&clients[0]).await, Outside::default());
        let ids = ["a", "a b", "order/7 🙂", "=FE.x", "x.y.z"];
        for (at, id) in ids.into_iter().enumerate() {
            let once = inbox.once(id).run(|| outside.act(id)).await;
            assert_eq!(once.unwrap(), Once::Done(at + 1), "{name}: {id}");
        }
        for id in ids {
            let once = inbox.once(id).run(|| outside.act(id)).await;
            assert_eq!(once.unwrap(), Once::Before, "{name}: {id}");
        }
        let long = inbox.once(&"x".repeat(3000)).run(|| outside.act("x")).await;
        let failure = long.unwrap_err();
        assert!(!failure.is_retryable(), "{name}: {failure}");
        assert_eq!(outside.count(), ids.len());
    }
}

#[tokio::test]
async fn who_cannot_be_asked_lets_nothing_run() {
    for (name, clients) in clients(1).await {
        let (inbox, outside) = (inbox(&clients[0]).await, Outside::default());
        Earlier::DroppedAfter.play(&inbox, &outside, true).await;
        for _ in 0..2 {
            let away = || async { Err(Failure::new("AWAY", "the bank does not answer")) };
            let effect = inbox.once("event-7").resolve(away);
            let failure = effect.run(|| outside.act("event-7")).await.unwrap_err();
            assert_eq!((failure.code(), outside.count()), ("AWAY", 1), "{name}");
        }
        let found = again(&inbox, &outside, true).await;
        assert_eq!(found, (false, 1, 1), "{name}");
    }
}

#[tokio::test]
async fn a_full_inbox_refuses_before_anything_runs() {
    for (name, clients) in clients(1).await {
        let inbox = clients[0].inbox("small").max_bytes(4096).open().await;
        let (inbox, outside) = (inbox.unwrap(), Outside::default());
        let (mut refused, mut ran) = (None, 0);
        while refused.is_none() && ran < 100 {
            let id = format!("event-{ran}");
            match inbox.once(&id).run(|| outside.act(&id)).await {
                Ok(_) => ran += 1,
                // The last one: there was room for the first record of it only.
                Err(failure) if failure.code() == "OUTCOME_UNKNOWN" => {
                    assert!(failure.is_retryable(), "{name}: {failure}");
                    ran += 1;
                }
                Err(failure) => refused = Some(failure),
            }
        }
        let refused = refused.unwrap_or_else(|| panic!("{name}: it was never full"));
        assert_eq!(refused.code(), "OVERLOADED", "{name}: {refused}");
        assert!(refused.is_retryable() && refused.message().contains("max_bytes"));
        assert_eq!(outside.count(), ran, "{name}");
        assert!(ran > 2, "{name}: {ran}");
    }
}

#[tokio::test]
async fn records_are_json_whatever_the_client_speaks() {
    let prefix = unique_prefix();
    let config = Config::default()
        .url(&shared_server().await)
        .subject_prefix(&prefix)
        .codec(Codec::MessagePack);
    let client = Client::connect(config).await.unwrap();
    let inbox = inbox(&client).await;
    assert_eq!(inbox.name(), format!("{prefix}_inbox_billing"));
    let outside = Outside::default();
    let records: Bucket<Value> = client.bucket("inbox_billing").open().await.unwrap();
    let began = || async {
        outside.act("event-7").await?;
        records
            .get("event-7")
            .await?
            .ok_or(Failure::internal("no record"))
    };
    let Once::Done(began) = inbox.once("event-7").run(began).await.unwrap() else {
        panic!("it ran before");
    };
    let done = records.get("event-7").await.unwrap().unwrap();
    assert_eq!(
        (&began["state"], &done["state"]),
        (&"began".into(), &"done".into())
    );
    for field in ["owner", "instance", "at"] {
        assert!(
            done[field].as_str().is_some_and(|text| !text.is_empty()),
            "{done}"
        );
    }
    assert_eq!(began["owner"], done["owner"]);
    let status = records.status().await.unwrap();
    assert_eq!(status.ttl, Some(Duration::from_secs(7 * 24 * 3600)));
    assert_eq!(status.entries, 1);
    assert!(
        status.bytes < 250 + 7,
        "{} bytes: correct the documentation",
        status.bytes
    );
    soon("the end", client.close()).await.unwrap();
}
