//! What a Rust caller sends, and which answers it takes, seen by a service without Aegis.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use aegis::prelude::*;
use aegis::{Codec, Config};
use aegis_tests::{shared_server, soon, unique_prefix};
use serde_json::{Value, json};
use std::time::Duration;

use super::peer::{Answer, header_map, header_table, is_silent, next};

/// A service that is a bare subscription, and a Rust client that calls it.
struct Service {
    nats: async_nats::Client,
    calls: async_nats::Subscriber,
    prefix: String,
    client: Client,
}

impl Service {
    async fn start(change: impl FnOnce(Config) -> Config) -> Self {
        let (url, prefix) = (shared_server().await, unique_prefix());
        let nats = async_nats::connect(&url).await.unwrap();
        let subject = format!("{prefix}.rpc.outside.greet");
        let calls = nats.subscribe(subject).await.unwrap();
        // Its answer proves that the server knows the subscription.
        let known = nats.request(format!("{prefix}.nobody"), "".into()).await;
        assert!(known.is_err());
        let config = change(Config::default().url(&url).subject_prefix(&prefix));
        Self {
            client: Client::connect(config).await.unwrap(),
            nats,
            calls,
            prefix,
        }
    }

    /// A call with the time that everybody assumes.
    fn call(&self) -> Call<Value, Failure> {
        let params = json!({"name": "Ada"});
        self.client.call("outside", "greet", &params)
    }

    async fn answer(
        &mut self,
        headers: &[(&str, &str)],
        body: &'static [u8],
    ) -> async_nats::Message {
        let call = next(&mut self.calls).await;
        let reply = call.reply.clone().expect("a reply subject");
        let headers = header_map(headers);
        let sent = self.nats.publish_with_headers(reply, headers, body.into());
        sent.await.unwrap();
        call
    }
}

#[tokio::test]
async fn a_plain_call_has_params_and_no_header_that_nobody_needs() {
    let mut service = Service::start(|config| config).await;
    let call = service.call();
    let (result, request) = tokio::join!(call.into_future(), service.answer(&[], b"\"Hello\""));
    assert_eq!(result.unwrap(), "Hello");
    assert!(request.reply.as_ref().unwrap().starts_with("_INBOX."));
    let sent = Answer::of(&request);
    assert_eq!(sent.headers, header_table(&[]));
    assert_eq!(sent.body, br#"{"name":"Ada"}"#);
}

#[tokio::test]
async fn a_call_with_a_time_of_its_own_says_it() {
    let mut service = Service::start(|config| config).await;
    let call = service
        .call()
        .within(Duration::from_secs(20))
        .header("Tenant", "acme")
        .idempotency_key("order-7");
    let (result, request) = tokio::join!(call.into_future(), service.answer(&[], b"\"Hello\""));
    assert_eq!(result.unwrap(), "Hello");
    let own = [
        ("Tenant", "acme"),
        ("Aegis-Idempotency-Key", "order-7"),
        ("Aegis-Deadline-Ms", "20000"),
    ];
    assert_eq!(Answer::of(&request).headers, header_table(&own));
}

#[tokio::test]
async fn a_call_in_message_pack_says_so() {
    let mut service = Service::start(|config| config.codec(Codec::MessagePack)).await;
    let call = service.call().into_future();
    let (result, request) = tokio::join!(call, service.answer(&[], b"\xa5Hello"));
    assert_eq!(result.unwrap(), "Hello");
    let sent = Answer::of(&request);
    let content = [("Content-Type", "application/msgpack")];
    assert_eq!(sent.headers, header_table(&content));
    assert_eq!(sent.body, b"\x81\xa4name\xa3Ada");
}

#[tokio::test]
async fn an_enveloped_call_has_the_fields_of_the_sdk_and_the_version() {
    let mut service = Service::start(Config::envelope).await;
    let call = service
        .call()
        .within(Duration::from_millis(2500))
        .into_future();
    let answer = br#"{"success":true,"result":"Hello","error":null}"#;
    let (result, request) = tokio::join!(call, service.answer(&[], answer));
    assert_eq!(result.unwrap(), "Hello");
    let sent = Answer::of(&request);
    let own = [("Aegis-Version", "1"), ("Aegis-Deadline-Ms", "2500")];
    assert_eq!(sent.headers, header_table(&own));
    let mut body = sent.json();
    for field in ["message_id", "trace_id", "timestamp"] {
        let value = body[field].take();
        assert!(
            value.as_str().is_some_and(|text| text.len() >= 20),
            "{value}"
        );
    }
    assert_eq!(
        body,
        json!({"message_id": null, "trace_id": null, "correlation_id": null, "timestamp": null,
            "source": "aegis-client", "target": "outside", "method": "greet",
            "params": {"name": "Ada"}, "timeout": 2.5})
    );
}

#[tokio::test]
async fn answers_of_every_form_are_taken() {
    let code = ("Nats-Service-Error-Code", "409");
    let text = ("Nats-Service-Error", "SOLD_OUT: no chairs");
    let body = br#"{"code":"SOLD_OUT","message":"no chairs"}"#;
    let python = br#"{"success":false,"result":null,"error":"SOLD_OUT: no chairs"}"#;
    let sold_out = "SOLD_OUT: no chairs";
    for (envelope, headers, body, expected) in [
        (false, &[][..], &b"\"Hello\""[..], Ok(json!("Hello"))),
        (false, &[], b"", Ok(Value::Null)),
        (true, &[], b"\"Hello\"", Ok(json!("Hello"))),
        (
            false,
            &[],
            br#"{"success":false}"#,
            Ok(json!({"success": false})),
        ),
        (false, &[code, text], b"", Err(sold_out)),
        (false, &[text], b"not json", Err(sold_out)),
        (false, &[code], body, Err(sold_out)),
        (true, &[], python, Err(sold_out)),
        (true, &[code, text], b"", Err(sold_out)),
        (
            false,
            &[("Nats-Service-Error", "It broke")],
            b"",
            Err("INTERNAL: It broke"),
        ),
        (
            false,
            &[("Nats-Service-Error", "OVERLOADED")],
            b"",
            Err("OVERLOADED"),
        ),
    ] {
        let change = |config: Config| if envelope { config.envelope() } else { config };
        let mut service = Service::start(change).await;
        let call = service.call().into_future();
        let (result, _) = tokio::join!(call, service.answer(headers, body));
        let result = result.map_err(|error| error.to_string());
        let expected = expected.map_err(str::to_owned);
        assert_eq!(
            result,
            expected,
            "{headers:?} {}",
            String::from_utf8_lossy(body)
        );
    }
}

#[tokio::test]
async fn a_dropped_call_says_so_on_the_subject_of_its_reply() {
    let mut service = Service::start(|config| config).await;
    let mut cancels = service.nats.subscribe("*.cancel.outside.*").await.unwrap();
    let call = tokio::spawn(service.call().into_future());
    let request = next(&mut service.calls).await;
    let reply = request.reply.clone().unwrap().replace('.', "-");
    assert!(is_silent(&mut cancels));
    call.abort();
    let cancel = loop {
        let cancel = next(&mut cancels).await;
        if cancel.subject.starts_with(&service.prefix) {
            break cancel;
        }
    };
    let expected = format!("{}.cancel.outside.{reply}", service.prefix);
    assert_eq!(*cancel.subject, *expected);
    assert_eq!(cancel.payload, "");
    soon("the end of the call", call).await.unwrap_err();
}
