//! The contract of storing: sequences, ids, conditions, limits.

use std::sync::Arc;
use std::time::Duration;

use aegis::port::{Discard, ExpectSequence, StreamMessage, Streams};
use aegis::{ErrorKind, Headers};
use aegis_tests::eventually;

use crate::stream_fixture::{Streaming, soon};

/// A condition on the newest message of a subject.
fn last_on(streams: &Streaming, rest: &str, sequence: u64) -> ExpectSequence {
    ExpectSequence::LastOn {
        subject: streams.subject(rest),
        sequence,
    }
}

/// Stores, and says how it ended: the sequence, or the kind of the error.
async fn outcome(streams: &Streaming, message: StreamMessage) -> Result<u64, ErrorKind> {
    let stored = streams.try_store(message).await;
    stored.map(|it| it.sequence).map_err(|error| error.kind())
}

#[tokio::test]
async fn what_is_stored_has_a_sequence_and_is_all_there() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let mut headers = Headers::new();
        headers.set("Tenant", "acme").unwrap();
        headers.set("X-Empty", "").unwrap();
        for (at, body) in [vec![], vec![0u8, 255, 13, 10], vec![7; 900_000]]
            .into_iter()
            .enumerate()
        {
            let message = StreamMessage::new(streams.subject("a.b"), body.clone());
            let message = message.with_headers(headers.clone());
            let stored = streams.try_store(message).await.unwrap();
            assert_eq!(
                (stored.stream, stored.duplicate),
                (streams.stream.clone(), false)
            );
            assert_eq!(stored.sequence, at as u64 + 1, "{name}");
            let found = streams
                .there
                .message(&streams.stream, stored.sequence, soon());
            let found = found.await.unwrap().expect("it is there");
            assert_eq!(found.subject, streams.subject("a.b"), "{name}");
            assert!(found.payload == body, "{name}");
            assert_eq!(found.headers.get("Tenant"), Some("acme"), "{name}");
            assert_eq!(found.headers.get("X-Empty"), Some(""), "{name}");
        }
    }
}

#[tokio::test]
async fn a_message_with_an_id_is_stored_once() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        for (rest, id, sequence, duplicate) in [
            ("a", "order-1", 1, false),
            ("a", "order-1", 1, true),
            ("a", "order-2", 2, false),
            // One window for the whole stream.
            ("b", "order-1", 1, true),
            ("b", "order 3: grüße", 3, false),
        ] {
            let message = streams.message(rest, "x").with_id(id);
            let stored = streams.there.store(message, soon()).await.unwrap();
            assert_eq!(
                (stored.sequence, stored.duplicate),
                (sequence, duplicate),
                "{name} {id}"
            );
        }
        assert_eq!(streams.status().await.messages, 3, "{name}");
        let found = streams.here.message(&streams.stream, 3, soon()).await;
        let headers = found.unwrap().unwrap().headers;
        assert_eq!(headers.get("Nats-Msg-Id"), Some("order 3: grüße"), "{name}");
    }
}

#[tokio::test]
async fn an_id_that_cannot_travel_is_refused() {
    for streams in Streaming::all().await {
        streams.make().await;
        let long = "x".repeat(20_000);
        for id in ["", "a\r\nNats-Expected-Stream: b", "a\nb", &long] {
            let message = streams.message("a", "x").with_id(id);
            let refused = outcome(&streams, message).await;
            assert_eq!(refused, Err(ErrorKind::Invalid), "{}: {id:?}", streams.name);
        }
        assert_eq!(streams.status().await.messages, 0, "{}", streams.name);
    }
}

#[tokio::test]
async fn an_id_is_forgotten_after_its_window() {
    for streams in Streaming::all().await {
        streams
            .make_with(|spec| spec.dedup = Some(Duration::from_millis(100)))
            .await;
        let store = async || {
            let message = streams.message("a", "x").with_id("1");
            streams.try_store(message).await.unwrap()
        };
        assert!(!store().await.duplicate, "{}", streams.name);
        eventually("it is stored again", async || !store().await.duplicate).await;
        assert_eq!(streams.status().await.messages, 2, "{}", streams.name);
    }
}

