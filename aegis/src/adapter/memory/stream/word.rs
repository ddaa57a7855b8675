//! What a message asks of a stream in its headers, and what the stream says to it, as a server does.

use serde_json::{Value, json};

use crate::model::{ExpectSequence, Headers, Stored, StreamMessage, header};
use crate::port::Message;

const STREAM: &str = "Nats-Expected-Stream";
const LAST_ID: &str = "Nats-Expected-Last-Msg-Id";
const LAST: &str = "Nats-Expected-Last-Sequence";
const LAST_ON: &str = "Nats-Expected-Last-Subject-Sequence";
/// Of which subject, if it is not that of the message.
const LAST_ON_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// What a message asks for.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) stream: Option<&'a str>,
    pub(super) last_id: Option<&'a str>,
    pub(super) last: Option<u64>,
    /// The subject, and its newest sequence.
    pub(super) last_on: Option<(&'a str, u64)>,
}

/// Why a stream does not store a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another stream was expected.
    OtherStream,
    /// Another sequence was expected than this newest one.
    OtherLast(u64),
    /// Another id was expected than that of the newest message.
    OtherLastId(String),
    /// It is full, and forgets nothing.
    Full(&'static str),
}

impl<'a> Asked<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        let headers = &message.headers;
        if headers.is_empty() {
            return Self::default();
        }
        let said = |name| headers.get(name).filter(|text| !text.is_empty());
        // What is no number is a condition too: one that never holds.
        let number = |name| said(name).map(|text| text.parse().unwrap_or(u64::MAX));
        let on = said(LAST_ON_SUBJECT).unwrap_or(message.subject.as_str());
        Self {
            id: said(header::MESSAGE_ID),
            stream: said(STREAM),
            last_id: said(LAST_ID),
            last: number(LAST),
            last_on: number(LAST_ON).map(|sequence| (on, sequence)),
        }
    }
}

impl Refusal {
    /// The numbers and the words of a server.
    fn as_json(&self) -> Value {
        let (code, number, text) = match self {
            Self::OtherStream => (400, 10060, "expected stream does not match".to_owned()),
            Self::OtherLast(last) => (400, 10071, format!("wrong last sequence: {last}")),
            Self::OtherLastId(last) => (400, 10070, format!("wrong last msg ID: {last}")),
            Self::Full(what) => (503, 10077, format!("maximum {what} exceeded")),
        };
        json!({"code": code, "err_code": number, "description": text})
    }
}

/// The answer of a stream to whoever asked for one.
pub(super) fn answer(stream: &str, word: &Result<Stored, Refusal>) -> String {
    let mut answer = json!({"stream": stream, "seq": 0});
    match word {
        Ok(stored) => {
            answer["seq"] = stored.sequence.into();
            if stored.duplicate {
                answer["duplicate"] = true.into();
            }
        }
        Err(refusal) => answer["error"] = refusal.as_json(),
    }
    answer.to_string()
}

/// The headers of a message that goes through the port: what it asks for is among them.
pub(super) fn headers(message: &StreamMessage) -> Headers {
    let mut headers = message.headers.clone();
    if let Some(id) = &message.id {
        headers.own(header::MESSAGE_ID, id.clone());
    }
    match &message.expect {
        None => {}
        Some(ExpectSequence::Last(sequence)) => headers.own(LAST, sequence.to_string()),
        Some(ExpectSequence::LastOn { subject, sequence }) => {
            headers.own(LAST_ON, sequence.to_string());
            if *subject != message.subject {
                headers.own(LAST_ON_SUBJECT, subject.to_string());
            }
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_answers_as_a_server_does() {
        let stored = |sequence, duplicate| {
            Ok(Stored {
                stream: "EVENTS".to_owned(),
                sequence,
                duplicate,
            })
        };
        for (word, expected) in [
            (stored(7, false), json!({"stream": "EVENTS", "seq": 7})),
            (
                stored(3, true),
                json!({"stream": "EVENTS", "seq": 3, "duplicate": true}),
            ),
            (
                Err(Refusal::OtherLast(4)),
                json!({"stream": "EVENTS", "seq": 0, "error": {
                    "code": 400,
                    "err_code": 10071,
                    "description": "wrong last sequence: 4",
                }}),
            ),
            (
                Err(Refusal::Full("messages")),
                json!({"stream": "EVENTS", "seq": 0, "error": {
                    "code": 503,
                    "err_code": 10077,
                    "description": "maximum messages exceeded",
                }}),
            ),
        ] {
            let answer: Value = serde_json::from_str(&answer("EVENTS", &word)).unwrap();
            assert_eq!(answer, expected);
        }
    }
}
