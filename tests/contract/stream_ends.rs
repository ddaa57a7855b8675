//! The contract of ends: of a consumer, of its stream, of its readers.

use std::time::Duration;

use aegis::ErrorKind;
use aegis::port::{ConsumerSpec, Delivery, Pull, Settling};
use aegis_tests::{eventually, soon as in_time};

use crate::stream_fixture::{Streaming, done, next, pull, soon, taken};

/// It ends with this error, and then it is over.
async fn ends(name: &str, pull: &mut Pull, kind: ErrorKind) {
    let last = in_time("an end", pull.next())
        .await
        .expect("an error first");
    let error = last.expect_err("it is the end");
    assert_eq!(error.kind(), kind, "{name}: {error}");
    assert!(in_time("the end", pull.next()).await.is_none(), "{name}");
}

/// Stores and reads until both have read something: then the server knows what they ask for.
async fn both_read(streams: &Streaming, first: &mut Pull, second: &mut Pull) -> Vec<Delivery> {
    let mut all = Vec::new();
    let (mut here, mut there) = (false, false);
    while !(here && there) {
        streams.store_all(&["x"]).await;
        let delivery = tokio::select! {
            delivery = next(first) => { here = true; delivery }
            delivery = next(second) => { there = true; delivery }
        };
        all.push(delivery);
        assert!(all.len() < 50, "{}: one gets all", streams.name);
    }
    all
}

#[tokio::test]
async fn whoever_waits_at_a_consumer_is_seen_until_it_is_gone() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let consumer = streams.consumer("c", |_| {}).await;
        let waiting = async || consumer.status(soon()).await.unwrap().waiting;
        assert_eq!(waiting().await, 0, "{name}");
        let mut pull = pull(&consumer, 1).await;
        let what = format!("{name}: somebody waits");
        eventually(&what, async || waiting().await > 0).await;
        let listed = streams
            .here
            .consumers(&streams.stream, &|_| true, soon())
            .await
            .unwrap();
        assert_eq!(listed[0].waiting, 1, "{name}");
        streams.store("a", "1").await;
        let delivery = next(&mut pull).await;
        assert_eq!(waiting().await, 0, "{name}: it has what it asked for");
        delivery.settle(Settling::Ack).await.unwrap();
        pull.more(1).await.unwrap();
        eventually(&what, async || waiting().await > 0).await;
        drop(pull);
        let what = format!("{name}: it is gone");
        eventually(&what, async || waiting().await == 0).await;
    }
}

#[tokio::test]
async fn a_consumer_that_is_removed_ends_its_readers() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let consumer = streams.consumer("c", |_| {}).await;
        let there = streams.same_there("c", |_| {}).await;
        let other = streams.consumer("other", |_| {}).await;
        let (mut first, mut second) = (pull(&consumer, 90).await, pull(&there, 90).await);
        let mut third = pull(&other, 90).await;
        let held = both_read(&streams, &mut first, &mut second).await;
        let removed = streams.there.remove_consumer(&streams.stream, "c", soon());
        assert!(removed.await.unwrap(), "{name}");
        ends(name, &mut first, ErrorKind::NoService).await;
        ends(name, &mut second, ErrorKind::NoService).await;
        let error = consumer.status(soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoService, "{name}");
        assert!(
            error.to_string().contains(&streams.stream),
            "{name}: {error}"
        );
        // A word on one of its deliveries harms nobody.
        let _ = held[0].settle(Settling::Ack).await;
        assert_eq!(
            done(&mut third, held.len()).await,
            vec!["x"; held.len()],
            "{name}: others go on"
        );
    }
}

#[tokio::test]
async fn a_stream_that_is_removed_ends_its_readers() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1"]).await;
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 3).await;
        assert_eq!(done(&mut reader, 1).await, ["1"], "{name}");
        assert!(streams.there.remove(&streams.stream, soon()).await.unwrap());
        ends(name, &mut reader, ErrorKind::NoService).await;
        let error = consumer.status(soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoService, "{name}");
        // Made anew, it is another, with no consumer.
        streams.make().await;
        let error = consumer.status(soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoService, "{name}");
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 3).await;
        streams.store_all(&["2"]).await;
        assert_eq!(taken(&mut reader, 1).await, ["2 1"], "{name}");
    }
}

#[tokio::test]
async fn what_is_gone_is_not_pulled_from() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let consumer = streams.consumer("c", |_| {}).await;
        let idle = consumer.pull().await.unwrap();
        let removed = streams.there.remove_consumer(&streams.stream, "c", soon());
        assert!(removed.await.unwrap(), "{name}");
        let late = consumer.pull().await;
        for pull in [Ok(idle), late] {
            // Where it is noticed is up to the adapter.
            let noticed = async {
                let mut pull = pull?;
                pull.more(1).await?;
                pull.next().await.expect("an error first")
            };
            let error = in_time("an error", noticed).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoService, "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn a_consumer_that_nobody_pulls_from_is_removed() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let short = |spec: &mut ConsumerSpec| {
            spec.inactive_threshold = Some(Duration::from_millis(200));
            spec.in_memory = true;
        };
        let read = streams.consumer("read", short).await;
        let mut reader = pull(&read, 2).await;
        let left = streams.consumer("left", short).await;
        streams.consumer("stays", |_| {}).await;
        let names = || streams.consumer_names();
        let gone = async || names().await == ["read", "stays"];
        eventually("the one that is left goes", gone).await;
        let error = left.status(soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoService, "{name}");
        streams.store_all(&["1"]).await;
        assert_eq!(done(&mut reader, 1).await, ["1"], "{name}: it is read");
        drop(reader);
        let gone = async || names().await == ["stays"];
        eventually("the reader went away", gone).await;
    }
}
