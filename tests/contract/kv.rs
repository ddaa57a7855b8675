//! The contract of `KvStore` and `KvBucket`: revisions, conditions, marks, lists, limits.

use std::sync::Arc;
use std::time::Duration;

use aegis::port::{
    BucketSpec, Expect, KvBucket, KvEntry, KvFilter, KvKey, KvOperation, KvScan, KvStore, KvWrite,
};
use aegis::{Config, ErrorKind};
use aegis_tests::{shared_server, unique_prefix};
use tokio::time::Instant;

/// Two connections to one store, and a bucket that nobody else uses.
pub(crate) struct Buckets {
    pub(crate) name: &'static str,
    pub(crate) here: Arc<dyn KvStore>,
    pub(crate) there: Arc<dyn KvStore>,
    pub(crate) bucket: String,
}

impl Buckets {
    pub(crate) async fn all() -> Vec<Self> {
        let bucket = unique_prefix();
        let memory = format!("memory://{bucket}");
        let nats = shared_server().await;
        let mut all = Vec::new();
        for (name, url) in [("memory", memory), ("nats", nats)] {
            let config = Config::default().url(&url);
            all.push(Self {
                name,
                here: aegis::testing::store(&config).await.unwrap(),
                there: aegis::testing::store(&config).await.unwrap(),
                bucket: bucket.clone(),
            });
        }
        all
    }

    /// The bucket, small so that many find room on one server.
    pub(crate) fn spec(&self) -> BucketSpec {
        let mut spec = BucketSpec::new(self.bucket.clone());
        spec.max_bytes = Some(8 * 1024 * 1024);
        spec
    }

    pub(crate) async fn open(&self) -> Arc<dyn KvBucket> {
        self.open_with(|_| {}).await
    }

    pub(crate) async fn open_with(
        &self,
        change: impl FnOnce(&mut BucketSpec),
    ) -> Arc<dyn KvBucket> {
        let mut spec = self.spec();
        change(&mut spec);
        self.here.open(spec, soon()).await.unwrap()
    }
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

pub(crate) fn key(text: &str) -> KvKey {
    KvKey::new(text).unwrap()
}

pub(crate) async fn put(bucket: &Arc<dyn KvBucket>, text: &str, value: &str) -> u64 {
    let write = KvWrite::put(key(text), value.to_owned());
    bucket.write(write, soon()).await.unwrap()
}

pub(crate) async fn latest(bucket: &Arc<dyn KvBucket>, text: &str) -> Option<KvEntry> {
    bucket.latest(&key(text), soon()).await.unwrap()
}

async fn texts(bucket: &Arc<dyn KvBucket>, filter: KvFilter, scan: KvScan) -> Vec<String> {
    let entries = bucket.scan(filter, scan, soon()).await.unwrap();
    let shown = |entry: KvEntry| {
        let value = String::from_utf8(entry.value.to_vec()).unwrap();
        format!("{}={value} {:?}", entry.key, entry.operation)
    };
    entries.into_iter().map(shown).collect()
}

#[tokio::test]
async fn what_is_written_is_read() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        assert_eq!(latest(&bucket, "a").await, None, "{}", buckets.name);
        let first = put(&bucket, "a", "one").await;
        let second = put(&bucket, "a", "two").await;
        assert!(second > first, "{}", buckets.name);
        let there = buckets.there.find(&buckets.bucket, soon()).await.unwrap();
        let there = there.expect("it is there");
        let entry = latest(&there, "a").await.unwrap();
        assert_eq!((&entry.value[..], entry.revision), (&b"two"[..], second));
        assert_eq!(entry.operation, KvOperation::Put, "{}", buckets.name);
        let old = there.revision(&key("a"), first, soon()).await.unwrap();
        assert_eq!(old, None, "{}: history is 1", buckets.name);
        let other = there.revision(&key("b"), second, soon()).await.unwrap();
        assert_eq!(other, None, "{}: of another key", buckets.name);
        for write in [KvWrite::delete(key("a")), KvWrite::purge(key("a"))] {
            let operation = write.operation;
            let revision = bucket.write(write, soon()).await.unwrap();
            let mark = latest(&bucket, "a").await.unwrap();
            assert_eq!((mark.operation, mark.revision), (operation, revision));
            assert!(
                mark.value.is_empty() && !mark.is_value(),
                "{}",
                buckets.name
            );
        }
    }
}

