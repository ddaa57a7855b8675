//! A dead letter: what could not be handled, with everything that helps to find out why, and to
//! bring it back.

use time::format_description::well_known::Rfc3339;

use crate::model::{Failure, Headers, Layout, StreamMessage, header};
use crate::port::Delivery;

/// The subject that the message was sent on.
pub(crate) const SUBJECT: &str = "Aegis-Dead-Subject";
/// The stream it stood in, and its number there.
pub(crate) const STREAM: &str = "Aegis-Dead-Stream";
pub(crate) const SEQUENCE: &str = "Aegis-Dead-Sequence";
/// When that stream took it.
pub(crate) const STORED: &str = "Aegis-Dead-Stored";
/// Its id there.
pub(crate) const MESSAGE_ID: &str = "Aegis-Dead-Message-Id";
/// Who gave it up: `{service}__{handler}`, and on which instance.
pub(crate) const HANDLER: &str = "Aegis-Dead-Handler";
pub(crate) const INSTANCE: &str = "Aegis-Dead-Instance";
/// How often it was delivered.
pub(crate) const ATTEMPTS: &str = "Aegis-Dead-Attempts";
/// Why: the code of the failure, and its text.
pub(crate) const CODE: &str = "Aegis-Dead-Code";
pub(crate) const REASON: &str = "Aegis-Dead-Reason";
/// The body did not fit beside all that: it is where the message stood.
pub(crate) const BODY_LEFT: &str = "Aegis-Dead-Body-Left";

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
    let id = message.headers.get(header::MESSAGE_ID).unwrap_or_default();
    let reason: String = failure.message().chars().take(LONGEST_REASON).collect();
    let reason = reason.replace(char::is_control, " ");
    for (name, value) in [
        (SUBJECT, message.subject.as_str()),
        (STREAM, from.stream),
        (SEQUENCE, &delivery.sequence.to_string()),
        (
            STORED,
            &delivery.stored.format(&Rfc3339).unwrap_or_default(),
        ),
        (MESSAGE_ID, id),
        (HANDLER, from.handler),
        (INSTANCE, from.instance),
        (ATTEMPTS, &delivery.attempt.to_string()),
        (CODE, failure.code()),
        (REASON, &reason),
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
        if name.starts_with("Aegis-Dead-") {
            let _ = headers.set(name, value);
        }
    }
    headers.own(BODY_LEFT, "true".to_owned());
    let mut short = letter.clone();
    short.headers = headers;
    short.payload = bytes::Bytes::new();
    short
}
