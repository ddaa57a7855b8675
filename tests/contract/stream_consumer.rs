//! The contract of consumers: where they begin, what they deliver, how they are changed and shared.

use std::time::Duration;

use aegis::Pattern;
use aegis::port::{ConsumerSpec, DeliverFrom, Settling};
use aegis_tests::eventually;

use crate::stream_fixture::{Streaming, consumer_spec, done, next, pull, retry, soon, taken, text};

#[tokio::test]
async fn a_consumer_begins_where_it_is_told() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3"]).await;
        streams
            .here
            .delete(&streams.stream, 1, soon())
            .await
            .unwrap();
        let second = streams.here.message(&streams.stream, 2, soon()).await;
        let time = second.unwrap().unwrap().stored;
        for (at, (from, first)) in [
            (DeliverFrom::New, "4"),
            (DeliverFrom::All, "2"),
            (DeliverFrom::Sequence(1), "2"),
            (DeliverFrom::Sequence(3), "3"),
            (DeliverFrom::Sequence(9), "9"),
            (DeliverFrom::Time(time), "2"),
            (DeliverFrom::Time(time + Duration::from_nanos(1)), "3"),
        ]
        .into_iter()
        .enumerate()
        {
            if from == DeliverFrom::Sequence(9) && streams.is_old() {
                // It begins with the next one.
                continue;
            }
            let consumer = streams
                .consumer(&format!("c{at}"), |spec| spec.from = from)
                .await;
            if from == DeliverFrom::New {
                streams.store("a", "4").await;
            }
            if from == DeliverFrom::Sequence(9) {
                streams.store_all(&["5", "6", "7", "8", "9"]).await;
            }
            let mut pull = pull(&consumer, 1).await;
            assert_eq!(text(&next(&mut pull).await), first, "{name}: {from:?}");
        }
    }
}

#[tokio::test]
async fn a_consumer_delivers_what_it_filters() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        for rest in ["a.x", "a.y", "b", "a.x.z", "c.x"] {
            streams.store(rest, rest).await;
        }
        for (at, (filters, expected)) in [
            (&[][..], &["a.x", "a.y", "b", "a.x.z", "c.x"][..]),
            (&["a.x"], &["a.x"]),
            (&["a.*"], &["a.x", "a.y"]),
            (&["a.>"], &["a.x", "a.y", "a.x.z"]),
            (&["b", "*.x"], &["a.x", "b", "c.x"]),
            (&["c.*", "a.*.z", "b"], &["b", "a.x.z", "c.x"]),
            (&["none", "none.>"], &[]),
        ]
        .into_iter()
        .enumerate()
        {
            let change = |spec: &mut ConsumerSpec| {
                spec.filters = filters.iter().map(|rest| streams.pattern(rest)).collect();
            };
            let consumer = streams.consumer(&format!("c{at}"), change).await;
            let status = consumer.status(soon()).await.unwrap();
            let counts = status.pending == expected.len() as u64;
            assert!(counts || streams.is_old(), "{name} {filters:?}");
            let mut pull = pull(&consumer, 9).await;
            assert_eq!(done(&mut pull, expected.len()).await, expected, "{name}");
            let status = consumer.status(soon()).await.unwrap();
            assert_eq!((status.pending, status.ack_pending), (0, 0), "{name}");
            let mut asked: Vec<_> = filters.iter().map(|it| streams.pattern(it)).collect();
            asked.sort_by(|one, other| one.as_str().cmp(other.as_str()));
            let mut found = status.filters;
            found.sort();
            assert_eq!(found, asked.iter().map(Pattern::as_str).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn what_is_filtered_and_comes_later_is_delivered() {
    for streams in Streaming::all().await {
        streams.make().await;
        let change = |spec: &mut ConsumerSpec| spec.filters = vec![streams.pattern("a.*")];
        let consumer = streams.consumer("c", change).await;
        let mut pull = pull(&consumer, 3).await;
        for rest in ["b", "a.1", "b", "b", "a.2", "a"] {
            streams.store(rest, rest).await;
        }
        streams.store("a.3", "a.3").await;
        let all = done(&mut pull, 3).await;
        assert_eq!(all, ["a.1", "a.2", "a.3"], "{}", streams.name);
    }
}

#[tokio::test]
async fn a_consumer_keeps_its_place() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3", "4"]).await;
        let consumer = streams.consumer("c", |_| {}).await;
        assert_eq!(consumer.name(), "c");
        let created = consumer.status(soon()).await.unwrap().created;
        let mut first = pull(&consumer, 2).await;
        assert_eq!(done(&mut first, 2).await, ["1", "2"], "{name}");
        drop(first);
        // Where it begins is not asked a second time.
        for from in [DeliverFrom::All, DeliverFrom::New, DeliverFrom::Sequence(1)] {
            let again = streams.same_there("c", |spec| spec.from = from).await;
            let status = again.status(soon()).await.unwrap();
            assert_eq!((status.created, status.pending), (created, 2), "{name}");
        }
        let again = streams.same_there("c", |_| {}).await;
        let mut second = pull(&again, 2).await;
        assert_eq!(done(&mut second, 2).await, ["3", "4"], "{name}");
    }
}

