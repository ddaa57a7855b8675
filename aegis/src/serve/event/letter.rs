//! A dead letter: what could not be handled, with everything that helps to find out why, and to
//! bring it back.

use time::format_description::well_known::Rfc3339;

use crate::model::{Failure, Headers, Layout, StreamMessage, event_id, told};
use crate::port::Delivery;

/// Longest reason, in characters.
const LONGEST_REASON: usize = 1024;

/// Who gives up, and where the message stood.
#[derive(Debug, Clone, Copy)]
pub(super) struct From<'a> {
    pub(super) stream: &'a str,
    /// `{service}__{handler}`
    pub(super) handler: &'a str,
    /// The name of its consumer: of a broadcast each instance gives up for itself.
    pub(super) consumer: &'a str,
    pub(super) instance: &'a str,
}

/// The dead letter of a delivery. Its id is the same each time the same message is given up by the
/// same handler, so that it is stored once.
pub(super) fn letter(
    layout: &Layout,
    delivery: &Delivery,
    from: From<'_>,
    failure: &Failure,
) -> StreamMessage {
    let message = &delivery.message;
    let stored = delivery.stored.unix_timestamp_nanos();
    let mut headers = Headers::new();
    for (name, value) in message.headers.iter() {
        // What the server reads would be obeyed once more.
        if !name.starts_with("Nats-") {
            let _ = headers.set(name, value);
        }
    }
    let subject = message.subject.as_str();
    let name = layout.event_name(subject).unwrap_or(subject);
    let id = event_id(name, &message.headers).unwrap_or_default();
    let reason: String = failure.message().chars().take(LONGEST_REASON).collect();
    let reason = reason.replace(char::is_control, " ");
    for (name, value) in [
        (told::SUBJECT, message.subject.as_str()),
        (told::STREAM, from.stream),
        (told::SEQUENCE, &delivery.sequence.to_string()),
        (
            told::STORED,
            &delivery.stored.format(&Rfc3339).unwrap_or_default(),
        ),
        (told::MESSAGE_ID, id),
        (told::HANDLER, from.handler),
        (told::INSTANCE, from.instance),
        (told::ATTEMPTS, &delivery.attempt.to_string()),
        (told::CODE, failure.code()),
        (told::REASON, &reason),
    ] {
        headers.own(name, value.to_owned());
    }
    StreamMessage::new(
        layout.dead(message.subject.as_str()),
        message.payload.clone(),
    )
    .with_headers(headers)
    .with_id(format!(
        "dead.{}.{}.{stored}",
        from.consumer, delivery.sequence
    ))
}

/// The same without what was sent, for a message that has no room for more: it stays in its stream.
pub(super) fn without_body(letter: &StreamMessage) -> StreamMessage {
    let mut headers = Headers::new();
    for (name, value) in letter.headers.iter() {
        if name.starts_with(told::ALL) {
            let _ = headers.set(name, value);
        }
    }
    headers.own(told::BODY_LEFT, "true".to_owned());
    let mut short = letter.clone();
    short.headers = headers;
    short.payload = bytes::Bytes::new();
    short
}
