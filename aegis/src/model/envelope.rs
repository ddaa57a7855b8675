//! The envelope of `AegisSDK` 1.0 around requests and responses, beside plain bodies.
//!
//! A body with `method`, `params`, and `message_id` or `timeout`, is an envelope; every other body is
//! plain params. (`AegisSDK` always writes all four; JSON-RPC has the first two.)

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::codec::Codec;
use super::failure::Failure;

/// A request as it is written.
#[derive(Debug, Serialize)]
pub(crate) struct RequestEnvelope<P> {
    pub(crate) message_id: String,
    pub(crate) trace_id: String,
    pub(crate) correlation_id: Option<String>,
    pub(crate) timestamp: String,
    pub(crate) source: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) method: String,
    pub(crate) params: P,
    pub(crate) timeout: f64,
}

/// Writes the time of an attempt into an encoded request. `timeout` is the last field, so it is the
/// end of the body in both encodings; the rest stays as it was encoded when the call was made.
pub(crate) fn with_timeout(codec: Codec, body: &Bytes, timeout: Duration) -> Bytes {
    let seconds = timeout.as_secs_f64();
    let mut body = body.to_vec();
    match codec {
        Codec::Json => {
            if let Some(at) = memmem::rfind(&body, b":") {
                body.truncate(at + 1);
                // A duration is a finite number, which JSON can write.
                body.extend_from_slice(format!("{seconds:?}}}").as_bytes());
            }
        }
        Codec::MessagePack => {
            let start = body.len().saturating_sub(size_of::<f64>());
            body.truncate(start);
            body.extend_from_slice(&seconds.to_be_bytes());
        }
    }
    body.into()
}

/// A response as it is written. `code` and the fields after it are left out for a peer that did
/// not send `Aegis-Version`: the Python SDK refuses fields that it does not know.
#[derive(Debug, Serialize)]
pub(crate) struct ResponseEnvelope<'a, T: Serialize> {
    pub(crate) message_id: &'a str,
    pub(crate) trace_id: &'a str,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) timestamp: &'a str,
    pub(crate) source: &'a str,
    pub(crate) target: Option<&'a str>,
    pub(crate) success: bool,
    pub(crate) result: Option<T>,
    pub(crate) error: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<&'a Failure>,
}

/// What an envelope says about its request, apart from the params.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) message_id: Option<String>,
    pub(crate) trace_id: String,
    pub(crate) method: String,
    pub(crate) source: Option<String>,
    pub(crate) timeout: Option<Duration>,
}

/// A field of whatever kind: a wrong one in a foreign envelope must not hide the right ones.
#[derive(Deserialize)]
struct Loose {
    method: Option<Value>,
    params: Option<IgnoredAny>,
    message_id: Option<Value>,
    trace_id: Option<Value>,
    source: Option<Value>,
    timeout: Option<Value>,
}

