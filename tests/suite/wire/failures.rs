//! Failures of every kind to a plain request: code, number, body.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::peer::{Answer, LONG, Peer, header_table, next, reached};

#[tokio::test]
async fn a_domain_error_has_its_own_code_and_number() {
    let peer = Peer::start().await;
    let answer = peer.ask("divide", r#"{"a":7,"by":0}"#).await;
    let error = "DIVISION_BY_ZERO: 7 cannot be divided by nothing";
    let headers = [
        ("Nats-Service-Error", error),
        ("Nats-Service-Error-Code", "422"),
    ];
    assert_eq!(answer.headers, header_table(&headers));
    assert_eq!(
        answer.json(),
        json!({"error": error, "code": "DIVISION_BY_ZERO",
            "message": "7 cannot be divided by nothing", "details": {"DivisionByZero": 7},
            "retryable": false})
    );
    let answer = peer.ask("sell", "").await;
    assert_eq!(answer.header("Nats-Service-Error-Code"), Some("500"));
    assert_eq!(
        answer.json(),
        json!({"error": "SOLD_OUT: no more blue chairs", "code": "SOLD_OUT",
            "message": "no more blue chairs", "details": {"left": 0}, "retryable": true})
    );
}

#[tokio::test]
async fn params_that_cannot_be_read_are_400() {
    let peer = Peer::start().await;
    let answer = peer.ask("add", r#"{"a":1}"#).await;
    let text = answer.assert_failure("INVALID_PARAMS", "400", false);
    assert!(text.contains("the argument `b` is missing"), "{text}");
    peer.assert_answers().await;
}

#[tokio::test]
async fn an_unknown_method_of_an_instance_is_404_and_elsewhere_nobody() {
    let peer = Peer::start().await;
    let subject = format!("{}.{}", peer.subject("nothing"), peer.instance);
    let answer = peer.request(subject, &[], "{}").await;
    let text = answer.assert_failure("UNKNOWN_METHOD", "404", false);
    assert!(text.contains("\"nothing\""), "{text}");
    let nobody = peer.nats.request(peer.subject("nothing"), "".into()).await;
    assert_eq!(
        nobody.unwrap_err().kind(),
        async_nats::RequestErrorKind::NoResponders
    );
    peer.assert_answers().await;
}

#[tokio::test]
async fn a_deadline_that_passed_before_arrival_is_408_and_nothing_runs() {
    let peer = Peer::start().await;
    let expired = [("Aegis-Deadline-Ms", "0")];
    let answer = peer.ask_with("count", &expired, "").await;
    answer.assert_failure("TIMEOUT", "408", true);
    assert_eq!(peer.seen.counted.load(Ordering::Relaxed), 0);
    assert_eq!(peer.ask("count", "").await, Answer::plain("1"));
}

#[tokio::test]
async fn a_deadline_that_passes_meanwhile_is_408_and_the_handler_is_told() {
    let peer = Peer::start().await;
    let short = [("Aegis-Deadline-Ms", "50")];
    let answer = peer.ask_with("hold", &short, "").await;
    answer.assert_failure("TIMEOUT", "408", true);
    reached(&peer.seen.cancelled, 1).await;
}

#[tokio::test]
async fn a_result_beyond_the_servers_limit_is_413() {
    let peer = Peer::start().await;
    let answer = peer.ask("blob", r#"{"size":2000000}"#).await;
    answer.assert_failure("TOO_LARGE", "413", false);
    peer.assert_answers().await;
}

#[tokio::test]
async fn a_call_beyond_the_limits_of_its_method_is_429_at_once() {
    let peer = Peer::start().await;
    let cancel = format!("{}.cancel.probe.first", peer.prefix);
    let headers = [LONG, ("Aegis-Cancel", &*cancel)];
    let mut first = peer.listen("_INBOX.overload.first").await;
    peer.publish("single", "_INBOX.overload.first", &headers, "")
        .await;
    reached(&peer.seen.started, 1).await;
    let answer = peer.ask_with("single", &[LONG], "").await;
    answer.assert_failure("OVERLOADED", "429", true);
    peer.nats.publish(cancel, "".into()).await.unwrap();
    Answer::of(&next(&mut first).await).assert_failure("CANCELLED", "499", false);
}

#[tokio::test]
async fn a_panic_is_500_and_says_nothing_of_its_inside() {
    let peer = Peer::start().await;
    let answer = peer.ask("panics", "").await;
    let text = answer.assert_failure("INTERNAL", "500", false);
    assert!(!text.contains("on purpose"), "{text}");
    assert!(text.contains(&peer.instance), "{text}");
    peer.assert_answers().await;
}

#[tokio::test]
async fn a_failure_to_message_pack_is_message_pack() {
    let peer = Peer::start().await;
    let answer = peer.ask("sell", &b"\x80"[..]).await;
    assert_eq!(
        answer.headers,
        header_table(&[
            ("Content-Type", "application/msgpack"),
            ("Nats-Service-Error", "SOLD_OUT: no more blue chairs"),
            ("Nats-Service-Error-Code", "500"),
        ])
    );
    let body: serde_json::Value = aegis::Codec::MessagePack.decode(&answer.body).unwrap();
    assert_eq!(
        body,
        json!({"error": "SOLD_OUT: no more blue chairs", "code": "SOLD_OUT",
            "message": "no more blue chairs", "details": {"left": 0}, "retryable": true})
    );
}
