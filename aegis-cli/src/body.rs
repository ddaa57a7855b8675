//! How payloads of events look: on a line, and in JSON.

use aegis::Headers;
use data_encoding::BASE64;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::out::plain;

/// A payload as `--json` writes it: one of the three.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Json {
    /// What it says, if it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
    /// If it cannot, but is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// If it is no text either.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Json {
    /// Of what could be read of a body, and the body itself.
    pub(crate) fn of(payload: Option<Value>, body: &[u8]) -> Self {
        let text = || std::str::from_utf8(body).ok().map(str::to_owned);
        let text = if payload.is_none() { text() } else { None };
        let unread = payload.is_none() && text.is_none();
        Self {
            payload,
            text,
            base64: unread.then(|| BASE64.encode(body)),
        }
    }
}

/// Headers as an object; of several with one name the first.
pub(crate) fn headers(headers: &Headers) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in headers.iter() {
        let first = all.entry(name).or_insert(Value::Null);
        if first.is_null() {
            *first = value.into();
        }
    }
    all
}

/// A payload on one line.
pub(crate) fn line(payload: Option<&Value>, body: &[u8]) -> String {
    let Some(payload) = payload else {
        return plain(&String::from_utf8_lossy(body));
    };
    // As it was written, if that is on one line: numbers keep their digits, fields their order.
    let written = std::str::from_utf8(body).ok();
    let written = written.filter(|text| {
        let read = serde_json::from_str::<Value>(text);
        !text.contains(char::is_control) && read.is_ok_and(|read| read == *payload)
    });
    plain(&written.map_or_else(|| payload.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payload_is_shown_as_it_was_written_on_one_line() {
        let price = json!({"price": 1.1, "id": 7});
        for (payload, body, shown) in [
            (
                Some(&price),
                r#"{"price":1.10,"id":7}"#,
                r#"{"price":1.10,"id":7}"#,
            ),
            (
                Some(&price),
                "{\"price\":1.10,\n \"id\":7}",
                r#"{"id":7,"price":1.1}"#,
            ),
            (Some(&price), r#"{"payload":{}}"#, r#"{"id":7,"price":1.1}"#),
            (None, "no\nJSON\u{1b}[2J", "no\\nJSON\\u{1b}[2J"),
            (None, "", ""),
        ] {
            assert_eq!(line(payload, body.as_bytes()), shown);
        }
        assert_eq!(line(None, b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn in_json_it_is_one_of_three() {
        for (payload, body, shown) in [
            (Some(json!(null)), &b"null"[..], json!({"payload": null})),
            (None, b"text", json!({"text": "text"})),
            (None, b"", json!({"text": ""})),
            (None, b"\xff", json!({"base64": "/w=="})),
        ] {
            let found = serde_json::to_value(Json::of(payload, body)).unwrap();
            assert_eq!(found, shown);
        }
    }
}
