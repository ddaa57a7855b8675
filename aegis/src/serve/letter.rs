//! A dead letter: what could not be handled, with everything that helps to find out why, and to
//! bring it back.

use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use crate::client::{Client, dead_letters};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Failure, Headers, Layout, Stored, StreamMessage, header, told};
use crate::port::Delivery;

/// Longest reason, in characters.
const LONGEST_REASON: usize = 1024;

/// How long one question to the server may take.
const WITHIN: Duration = Duration::from_secs(5);

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

/// The dead letter of a delivery, whose handler knew it by that id; an empty one is none. Its own id is
/// the same each time the same message is given up by the same handler, so that it is stored once.
pub(super) fn letter(
    layout: &Layout,
    delivery: &Delivery,
    id: &str,
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

/// Stores a dead letter, in a stream that is made if it is missing.
pub(super) async fn note(client: &Client, letter: StreamMessage) -> Result<Stored> {
    let streams = client.streams();
    let deadline = Instant::now() + WITHIN;
    let mut stored = streams.store(letter.clone(), deadline).await;
    let failed = |kind| move |error: &Error| error.kind() == kind;
    if stored.as_ref().is_err_and(failed(ErrorKind::NoService)) {
        let spec = dead_letters(client.layout(), client.stream_settings());
        streams.ensure(spec, deadline).await?;
        stored = streams.store(letter.clone(), deadline).await;
    }
    if stored.as_ref().is_err_and(failed(ErrorKind::TooLarge)) {
        stored = streams.store(without_body(&letter), deadline).await;
    }
    stored
}

/// The same without what was sent, for a message that has no room for more: it stays in its stream.
fn without_body(letter: &StreamMessage) -> StreamMessage {
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