#[tokio::test]
async fn values_are_any_bytes_and_empty_is_a_value() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        for value in [vec![], vec![0u8, 255, 13, 10], vec![7; 900_000]] {
            let write = KvWrite::put(key("a"), value.clone());
            bucket.write(write, soon()).await.unwrap();
            let entry = latest(&bucket, "a").await.unwrap();
            assert!(entry.is_value() && entry.value == value, "{}", buckets.name);
        }
    }
}

#[tokio::test]
async fn conditions_hold_or_nothing_is_written() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let refused = async |write: KvWrite, why: &str| {
            let before = latest(&bucket, "a").await;
            let error = bucket.write(write, soon()).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Conflict,
                "{}: {why}: {error}",
                buckets.name
            );
            assert!(error.to_string().contains("read it again"), "{error}");
            assert!(!error.is_retryable(true), "{error}");
            assert_eq!(
                latest(&bucket, "a").await,
                before,
                "{}: {why}",
                buckets.name
            );
        };
        let write = |expect| KvWrite::put(key("a"), "x").expecting(expect);
        refused(write(Expect::Revision(7)), "it never was").await;
        let first = bucket.write(write(Expect::Absent), soon()).await.unwrap();
        refused(write(Expect::Absent), "it has a value").await;
        let second = bucket
            .write(write(Expect::Revision(first)), soon())
            .await
            .unwrap();
        refused(write(Expect::Revision(first)), "it is newer").await;
        refused(
            KvWrite::delete(key("a")).expecting(Expect::Revision(first)),
            "delete",
        )
        .await;
        refused(
            KvWrite::purge(key("a")).expecting(Expect::Revision(first)),
            "purge",
        )
        .await;
        let delete = KvWrite::delete(key("a")).expecting(Expect::Revision(second));
        let mark = bucket.write(delete, soon()).await.unwrap();
        refused(write(Expect::Revision(second)), "it was deleted").await;
        let third = bucket.write(write(Expect::Absent), soon()).await.unwrap();
        assert!(third > mark, "{}: created over a deletion", buckets.name);
        let purge = KvWrite::purge(key("a")).expecting(Expect::Revision(third));
        let mark = bucket.write(purge, soon()).await.unwrap();
        bucket
            .write(write(Expect::Revision(mark)), soon())
            .await
            .unwrap();
    }
}

/// Ten writers at once with the same expectation; the one that wins, and its revision.
async fn race(bucket: &Arc<dyn KvBucket>, text: &str, expect: Expect) -> (String, u64) {
    let writers = (0..10).map(|n| {
        let bucket = bucket.clone();
        let write = KvWrite::put(key(text), format!("w{n}")).expecting(expect);
        tokio::spawn(async move { (n, bucket.write(write, soon()).await) })
    });
    let mut winners = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            (n, Ok(revision)) => winners.push((format!("w{n}"), revision)),
            (_, Err(error)) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
    }
    assert_eq!(winners.len(), 1, "{bucket:?}: {winners:?}");
    winners.remove(0)
}

#[tokio::test]
async fn of_many_writers_with_one_expectation_exactly_one_wins() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let there = buckets.there.open(buckets.spec(), soon()).await.unwrap();
        for round in 0..30 {
            // A new key, one that was deleted, and one with a value.
            let text = format!("k{round}");
            let expect = match round % 3 {
                0 => Expect::Absent,
                1 => {
                    put(&bucket, &text, "old").await;
                    let delete = KvWrite::delete(key(&text));
                    bucket.write(delete, soon()).await.unwrap();
                    Expect::Absent
                }
                _ => Expect::Revision(put(&bucket, &text, "old").await),
            };
            let winner = race(&bucket, &text, expect).await;
            let entry = latest(&there, &text).await.unwrap();
            let found = (
                String::from_utf8(entry.value.to_vec()).unwrap(),
                entry.revision,
            );
            assert_eq!(found, winner, "{}", buckets.name);
        }
    }
}