/// Reads the facts of an envelope; none if the body is plain (or not readable at all: then
/// reading the params says why).
pub(crate) fn read_facts(codec: Codec, body: &[u8]) -> Option<Facts> {
    // Two quick looks spare the plain body, which is the usual one, a second parse.
    memmem::find(body, b"method")?;
    memmem::find(body, b"params")?;
    let loose: Loose = codec.decode(body).ok()?;
    loose.params?;
    if loose.message_id.is_none() && loose.timeout.is_none() {
        return None;
    }
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    Some(Facts {
        method: text(loose.method)?,
        message_id: text(loose.message_id),
        trace_id: text(loose.trace_id).unwrap_or_default(),
        source: text(loose.source),
        timeout: loose
            .timeout
            .and_then(|value| value.as_f64())
            .filter(|seconds| *seconds >= 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    })
}

/// Reads one field of a map with the seed of its value, and ignores the other fields.
#[derive(Debug)]
pub(crate) struct InEnvelope<S> {
    pub(crate) field: &'static str,
    pub(crate) seed: S,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for InEnvelope<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for InEnvelope<S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an envelope with the field `{}`", self.field)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S::Value, A::Error> {
        let mut seed = Some(self.seed);
        let mut value = None;
        while let Some(key) = map.next_key::<String>()? {
            match seed.take_if(|_| key == self.field) {
                Some(seed) => value = Some(map.next_value_seed(seed)?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        value.ok_or_else(|| serde::de::Error::missing_field(self.field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};
    use serde_json::json;
    use std::marker::PhantomData;

    #[test]
    fn an_envelope_has_method_and_params() {
        for (body, envelope) in [
            (
                json!({"method": "add", "params": {"a": 1}, "timeout": 5.0}),
                true,
            ),
            (
                json!({"method": "add", "params": {"a": 1}, "message_id": "m"}),
                true,
            ),
            (
                json!({"jsonrpc": "2.0", "id": 1, "method": "add", "params": {"a": 1}}),
                false,
            ),
            (
                json!({"method": "add", "params": null, "timeout": 5.0}),
                false,
            ),
            (
                json!({"method": "add", "params": {}, "message_id": 7, "timeout": "soon"}),
                true,
            ),
            (json!({"method": 1, "params": {}, "timeout": 5.0}), false),
            (json!({"method": "add"}), false),
            (json!({"a": 1, "note": "method params"}), false),
            (json!(["method", "params"]), false),
            (json!("method params"), false),
        ] {
            for codec in [Codec::Json, Codec::MessagePack] {
                let Ok(bytes) = codec.encode(&body) else {
                    continue;
                };
                assert_eq!(
                    read_facts(codec, &bytes).is_some(),
                    envelope,
                    "{codec:?} {body}"
                );
            }
        }
        assert_eq!(
            read_facts(Codec::Json, b"{\"method\":\"add\",\"params\":{}"),
            None
        );
    }

    #[test]
    fn the_time_of_an_attempt_is_written_into_a_request() {
        let request = RequestEnvelope {
            message_id: "m".to_owned(),
            trace_id: "t".to_owned(),
            correlation_id: None,
            timestamp: "now".to_owned(),
            source: None,
            target: None,
            method: "add".to_owned(),
            params: json!({"a": ":"}),
            timeout: 5.0,
        };
        for codec in [Codec::Json, Codec::MessagePack] {
            let Ok(body) = codec.encode(&request) else {
                continue;
            };
            for millis in [0, 1, 2500, 60_000, 123_456_789] {
                let timeout = Duration::from_millis(millis);
                let body = with_timeout(codec, &body, timeout);
                let facts = read_facts(codec, &body).unwrap();
                assert_eq!(facts.timeout, Some(timeout), "{codec:?}");
                let seed = InEnvelope {
                    field: "params",
                    seed: PhantomData::<Value>,
                };
                assert_eq!(codec.decode_seed(&body, seed), Ok(json!({"a": ":"})));
            }
        }
    }

    #[test]
    fn the_facts_and_the_params_are_read() {
        let body = json!({
            "message_id": "m1", "trace_id": "t1", "correlation_id": null, "timestamp": "x",
            "source": "caller", "target": null, "method": "add", "params": [1, 2], "timeout": 2.5,
        });
        let bytes = Codec::Json.encode(&body).unwrap();
        let facts = read_facts(Codec::Json, &bytes).unwrap();
        assert_eq!(
            (
                facts.message_id.as_deref(),
                &*facts.trace_id,
                &*facts.method,
                facts.source.as_deref(),
                facts.timeout
            ),
            (
                Some("m1"),
                "t1",
                "add",
                Some("caller"),
                Some(Duration::from_millis(2500))
            )
        );
        let seed = InEnvelope {
            field: "params",
            seed: PhantomData::<(i64, i64)>,
        };
        assert_eq!(Codec::Json.decode_seed(&bytes, seed), Ok((1, 2)));
    }

    #[test]
    fn a_failed_response_has_the_further_fields_only_where_they_are_understood() {
        let failure = Failure::new("ORDER_NOT_FOUND", "order 7");
        let mut response = ResponseEnvelope::<()> {
            message_id: "m2",
            trace_id: "t",
            correlation_id: Some("m1"),
            timestamp: "2026-01-01T00:00:00Z",
            source: "orders",
            target: None,
            success: false,
            result: None,
            error: Some(failure.to_string()),
            failure: None,
        };
        let plain = serde_json::to_value(&response).unwrap();
        assert_eq!(
            plain,
            json!({"message_id": "m2", "trace_id": "t", "correlation_id": "m1", "source": "orders",
                "timestamp": "2026-01-01T00:00:00Z", "target": null, "success": false,
                "result": null, "error": "ORDER_NOT_FOUND: order 7"})
        );
        response.failure = Some(&failure);
        let full = serde_json::to_value(&response).unwrap();
        assert_eq!(
            (&full["code"], &full["retryable"]),
            (&json!("ORDER_NOT_FOUND"), &json!(false))
        );
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<Vec<u8>>()) {
            for codec in [Codec::Json, Codec::MessagePack] {
                let _ = read_facts(codec, &body);
                let _ = codec.decode_seed(&body, InEnvelope { field: "params", seed: PhantomData::<Value> });
            }
        }

        #[test]
        fn no_nearly_right_body_panics(method in any::<Option<String>>(), timeout in any::<f64>(), extra in any::<String>()) {
            let body = json!({"method": method, "params": {"x": extra}, "timeout": timeout, extra.clone(): 1});
            let _ = read_facts(Codec::Json, &Codec::Json.encode(&body).unwrap());
        }
    }
}
