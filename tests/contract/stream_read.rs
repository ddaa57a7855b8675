//! The contract of reading without a consumer: one message, the newest, the subjects.

use std::collections::BTreeMap;
use std::time::Duration;

use aegis::port::StoredMessage;
use aegis::{Error, ErrorKind};
use aegis_tests::eventually;

use crate::stream_fixture::{Streaming, consumer_spec, soon};

async fn message(streams: &Streaming, sequence: u64) -> Option<StoredMessage> {
    let found = streams.there.message(&streams.stream, sequence, soon());
    found.await.unwrap()
}

async fn last(streams: &Streaming, rest: &str) -> Option<u64> {
    let subject = streams.subject(rest);
    let found = streams.there.last(&streams.stream, &subject, soon()).await;
    found.unwrap().map(|message| message.sequence)
}

async fn subjects(streams: &Streaming, rest: &str) -> Vec<(String, u64)> {
    let pattern = streams.pattern(rest);
    let found = streams.there.subjects(&streams.stream, &pattern, soon());
    let found: BTreeMap<String, u64> = found.await.unwrap();
    let skipped = streams.stream.len() + 1;
    let cut = |(subject, count): (String, u64)| (subject[skipped..].to_owned(), count);
    found.into_iter().map(cut).collect()
}

#[tokio::test]
async fn a_message_is_found_by_its_sequence() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        assert_eq!(message(&streams, 1).await, None, "{name}");
        streams.store("a", "1").await;
        streams.store("b.c", "2").await;
        let first = message(&streams, 1).await.unwrap();
        let second = message(&streams, 2).await.unwrap();
        assert_eq!((&first.subject, first.sequence), (&streams.subject("a"), 1));
        assert_eq!(
            (&*second.payload, second.sequence),
            (&b"2"[..], 2),
            "{name}"
        );
        assert!(first.headers.is_empty(), "{name}");
        assert!(first.stored <= second.stored, "{name}");
        assert_eq!(message(&streams, 3).await, None, "{name}");
        assert_eq!(message(&streams, u64::MAX).await, None, "{name}");
    }
}

#[tokio::test]
async fn the_newest_on_a_subject_is_found() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        assert_eq!(last(&streams, "a").await, None, "{name}");
        for rest in ["a", "b", "a", "a.x"] {
            streams.store(rest, "x").await;
        }
        for (rest, newest) in [
            ("a", Some(3)),
            ("b", Some(2)),
            ("a.x", Some(4)),
            ("x", None),
        ] {
            assert_eq!(last(&streams, rest).await, newest, "{name} {rest}");
        }
        assert_eq!(last(&streams, "a.x.y").await, None, "{name}");
    }
}

#[tokio::test]
async fn what_was_deleted_is_gone_for_good() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3"]).await;
        let delete = async |sequence| {
            let deleted = streams.here.delete(&streams.stream, sequence, soon());
            deleted.await.unwrap()
        };
        for (sequence, was_there) in [(3, true), (3, false), (1, true), (1, false), (9, false)] {
            assert_eq!(delete(sequence).await, was_there, "{name}: {sequence}");
        }
        assert_eq!(message(&streams, 1).await, None, "{name}");
        assert_eq!(message(&streams, 2).await.unwrap().payload, "2", "{name}");
        if !streams.is_old() {
            assert_eq!(last(&streams, "a").await, Some(2), "{name}");
        }
        let status = streams.status().await;
        assert_eq!((status.messages, status.first_sequence), (1, 2), "{name}");
        assert_eq!(
            streams.store("a", "4").await,
            4,
            "{name}: never a sequence twice"
        );
        assert!(delete(2).await && delete(4).await, "{name}");
        assert_eq!(streams.status().await.messages, 0, "{name}");
        assert_eq!(last(&streams, "a").await, None, "{name}");
        assert_eq!(streams.store("a", "5").await, 5, "{name}");
    }
}

#[tokio::test]
async fn subjects_are_counted() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        assert_eq!(subjects(&streams, ">").await, [], "{name}");
        for rest in ["a.x", "a.y", "b", "a.x"] {
            streams.store(rest, "x").await;
        }
        let pair = |rest: &str, count| (rest.to_owned(), count);
        let (x, y, b) = (pair("a.x", 2), pair("a.y", 1), pair("b", 1));
        for (pattern, expected) in [
            (">", vec![x.clone(), y.clone(), b.clone()]),
            ("a.*", vec![x.clone(), y.clone()]),
            ("*", vec![b.clone()]),
            ("a.x", vec![x]),
            ("c.>", vec![]),
        ] {
            assert_eq!(
                subjects(&streams, pattern).await,
                expected,
                "{name} {pattern}"
            );
        }
        for sequence in [1, 3] {
            streams
                .here
                .delete(&streams.stream, sequence, soon())
                .await
                .unwrap();
        }
        assert_eq!(subjects(&streams, ">").await, [pair("a.x", 1), y], "{name}");
    }
}

#[tokio::test]
async fn what_is_too_old_is_gone() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams
            .make_with(|spec| {
                spec.dedup = Some(Duration::from_millis(100));
                spec.max_age = Some(Duration::from_millis(300));
            })
            .await;
        streams.store("a", "old").await;
        let gone = async || message(&streams, 1).await.is_none();
        eventually("it expires", gone).await;
        assert_eq!(last(&streams, "a").await, None, "{name}");
        assert_eq!(subjects(&streams, ">").await, [], "{name}");
        let status = streams.status().await;
        assert_eq!((status.messages, status.last_sequence), (0, 1), "{name}");
        assert_eq!(streams.store("a", "new").await, 2, "{name}");
    }
}

#[tokio::test]
async fn a_stream_that_is_gone_is_no_empty_stream() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let (here, subject) = (&streams.here, streams.subject("a"));
        let ask = async |stream: &str| -> Vec<Error> {
            let pattern = streams.pattern(">");
            let spec = consumer_spec("c");
            vec![
                here.message(stream, 1, soon()).await.unwrap_err(),
                here.last(stream, &subject, soon()).await.unwrap_err(),
                here.delete(stream, 1, soon()).await.unwrap_err(),
                here.subjects(stream, &pattern, soon()).await.unwrap_err(),
                here.consumers(stream, &|_| true, soon()).await.unwrap_err(),
                here.remove_consumer(stream, "c", soon()).await.unwrap_err(),
                here.consumer(stream, spec, soon()).await.unwrap_err(),
            ]
        };
        for (at, error) in ask(&streams.stream).await.into_iter().enumerate() {
            assert_eq!(error.kind(), ErrorKind::NoService, "{name} {at}: {error}");
            let named = error.to_string().contains(&streams.stream);
            assert!(named, "{name} {at}: {error}");
        }
        for bad in ["", "a.b", "*", "a b"] {
            for (at, error) in ask(bad).await.into_iter().enumerate() {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{name} {at}: {error}");
            }
        }
    }
}
