//! Messages into a stream, as they stand on the wire, and where the server refuses them.

use aegis::port::{Discard, ExpectSequence, StreamMessage, Streams};
use aegis::testing::NatsServer;
use aegis::{ErrorKind, Result};
use aegis_tests::{shared_server, unique_prefix};
use futures_util::StreamExt;
use serde_json::json;

use super::{ask, connected, deadline, small, subject};

/// Stores where the newest message on a subject is to have a sequence.
async fn store_after(streams: &dyn Streams, to: &str, (on, sequence): (&str, u64)) -> Result<u64> {
    let expect = ExpectSequence::LastOn {
        subject: subject(on),
        sequence,
    };
    let message = StreamMessage::new(subject(to), "x").expecting(expect);
    let stored = streams.store(message, deadline()).await?;
    Ok(stored.sequence)
}

#[tokio::test]
async fn a_message_may_depend_on_another_subject_on_every_version() {
    for version in ["2.10.26", "2.15.1"] {
        let server = NatsServer::builder().version(version).start();
        let server = server.await.unwrap();
        let streams = connected(&server.url()).await;
        streams.ensure(small("a"), deadline()).await.unwrap();
        let store = async |to, on, sequence| store_after(&*streams, to, (on, sequence)).await;
        assert_eq!(store("a.fence", "a.fence", 0).await.unwrap(), 1);
        assert_eq!(store("a.other", "a.fence", 1).await.unwrap(), 2);
        assert_eq!(store("a.other", "a.none", 0).await.unwrap(), 3);
        for (to, on, sequence) in [
            ("a.other", "a.fence", 2),
            ("a.other", "a.fence", 0),
            ("a.other", "a.none", 1),
            ("a.fence", "a.fence", 0),
        ] {
            let error = store(to, on, sequence).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{version}: {error}");
            assert!(error.to_string().contains(on), "{error}");
        }
        let error = store("b.x", "a.fence", 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoService, "{version}: {error}");
        let last = streams.status("a", deadline()).await.unwrap().unwrap();
        assert_eq!(last.last_sequence, 3, "{version}");
    }
}

#[tokio::test]
async fn what_a_stream_stores_is_what_any_client_stores() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    streams.ensure(small(&name), deadline()).await.unwrap();
    let raw = async_nats::connect(&url).await.unwrap();
    let mut heard = raw.subscribe(format!("{name}.>")).await.unwrap();
    ask(&raw, "INFO", json!({})).await; // The server has seen the subscription.
    let on = subject(&format!("{name}.a"));
    let message = StreamMessage::new(on.clone(), "body").with_id("one");
    let first = streams.store(message.clone(), deadline()).await.unwrap();
    let again = streams.store(message, deadline()).await.unwrap();
    assert_eq!((first.sequence, first.duplicate), (1, false));
    assert_eq!((again.sequence, again.duplicate), (1, true));
    assert_eq!(first.stream, name);
    let heard = heard.next().await.unwrap();
    let headers = heard.headers.unwrap();
    assert_eq!(headers.get("Nats-Msg-Id").unwrap().as_str(), "one");
    let found = streams.message(&name, 1, deadline()).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.headers.get("Nats-Msg-Id"), Some("one"));
    assert_eq!((found.subject, &*found.payload), (on, &b"body"[..]));
}

#[tokio::test]
async fn a_full_stream_that_refuses_has_stored_nothing() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    let mut spec = small(&name);
    spec.discard = Some(Discard::New);
    spec.max_messages = Some(2);
    streams.ensure(spec, deadline()).await.unwrap();
    let message = StreamMessage::new(subject(&format!("{name}.a")), "x");
    for _ in 0..2 {
        streams.store(message.clone(), deadline()).await.unwrap();
    }
    let error = streams.store(message, deadline()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
    assert!(error.to_string().contains("full"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_of_a_stream_is_no_success() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    let raw = async_nats::connect(&url).await.unwrap();
    let mut asked = raw.subscribe(format!("{name}.*")).await.unwrap();
    ask(&raw, "INFO", json!({})).await; // The server has seen the subscription.
    let answering = tokio::spawn(async move {
        for answer in ["{}", "hello", "{\"stream\":\"x\"}"] {
            let reply = asked.next().await.unwrap().reply.unwrap();
            raw.publish(reply, answer.into()).await.unwrap();
        }
        raw.flush().await.unwrap();
    });
    for _ in 0..3 {
        let message = StreamMessage::new(subject(&format!("{name}.a")), "x");
        let error = streams.store(message, deadline()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert!(error.was_sent(), "{error}");
    }
    answering.await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_not_there_is_not_removed() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    streams.ensure(small(&name), deadline()).await.unwrap();
    let message = StreamMessage::new(subject(&format!("{name}.a")), "x");
    for _ in 0..3 {
        streams.store(message.clone(), deadline()).await.unwrap();
    }
    for (sequence, expected) in [(2, true), (2, false), (0, false), (9, false), (1, true)] {
        let removed = streams.delete(&name, sequence, deadline()).await.unwrap();
        assert_eq!(removed, expected, "{sequence}");
        let found = streams.message(&name, sequence, deadline()).await.unwrap();
        assert!(found.is_none(), "{sequence}");
    }
    let error = streams.delete("none", 1, deadline()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoService, "{error}");
}
