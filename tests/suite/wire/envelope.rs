//! The envelope of `AegisSDK` 1.0: request, response, and what `Aegis-Version` adds.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use aegis::Codec;
use serde_json::{Value, json};

use super::peer::{Answer, Peer, header_table};

const VERSION: (&str, &str) = ("Aegis-Version", "1");

fn request(method: &str, params: &Value) -> Value {
    json!({
        "message_id": "0d9a4a0e-7d0c-4b1e-9a53-2f6f1d3f0001", "trace_id": "t-1",
        "correlation_id": null, "timestamp": "2026-01-01T00:00:00Z", "source": "caller",
        "target": "probe", "method": method, "params": params, "timeout": 5.0,
    })
}

/// Checks what differs from answer to answer, and takes it out.
fn settled(mut response: Value) -> Value {
    let id = response["message_id"].as_str().unwrap();
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "a UUID: {id}");
    let time = response["timestamp"].as_str().unwrap();
    assert!(
        time.starts_with("20") && &time[10..11] == "T" && time.ends_with('Z'),
        "RFC 3339 in UTC: {time}"
    );
    response["message_id"] = json!("ID");
    response["timestamp"] = json!("TIME");
    response
}

fn response(result: &Value, error: Option<&str>) -> Value {
    json!({
        "message_id": "ID", "trace_id": "t-1",
        "correlation_id": "0d9a4a0e-7d0c-4b1e-9a53-2f6f1d3f0001", "timestamp": "TIME",
        "source": "probe", "target": "caller", "success": error.is_none(), "result": result,
        "error": error,
    })
}

#[tokio::test]
async fn an_envelope_is_answered_by_an_envelope() {
    let peer = Peer::start().await;
    for headers in [&[][..], &[VERSION]] {
        let body = request("add", &json!({"a": 1, "b": 2})).to_string();
        let answer = peer.ask_with("add", headers, body).await;
        assert_eq!(answer.headers, header_table(&[]));
        assert_eq!(settled(answer.json()), response(&json!(3), None));
    }
}

#[tokio::test]
async fn a_failure_has_further_fields_only_for_who_sent_the_version() {
    let peer = Peer::start().await;
    let by_zero = "DIVISION_BY_ZERO: 7 cannot be divided by nothing";
    let sold_out = "SOLD_OUT: no more blue chairs";
    for (method, params, error, number, further) in [
        (
            "divide",
            json!({"a": 7, "by": 0}),
            by_zero,
            "422",
            json!({"code": "DIVISION_BY_ZERO", "message": "7 cannot be divided by nothing",
                "details": {"DivisionByZero": 7}, "retryable": false}),
        ),
        (
            "sell",
            json!({}),
            sold_out,
            "500",
            json!({"code": "SOLD_OUT", "message": "no more blue chairs", "details": {"left": 0},
                "retryable": true}),
        ),
    ] {
        let body = request(method, &params).to_string();
        let headers = header_table(&[
            ("Nats-Service-Error", error),
            ("Nats-Service-Error-Code", number),
        ]);
        let mut expected = response(&Value::Null, Some(error));
        let answer = peer.ask(method, body.clone()).await;
        assert_eq!(answer.headers, headers);
        assert_eq!(settled(answer.json()), expected, "as AegisSDK 1.0 knows it");
        let answer = peer.ask_with(method, &[VERSION], body).await;
        assert_eq!(answer.headers, headers);
        let fields = expected.as_object_mut().unwrap();
        fields.extend(further.as_object().unwrap().clone());
        assert_eq!(settled(answer.json()), expected, "with the version");
    }
}

#[tokio::test]
async fn an_envelope_in_message_pack_is_answered_in_message_pack() {
    let peer = Peer::start().await;
    let codec = Codec::MessagePack;
    let content = header_table(&[("Content-Type", "application/msgpack")]);
    let body = codec.encode(&request("add", &json!({"a": 1, "b": 2})));
    let answer = peer.ask("add", body.unwrap().to_vec()).await;
    assert_eq!(
        (answer.body[0], &answer.headers),
        (0x89, &content),
        "a map of 9"
    );
    let decoded: Value = codec.decode(&answer.body).unwrap();
    assert_eq!(settled(decoded), response(&json!(3), None));
    let body = codec.encode(&request("sell", &json!({})));
    let answer = peer.ask("sell", body.unwrap().to_vec()).await;
    let decoded: Value = codec.decode(&answer.body).unwrap();
    let error = "SOLD_OUT: no more blue chairs";
    assert_eq!(settled(decoded), response(&Value::Null, Some(error)));
    assert_eq!(answer.header("Content-Type"), Some("application/msgpack"));
    assert_eq!(answer.header("Nats-Service-Error"), Some(error));
}

#[tokio::test]
async fn what_an_envelope_does_not_say_is_null_or_empty() {
    let peer = Peer::start().await;
    let least = r#"{"method":"count","params":{},"timeout":5}"#;
    let answer = peer.ask("count", least).await;
    assert_eq!(
        settled(answer.json()),
        json!({"message_id": "ID", "trace_id": "", "correlation_id": null, "timestamp": "TIME",
            "source": "probe", "target": null, "success": true, "result": 1, "error": null})
    );
    let answer = peer
        .ask("count", r#"{"method":"count","params":null}"#)
        .await;
    assert_eq!(answer, Answer::plain("2"), "params null is no envelope");
    let answer = peer.ask("count", r#"{"method":"count","params":{}}"#).await;
    assert_eq!(answer, Answer::plain("3"), "nor is JSON-RPC");
}

#[tokio::test]
async fn source_and_timeout_of_an_envelope_count() {
    let peer = Peer::start().await;
    let mut body = request("facts", &json!({}));
    body["timeout"] = json!(40.0);
    let facts = peer.ask("facts", body.to_string()).await.json();
    let left = facts["result"][0].as_u64().unwrap();
    assert!((20_000..=40_000).contains(&left), "{left}");
    assert_eq!(facts["result"][1], "caller");
    // The header counts before the envelope.
    let header = [("Aegis-Deadline-Ms", "3000")];
    let facts = peer
        .ask_with("facts", &header, body.to_string())
        .await
        .json();
    let left = facts["result"][0].as_u64().unwrap();
    assert!((1..=3_000).contains(&left), "{left}");
}
