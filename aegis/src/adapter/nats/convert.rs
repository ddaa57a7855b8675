//! Messages and headers, between our types and those of `async-nats`.

use std::str::FromStr;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Headers, Subject, header};
use crate::port::{Answer, Message};

pub(super) fn to_subject(subject: &Subject) -> async_nats::Subject {
    async_nats::Subject::from(subject.as_str())
}

/// Names that need no copy.
const STATIC_NAMES: [&str; 10] = [
    header::MESSAGE_ID,
    header::SOURCE,
    header::DEADLINE,
    header::CANCEL,
    header::VERSION,
    header::TRACEPARENT,
    header::CONTENT_TYPE,
    header::IDEMPOTENCY_KEY,
    header::SERVICE_ERROR,
    header::SERVICE_ERROR_CODE,
];

pub(super) fn to_headers(headers: &Headers) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        let found = STATIC_NAMES.iter().find(|known| **known == name);
        let key = match found {
            Some(known) => HeaderName::from_static(known),
            None => HeaderName::from_str(name).map_err(|cause| bad_header(name, cause))?,
        };
        let value = HeaderValue::from_str(value).map_err(|cause| bad_header(name, cause))?;
        map.append(key, value);
    }
    Ok(map)
}

fn bad_header(name: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("the header {name:?} cannot be sent"),
    )
    .because(cause)
}

pub(super) fn from_headers(map: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, values) in map.iter() {
        for value in values {
            headers.received(name.as_ref(), value.as_str());
        }
    }
    headers
}

/// The answer in a message.
pub(super) fn to_answer(message: async_nats::Message) -> Answer {
    let headers = message
        .headers
        .as_ref()
        .map(from_headers)
        .unwrap_or_default();
    Answer {
        headers,
        payload: message.payload,
    }
}

/// Translates a message. A status of the server, such as "no responders", becomes a header `Status`.
pub(super) fn from_message(message: async_nats::Message) -> Message {
    let mut headers = message
        .headers
        .as_ref()
        .map(from_headers)
        .unwrap_or_default();
    if let Some(status) = message.status {
        headers.own(header::STATUS, status.to_string());
        if let Some(description) = message.description {
            headers.own(header::DESCRIPTION, description);
        }
    }
    Message {
        subject: Subject::trusted(message.subject.as_str()),
        reply: message.reply.map(|reply| Subject::trusted(reply.as_str())),
        headers,
        payload: message.payload,
    }
}
