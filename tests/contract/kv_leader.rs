//! The contract of `.fenced(&leader)`, as a user meets it.

use std::time::Duration;

use aegis::port::{KvFilter, KvKey, KvScan, KvWrite};
use aegis::testing::{TestLeadership, leadership, store};
use aegis::{Bucket, Change, Client, Config, ErrorKind};
use aegis_tests::{shared_server, soon, unique_prefix};
use tokio::task::JoinSet;

use crate::kv::soon as deadline;
use crate::kv_fence::in_order;

/// A client of each kind, with a prefix that nobody else uses.
async fn clients() -> Vec<(Client, Config)> {
    let prefix = unique_prefix();
    let mut clients = Vec::new();
    for url in [format!("memory://{prefix}"), shared_server().await] {
        let config = Config::default().url(&url).subject_prefix(&prefix);
        let client = Client::connect(config.clone()).await.unwrap();
        clients.push((client, config));
    }
    clients
}

async fn books(client: &Client) -> Bucket<u64> {
    let books = client.bucket("books").max_bytes(8 * 1024 * 1024);
    books.open().await.unwrap()
}

fn leader(epoch: u64) -> TestLeadership {
    leadership("ledger", "main", epoch).unwrap()
}

#[tokio::test]
async fn an_older_leader_writes_nothing_once_a_newer_one_has_written() {
    for (client, _) in clients().await {
        let books = books(&client).await;
        let (old, new) = (leader(7), leader(8));
        let first = books.put("total", &1).fenced(&old).await.unwrap();
        let second = books.put("total", &2).fenced(&old).await.unwrap();
        assert_eq!(second, first + 1, "the fence is raised once");
        books.put("other", &3).fenced(&new).await.unwrap();
        for error in [
            books.put("total", &9).fenced(&old).await.unwrap_err(),
            books.delete("total").fenced(&old).await.unwrap_err(),
            books.purge("total").fenced(&old).await.unwrap_err(),
            // One that has written nothing here yet.
            books.put("new", &9).fenced(&leader(6)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotActive, "{error}");
            assert!(error.to_string().contains("a newer leader"), "{error}");
        }
        assert_eq!(books.get("total").await.unwrap(), Some(2));
        assert_eq!(books.keys().await.unwrap(), ["other", "total"]);
        books.delete("total").fenced(&new).await.unwrap();
        assert_eq!(books.get("total").await.unwrap(), None);
        // Another group, and whoever says nothing of leaders.
        let other = leadership("ledger", "other", 1).unwrap();
        books.put("total", &4).fenced(&other).await.unwrap();
        books.put("total", &5).await.unwrap();
        books.purge("total").fenced(&new).await.unwrap();
    }
}

#[tokio::test]
async fn a_leadership_that_is_over_writes_nothing() {
    for (client, _) in clients().await {
        let books = books(&client).await;
        let leader = leader(7);
        books.put("total", &1).fenced(&leader).await.unwrap();
        leader.end();
        let error = books.put("total", &2).fenced(&leader).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotActive, "{error}");
        assert!(
            !error.was_sent() && error.to_string().contains("over"),
            "{error}"
        );
        assert_eq!(books.get("total").await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn conditions_and_fences_exclude_one_another() {
    for (client, _) in clients().await {
        let books = books(&client).await;
        let leader = leader(7);
        for error in [
            books.create("a", &1).fenced(&leader).await.unwrap_err(),
            books.update("a", &1, 3).fenced(&leader).await.unwrap_err(),
            books
                .delete("a")
                .revision(3)
                .fenced(&leader)
                .await
                .unwrap_err(),
            books
                .purge("a")
                .fenced(&leader)
                .revision(3)
                .await
                .unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains("`.fenced(..)`"), "{error}");
        }
        assert!(books.keys().await.unwrap().is_empty());
        assert_eq!(books.status().await.unwrap().entries, 0, "not even a fence");
    }
}

#[tokio::test]
async fn a_fence_is_seen_by_nobody_and_survives_a_clearing() {
    for (client, config) in clients().await {
        let books = books(&client).await;
        let old = leader(7);
        books.put("a", &1).fenced(&old).await.unwrap();
        let mut all = books.watch_all().await.unwrap();
        let mut prefixed = books.watch_prefix("=FE").await.unwrap();
        let mut older = books.watch_all().from_revision(1).await.unwrap();
        books.put("a", &2).fenced(&leader(8)).await.unwrap();
        assert_eq!(books.keys().await.unwrap(), ["a"]);
        for prefix in ["=", "=FE", "=FE."] {
            assert!(books.keys_with_prefix(prefix).await.unwrap().is_empty());
            assert!(books.entries(prefix).await.unwrap().is_empty());
            assert_eq!(books.clear_prefix(prefix).await.unwrap(), 0);
        }
        assert_eq!(books.entries("").await.unwrap().len(), 1);
        let text = "=FE.ledger.main";
        assert_eq!(books.get_many([text]).await.unwrap(), [None]);
        assert!(books.history(text).await.unwrap().is_empty());
        assert!(!books.exists(text).await.unwrap());
        books.purge(text).await.unwrap();
        assert_eq!(books.clear_prefix("").await.unwrap(), 1);
        let error = books.put("a", &3).fenced(&old).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotActive, "{error}");
        books.put("end", &4).await.unwrap();

        let mut told = Vec::new();
        while told.last() != Some(&"end".to_owned()) {
            told.push(next(&mut all).await);
        }
        // The purge of the user's key of the same text, but never the fence.
        assert!(told.contains(&format!("{text} gone")), "{told:?}");
        assert!(!told.contains(&text.to_owned()), "{told:?}");
        assert_eq!(next(&mut prefixed).await, "ready");
        assert_eq!(next(&mut prefixed).await, format!("{text} gone"));
        loop {
            match &*next(&mut older).await {
                "end" => break,
                told => assert_ne!(told, text),
            }
        }

        // Ports show everything.
        let store = store(&config).await.unwrap();
        let port = store.find(books.name(), deadline()).await.unwrap().unwrap();
        let fence = KvKey::fence("ledger", "main").unwrap();
        let fence = port.latest(&fence, deadline()).await.unwrap().unwrap();
        assert_eq!(fence.value, "8");
        let scanned = port.scan(KvFilter::All, KvScan::Keys, deadline()).await;
        let reserved = scanned.unwrap();
        assert_eq!(
            reserved
                .iter()
                .filter(|entry| entry.key.is_reserved())
                .count(),
            1
        );
    }
}

