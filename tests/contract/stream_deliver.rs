//! The contract of deliveries: how many, in which order, how often, and how they end.

use std::time::{Duration, SystemTime};

use aegis::Headers;
use aegis::port::{ConsumerSpec, Settling};
use aegis_tests::{eventually, soon as in_time};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::stream_fixture::{Streaming, done, next, pull, retry, soon, taken, text};

const SECOND: Duration = Duration::from_secs(1);

/// An ack wait that a test can wait for.
fn short(spec: &mut ConsumerSpec) {
    spec.ack_wait = SECOND;
}

#[tokio::test]
async fn never_more_comes_than_was_asked_for() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3", "4", "5", "6"]).await;
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 0).await;
        assert!(reader.next().now_or_never().is_none(), "{name}");
        let mut delivered = 0;
        for (more, expected) in [(3, &["1 1", "2 1", "3 1"][..]), (1, &["4 1"])] {
            reader.more(more).await.unwrap();
            assert_eq!(taken(&mut reader, more).await, expected, "{name}");
            delivered += more as u64;
            let status = consumer.status(soon()).await.unwrap();
            assert_eq!(status.delivered, delivered, "{name}");
            assert!(reader.next().now_or_never().is_none(), "{name}");
        }
        // What is asked for adds up.
        let more = reader.asker();
        more(1).await.unwrap();
        more(2).await.unwrap();
        assert_eq!(taken(&mut reader, 2).await, ["5 1", "6 1"], "{name}");
        streams.store_all(&["7", "8"]).await;
        assert_eq!(taken(&mut reader, 1).await, ["7 1"], "{name}");
        let status = consumer.status(soon()).await.unwrap();
        assert_eq!((status.delivered, status.pending), (7, 1), "{name}");
    }
}

#[tokio::test]
async fn a_delivery_tells_what_it_is() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 3).await;
        let mut headers = Headers::new();
        headers.set("Tenant", "acme").unwrap();
        streams.store("b", "before").await;
        next(&mut reader).await.confirm(soon()).await.unwrap();
        let before = Instant::now();
        let message = streams.message("a.b", "x").with_headers(headers);
        streams.try_store(message.with_id("7")).await.unwrap();
        let delivery = next(&mut reader).await;
        let message = &delivery.message;
        assert_eq!(message.subject, streams.subject("a.b"), "{name}");
        assert_eq!(
            (&*message.payload, &message.reply),
            (&b"x"[..], &None),
            "{name}"
        );
        assert_eq!(message.headers.get("Tenant"), Some("acme"), "{name}");
        assert_eq!(message.headers.get("Nats-Msg-Id"), Some("7"), "{name}");
        assert_eq!((delivery.sequence, delivery.attempt), (2, 1), "{name}");
        assert_eq!(delivery.pending, 0, "{name}");
        let found = streams.here.message(&streams.stream, 2, soon()).await;
        assert_eq!(delivery.stored, found.unwrap().unwrap().stored, "{name}");
        let hour = Duration::from_secs(3600);
        let (stored, now) = (SystemTime::from(delivery.stored), SystemTime::now());
        assert!(now - hour < stored && stored < now + hour, "{name}");
        assert!(reader.heard()() >= before, "{name}: by the delivery");
    }
}

#[tokio::test]
async fn a_delivery_tells_how_many_are_left() {
    for streams in Streaming::all().await {
        streams.make().await;
        for rest in ["a", "b", "a", "a"] {
            streams.store(rest, "x").await;
        }
        let change = |spec: &mut ConsumerSpec| spec.filters = vec![streams.pattern("a")];
        let consumer = streams.consumer("c", change).await;
        let mut reader = pull(&consumer, 3).await;
        for pending in [2, 1, 0] {
            assert_eq!(next(&mut reader).await.pending, pending, "{}", streams.name);
        }
    }
}

#[tokio::test]
async fn messages_come_in_order() {
    for streams in Streaming::all().await {
        streams.make().await;
        let consumer = streams.consumer("c", |spec| spec.max_ack_pending = 7).await;
        let mut reader = pull(&consumer, 5).await;
        let more = reader.asker();
        let writer = async {
            for n in 0..500 {
                streams.store(["a", "b"][n % 2], &n.to_string()).await;
            }
        };
        let reads = async {
            for n in 0..500 {
                let delivery = next(&mut reader).await;
                assert_eq!(text(&delivery), n.to_string(), "{}", streams.name);
                assert_eq!(delivery.attempt, 1, "{}", streams.name);
                delivery.settle(Settling::Ack).await.unwrap();
                more(1).await.unwrap();
            }
        };
        tokio::join!(writer, reads);
    }
}

#[tokio::test]
async fn what_is_done_with_does_not_come_again() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams
            .store_all(&["acked", "confirmed", "terminated", "left"])
            .await;
        let consumer = streams.consumer("c", short).await;
        let mut reader = pull(&consumer, 4).await;
        next(&mut reader).await.settle(Settling::Ack).await.unwrap();
        next(&mut reader).await.confirm(soon()).await.unwrap();
        let third = next(&mut reader).await;
        third.settle(Settling::Terminate).await.unwrap();
        assert_eq!(taken(&mut reader, 1).await, ["left 1"], "{name}");
        let one = async || consumer.status(soon()).await.unwrap().ack_pending == 1;
        eventually("the others are done with", one).await;
        // The only one that comes, again and again.
        reader.more(2).await.unwrap();
        assert_eq!(taken(&mut reader, 2).await, ["left 2", "left 3"], "{name}");
    }
}

