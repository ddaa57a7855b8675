//! The envelope of `AegisSDK` 1.0 around events, beside plain bodies.
//!
//! A body with `domain`, `event_type` and `payload` is an envelope, unless a header says that it is
//! plain; every other body is the payload.

use memchr::memmem;
use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Codec;

/// An event as it is written.
#[derive(Debug, Serialize)]
pub(crate) struct EventEnvelope<'a, P> {
    pub(crate) message_id: &'a str,
    pub(crate) trace_id: String,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) timestamp: String,
    pub(crate) source: Option<&'a str>,
    pub(crate) target: Option<&'a str>,
    pub(crate) domain: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) payload: P,
    pub(crate) version: &'a str,
}

/// What an envelope says about its event, apart from the payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EventEnvelopeFacts {
    pub(crate) message_id: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) version: Option<String>,
}

/// A field of whatever kind: a wrong one in a foreign envelope must not hide the right ones.
#[derive(Deserialize)]
struct Loose {
    domain: Option<Value>,
    event_type: Option<Value>,
    #[serde(default, deserialize_with = "is_there")]
    payload: bool,
    message_id: Option<Value>,
    correlation_id: Option<Value>,
    source: Option<Value>,
    version: Option<Value>,
}

/// Whatever it is, `null` included.
fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// Reads the facts of an envelope; none if the body is plain (or not readable at all: then
/// reading the payload says why).
pub(crate) fn read_event_facts(codec: Codec, body: &[u8]) -> Option<EventEnvelopeFacts> {
    // Two quick looks spare the plain body, which is the usual one, a second parse.
    memmem::find(body, b"event_type")?;
    memmem::find(body, b"payload")?;
    let loose: Loose = codec.decode(body).ok()?;
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    text(loose.domain)?;
    text(loose.event_type)?;
    if !loose.payload {
        return None;
    }
    Some(EventEnvelopeFacts {
        message_id: text(loose.message_id),
        correlation_id: text(loose.correlation_id),
        source: text(loose.source),
        version: text(loose.version),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_told_from_a_plain_body() {
        for (body, is_envelope) in [
            (r#"{"domain":"a","event_type":"b","payload":{}}"#, true),
            (
                r#"{"domain":"a","event_type":"b","payload":null,"version":1}"#,
                true,
            ),
            (r#"{"event_type":"b","payload":{}}"#, false),
            (r#"{"domain":"a","event_type":"b"}"#, false),
            (r#"{"domain":1,"event_type":"b","payload":{}}"#, false),
            (r#"["event_type","payload"]"#, false),
            (r#"{"id":"7"}"#, false),
            ("not JSON: event_type payload", false),
        ] {
            let facts = read_event_facts(Codec::Json, body.as_bytes());
            assert_eq!(facts.is_some(), is_envelope, "{body}");
        }
        let whole = r#"{"message_id":"m","correlation_id":"c","source":"s","domain":"a",
            "event_type":"b","payload":1,"version":"2.0","trace_id":7}"#;
        let facts = read_event_facts(Codec::Json, whole.as_bytes()).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!((facts.message_id, facts.source), (text("m"), text("s")));
        assert_eq!(
            (facts.correlation_id, facts.version),
            (text("c"), text("2.0"))
        );
    }

    #[test]
    fn a_null_payload_is_a_payload() {
        let body = br#"{"domain":"a","event_type":"b","payload":null}"#;
        assert!(read_event_facts(Codec::Json, body).is_some());
    }
}
