//! Bad input from a peer that knows nothing of Aegis: each gets a clear refusal or is ignored as
//! `docs/subjects.md` says, the service goes on, and what failed is counted.

mod raw_socket;

use std::cell::RefCell;
use std::time::Duration;

use aegis_tests::eventually;
use async_nats::{Request, RequestErrorKind};
use serde_json::json;

use crate::wire::peer::{Answer, Peer, is_silent, next};
use raw_socket::RawSocket;

/// Asks with something bad and checks the refusal: the answer, the statistics, and that the
/// service is well. Returns the text.
async fn refused(method: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let peer = Peer::start().await;
    let answer = peer.ask_with(method, headers, body.to_vec()).await;
    let text = answer.assert_failure("INVALID_PARAMS", "400", false);
    assert!(text.starts_with("the params cannot be read: "), "{text}");
    assert!(text.len() < 500, "{text}");
    peer.assert_answers().await;
    let stats = peer.stats(method).await;
    assert_eq!(stats["num_errors"], 1, "{stats}");
    assert_eq!(
        stats["last_error"], "400:INVALID_PARAMS: the params cannot be read",
        "statistics quote no params"
    );
    text
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    for body in ["hello", "{\"a\":1", "{'a':1}", "\u{feff}{}", "1 2", "\0"] {
        refused("add", &[], body.as_bytes()).await;
    }
}

