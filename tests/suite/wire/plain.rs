//! Plain requests: the body is the params, the answer is the bare result.

use super::peer::{Answer, Peer, header_table};

const ADD_MSGPACK: &[u8] = b"\x82\xa1a\x01\xa1b\x02";

#[tokio::test]
async fn a_plain_request_gets_the_bare_result() {
    let peer = Peer::start().await;
    for (method, body, result) in [
        ("add", r#"{"a":1,"b":2}"#, "3"),
        ("add", r#"{"b":2,"a":1,"unknown":[{}]}"#, "3"),
        ("greet", r#"{"name":"Ada"}"#, r#""Hello, Ada!""#),
        (
            "greet",
            r#"{"name":"Ada","title":null}"#,
            r#""Hello, Ada!""#,
        ),
        (
            "greet",
            r#"{"name":"Ada","title":"Countess "}"#,
            r#""Hello, Countess Ada!""#,
        ),
        ("told", r#"{"name":"Tenant"}"#, "null"),
        ("count", "", "1"),
        ("count", "{}", "2"),
        ("count", "null", "3"),
        // A request with only one of `method` and `params` is no envelope.
        ("count", r#"{"method":"count"}"#, "4"),
        ("count", r#"{"params":{}}"#, "5"),
    ] {
        let answer = peer.ask(method, body).await;
        assert_eq!(answer, Answer::plain(result), "{method} {body}");
    }
}

#[tokio::test]
async fn the_answer_has_the_encoding_of_the_request() {
    let peer = Peer::start().await;
    let json = br#"{"a":1,"b":2}"#;
    let msgpack = header_table(&[("Content-Type", "application/msgpack")]);
    for (content_type, body, answers_msgpack) in [
        (None, &json[..], false),
        (None, ADD_MSGPACK, true),
        (Some("application/json"), json, false),
        (Some("application/json; charset=utf-8"), json, false),
        (Some("application/msgpack"), ADD_MSGPACK, true),
        (Some("application/x-msgpack"), ADD_MSGPACK, true),
        (Some("application/vnd.msgpack"), ADD_MSGPACK, true),
        (Some("x"), json, false),
        (Some("x"), ADD_MSGPACK, true),
    ] {
        let headers: Vec<_> = content_type
            .map(|value| ("Content-Type", value))
            .into_iter()
            .collect();
        let answer = peer.ask_with("add", &headers, body).await;
        if answers_msgpack {
            assert_eq!(
                (&*answer.body, &answer.headers),
                (&b"\x03"[..], &msgpack),
                "{content_type:?}"
            );
        } else {
            assert_eq!(answer, Answer::plain("3"), "{content_type:?}");
        }
    }
}

#[tokio::test]
async fn headers_of_the_request_reach_the_handler() {
    let peer = Peer::start().await;
    let body = r#"{"name":"tenant"}"#;
    let answer = peer.ask_with("told", &[("Tenant", "acme")], body).await;
    assert_eq!(answer, Answer::plain("\"acme\""));
    let key = [("Aegis-Idempotency-Key", "order-7")];
    let body = r#"{"name":"Aegis-Idempotency-Key"}"#;
    let answer = peer.ask_with("told", &key, body).await;
    assert_eq!(answer, Answer::plain("\"order-7\""));
}

#[tokio::test]
async fn deadline_and_trace_travel_in_headers() {
    let peer = Peer::start().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("Aegis-Deadline-Ms", "40000"), ("traceparent", parent)];
    let facts = peer.ask_with("facts", &headers, "").await.json();
    let left = facts[0].as_u64().unwrap();
    assert!((20_000..=40_000).contains(&left), "{left}");
    assert_eq!(facts[1], serde_json::Value::Null, "nobody said who calls");
    assert_eq!(facts[2], "4bf92f3577b34da6a3ce929d0e0e4736");
    let facts = peer.ask("facts", "").await.json();
    let left = facts[0].as_u64().unwrap();
    assert!((1..=5_000).contains(&left), "the default is 5 s: {left}");
}
