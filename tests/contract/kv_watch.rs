//! The contract of watches, and of what expires.

use std::sync::Arc;
use std::time::Duration;

use aegis::ErrorKind;
use aegis::port::{
    Expect, KvBucket, KvEntry, KvEvent, KvFilter, KvOperation, KvScan, KvWatch, KvWrite, WatchFrom,
};
use aegis_tests::{eventually, soon as in_time};
use tokio::time::Instant;

use crate::kv::{Buckets, key, put, soon};

fn shown(event: KvEvent) -> String {
    match event {
        KvEvent::Entry(entry) => {
            let value = String::from_utf8(entry.value.to_vec()).unwrap();
            format!("{}={value} {:?}", entry.key, entry.operation)
        }
        KvEvent::Ready => "ready".to_owned(),
        KvEvent::Reset => "reset".to_owned(),
    }
}

/// The next event as a text.
async fn next(watch: &mut KvWatch) -> String {
    match in_time("an event", watch.next()).await.expect("it goes on") {
        Ok(event) => shown(event),
        Err(error) => format!("error {:?}", error.kind()),
    }
}

async fn expect(name: &str, watch: &mut KvWatch, expected: &[&str]) {
    for expected in expected {
        assert_eq!(next(watch).await, *expected, "{name}");
    }
}

fn prefix(text: &str) -> KvFilter {
    KvFilter::Prefix(text.to_owned())
}

#[tokio::test]
async fn a_watch_tells_what_is_there_then_what_changes() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let there = buckets.there.open(buckets.spec(), soon()).await.unwrap();
        for (text, value) in [
            ("user:a", "1"),
            ("user:b", "2"),
            ("other", "3"),
            ("user:a", "4"),
        ] {
            put(&bucket, text, value).await;
        }
        let watch = async |filter, from| there.watch(filter, from, soon()).await.unwrap();
        let mut all = watch(KvFilter::All, WatchFrom::Latest).await;
        let mut users = watch(prefix("user:"), WatchFrom::Latest).await;
        let mut one = watch(KvFilter::Key(key("user:b")), WatchFrom::Latest).await;
        let mut new = watch(KvFilter::All, WatchFrom::New).await;
        let mut none = watch(prefix("x."), WatchFrom::Latest).await;
        let name = buckets.name;
        expect(
            name,
            &mut all,
            &["user:b=2 Put", "other=3 Put", "user:a=4 Put", "ready"],
        )
        .await;
        expect(name, &mut users, &["user:b=2 Put", "user:a=4 Put", "ready"]).await;
        expect(name, &mut one, &["user:b=2 Put", "ready"]).await;
        expect(name, &mut new, &["ready"]).await;
        expect(name, &mut none, &["ready"]).await;
        put(&bucket, "user:b", "5").await;
        bucket
            .write(KvWrite::delete(key("other")), soon())
            .await
            .unwrap();
        bucket
            .write(KvWrite::purge(key("user:a")), soon())
            .await
            .unwrap();
        put(&bucket, "x.y", "6").await;
        let changes = [
            "user:b=5 Put",
            "other= Delete",
            "user:a= Purge",
            "x.y=6 Put",
        ];
        expect(name, &mut all, &changes).await;
        expect(name, &mut new, &changes).await;
        expect(name, &mut users, &["user:b=5 Put", "user:a= Purge"]).await;
        expect(name, &mut one, &["user:b=5 Put"]).await;
        expect(name, &mut none, &["x.y=6 Put"]).await;
    }
}

#[tokio::test]
async fn a_watch_begins_where_it_is_told() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open_with(|spec| spec.history = Some(5)).await;
        let mut revisions = Vec::new();
        for value in ["1", "2", "3"] {
            revisions.push(put(&bucket, "a", value).await);
        }
        let from = WatchFrom::Revision(revisions[1]);
        let mut watch = bucket.watch(KvFilter::All, from, soon()).await.unwrap();
        expect(buckets.name, &mut watch, &["a=2 Put", "a=3 Put", "ready"]).await;
        let from = WatchFrom::Revision(revisions[2] + 1);
        let mut watch = bucket.watch(KvFilter::All, from, soon()).await.unwrap();
        expect(buckets.name, &mut watch, &["ready"]).await;
        put(&bucket, "a", "4").await;
        expect(buckets.name, &mut watch, &["a=4 Put"]).await;
    }
}

