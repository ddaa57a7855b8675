//! The contract of work queues: a message is there until it was acknowledged.

use std::time::Duration;

use aegis::ErrorKind;
use aegis::port::{ConsumerSpec, DeliverFrom, Discard, Retention, Settling};
use aegis_tests::eventually;

use crate::stream_fixture::{Streaming, consumer_spec, next, pull, retry, soon, text};

impl Streaming {
    async fn make_queue(&self) {
        self.make_with(|spec| {
            spec.retention = Retention::WorkQueue;
            spec.discard = Some(Discard::New);
            spec.max_messages = Some(4);
        })
        .await;
    }

    async fn refused(&self, change: impl FnOnce(&mut ConsumerSpec)) -> ErrorKind {
        let mut spec = consumer_spec("other");
        change(&mut spec);
        let made = self.there.consumer(&self.stream, spec, soon()).await;
        made.unwrap_err().kind()
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_not_in_the_queue_any_more() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_queue().await;
        streams.store_all(&["1", "2", "3", "4"]).await;
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 4).await;
        let one = next(&mut reader).await;
        next(&mut reader).await.confirm(soon()).await.unwrap();
        let three = next(&mut reader).await;
        three.settle(Settling::Terminate).await.unwrap();
        let left = async || streams.status().await.messages == 2;
        eventually("two are left", left).await;
        for (sequence, there) in [(1, true), (2, false), (3, false), (4, true)] {
            let found = streams.here.message(&streams.stream, sequence, soon());
            assert_eq!(found.await.unwrap().is_some(), there, "{name}: {sequence}");
        }
        next(&mut reader).await.confirm(soon()).await.unwrap();
        retry(&one, 0).await;
        reader.more(1).await.unwrap();
        let one = next(&mut reader).await;
        assert_eq!((text(&one), one.attempt), ("1".to_owned(), 2), "{name}");
        one.confirm(soon()).await.unwrap();
        let empty = async || streams.status().await.messages == 0;
        eventually("nothing is left", empty).await;
        let status = consumer.status(soon()).await.unwrap();
        assert_eq!((status.pending, status.ack_pending), (0, 0), "{name}");
    }
}

#[tokio::test]
async fn a_full_queue_takes_more_when_work_is_done() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_queue().await;
        streams.store_all(&["1", "2", "3", "4"]).await;
        let full = streams.try_store(streams.message("a", "5")).await;
        assert_eq!(full.unwrap_err().kind(), ErrorKind::Overloaded, "{name}");
        let consumer = streams.consumer("c", |_| {}).await;
        let mut reader = pull(&consumer, 9).await;
        let first = next(&mut reader).await;
        let full = streams.try_store(streams.message("a", "5")).await;
        assert_eq!(full.unwrap_err().kind(), ErrorKind::Overloaded, "{name}");
        first.confirm(soon()).await.unwrap();
        let room = async || streams.try_store(streams.message("a", "5")).await.is_ok();
        eventually("there is room", room).await;
        for expected in ["2", "3", "4", "5"] {
            assert_eq!(text(&next(&mut reader).await), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn no_two_consumers_take_the_same_work() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_queue().await;
        let of = |rest: &str| vec![streams.pattern(rest)];
        streams
            .consumer("high", |spec| spec.filters = of("*.high"))
            .await;
        for filter in ["a.*", "a.high", ">", "*.high"] {
            let refused = streams.refused(|spec| spec.filters = of(filter)).await;
            assert_eq!(refused, ErrorKind::Config, "{name} {filter}");
        }
        assert_eq!(
            streams.refused(|_| {}).await,
            ErrorKind::Config,
            "{name}: all"
        );
        streams
            .consumer("low", |spec| spec.filters = of("*.low"))
            .await;
        // The same again is no other.
        let high = streams
            .same_there("high", |spec| spec.filters = of("*.high"))
            .await;
        streams.store("a.low", "low").await;
        streams.store("a.high", "high").await;
        let mut reader = pull(&high, 2).await;
        assert_eq!(text(&next(&mut reader).await), "high", "{name}");
        let removed = streams.here.remove_consumer(&streams.stream, "low", soon());
        assert!(removed.await.unwrap(), "{name}");
        let other = streams
            .consumer("other", |spec| spec.filters = of("a.low"))
            .await;
        let mut reader = pull(&other, 1).await;
        assert_eq!(text(&next(&mut reader).await), "low", "{name}");
    }
}

#[tokio::test]
async fn a_consumer_of_a_queue_begins_with_all_that_is_there() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_queue().await;
        for from in [DeliverFrom::New, DeliverFrom::Sequence(1)] {
            let refused = streams.refused(|spec| spec.from = from).await;
            assert_eq!(refused, ErrorKind::Invalid, "{name} {from:?}");
        }
        let all = streams
            .there
            .consumers(&streams.stream, &|_| true, soon())
            .await;
        assert_eq!(all.unwrap(), [], "{name}");
    }
}

#[tokio::test]
async fn work_that_is_left_unfinished_is_done_by_another() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_queue().await;
        streams.store_all(&["1"]).await;
        let short = |spec: &mut ConsumerSpec| spec.ack_wait = Duration::from_secs(1);
        let here = streams.consumer("c", short).await;
        let mut dies = pull(&here, 1).await;
        next(&mut dies).await;
        drop(dies);
        let there = streams.same_there("c", short).await;
        let mut lives = pull(&there, 1).await;
        let again = next(&mut lives).await;
        assert_eq!((again.sequence, again.attempt), (1, 2), "{name}");
        again.confirm(soon()).await.unwrap();
        let empty = async || streams.status().await.messages == 0;
        eventually("nothing is left", empty).await;
    }
}
