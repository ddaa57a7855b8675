//! The contract of a bucket as a whole: how it is made, what it refuses, how it ends.

use std::time::Duration;

use aegis::ErrorKind;
use aegis::port::{BucketSpec, KvFilter, KvScan, KvWrite, Storage};

use crate::kv::{Buckets, key, latest, put, soon};

#[tokio::test]
async fn too_much_is_refused_with_the_limit() {
    for buckets in Buckets::all().await {
        let bucket = buckets
            .open_with(|spec| spec.max_bytes = Some(300_000))
            .await;
        let write = KvWrite::put(key("a"), vec![0; 2_000_000]);
        let error = bucket.write(write, soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{}", buckets.name);
        assert!(error.to_string().contains("1048576"), "{error}");
        let mut full = None;
        for n in 0..10 {
            let write = KvWrite::put(key(&format!("k{n}")), vec![0; 50_000]);
            if let Err(error) = bucket.write(write, soon()).await {
                full = Some(error);
                break;
            }
        }
        let error = full.expect("it is full");
        assert_eq!(
            error.kind(),
            ErrorKind::Overloaded,
            "{}: {error}",
            buckets.name
        );
        assert!(error.to_string().contains("max_bytes"), "{error}");
        let first = latest(&bucket, "k0").await;
        assert!(first.is_some(), "{}: nothing is forgotten", buckets.name);
        let small = Buckets {
            bucket: format!("{}s", buckets.bucket),
            ..buckets
        };
        let bucket = small.open_with(|spec| spec.max_value = Some(1000)).await;
        let error = bucket
            .write(KvWrite::put(key("a"), vec![0; 1001]), soon())
            .await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{}", small.name);
        assert!(error.to_string().contains("1000 bytes"), "{error}");
    }
}

#[tokio::test]
async fn buckets_come_and_go() {
    for buckets in Buckets::all().await {
        let name = &buckets.bucket;
        assert!(buckets.here.find(name, soon()).await.unwrap().is_none());
        assert!(!buckets.here.remove(name, soon()).await.unwrap());
        let bucket = buckets
            .open_with(|spec| {
                spec.description = Some("of a test".to_owned());
                spec.history = Some(5);
                spec.storage = Some(Storage::Memory);
                spec.first_sequence = Some(1_700_000_000_000_000);
            })
            .await;
        assert_eq!(
            put(&bucket, "a", "x").await,
            1_700_000_000_000_000,
            "{}",
            buckets.name
        );
        let status = bucket.status(soon()).await.unwrap();
        assert_eq!(status.name, *name);
        assert_eq!(
            status.description.as_deref(),
            Some("of a test"),
            "{}",
            buckets.name
        );
        assert_eq!((status.entries, status.history, status.replicas), (1, 5, 1));
        assert_eq!(
            status.last_revision, 1_700_000_000_000_000,
            "{}",
            buckets.name
        );
        assert_eq!((status.storage, status.ttl), (Storage::Memory, None));
        assert_eq!(status.max_bytes, Some(8 * 1024 * 1024), "{}", buckets.name);
        assert!(buckets.there.buckets(soon()).await.unwrap().contains(name));
    }
}

#[tokio::test]
async fn a_bucket_that_was_removed_is_no_empty_bucket() {
    for buckets in Buckets::all().await {
        let name = &buckets.bucket;
        let bucket = buckets.open().await;
        put(&bucket, "a", "1").await;
        assert!(
            buckets.there.remove(name, soon()).await.unwrap(),
            "{}",
            buckets.name
        );
        for error in [
            bucket.latest(&key("a"), soon()).await.unwrap_err(),
            bucket
                .write(KvWrite::put(key("a"), "x"), soon())
                .await
                .unwrap_err(),
            bucket
                .scan(KvFilter::All, KvScan::Keys, soon())
                .await
                .unwrap_err(),
            bucket.status(soon()).await.unwrap_err(),
        ] {
            assert_eq!(
                error.kind(),
                ErrorKind::NoService,
                "{}: {error}",
                buckets.name
            );
            assert!(error.to_string().contains("open it again"), "{error}");
        }
        buckets.open().await;
        assert_eq!(
            latest(&bucket, "a").await,
            None,
            "{}: made anew",
            buckets.name
        );
    }
}

#[tokio::test]
async fn a_bucket_that_exists_is_taken_as_it_is_if_it_gives_what_is_asked_for() {
    for buckets in Buckets::all().await {
        buckets
            .open_with(|spec| {
                spec.history = Some(5);
                spec.ttl = Some(Duration::from_secs(60));
                spec.max_value = Some(1000);
            })
            .await;
        for (change, refused) in [
            ((|_| {}) as fn(&mut BucketSpec), None),
            (|spec| spec.history = Some(5), None),
            (|spec| spec.history = Some(2), None),
            (
                |spec| spec.history = Some(6),
                Some("`history` (6 asked for, 5 there)"),
            ),
            (|spec| spec.ttl = Some(Duration::from_secs(60)), None),
            (
                |spec| spec.ttl = Some(Duration::from_secs(61)),
                Some("`ttl` (61 s asked for, 60 s there)"),
            ),
            (
                |spec| spec.max_value = Some(1001),
                Some("`max_value` (1001 bytes"),
            ),
            (|spec| spec.max_value = Some(999), None),
            (
                |spec| spec.replicas = Some(3),
                Some("`replicas` (3 asked for, 1 there)"),
            ),
            (|spec| spec.storage = Some(Storage::Memory), None),
        ] {
            let mut spec = BucketSpec::new(buckets.bucket.clone());
            change(&mut spec);
            match (buckets.there.open(spec, soon()).await, refused) {
                (Ok(_), None) => {}
                (Err(error), Some(text)) => {
                    assert_eq!(error.kind(), ErrorKind::Config, "{}", buckets.name);
                    assert!(
                        error.to_string().contains(text),
                        "{}: {error}",
                        buckets.name
                    );
                }
                (opened, expected) => panic!("{}: {expected:?}: {opened:?}", buckets.name),
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    for buckets in Buckets::all().await {
        for (change, text) in [
            (
                (|spec| spec.name = "a.b".to_owned()) as fn(&mut BucketSpec),
                "letters",
            ),
            (|spec| spec.name = String::new(), "letters"),
            (|spec| spec.name = "x".repeat(201), "200"),
            (|spec| spec.history = Some(0), "1 to 64"),
            (|spec| spec.history = Some(65), "1 to 64"),
            (|spec| spec.replicas = Some(6), "1 to 5"),
            (|spec| spec.ttl = Some(Duration::from_millis(999)), "1 s"),
            (|spec| spec.max_bytes = Some(0), "1 byte"),
            (|spec| spec.max_bytes = Some(u64::MAX), "8 EiB"),
        ] {
            let mut spec = buckets.spec();
            change(&mut spec);
            let error = buckets.here.open(spec, soon()).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Invalid,
                "{}: {error}",
                buckets.name
            );
            assert!(
                error.to_string().contains(text),
                "{}: {error}",
                buckets.name
            );
        }
        let error = buckets.here.find("a b", soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{}", buckets.name);
    }
}