#[tokio::test]
async fn a_consumer_is_changed_to_what_is_asked_for() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        for rest in ["a", "b", "a", "b"] {
            streams.store(rest, rest).await;
        }
        let plain = |spec: &mut ConsumerSpec| {
            spec.filters = vec![streams.pattern("a")];
            spec.max_ack_pending = 1;
        };
        let consumer = streams.consumer("c", plain).await;
        let status = consumer.status(soon()).await.unwrap();
        assert_eq!(status.ack_wait, Duration::from_secs(30), "{name}");
        assert_eq!(
            (status.max_ack_pending, status.inactive_threshold),
            (1, None)
        );
        let mut reader = pull(&consumer, 3).await;
        assert_eq!(taken(&mut reader, 1).await, ["a 1"], "{name}");
        let hour = Duration::from_secs(3600);
        let changed = |spec: &mut ConsumerSpec| {
            spec.filters = vec![streams.pattern("b"), streams.pattern("c")];
            spec.max_ack_pending = 3;
            spec.ack_wait = Duration::from_secs(7);
            spec.inactive_threshold = Some(hour);
        };
        let there = streams.same_there("c", changed).await;
        // Those who read feel it.
        assert_eq!(taken(&mut reader, 2).await, ["b 1", "b 1"], "{name}");
        let status = there.status(soon()).await.unwrap();
        let mut spec = consumer_spec("c");
        changed(&mut spec);
        assert_eq!(spec.drift(&status).changeable, [""; 0], "{name}");
        assert_eq!(consumer.status(soon()).await.unwrap(), status, "{name}");
        assert_eq!((status.ack_pending, status.pending), (3, 0), "{name}");
    }
}

#[tokio::test]
async fn readers_of_one_consumer_share_the_messages() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let here = streams.consumer("c", |_| {}).await;
        let there = streams.same_there("c", |_| {}).await;
        let mut readers = [pull(&here, 10).await, pull(&there, 10).await];
        for n in 0..20 {
            streams.store("a", &n.to_string()).await;
        }
        let mut all = Vec::new();
        for reader in &mut readers {
            all.extend(done(reader, 10).await);
        }
        all.sort_by_key(|text| text.parse::<u32>().unwrap());
        let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        assert_eq!(all, expected, "{name}: each to one of them");
        let other = streams.consumer("other", |_| {}).await;
        let mut other = pull(&other, 20).await;
        assert_eq!(
            done(&mut other, 20).await,
            expected,
            "{name}: its place is its own"
        );
    }
}

#[tokio::test]
async fn no_more_are_delivered_than_may_be_unacknowledged() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3", "4", "5"]).await;
        let change = |spec: &mut ConsumerSpec| spec.max_ack_pending = 2;
        let here = streams.consumer("c", change).await;
        let there = streams.same_there("c", change).await;
        let mut first = pull(&here, 5).await;
        let held = [next(&mut first).await, next(&mut first).await];
        let mut second = pull(&there, 5).await;
        let status = here.status(soon()).await.unwrap();
        assert_eq!((status.ack_pending, status.pending), (2, 3), "{name}");
        assert_eq!(status.delivered, 2, "{name}");
        // What waits for its next attempt counts.
        let after = Duration::from_secs(3600);
        held[0].settle(Settling::Retry { after }).await.unwrap();
        held[1].confirm(soon()).await.unwrap();
        // One more finds room, whoever gets it.
        let three = tokio::select! {
            delivery = next(&mut first) => delivery,
            delivery = next(&mut second) => delivery,
        };
        assert_eq!(text(&three), "3", "{name}");
        let status = here.status(soon()).await.unwrap();
        assert_eq!((status.ack_pending, status.pending), (2, 2), "{name}");
    }
}