#[tokio::test]
async fn a_watch_knows_when_the_server_was_heard() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let watch = bucket.watch(KvFilter::All, WatchFrom::Latest, soon());
        let mut watch = watch.await.unwrap();
        expect(buckets.name, &mut watch, &["ready"]).await;
        let before = Instant::now();
        put(&bucket, "a", "1").await;
        expect(buckets.name, &mut watch, &["a=1 Put"]).await;
        let heard = watch.heard();
        assert!(heard >= before, "{}: by a change", buckets.name);
        eventually("by a sign of life", async || watch.heard() > heard).await;
    }
}

/// Writes 300 keys, one after the other.
async fn count(bucket: Arc<dyn KvBucket>) {
    for n in 0..300 {
        put(&bucket, &n.to_string(), "").await;
    }
}

/// The next entry that a watch tells.
async fn entry(watch: &mut KvWatch) -> KvEntry {
    loop {
        let event = in_time("an event", watch.next()).await.unwrap();
        if let KvEvent::Entry(entry) = event.unwrap() {
            return entry;
        }
    }
}

#[tokio::test]
async fn no_change_is_missed_while_a_watch_begins() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let writer = tokio::spawn(count(bucket.clone()));
        for round in 1..=10 {
            let mut watch = bucket
                .watch(KvFilter::All, WatchFrom::Latest, soon())
                .await
                .unwrap();
            for n in 0..30 * round {
                let text = entry(&mut watch).await.key.text().to_owned();
                assert_eq!(text, n.to_string(), "{}: each once", buckets.name);
            }
        }
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_bucket_that_is_made_anew_is_told_anew() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        put(&bucket, "a", "1").await;
        let mut watch = bucket
            .watch(KvFilter::All, WatchFrom::Latest, soon())
            .await
            .unwrap();
        expect(buckets.name, &mut watch, &["a=1 Put", "ready"]).await;
        buckets.there.remove(&buckets.bucket, soon()).await.unwrap();
        expect(buckets.name, &mut watch, &["error NoService"]).await;
        buckets.open().await;
        put(&bucket, "b", "2").await;
        expect(buckets.name, &mut watch, &["reset"]).await;
        let mut rest = vec![next(&mut watch).await, next(&mut watch).await];
        // The bucket may be seen before or after the write.
        rest.sort();
        assert_eq!(rest, ["b=2 Put", "ready"], "{}", buckets.name);
    }
}

#[tokio::test]
async fn a_watch_on_what_is_not_there_says_so_at_once() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        buckets.there.remove(&buckets.bucket, soon()).await.unwrap();
        let watch = bucket.watch(KvFilter::All, WatchFrom::Latest, soon()).await;
        assert_eq!(
            watch.unwrap_err().kind(),
            ErrorKind::NoService,
            "{}",
            buckets.name
        );
    }
}

#[tokio::test]
async fn what_expires_is_gone_and_told_where_the_server_can() {
    for buckets in Buckets::all().await {
        let name = buckets.name;
        let bucket = buckets
            .open_with(|spec| spec.ttl = Some(Duration::from_secs(1)))
            .await;
        let told = bucket.status(soon()).await.unwrap().marker_ttl.is_some();
        let mut watch = bucket
            .watch(KvFilter::All, WatchFrom::Latest, soon())
            .await
            .unwrap();
        put(&bucket, "a b", "1").await;
        expect(name, &mut watch, &["ready", "a b=1 Put"]).await;
        if told {
            expect(name, &mut watch, &["a b= Expired"]).await;
        }
        let gone = async || {
            let entry = bucket.latest(&key("a b"), soon()).await.unwrap();
            entry.is_none_or(|entry| !entry.is_value())
        };
        eventually("the value expires", gone).await;
        let write = KvWrite::put(key("a b"), "2").expecting(Expect::Absent);
        bucket.write(write, soon()).await.unwrap();
        expect(name, &mut watch, &["a b=2 Put"]).await;
    }
}

/// A value that lives for a second.
fn short() -> KvWrite {
    KvWrite::put(key("a"), "short").living(Duration::from_secs(1))
}