#[tokio::test]
async fn a_confirmed_end_is_known_at_once() {
    for streams in Streaming::all().await {
        streams.make().await;
        streams.store_all(&["1", "2", "3"]).await;
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 3).await;
        for left in [2, 1, 0] {
            next(&mut reader).await.confirm(soon()).await.unwrap();
            let status = consumer.status(soon()).await.unwrap();
            assert_eq!(status.ack_pending, left, "{}", streams.name);
        }
    }
}

#[tokio::test]
async fn a_retry_at_once_comes_again_at_once() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3"]).await;
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 2).await;
        let first = next(&mut reader).await;
        assert_eq!(taken(&mut reader, 1).await, ["2 1"], "{name}");
        retry(&first, 0).await;
        reader.more(2).await.unwrap();
        let mut both = taken(&mut reader, 2).await;
        // A server reads acknowledgements and questions by turns: which is first is not said.
        both.sort();
        assert_eq!(both, ["1 2", "3 1"], "{name}");
        for attempt in 3..6 {
            retry(&first, 0).await;
            reader.more(1).await.unwrap();
            let again = next(&mut reader).await;
            assert_eq!((again.sequence, again.attempt), (1, attempt), "{name}");
        }
    }
}

#[tokio::test]
async fn a_retry_for_later_lets_others_pass() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3"]).await;
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 1).await;
        let first = next(&mut reader).await;
        let asked = Instant::now();
        retry(&first, 1500).await;
        reader.more(3).await.unwrap();
        let all = taken(&mut reader, 3).await;
        assert_eq!(all, ["2 1", "3 1", "1 2"], "{name}");
        assert!(asked.elapsed() > SECOND, "{name}: not before its time");
    }
}

#[tokio::test]
async fn work_in_progress_is_not_given_to_another() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["long", "forgotten"]).await;
        let change = |spec: &mut ConsumerSpec| spec.ack_wait = 2 * SECOND;
        let consumer = streams.consumer("c", change).await;
        let mut reader = pull(&consumer, 3).await;
        let long = next(&mut reader).await;
        let forgotten = next(&mut reader).await;
        assert_eq!(text(&forgotten), "forgotten", "{name}");
        let works = async {
            let mut pauses = tokio::time::interval(Duration::from_millis(50));
            loop {
                pauses.tick().await;
                long.settle(Settling::Progress).await.unwrap();
            }
        };
        let again = tokio::select! {
            again = next(&mut reader) => again,
            () = works => unreachable!("it goes on"),
        };
        assert_eq!(
            (text(&again), again.attempt),
            ("forgotten".to_owned(), 2),
            "{name}"
        );
        again.confirm(soon()).await.unwrap();
        reader.more(1).await.unwrap();
        // Once nobody says that it goes on, it is left to others.
        assert_eq!(taken(&mut reader, 1).await, ["long 2"], "{name}");
    }
}

#[tokio::test]
async fn what_nobody_acknowledges_comes_again_to_whoever_reads() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3"]).await;
        let consumer = streams.consumer("c", short).await;
        let mut first = pull(&consumer, 3).await;
        assert_eq!(done(&mut first, 1).await, ["1"], "{name}");
        assert_eq!(taken(&mut first, 2).await, ["2 1", "3 1"], "{name}");
        let there = streams.same_there("c", short).await;
        let mut second = pull(&there, 4).await;
        assert_eq!(taken(&mut second, 2).await, ["2 2", "3 2"], "{name}");
        drop(second);
        // However often it takes.
        first.more(2).await.unwrap();
        assert_eq!(taken(&mut first, 2).await, ["2 3", "3 3"], "{name}");
        let status = consumer.status(soon()).await.unwrap();
        assert_eq!((status.ack_pending, status.redelivered), (2, 2), "{name}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_gives_back_what_it_asked_for() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let here = streams.consumer("c", short).await;
        let there = streams.same_there("c", short).await;
        let gone = pull(&here, 100).await;
        let mut stays = pull(&there, 10).await;
        drop(gone);
        for n in 0..10 {
            streams.store("a", &n.to_string()).await;
        }
        // One that the other was sent into the void comes after its ack wait.
        let mut all = done(&mut stays, 10).await;
        all.sort();
        let expected: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        assert_eq!(all, expected, "{name}");
    }
}

#[tokio::test]
async fn a_late_word_on_an_earlier_delivery_counts() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1"]).await;
        let consumer = streams.consumer("c", short).await;
        let mut reader = pull(&consumer, 2).await;
        let first = next(&mut reader).await;
        let second = next(&mut reader).await;
        assert_eq!((first.attempt, second.attempt), (1, 2), "{name}");
        first.confirm(soon()).await.unwrap();
        let status = consumer.status(soon()).await.unwrap();
        assert_eq!((status.ack_pending, status.redelivered), (0, 0), "{name}");
        // And what is done with stays so, whatever is said of it.
        second.settle(Settling::Progress).await.unwrap();
        retry(&second, 0).await;
        second.settle(Settling::Terminate).await.unwrap();
        second.confirm(soon()).await.unwrap();
        streams.store_all(&["2"]).await;
        reader.more(1).await.unwrap();
        assert_eq!(taken(&mut reader, 1).await, ["2 1"], "{name}");
    }
}

#[tokio::test]
async fn a_message_wakes_the_reader_that_waits() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 20).await;
        for n in 0..20 {
            let (sequence, delivery) = tokio::join!(streams.store("a", "x"), next(&mut reader));
            assert_eq!((sequence, delivery.sequence), (n + 1, n + 1), "{name}");
            in_time("the end", delivery.confirm(soon())).await.unwrap();
        }
    }
}
