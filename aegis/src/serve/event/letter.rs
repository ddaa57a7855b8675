//! A dead letter: what could not be handled, with everything that helps to find out why, and to
//! bring it back.

use time::format_description::well_known::Rfc3339;

use crate::model::{AnyEvent, EventSource, Failure, Headers, Layout, StreamMessage, header, told};
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
        // What the server reads would be obeyed once more, and what is told of it is told here.
        if !header::begins(name, "Nats-") && !header::begins(name, told::ALL) {
            headers.received(name, value);
        }
    }
    let subject = message.subject.as_str();
    let id = id_of(layout.event_name(subject).unwrap_or(subject), delivery);
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
        (told::MESSAGE_ID, &*id),
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

/// The id that the handler knew it by. One that cannot travel in a header is that of its envelope,
/// which goes with it, and is left out.
fn id_of(name: &str, delivery: &Delivery) -> String {
    let message = &delivery.message;
    let place = EventSource {
        sequence: delivery.sequence,
        stored: delivery.stored,
        attempt: delivery.attempt,
    };
    let event = AnyEvent::read(
        name,
        message.headers.clone(),
        message.payload.clone(),
        place,
    );
    let id = event.id();
    if header::travels(id) {
        id.to_owned()
    } else {
        String::new()
    }
}

/// The same without what was sent, for a message that has no room for more: it stays in its stream.
pub(super) fn without_body(letter: &StreamMessage) -> StreamMessage {
    let mut headers = Headers::new();
    for (name, value) in letter.headers.iter() {
        if header::begins(name, told::ALL) {
            headers.received(name, value);
        }
    }
    headers.own(told::BODY_LEFT, "true".to_owned());
    let mut short = letter.clone();
    short.headers = headers;
    short.payload = bytes::Bytes::new();
    short
}