#[tokio::test]
async fn what_is_expected_is_decided_with_the_storing() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let last = ExpectSequence::Last;
        let on = |rest: &str, sequence| last_on(&streams, rest, sequence);
        let conflict = Err(ErrorKind::Conflict);
        for (step, (rest, expect, expected)) in [
            ("a", last(1), conflict),
            ("a", last(0), Ok(1)),
            ("b", on("b", 1), conflict),
            ("b", on("b", 0), Ok(2)),
            ("a", last(1), conflict),
            ("a", last(2), Ok(3)),
            ("a", on("a", 1), conflict),
            ("a", on("a", 0), conflict),
            ("a", on("a", 3), Ok(4)),
            // Of another subject than that of the message.
            ("a", on("b", 4), conflict),
            ("a", on("b", 0), conflict),
            ("a", on("b", 2), Ok(5)),
            ("a", on("none", 7), conflict),
            ("a", on("none", 0), Ok(6)),
        ]
        .into_iter()
        .enumerate()
        {
            let message = streams.message(rest, "x").expecting(expect);
            assert_eq!(
                outcome(&streams, message).await,
                expected,
                "{name}: step {step}"
            );
        }
        let status = streams.status().await;
        assert_eq!((status.messages, status.last_sequence), (6, 6), "{name}");
    }
}

#[tokio::test]
async fn the_newest_on_a_subject_is_what_is_left_of_it() {
    for streams in Streaming::all().await {
        let name = streams.name;
        if streams.is_old() {
            continue;
        }
        streams.make().await;
        for sequence in 1..=3 {
            assert_eq!(streams.store("a", "x").await, sequence, "{name}");
        }
        streams
            .here
            .delete(&streams.stream, 3, soon())
            .await
            .unwrap();
        let message = |sequence| {
            let expect = last_on(&streams, "a", sequence);
            streams.message("a", "x").expecting(expect)
        };
        assert_eq!(
            outcome(&streams, message(3)).await,
            Err(ErrorKind::Conflict)
        );
        assert_eq!(outcome(&streams, message(2)).await, Ok(4), "{name}");
        // But the stream itself counts on.
        let message = streams.message("a", "x").expecting(ExpectSequence::Last(4));
        assert_eq!(outcome(&streams, message).await, Ok(5), "{name}");
    }
}

#[tokio::test]
async fn the_oldest_from_a_sequence_on_is_what_is_left_and_matches() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        for token in ["a", "b", "a", "c", "b"] {
            streams.store(token, "x").await;
        }
        streams
            .here
            .delete(&streams.stream, 3, soon())
            .await
            .unwrap();
        for (pattern, from, expected) in [
            ("*", 0, Some(1)),
            ("*", 3, Some(4)),
            ("a", 1, Some(1)),
            ("a", 2, None),
            ("b", 3, Some(5)),
            ("b", 6, None),
            ("d", 1, None),
        ] {
            let wanted = streams.pattern(pattern);
            let found = streams.here.first(&streams.stream, &wanted, from, soon());
            let found = found.await.unwrap().map(|message| message.sequence);
            assert_eq!(found, expected, "{name}: {pattern} from {from}");
        }
    }
}

#[tokio::test]
async fn a_conflict_says_what_to_do() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        for expect in [ExpectSequence::Last(7), last_on(&streams, "b", 7)] {
            let message = streams.message("a", "x").expecting(expect);
            let error = streams.try_store(message).await.unwrap_err();
            let text = error.to_string();
            assert!(text.contains("was not stored"), "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn where_no_stream_stores_nobody_is_there() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let message = || streams.message("a", "x").with_id("1");
        let error = streams.try_store(message()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoService, "{name}");
        let subject = streams.subject("a").to_string();
        assert!(error.to_string().contains(&subject), "{name}: {error}");
        streams
            .make_with(|spec| spec.subjects = vec![streams.pattern("a")])
            .await;
        assert_eq!(outcome(&streams, message()).await, Ok(1), "{name}");
        let other = streams.message("b", "x");
        assert_eq!(outcome(&streams, other).await, Err(ErrorKind::NoService));
        streams.there.remove(&streams.stream, soon()).await.unwrap();
        assert_eq!(
            outcome(&streams, message()).await,
            Err(ErrorKind::NoService)
        );
    }
}