#[tokio::test]
async fn a_consumer_tells_how_it_is() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3", "4", "5"]).await;
        let consumer = streams.consumer("c", |spec| spec.max_ack_pending = 3).await;
        let numbers = async || {
            let status = consumer.status(soon()).await.unwrap();
            let handed = (status.delivered, status.ack_floor);
            (
                handed,
                status.ack_pending,
                status.redelivered,
                status.pending,
            )
        };
        assert_eq!(numbers().await, ((0, 0), 0, 0, 5), "{name}");
        let mut pull = pull(&consumer, 3).await;
        let (one, two) = (next(&mut pull).await, next(&mut pull).await);
        let three = next(&mut pull).await;
        assert_eq!(numbers().await, ((3, 0), 3, 0, 2), "{name}");
        retry(&three, 0).await;
        pull.more(1).await.unwrap();
        assert_eq!(taken(&mut pull, 1).await, ["3 2"], "{name}");
        assert_eq!(numbers().await, ((3, 0), 3, 1, 2), "{name}");
        two.confirm(soon()).await.unwrap();
        assert_eq!(
            numbers().await,
            ((3, 0), 2, 1, 2),
            "{name}: one is not done with"
        );
        one.confirm(soon()).await.unwrap();
        assert_eq!(numbers().await, ((3, 2), 1, 1, 2), "{name}");
        three.confirm(soon()).await.unwrap();
        assert_eq!(numbers().await, ((3, 3), 0, 0, 2), "{name}");
    }
}

#[tokio::test]
async fn a_consumer_tells_what_it_was_told_and_how_often_it_delivered_what_is_not_done_with() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2"]).await;
        let consumer = streams.consumer("c", |spec| {
            spec.max_ack_pending = 1;
            spec.description = Some("one at a time".to_owned());
        });
        let consumer = consumer.await;
        let deliveries = async || {
            let status = consumer.status(soon()).await.unwrap();
            assert_eq!(status.description.as_deref(), Some("one at a time"));
            (status.delivered, status.deliveries)
        };
        assert_eq!(deliveries().await, (0, 0), "{name}");
        let mut pull = pull(&consumer, 3).await;
        for attempt in 1..=3 {
            let one = next(&mut pull).await;
            assert_eq!(deliveries().await, (1, attempt), "{name}");
            retry(&one, 0).await;
            pull.more(1).await.unwrap();
        }
        next(&mut pull).await.confirm(soon()).await.unwrap();
        let two = next(&mut pull).await;
        assert_eq!(deliveries().await, (2, 1), "{name}");
        two.confirm(soon()).await.unwrap();
        assert_eq!(deliveries().await, (2, 0), "{name}");
    }
}

#[tokio::test]
async fn what_the_stream_forgets_is_not_waited_for() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_with(|spec| spec.max_messages = Some(3)).await;
        streams.store_all(&["1", "2", "3"]).await;
        let change = |spec: &mut ConsumerSpec| spec.ack_wait = Duration::from_secs(1);
        let consumer = streams.consumer("c", change).await;
        let mut pull = pull(&consumer, 1).await;
        assert_eq!(taken(&mut pull, 1).await, ["1 1"], "{name}");
        streams
            .here
            .delete(&streams.stream, 2, soon())
            .await
            .unwrap();
        streams.store_all(&["4", "5"]).await;
        let gone = async || consumer.status(soon()).await.unwrap().ack_pending == 0;
        eventually("what was forgotten is not pending", gone).await;
        assert_eq!(consumer.status(soon()).await.unwrap().pending, 3, "{name}");
        pull.more(3).await.unwrap();
        assert_eq!(taken(&mut pull, 3).await, ["3 1", "4 1", "5 1"], "{name}");
    }
}