#[tokio::test]
async fn values_of_the_wrong_type_are_refused_by_name() {
    for body in [
        r#"{"a":"1","b":2}"#,
        r#"{"a":1.5,"b":2}"#,
        r#"{"a":null,"b":2}"#,
        r#"{"a":[1],"b":2}"#,
        r#"{"a":18446744073709551615,"b":2}"#,
        r#"{"a":1e999,"b":2}"#,
    ] {
        let text = refused("add", &[], body.as_bytes()).await;
        assert!(text.contains("argument `a`"), "{body}: {text}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_map_is_refused() {
    for body in ["[1,2]", "7", "\"a\"", "true"] {
        let text = refused("add", &[], body.as_bytes()).await;
        assert!(text.contains("a map with the arguments `a`, `b`"), "{text}");
    }
}

#[tokio::test]
async fn a_missing_field_is_refused_by_name() {
    for body in [r#"{"a":1}"#, r#"{"a":1,"B":2}"#] {
        let text = refused("add", &[], body.as_bytes()).await;
        assert!(text.contains("the argument `b` is missing"), "{text}");
    }
}

#[tokio::test]
async fn a_field_that_comes_twice_is_refused() {
    let text = refused("add", &[], br#"{"a":1,"a":2,"b":3}"#).await;
    assert!(text.contains("duplicate field `a`"), "{text}");
}

#[tokio::test]
async fn an_extra_field_is_ignored() {
    let peer = Peer::start().await;
    let body = r#"{"a":1,"b":2,"c":{"deep":[null]}}"#;
    assert_eq!(peer.ask("add", body).await, Answer::plain("3"));
    assert_eq!(peer.stats("add").await["num_errors"], 0);
}

#[tokio::test]
async fn an_empty_body_is_no_params() {
    let text = refused("add", &[], b"").await;
    assert!(text.contains("the argument `a` is missing"), "{text}");
    let peer = Peer::start().await;
    assert_eq!(peer.ask("count", "").await, Answer::plain("1"));
}

#[tokio::test]
async fn text_that_is_not_utf8_is_refused() {
    refused("greet", &[], b"{\"name\":\"\xff\xfe\"}").await;
    refused("add", &[], b"\xff\xff\xff").await;
}

#[tokio::test]
async fn a_body_nested_too_deep_is_refused() {
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    refused("add", &[], deep.as_bytes()).await;
}

#[tokio::test]
async fn bad_message_pack_is_refused_in_message_pack() {
    let mut deep = vec![0x81, 0xa1, b'a'];
    deep.extend(vec![0x91; 100_000]);
    for (why, body) in [
        ("truncated", &b"\x82\xa1a\x01\xa1"[..]),
        ("truncated text", b"\x81\xa1a\xdb\xff\xff\xff\xff"),
        ("not UTF-8", b"\x81\xa1\xff\x01"),
        ("more after the end", b"\x82\xa1a\x01\xa1b\x02\x00"),
        ("the reserved byte", b"\xc1"),
        ("nested too deep", &deep),
        ("no map", b"\x92\x01\x02"),
    ] {
        let peer = Peer::start().await;
        let answer = peer.ask("add", body.to_vec()).await;
        let body: serde_json::Value = aegis::Codec::MessagePack
            .decode(&answer.body)
            .unwrap_or_else(|error| panic!("{why}: {error}"));
        assert_eq!(body["code"], "INVALID_PARAMS", "{why}");
        assert_eq!(answer.header("Content-Type"), Some("application/msgpack"));
        assert_eq!(answer.header("Nats-Service-Error-Code"), Some("400"));
        peer.assert_answers().await;
        assert_eq!(peer.stats("add").await["num_errors"], 1, "{why}");
    }
}

#[tokio::test]
async fn a_body_of_another_encoding_than_its_content_type_is_refused() {
    let json = [("Content-Type", "application/json")];
    refused("add", &json, b"\x82\xa1a\x01\xa1b\x02").await;
}

#[tokio::test]
async fn an_envelope_with_bad_params_is_refused_in_an_envelope() {
    let peer = Peer::start().await;
    for params in [json!({"a": 1}), json!([1, 2]), json!("x"), json!(7)] {
        let body = json!({"message_id": "m-1", "method": "add", "params": params});
        let answer = peer.ask("add", body.to_string()).await;
        let response = answer.json();
        assert_eq!(response["success"], false, "{response}");
        assert_eq!(response["correlation_id"], "m-1", "{response}");
        let error = response["error"].as_str().unwrap();
        assert!(error.starts_with("INVALID_PARAMS: "), "{error}");
        assert_eq!(answer.header("Nats-Service-Error"), Some(error));
        assert_eq!(answer.header("Nats-Service-Error-Code"), Some("400"));
    }
    peer.assert_answers().await;
    assert_eq!(peer.stats("add").await["num_errors"], 4);
}

#[tokio::test]
async fn an_envelope_whose_method_is_no_text_is_a_plain_body() {
    let text = refused("add", &[], br#"{"method":1,"params":{"a":1,"b":2}}"#).await;
    assert!(text.contains("the argument `a` is missing"), "{text}");
}

#[tokio::test]
async fn envelope_fields_of_wrong_types_are_taken_for_missing() {
    let peer = Peer::start().await;
    let body = json!({"method": "add", "params": {"a": 1, "b": 2}, "message_id": 7,
        "trace_id": [], "source": {}, "timeout": "soon", "timestamp": 0, "extra": true});
    let response = peer.ask("add", body.to_string()).await.json();
    assert_eq!(response["result"], 3, "{response}");
    assert_eq!(response["correlation_id"], json!(null), "{response}");
    assert_eq!(response["target"], json!(null), "{response}");
}

#[tokio::test]
async fn a_body_beyond_the_servers_limit_does_not_leave_the_sender() {
    let peer = Peer::start().await;
    let body = vec![b'x'; 2 * 1024 * 1024];
    let sent = peer.nats.request(peer.subject("add"), body.into()).await;
    assert_eq!(
        sent.unwrap_err().kind(),
        RequestErrorKind::MaxPayloadExceeded
    );
    peer.assert_answers().await;
}

#[tokio::test]
async fn nonsense_in_headers_is_ignored() {
    let peer = Peer::start().await;
    let long = "x".repeat(100_000);
    for (name, value) in [
        ("Aegis-Deadline-Ms", "soon"),
        ("Aegis-Deadline-Ms", "-1"),
        ("Aegis-Deadline-Ms", ""),
        ("Aegis-Deadline-Ms", "99999999999999999999999999"),
        ("Content-Type", "x"),
        ("Content-Type", "\u{1f4a3}"),
        ("Aegis-Cancel", ">"),
        ("Aegis-Cancel", "not a subject"),
        ("Aegis-Version", "banana"),
        ("traceparent", "00-zz"),
        ("tracestate", "\u{1f4a3}"),
        ("Aegis-Idempotency-Key", &long),
        ("Nats-Service-Error", "I am a request"),
        ("Nats-Service-Error-Code", "NaN"),
        ("Status", "503"),
    ] {
        let body = r#"{"a":1,"b":2}"#;
        let answer = peer.ask_with("add", &[(name, value)], body).await;
        assert_eq!(answer, Answer::plain("3"), "{name}");
    }
    let nonsense = [("traceparent", "00-zz"), ("Aegis-Deadline-Ms", "soon")];
    let facts = peer.ask_with("facts", &nonsense, "").await.json();
    assert_eq!(facts[2], json!(null), "no trace");
    assert!((1..=5_000).contains(&facts[0].as_u64().unwrap()), "5 s");
    assert_eq!(peer.stats("add").await["num_errors"], 0);
}

#[tokio::test]
async fn a_hundred_headers_do_not_hide_the_deadline() {
    let peer = Peer::start().await;
    let names: Vec<String> = (0..100).map(|n| format!("X-Header-{n}")).collect();
    let mut headers: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "x")).collect();
    let body = r#"{"a":1,"b":2}"#;
    let answer = peer.ask_with("add", &headers, body).await;
    assert_eq!(answer, Answer::plain("3"));
    headers.push(("Aegis-Deadline-Ms", "0"));
    let answer = peer.ask_with("add", &headers, body).await;
    answer.assert_failure("TIMEOUT", "408", true);
    peer.assert_answers().await;
}

#[tokio::test]
async fn headers_that_are_none_cost_the_connection_and_it_comes_back() {
    let peer = Peer::start().await;
    let url = aegis_tests::shared_server().await;
    for (number, lines) in [
        ("1", &b"NATS/1.0\r\nno colon\r\n\r\n"[..]),
        ("2", b"NATS/1.0\r\nbad name: x\r\n\r\n"),
        ("3", b"NATS/1.0\r\nName: \xff\xfe\r\n\r\n"),
        ("4", b"HTTP/1.1\r\nName: x\r\n\r\n"),
    ] {
        let mut socket = RawSocket::connect(&url).await;
        socket.publish(&peer.subject("count"), lines, b"{}").await;
        let answer = answer_once_it_is_back(&peer, "count").await;
        assert_eq!(answer, number, "what came with bad headers has not run");
    }
}

/// Asks until there is an answer: what was on the way when a connection broke is lost.
async fn answer_once_it_is_back(peer: &Peer, method: &str) -> String {
    let answer = RefCell::new(String::new());
    eventually("the service is back", async || {
        let request = Request::new().timeout(Some(Duration::from_secs(2)));
        let answered = peer.nats.send_request(peer.subject(method), request).await;
        answered.is_ok_and(|message| {
            answer.replace(String::from_utf8_lossy(&message.payload).into_owned());
            true
        })
    })
    .await;
    answer.into_inner()
}

#[tokio::test]
async fn a_request_without_a_reply_subject_is_not_run() {
    let peer = Peer::start().await;
    let own = format!("{}.{}", peer.subject("count"), peer.instance);
    for subject in [peer.subject("count"), own] {
        peer.nats.publish(subject, "".into()).await.unwrap();
    }
    let own = format!("count.{}", peer.instance);
    assert_eq!(peer.ask(&own, "").await, Answer::plain("1"));
    assert_eq!(peer.ask("count", "").await, Answer::plain("2"));
    assert_eq!(peer.stats("count").await["num_requests"], 2);
}

#[tokio::test]
async fn a_request_whose_reply_subject_is_no_inbox_is_not_run() {
    let peer = Peer::start().await;
    let victim = format!("{}.rpc.bank.transfer", peer.prefix);
    let mut victims = peer.listen(&victim).await;
    peer.publish("count", &victim, &[], "").await;
    // The sentinel is sent later on the same way, so it arrives later.
    let sentinel = format!("_INBOX.{}.sentinel", peer.prefix);
    let mut sentinels = peer.listen(&sentinel).await;
    peer.publish("count", &sentinel, &[], "").await;
    assert_eq!(next(&mut sentinels).await.payload, "1", "the first to run");
    assert!(is_silent(&mut victims));
}

#[tokio::test]
async fn an_unknown_method_has_no_responders() {
    let peer = Peer::start().await;
    for method in ["nothing", "ADD", "add.nobody", "add.a.b"] {
        let nobody = peer.nats.request(peer.subject(method), "".into()).await;
        assert_eq!(
            nobody.unwrap_err().kind(),
            RequestErrorKind::NoResponders,
            "{method}"
        );
    }
    peer.assert_answers().await;
}

#[tokio::test]
async fn an_unknown_method_of_an_instance_is_refused() {
    let peer = Peer::start().await;
    for method in ["nothing", "ADD", "\u{1f4a3}"] {
        let answer = peer
            .ask(&format!("{method}.{}", peer.instance), "not json")
            .await;
        answer.assert_failure("UNKNOWN_METHOD", "404", false);
    }
    peer.assert_answers().await;
}

#[tokio::test]
async fn a_panic_does_not_end_the_service() {
    let peer = Peer::start().await;
    for _ in 0..3 {
        let answer = peer.ask("panics", "").await;
        answer.assert_failure("INTERNAL", "500", false);
    }
    peer.assert_answers().await;
    assert_eq!(peer.stats("panics").await["num_errors"], 3);
}