#[tokio::test]
async fn a_key_has_a_time_to_live_of_its_own() {
    for buckets in Buckets::all().await {
        let name = buckets.name;
        let bucket = buckets.open().await;
        if !buckets.here.features().key_ttl {
            continue;
        }
        let error = bucket
            .write(short().living(Duration::from_millis(999)), soon())
            .await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid, "{name}");
        put(&bucket, "a", "long").await;
        put(&bucket, "b", "long").await;
        let from = WatchFrom::New;
        let mut watch = bucket.watch(KvFilter::All, from, soon()).await.unwrap();
        bucket.write(short(), soon()).await.unwrap();
        expect(name, &mut watch, &["ready", "a=short Put", "a= Expired"]).await;
        let mark = bucket.latest(&key("a"), soon()).await.unwrap().unwrap();
        assert_eq!(mark.operation, KvOperation::Expired, "{name}");
        // Created over the mark, and with a time again.
        let again = short().expecting(Expect::Absent);
        bucket.write(again, soon()).await.unwrap();
        expect(name, &mut watch, &["a=short Put", "a= Expired"]).await;
        let left = bucket.latest(&key("b"), soon()).await.unwrap().unwrap();
        assert!(left.is_value(), "{name}");
    }
}

#[tokio::test]
async fn with_a_history_no_older_value_comes_back_when_one_expires() {
    for buckets in Buckets::all().await {
        let name = buckets.name;
        let bucket = buckets.open_with(|spec| spec.history = Some(3)).await;
        if !buckets.here.features().key_ttl {
            continue;
        }
        put(&bucket, "a", "long").await;
        bucket.write(short(), soon()).await.unwrap();
        let all = bucket.scan(KvFilter::All, KvScan::History, soon());
        assert_eq!(all.await.unwrap().len(), 1, "{name}: the history is gone");
        let gone = async || bucket.latest(&key("a"), soon()).await.unwrap().is_none();
        eventually("the value expires", gone).await;
        let status = bucket.status(soon()).await.unwrap();
        assert_eq!(status.marker_ttl, None, "{name}: and nobody is told");
    }
}

#[tokio::test]
async fn an_older_server_says_that_keys_have_no_time_to_live() {
    for buckets in Buckets::all().await {
        if buckets.here.features().key_ttl {
            continue;
        }
        let bucket = buckets.open().await;
        let mut spec = buckets.spec();
        (spec.name, spec.key_ttl) = (format!("{}x", spec.name), true);
        for error in [
            bucket.write(short(), soon()).await.unwrap_err(),
            buckets.here.open(spec, soon()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Config, "{}", buckets.name);
            assert!(error.to_string().contains("2.11.2"), "{error}");
        }
        assert!(bucket.latest(&key("a"), soon()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_slow_reader_loses_nothing() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open_with(|spec| spec.history = Some(64)).await;
        let mut watch = bucket
            .watch(KvFilter::All, WatchFrom::New, soon())
            .await
            .unwrap();
        let body = "x".repeat(2000);
        for n in 0..3000 {
            put(&bucket, &format!("k{}", n % 100), &format!("{n} {body}")).await;
        }
        expect(buckets.name, &mut watch, &["ready"]).await;
        for n in 0..3000 {
            let event = in_time("an event", watch.next()).await.unwrap().unwrap();
            let KvEvent::Entry(entry) = event else {
                panic!("{event:?}")
            };
            let expected = format!("{n} ");
            assert!(
                entry.value.starts_with(expected.as_bytes()),
                "{}: {n}",
                buckets.name
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_memory_time_can_be_paused() {
    let config = aegis::Config::default().url("memory://paused-buckets");
    let store = aegis::testing::store(&config).await.unwrap();
    let mut spec = aegis::port::BucketSpec::new("hours");
    spec.ttl = Some(Duration::from_secs(3600));
    let bucket = store.open(spec, soon()).await.unwrap();
    let from = WatchFrom::Latest;
    let mut watch = bucket.watch(KvFilter::All, from, soon()).await.unwrap();
    put(&bucket, "a", "1").await;
    let start = Instant::now();
    for expected in ["ready", "a=1 Put", "a= Expired"] {
        let event = watch.next().await.unwrap().unwrap();
        assert_eq!(shown(event), expected);
    }
    assert_eq!(start.elapsed().as_secs(), 3600);
}
