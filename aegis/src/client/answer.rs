//! What came back: a result, a failure of the service, or a failure of the framework.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::marker::PhantomData;

use super::core::Wire;
use crate::error::{CallError, Error, ErrorKind, Result};
use crate::model::{Code, Codec, DomainError, Failure, Headers, InEnvelope, header};
use crate::port;

/// An answer whose kind is known and whose value is not yet read.
pub(super) enum Answer {
    /// The result, bare or in an envelope.
    Success {
        codec: Codec,
        payload: Bytes,
        enveloped: bool,
    },
    /// An error of the service's own.
    Failure(Failure),
}

impl Answer {
    /// Tells what kind of answer a message is. The framework's own failures are errors at once.
    pub(super) fn read(answer: port::Answer, wire: Wire, asked_in: Codec) -> Result<Self> {
        let port::Answer { headers, payload } = answer;
        let codec = match headers.get(header::CONTENT_TYPE) {
            // An answer has the encoding of its request; its first byte may tell nothing, as that
            // of a small number in MessagePack.
            None if asked_in == Codec::MessagePack => Codec::MessagePack,
            said => Codec::detect(said, &payload),
        };
        let marked = headers.get(header::SERVICE_ERROR_CODE).is_some()
            || headers.get(header::SERVICE_ERROR).is_some();
        if !marked && wire == Wire::Plain {
            return Ok(Self::Success {
                codec,
                payload,
                enveloped: false,
            });
        }
        let success: Option<Value> = field(codec, &payload, "success");
        if !marked && success.as_ref().is_none_or(|said| *said == true) {
            return Ok(Self::Success {
                codec,
                payload,
                enveloped: success.is_some(),
            });
        }
        let failure = failure(codec, &payload, &headers);
        match Code::parse(failure.code()) {
            Some(_) => Err(Error::reported(failure)),
            None => Ok(Self::Failure(failure)),
        }
    }

    /// The error of the service's own, if it is one.
    pub(super) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Success { .. } => None,
            Self::Failure(failure) => Some(failure),
        }
    }

    /// Reads the value.
    pub(super) fn decode<T: DeserializeOwned, E: DomainError>(self) -> Result<T, CallError<E>> {
        let (codec, payload, enveloped) = match self {
            Self::Success {
                codec,
                payload,
                enveloped,
            } => (codec, payload, enveloped),
            Self::Failure(failure) => {
                return Err(match E::from_failure(&failure) {
                    Some(error) => CallError::Service(error),
                    None => CallError::Failed(Error::reported(failure)),
                });
            }
        };
        let decoded = match (enveloped, payload.is_empty()) {
            (true, _) => codec.decode_seed(
                &payload,
                InEnvelope {
                    field: "result",
                    seed: PhantomData,
                },
            ),
            // A plain responder that has nothing to say.
            (false, true) => Codec::Json.decode(b"null"),
            (false, false) => codec.decode(&payload),
        };
        decoded.map_err(|cause| {
            let text = "the answer does not have the expected type: is the client of the \
                        service's version?";
            CallError::Failed(
                Error::new(ErrorKind::Decode, text)
                    .because(cause)
                    .after_sending(),
            )
        })
    }
}

/// One field of a response's body; none if it is not there, or is of another type. Each is read
/// by itself: an odd one costs only itself.
fn field<T: DeserializeOwned>(codec: Codec, body: &[u8], field: &'static str) -> Option<T> {
    let seed = InEnvelope {
        field,
        seed: PhantomData,
    };
    codec.decode_seed(body, seed).ok()
}