async fn next(watch: &mut aegis::Watch<u64>) -> String {
    match soon("a change", watch.next()).await.unwrap().unwrap() {
        Change::Put(entry) => entry.key,
        Change::Removed(removed) => format!("{} gone", removed.key),
        Change::Ready => "ready".to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_bucket_that_is_made_anew_gets_its_fence_again() {
    for (client, _) in clients().await {
        let leader = leader(7);
        let first = books(&client).await;
        first.put("before", &1).await.unwrap();
        first.put("a", &1).fenced(&leader).await.unwrap();
        assert!(client.bucket("books").remove().await.unwrap());
        let second = books(&client).await;
        second.put("a", &2).fenced(&leader).await.unwrap();
        let error = second
            .put("a", &3)
            .fenced(&self::leader(6))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotActive, "{error}");
        assert!(client.bucket("books").remove().await.unwrap());
        let error = second.put("a", &4).fenced(&leader).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoService, "{error}");
    }
}

#[tokio::test]
async fn a_fence_that_holds_no_epoch_is_told() {
    for (client, config) in clients().await {
        let books = books(&client).await;
        let store = store(&config).await.unwrap();
        let port = store.find(books.name(), deadline()).await.unwrap().unwrap();
        let fence = KvKey::fence("ledger", "main").unwrap();
        port.write(KvWrite::put(fence, "x"), deadline())
            .await
            .unwrap();
        let error = books.put("a", &1).fenced(&leader(7)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert!(error.to_string().contains("=FE"), "{error}");
    }
}

#[tokio::test]
async fn time_to_live_and_deadline_go_together_with_a_fence() {
    for (client, config) in clients().await {
        let books = books(&client).await;
        let (leader, second) = (leader(7), Duration::from_secs(1));
        let put = books.put("a", &1).within(9 * second).fenced(&leader);
        let written = put.ttl(second).await;
        if !store(&config).await.unwrap().features().key_ttl {
            assert_eq!(written.unwrap_err().kind(), ErrorKind::Config);
            continue;
        }
        written.unwrap();
        let mut watch = books.watch("a").await.unwrap();
        while next(&mut watch).await != "a gone" {}
        // With a history such a write removes older revisions in the same step.
        let kept = client.bucket("kept").history(5).max_bytes(1 << 20);
        let kept: Bucket<u64> = kept.open().await.unwrap();
        for n in 1..=3 {
            kept.put("a", &n)
                .fenced(&leader)
                .ttl(60 * second)
                .await
                .unwrap();
        }
        assert_eq!(kept.history("a").await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_writes_at_once_raise_one_fence() {
    for (client, config) in clients().await {
        let books = books(&client).await;
        let leader = leader(7);
        let mut writes = JoinSet::new();
        for n in 0..100u64 {
            let (books, leader) = (books.clone(), (*leader).clone());
            writes.spawn(async move { books.put(&format!("k{n}"), &n).fenced(&leader).await });
        }
        for written in writes.join_all().await {
            written.unwrap();
        }
        let status = books.status().await.unwrap();
        assert_eq!(
            (status.entries, status.last_revision),
            (101, 101),
            "{config:?}"
        );
    }
}

/// Writes 25 times as a leader; tells how often it was accepted.
async fn lead(books: Bucket<u64>, epoch: u64) -> (u64, usize) {
    let leader = leader(epoch);
    let mut accepted = 0;
    for n in 0..25 {
        let key = format!("k{}", n % 5);
        match books.put(&key, &epoch).fenced(&leader).await {
            Ok(_) => accepted += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotActive, "{error}"),
        }
        tokio::task::yield_now().await;
    }
    (epoch, accepted)
}

/// Leaders that take over from one another, with buckets they have never written to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_at_once_leave_epochs_in_order() {
    for (client, config) in clients().await {
        let books = client.bucket("books").history(64).max_bytes(8 << 20);
        let books: Bucket<u64> = books.open().await.unwrap();
        let mut leaders = JoinSet::new();
        for epoch in 1..=12u64 {
            leaders.spawn(lead(books.clone(), epoch));
        }
        let accepted = leaders.join_all().await;
        assert!(
            accepted.contains(&(12, 25)),
            "{accepted:?}: the newest is never refused"
        );
        let store = store(&config).await.unwrap();
        let port = store.find(books.name(), deadline()).await.unwrap().unwrap();
        let kept = port.scan(KvFilter::All, KvScan::History, deadline()).await;
        let kept = kept.unwrap().into_iter();
        let kept = kept.filter(|entry| !entry.key.is_reserved());
        let epoch = |value: &[u8]| serde_json::from_slice::<u64>(value).unwrap();
        let kept = kept.map(|entry| (entry.key.text().to_owned(), epoch(&entry.value)));
        let kept: Vec<(String, u64)> = kept.collect();
        let exact = store.features().fenced_writes;
        assert!(in_order(exact, kept.iter().cloned()), "{kept:?}");
        let total: usize = accepted.iter().map(|(_, count)| count).sum();
        assert_eq!(kept.len(), total);
    }
}