#[tokio::test]
async fn too_large_a_message_is_refused_with_the_limit() {
    for streams in Streaming::all().await {
        streams.make().await;
        let message = StreamMessage::new(streams.subject("a"), vec![0; 2_000_000]);
        let error = streams.try_store(message).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{}", streams.name);
        assert!(error.to_string().contains("1048576"), "{error}");
        assert_eq!(streams.status().await.messages, 0, "{}", streams.name);
    }
}

#[tokio::test]
async fn a_full_stream_refuses_new_messages_if_it_is_to() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams
            .make_with(|spec| {
                spec.discard = Some(Discard::New);
                spec.max_messages = Some(2);
                spec.max_bytes = Some(200_000);
            })
            .await;
        streams.store_all(&["1", "2"]).await;
        let error = streams
            .try_store(streams.message("a", "3").with_id("3"))
            .await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Overloaded, "{name}: {error}");
        assert!(error.to_string().contains("full"), "{name}: {error}");
        assert_eq!(streams.status().await.last_sequence, 2, "{name}");
        streams
            .here
            .delete(&streams.stream, 1, soon())
            .await
            .unwrap();
        // What was refused has left no id behind.
        let again = streams.message("a", "3").with_id("3");
        assert_eq!(outcome(&streams, again).await, Ok(3), "{name}");
        streams
            .here
            .delete(&streams.stream, 2, soon())
            .await
            .unwrap();
        let large = StreamMessage::new(streams.subject("a"), vec![0; 300_000]);
        assert_eq!(
            outcome(&streams, large).await,
            Err(ErrorKind::Overloaded),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_full_stream_forgets_its_oldest_messages_otherwise() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_with(|spec| spec.max_messages = Some(2)).await;
        streams.store_all(&["1", "2", "3"]).await;
        let status = streams.status().await;
        assert_eq!((status.messages, status.first_sequence), (2, 2), "{name}");
        let gone = streams.here.message(&streams.stream, 1, soon()).await;
        assert_eq!(gone.unwrap(), None, "{name}");
        streams
            .make_with(|spec| spec.max_bytes = Some(100_000))
            .await;
        for sequence in 4..=9 {
            let message = StreamMessage::new(streams.subject("a"), vec![0; 60_000]);
            assert_eq!(outcome(&streams, message).await, Ok(sequence), "{name}");
        }
        let status = streams.status().await;
        assert_eq!((status.messages, status.first_sequence), (1, 9), "{name}");
        assert!(status.bytes <= 100_000, "{name}");
    }
}

/// Stores fifty times, and tells the sequences.
async fn fifty(streams: Arc<dyn Streams>, message: StreamMessage) -> Vec<u64> {
    let mut sequences = Vec::new();
    for _ in 0..50 {
        let stored = streams.store(message.clone(), soon()).await;
        sequences.push(stored.unwrap().sequence);
    }
    assert!(sequences.is_sorted(), "{sequences:?}");
    sequences
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_store_at_once() {
    for streams in Streaming::all().await {
        streams.make().await;
        let message = streams.message("a", "x");
        let writers = streams.at_once(|streaming, _| fifty(streaming, message.clone()));
        let mut all = writers.await.concat();
        all.sort_unstable();
        let expected: Vec<u64> = (1..=400).collect();
        assert_eq!(all, expected, "{}", streams.name);
    }
}

/// Stores, and tells the sequence unless somebody else was faster.
async fn race(streams: Arc<dyn Streams>, message: StreamMessage) -> Option<u64> {
    match streams.store(message, soon()).await {
        Ok(stored) => Some(stored.sequence),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_with_one_condition_one_is_stored() {
    for streams in Streaming::all().await {
        streams.make().await;
        let mut newest = 0;
        for _ in 0..10 {
            let expect = last_on(&streams, "a", newest);
            let message = streams.message("a", "x").expecting(expect);
            let racers = streams.at_once(|streaming, _| race(streaming, message.clone()));
            let stored: Vec<u64> = racers.await.into_iter().flatten().collect();
            assert_eq!(stored.len(), 1, "{}: {stored:?}", streams.name);
            newest = stored[0];
        }
    }
}