/// The failure: from the body where it says more, else from the headers.
fn failure(codec: Codec, body: &[u8], headers: &Headers) -> Failure {
    let status = headers
        .get(header::SERVICE_ERROR_CODE)
        .and_then(|code| code.parse().ok());
    let failure = if let Some(code) = field::<String>(codec, body, "code") {
        let message: Option<String> = field(codec, body, "message");
        let failure = Failure::received(code, message.unwrap_or_default());
        let details: Option<Value> = field(codec, body, "details");
        let failure = failure.with_details(details.unwrap_or_default());
        match field(codec, body, "retryable") {
            Some(true) => failure.retryable(),
            _ => failure,
        }
    } else {
        let text: Option<String> = field(codec, body, "error");
        let text = text.as_deref().or(headers.get(header::SERVICE_ERROR));
        Failure::parse(text.unwrap_or(""))
    };
    match status {
        Some(status) => failure.with_status(status),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(headers: &[(&str, &str)], body: &str, wire: Wire) -> Result<Answer> {
        answer_in(Codec::Json, headers, body.as_bytes(), wire)
    }

    fn answer_in(
        asked_in: Codec,
        headers: &[(&str, &str)],
        body: &[u8],
        wire: Wire,
    ) -> Result<Answer> {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.set(name, value).unwrap();
        }
        let payload = Bytes::copy_from_slice(body);
        Answer::read(
            port::Answer {
                headers: all,
                payload,
            },
            wire,
            asked_in,
        )
    }

    fn value(answer: Result<Answer>) -> Value {
        answer.unwrap().decode::<Value, Failure>().unwrap()
    }

    #[test]
    fn results_are_read_bare_and_in_envelopes() {
        let envelope = r#"{"success":true,"result":3,"error":null,"message_id":"m"}"#;
        assert_eq!(value(answer(&[], "3", Wire::Plain)), json!(3));
        assert_eq!(value(answer(&[], "", Wire::Plain)), Value::Null);
        assert_eq!(value(answer(&[], envelope, Wire::Envelope)), json!(3));
        assert_eq!(
            value(answer(&[], "3", Wire::Envelope)),
            json!(3),
            "a plain responder"
        );
        assert_eq!(
            value(answer(&[], r#"{"a":1}"#, Wire::Envelope)),
            json!({"a": 1})
        );
        // A plain result may look like a failed envelope: it is one only if it was asked for.
        let odd = r#"{"success":false}"#;
        assert_eq!(
            value(answer(&[], odd, Wire::Plain)),
            json!({"success": false})
        );
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn an_answer_has_the_encoding_of_its_request_unless_it_says_another() {
        let (json, msgpack) = ("application/json", "application/msgpack");
        for (asked_in, said, body, expected) in [
            (Codec::MessagePack, None, &b"\x0c"[..], json!(12)),
            (Codec::MessagePack, None, b"\xa1x", json!("x")),
            (Codec::MessagePack, None, b"", Value::Null),
            (Codec::MessagePack, Some(json), b"12", json!(12)),
            (Codec::Json, None, b"12", json!(12)),
            (Codec::Json, None, b"\x91\x0c", json!([12])),
            (Codec::Json, Some(msgpack), b"\x0c", json!(12)),
        ] {
            let headers: Vec<_> = said
                .map(|said| ("Content-Type", said))
                .into_iter()
                .collect();
            let answer = answer_in(asked_in, &headers, body, Wire::Plain);
            assert_eq!(value(answer), expected, "{asked_in:?} {said:?} {body:?}");
        }
    }

    #[test]
    fn failures_are_read_from_wherever_they_stand() {
        let body = r#"{"error":"SOLD_OUT: none","code":"SOLD_OUT","message":"none","details":{"sku":7},"retryable":true}"#;
        let marked = [
            ("Nats-Service-Error-Code", "409"),
            ("Nats-Service-Error", "SOLD_OUT: none"),
        ];
        let python = r#"{"success":false,"result":null,"error":"SOLD_OUT: none"}"#;
        for (headers, body, wire, status, details) in [
            (&marked[..], body, Wire::Plain, 409, json!({"sku": 7})),
            (&marked[..], "", Wire::Plain, 409, Value::Null),
            (&marked[1..], "not json", Wire::Plain, 500, Value::Null),
            (&[], python, Wire::Envelope, 500, Value::Null),
        ] {
            let Ok(Answer::Failure(failure)) = answer(headers, body, wire) else {
                panic!("{body} is a failure")
            };
            assert_eq!((failure.code(), failure.message()), ("SOLD_OUT", "none"));
            assert_eq!((failure.status(), failure.details()), (status, &details));
        }
    }

    #[test]
    fn a_failed_envelope_is_a_failure_whatever_else_it_says() {
        for body in [
            r#"{"success":false,"error":"SOLD_OUT: none","code":404}"#,
            r#"{"success":false,"error":"SOLD_OUT: none","retryable":null}"#,
            r#"{"success":false,"code":"SOLD_OUT","message":["none"],"retryable":"no"}"#,
            r#"{"success":false,"error":"SOLD_OUT","details":null,"message":7}"#,
            r#"{"success":0,"error":"SOLD_OUT"}"#,
            r#"{"success":null,"error":"SOLD_OUT"}"#,
        ] {
            let Ok(Answer::Failure(failure)) = answer(&[], body, Wire::Envelope) else {
                panic!("{body} is a failure")
            };
            assert_eq!(failure.code(), "SOLD_OUT", "{body}");
            assert!(!failure.is_retryable(), "{body}");
        }
        let silent = answer(&[], r#"{"success":false}"#, Wire::Envelope);
        assert!(!silent.is_ok_and(|answer| answer.failure().is_none()));
    }

    #[test]
    fn failures_of_the_framework_are_errors() {
        let marked = [
            ("Nats-Service-Error-Code", "429"),
            ("Nats-Service-Error", "OVERLOADED: x"),
        ];
        let Err(error) = answer(&marked, "", Wire::Plain) else {
            panic!("an error")
        };
        assert_eq!(error.kind(), ErrorKind::Overloaded);
        let python = r#"{"success":false,"error":"NOT_ACTIVE"}"#;
        let Err(error) = answer(&[], python, Wire::Envelope) else {
            panic!("an error")
        };
        assert_eq!(error.kind(), ErrorKind::NotActive);
    }
}
