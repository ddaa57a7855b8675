//! The contract of messages that reach a stream over the bus, as others send them.

use aegis::port::{Answer, Discard, Outgoing};
use aegis::{ErrorKind, Headers, Result};
use aegis_tests::{eventually, soon as in_time};
use serde_json::{Value, json};

use crate::stream_fixture::{Streaming, soon};

async fn request(streams: &Streaming, message: Outgoing) -> Result<Answer> {
    let call = streams.bus.new_call();
    streams.bus.request(message, &call, soon()).await
}

/// What the stream answers to a message with these headers.
async fn answer(streams: &Streaming, rest: &str, said: &[(&str, &str)]) -> Value {
    let mut headers = Headers::new();
    for (name, value) in said {
        headers.set(name, value).unwrap();
    }
    let message = streams.outgoing(rest, "x").with_headers(headers);
    let answer = request(streams, message).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

#[tokio::test]
async fn a_plain_message_is_stored_and_heard() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams
            .make_with(|spec| spec.subjects = vec![streams.pattern("a.*")])
            .await;
        let mut heard = streams
            .bus
            .subscribe(streams.pattern(">"), None)
            .await
            .unwrap();
        streams.bus.flush().await.unwrap();
        for (rest, text) in [("a.b", "1"), ("other", "2"), ("a.c", "3")] {
            let message = streams.outgoing(rest, text);
            streams.bus.publish(message).await.unwrap();
        }
        streams.bus.flush().await.unwrap();
        for text in ["1", "2", "3"] {
            let message = in_time("a message", heard.next()).await.unwrap();
            assert_eq!(message.payload, text, "{name}");
        }
        let two = async || streams.status().await.messages == 2;
        eventually("both are stored", two).await;
        let found = streams.here.message(&streams.stream, 2, soon()).await;
        let found = found.unwrap().unwrap();
        assert_eq!(
            (found.subject, &*found.payload),
            (streams.subject("a.c"), &b"3"[..])
        );
    }
}

#[tokio::test]
async fn what_is_stored_through_the_port_is_heard_too() {
    for streams in Streaming::all().await {
        streams.make().await;
        let mut heard = streams
            .bus
            .subscribe(streams.pattern("a"), None)
            .await
            .unwrap();
        streams.bus.flush().await.unwrap();
        streams.store("a", "x").await;
        let message = in_time("a message", heard.next()).await.unwrap();
        assert_eq!(message.payload, "x", "{}", streams.name);
    }
}

#[tokio::test]
async fn a_request_is_answered_with_the_streams_word() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let nobody = request(&streams, streams.outgoing("a", "x")).await;
        assert_eq!(nobody.unwrap_err().kind(), ErrorKind::NoService, "{name}");
        streams.make().await;
        let stream = &streams.stream;
        let stored = |sequence: u64| json!({"stream": stream, "seq": sequence});
        assert_eq!(answer(&streams, "a", &[]).await, stored(1), "{name}");
        let id = [("Nats-Msg-Id", "7")];
        assert_eq!(answer(&streams, "a", &id).await, stored(2), "{name}");
        let duplicate = json!({"stream": stream, "seq": 2, "duplicate": true});
        assert_eq!(answer(&streams, "a", &id).await, duplicate, "{name}");
        let through_the_port = streams.message("b", "x").with_id("7");
        let known = streams.try_store(through_the_port).await.unwrap();
        assert!(known.duplicate && known.sequence == 2, "{name}");
        streams.here.remove(stream, soon()).await.unwrap();
        let nobody = request(&streams, streams.outgoing("a", "x")).await;
        assert_eq!(nobody.unwrap_err().kind(), ErrorKind::NoService, "{name}");
    }
}

#[tokio::test]
async fn what_the_headers_expect_is_obeyed() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let first = answer(&streams, "a", &[("Nats-Msg-Id", "one")]).await;
        assert_eq!(first["seq"], 1, "{name}");
        for (said, code) in [
            (("Nats-Expected-Stream", "other"), 10060),
            (("Nats-Expected-Last-Sequence", "7"), 10071),
            (("Nats-Expected-Last-Subject-Sequence", "0"), 10071),
            (("Nats-Expected-Last-Msg-Id", "two"), 10070),
        ] {
            let refused = answer(&streams, "a", &[said]).await;
            assert_eq!(refused["error"]["err_code"], code, "{name}: {refused}");
            assert_eq!(refused["error"]["code"], 400, "{name}: {refused}");
            assert!(
                refused["error"]["description"].is_string(),
                "{name}: {refused}"
            );
        }
        assert_eq!(streams.status().await.messages, 1, "{name}");
        for (said, sequence) in [
            (("Nats-Expected-Stream", &*streams.stream), 2),
            (("Nats-Expected-Last-Sequence", "2"), 3),
            (("Nats-Expected-Last-Subject-Sequence", "3"), 4),
        ] {
            let stored = answer(&streams, "a", &[said]).await;
            assert_eq!(stored["seq"], sequence, "{name}: {stored}");
        }
    }
}

#[tokio::test]
async fn a_full_stream_answers_so() {
    for streams in Streaming::all().await {
        streams
            .make_with(|spec| {
                spec.discard = Some(Discard::New);
                spec.max_messages = Some(1);
            })
            .await;
        assert_eq!(answer(&streams, "a", &[]).await["seq"], 1);
        let refused = answer(&streams, "a", &[]).await;
        let error = &refused["error"];
        assert_eq!(error["err_code"], 10077, "{}: {refused}", streams.name);
        // A plain message is refused without a word.
        let message = streams.outgoing("a", "x");
        streams.bus.publish(message).await.unwrap();
        streams.bus.flush().await.unwrap();
        assert_eq!(streams.status().await.last_sequence, 1, "{}", streams.name);
    }
}
