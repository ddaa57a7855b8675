//! The contract of lists and watches while others write the same keys all the time.

use std::collections::BTreeSet;
use std::sync::Arc;

use aegis::port::{KvBucket, KvEvent, KvFilter, KvScan, WatchFrom, WatchHealth};
use aegis::{Change, Client, Config};
use aegis_tests::{shared_server, soon as in_time, unique_prefix};
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::kv::{Buckets, put, soon};

const KEYS: usize = 40;
const WRITERS: usize = 4;

fn name(n: usize) -> String {
    format!("k{n:02}")
}

fn names() -> Vec<String> {
    (0..KEYS).map(name).collect()
}

/// Rewrites every key again and again, until it is dropped.
async fn rewritten(bucket: &Arc<dyn KvBucket>) -> JoinSet<()> {
    for name in names() {
        put(bucket, &name, "first").await;
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let bucket = bucket.clone();
        writers.spawn(async move {
            for n in (0..KEYS).skip(writer).cycle() {
                put(&bucket, &name(n), "next").await;
                // In memory nothing else makes room for others.
                tokio::task::yield_now().await;
            }
        });
    }
    writers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_has_each_key_once_while_others_rewrite_them() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let there = buckets.there.open(buckets.spec(), soon()).await.unwrap();
        let _writers = rewritten(&bucket).await;
        for round in 0..200 {
            let scan = [KvScan::Keys, KvScan::Latest][round % 2];
            let entries = there.scan(KvFilter::All, scan, soon()).await.unwrap();
            let in_order = entries.is_sorted_by_key(|entry| entry.revision);
            assert!(in_order, "{}: {entries:?}", buckets.name);
            let mut keys: Vec<_> = entries
                .iter()
                .map(|entry| entry.key.text().to_owned())
                .collect();
            keys.sort();
            assert_eq!(keys, names(), "{}: list {round}", buckets.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_is_ready_when_each_key_was_told_while_others_rewrite_them() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let there = buckets.there.open(buckets.spec(), soon()).await.unwrap();
        let _writers = rewritten(&bucket).await;
        for round in 0..100 {
            let watch = there.watch(KvFilter::All, WatchFrom::Latest, soon());
            let mut watch = watch.await.unwrap();
            let mut keys = BTreeSet::new();
            loop {
                match in_time("an event", watch.next()).await.unwrap().unwrap() {
                    KvEvent::Entry(entry) => keys.insert(entry.key.text().to_owned()),
                    KvEvent::Ready => break,
                    KvEvent::Reset => panic!("nothing was lost"),
                };
            }
            let keys: Vec<_> = keys.into_iter().collect();
            assert_eq!(keys, names(), "{}: watch {round}", buckets.name);
        }
    }
}

/// Waits until nobody tells the health any more.
async fn ended(health: &mut watch::Receiver<WatchHealth>) {
    while health.changed().await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_has_ended_for_good_when_its_health_has() {
    let bucket = unique_prefix();
    for url in [format!("memory://{bucket}"), shared_server().await] {
        for _ in 0..20 {
            let client = Client::connect(Config::default().url(&url)).await.unwrap();
            let bucket = client.bucket(&bucket).max_bytes(1 << 20);
            let bucket = bucket.open::<String>().await.unwrap();
            let mut watch = bucket.watch_all().await.unwrap();
            let ready = in_time("an event", watch.next()).await.unwrap();
            assert_eq!(ready.unwrap(), Change::Ready, "{url}");
            let mut health = watch.health();
            client.close().await.unwrap();
            if url.starts_with("nats") {
                in_time("the end of the health", ended(&mut health)).await;
                let end = watch.next().now_or_never().map(|event| event.is_none());
                assert_eq!(end, Some(true), "it can be seen already");
            }
            for _ in 0..3 {
                let end = in_time("the end", watch.next()).await;
                assert!(end.is_none(), "{url}");
            }
        }
    }
}

/// Another tool purges the newest key: no mark is left of it, and nothing newer.
#[tokio::test]
async fn a_list_is_complete_although_its_newest_revision_was_purged() {
    let name = unique_prefix();
    let url = shared_server().await;
    let client = Client::connect(Config::default().url(&url)).await.unwrap();
    let bucket = client.bucket(&name).max_bytes(1 << 20);
    let bucket = bucket.open::<String>().await.unwrap();
    for key in ["a", "b", "c"] {
        bucket.put(key, &key.to_owned()).await.unwrap();
    }
    let raw = async_nats::connect(&url).await.unwrap();
    for (gone, expected) in [("c", &["a", "b"][..]), ("b", &["a"]), ("a", &[])] {
        let body = format!(r#"{{"filter": "$KV.{name}.{gone}"}}"#);
        let purge = format!("$JS.API.STREAM.PURGE.KV_{name}");
        raw.request(purge, body.into()).await.unwrap();
        assert_eq!(bucket.keys().await.unwrap(), expected, "without {gone}");
    }
}