/// Adds one, as often as it takes.
async fn count(bucket: &Arc<dyn KvBucket>) {
    loop {
        let entry = latest(bucket, "n").await.unwrap();
        let n: u32 = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
        let write = KvWrite::put(key("n"), (n + 1).to_string());
        let write = write.expecting(Expect::Revision(entry.revision));
        if bucket.write(write, soon()).await.is_ok() {
            return;
        }
    }
}

#[tokio::test]
async fn counting_under_a_condition_loses_nothing() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        put(&bucket, "n", "0").await;
        let counters = (0..80).map(|_| {
            let bucket = bucket.clone();
            tokio::spawn(async move { count(&bucket).await })
        });
        for counter in counters.collect::<Vec<_>>() {
            counter.await.unwrap();
        }
        let entry = latest(&bucket, "n").await.unwrap();
        assert_eq!(entry.value, "80", "{}", buckets.name);
    }
}

#[tokio::test]
async fn lists_and_history() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open_with(|spec| spec.history = Some(3)).await;
        assert!(texts(&bucket, KvFilter::All, KvScan::Keys).await.is_empty());
        for value in ["1", "2", "3", "4"] {
            put(&bucket, "user.a", value).await;
        }
        put(&bucket, "user.", "x").await;
        put(&bucket, "user b", "y").await;
        put(&bucket, "other", "z").await;
        bucket
            .write(KvWrite::delete(key("user b")), soon())
            .await
            .unwrap();
        let prefix = |text: &str| KvFilter::Prefix(text.to_owned());
        for (filter, scan, expected) in [
            (
                prefix("user."),
                KvScan::Latest,
                &["user.a=4 Put", "user.=x Put"][..],
            ),
            (
                prefix("user"),
                KvScan::Keys,
                &["user.a= Put", "user.= Put", "user b= Delete"],
            ),
            (
                prefix("user b"),
                KvScan::History,
                &["user b=y Put", "user b= Delete"],
            ),
            (
                KvFilter::Key(key("user.a")),
                KvScan::History,
                &["user.a=2 Put", "user.a=3 Put", "user.a=4 Put"],
            ),
            (
                KvFilter::Key(key("user.a")),
                KvScan::Latest,
                &["user.a=4 Put"],
            ),
            (prefix("none"), KvScan::Latest, &[]),
            (
                KvFilter::All,
                KvScan::Latest,
                &[
                    "user.a=4 Put",
                    "user.=x Put",
                    "other=z Put",
                    "user b= Delete",
                ],
            ),
        ] {
            let found = texts(&bucket, filter.clone(), scan).await;
            assert_eq!(found, expected, "{}: {filter:?} {scan:?}", buckets.name);
        }
    }
}

#[tokio::test]
async fn a_purge_takes_the_history_along() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open_with(|spec| spec.history = Some(3)).await;
        for value in ["1", "2"] {
            put(&bucket, "a", value).await;
        }
        let purge = KvWrite::purge(key("a"));
        bucket.write(purge, soon()).await.unwrap();
        let left = texts(&bucket, KvFilter::Key(key("a")), KvScan::History).await;
        assert_eq!(left, ["a= Purge"], "{}", buckets.name);
    }
}

#[tokio::test]
async fn any_text_is_a_key() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let long = "k".repeat(2048);
        let texts = [
            "",
            " ",
            ".",
            "..",
            "a.b",
            "a..b",
            ".a",
            "a.",
            "a b",
            "a:b",
            "a/b",
            "*",
            ">",
            "a.*",
            "=",
            "==",
            "=20",
            "a=41",
            "\0",
            "\r\nPUB x 0",
            "grüße",
            "👋",
            "$KV.x",
            "_INBOX.a",
            "service-instances.calculator.calculator-2",
            &long,
        ];
        for text in texts {
            put(&bucket, text, text).await;
        }
        for text in texts {
            let entry = latest(&bucket, text).await.expect(text);
            assert_eq!(
                (entry.key.text(), &entry.value[..]),
                (text, text.as_bytes())
            );
        }
        let listed = bucket
            .scan(KvFilter::All, KvScan::Latest, soon())
            .await
            .unwrap();
        let listed: Vec<&str> = listed.iter().map(|entry| entry.key.text()).collect();
        assert_eq!(listed, texts, "{}", buckets.name);
        assert!(KvKey::new(&"k".repeat(4096)).is_err());
    }
}
