//! A dead letter brought back: published again for the one who is to handle it, if somebody is there
//! to do so, and only then removed.

use std::time::Duration;

use bytes::Bytes;

use super::super::command;
use super::super::publish::Published;
use super::{DeadLetters, gone};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    AnyEvent, DeadLetter, EventSource, Headers, MethodName, NoTaker, Priority, ServiceName,
    StoredMessage, StreamMessage, Subject, back_to, handler_place, header, named,
};

/// Whoever reads may be between two questions: nobody is there only if that is so twice.
const BETWEEN: Duration = Duration::from_millis(100);

/// The handler that is to get it.
#[derive(Debug, Clone, Copy)]
enum To<'a> {
    /// Who gave it up.
    Former,
    /// `{service}__{handler}`
    Named(&'a str),
}

impl DeadLetters {
    /// Brings one back: the event is published again as it was, with the id that it had, for the
    /// handler that gave it up and no other, with all its attempts; then the dead letter is removed.
    /// Of a handler in [`Broadcast`](crate::EventMode::Broadcast) the instance that gave it up gets
    /// it alone. Who asks twice, inside the window of the stream of events, brings it back once.
    ///
    /// A command goes back to its queue, under the id of its job, as
    /// [`Job::retry`](crate::Job::retry) says.
    ///
    /// Errors, and then the dead letter stays: `Invalid` if there is none of this number, if its
    /// body is gone, if it does not say who gave it up, or if nobody of that name takes such events
    /// now: a handler that was renamed, a service that does not run, an instance that is gone
    /// ([`retry_for`](Self::retry_for) names another one); as [`Client::publish`].
    ///
    /// [`Client::publish`]: crate::Client::publish
    pub async fn retry(&self, sequence: u64) -> Result<Published> {
        self.bring_back(sequence, To::Former).await
    }

    /// The same for the handler that is named, on all instances if its mode is
    /// [`Broadcast`](crate::EventMode::Broadcast). It gets the event when it is there: that it has a
    /// place in the stream, and wants such events, is looked at, and not whether it runs now.
    ///
    /// ```no_run
    /// # async fn example(client: aegis::Client) -> aegis::Result<()> {
    /// // The handler `bill` is called `charge` now.
    /// client.dead_letters().retry_for(12, "billing", "charge").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Errors: as [`retry`](Self::retry); `Invalid` also for what is no name.
    pub async fn retry_for(
        &self,
        sequence: u64,
        service: &str,
        handler: &str,
    ) -> Result<Published> {
        let service = ServiceName::parse(service)?;
        let handler = MethodName::parse(handler)?;
        let place = handler_place(service.as_str(), handler.as_str());
        self.bring_back(sequence, To::Named(&place)).await
    }

    async fn bring_back(&self, sequence: u64, to: To<'_>) -> Result<Published> {
        let Some(letter) = self.get(sequence).await? else {
            return Err(gone(sequence));
        };
        if let Some(command) = self.client.layout().command_of(&letter.subject) {
            return self.bring_back_command(&letter, command, to).await;
        }
        let subject = Subject::parse(&letter.subject).map_err(|cause| {
            let text = "it does not say where it was sent: publish its event anew (`aegis dead show` \
                        has the body), and remove it (`aegis dead drop`)";
            stays(sequence, text).because(cause)
        })?;
        let only = self.taker(&letter, to).await?;
        let (headers, body) = if letter.body_left {
            let left = self.left(&letter).await?;
            (left.headers, left.payload)
        } else {
            (letter.headers.clone(), letter.body.clone())
        };
        let layout = self.client.layout();
        let name = layout.event_name(&letter.subject);
        let name = name.unwrap_or(&letter.subject);
        let given_up = letter.given_up.unix_timestamp_nanos();
        let message = StreamMessage::new(subject, body.clone())
            .with_headers(again(name, &letter, (&headers, &body), only))
            .with_id(format!("retry.{sequence}.{given_up}"));
        let published = self.client.publish_again(message).await?;
        self.remove(sequence).await?;
        Ok(published)
    }

    /// A command goes back to its queue, and whoever serves it takes it.
    async fn bring_back_command(
        &self,
        letter: &DeadLetter,
        command: (&str, &str, Priority),
        to: To<'_>,
    ) -> Result<Published> {
        let sequence = letter.sequence;
        if matches!(to, To::Named(_)) {
            let text = "it is a command, and goes back to its queue: nobody can be named for it";
            return Err(stays(sequence, text));
        }
        if letter.body_left {
            let text = "its body was too large to be kept: send it anew, and remove this \
                        (`aegis dead drop`)";
            return Err(stays(sequence, text));
        }
        let published = command::bring_back(&self.client, letter, command).await?;
        self.remove(sequence).await?;
        Ok(published)
    }

    /// Who is to get it, as the header says it. Errors: `Invalid` if nobody would.
    async fn taker(&self, letter: &DeadLetter, to: To<'_>) -> Result<String> {
        let handler = match to {
            To::Named(handler) => handler,
            To::Former if letter.handler.is_empty() => {
                let text = format!("it does not say who gave it up: {}", other(letter.sequence));
                return Err(stays(letter.sequence, &text));
            }
            To::Former => &letter.handler,
        };
        let (streams, stream) = (self.client.streams(), self.client.layout().stream("EVENTS"));
        let deadline = self.deadline();
        let mut looks = 0;
        loop {
            looks += 1;
            let matters = |name: &str| name.starts_with(handler);
            let all = streams.consumers(&stream, &matters, deadline).await?;
            let found = match to {
                To::Named(_) => named(handler, &letter.subject, &all),
                To::Former => back_to(handler, &letter.instance, &letter.subject, &all),
            };
            match found {
                Ok(only) => return Ok(only),
                Err(NoTaker::Away | NoTaker::OtherInstances) if looks == 1 => {
                    tokio::time::sleep(BETWEEN).await;
                }
                Err(why) => return Err(untaken(letter, handler, why)),
            }
        }
    }

    /// What was sent, where it stood.
    async fn left(&self, letter: &DeadLetter) -> Result<StoredMessage> {
        let streams = self.client.streams();
        let found = streams.message(&letter.stream, letter.number, self.deadline());
        found.await?.ok_or_else(|| {
            let text = format!(
                "its body was left in the stream {} as number {}, which does not hold it any more: \
                 remove it (`aegis dead drop`)",
                letter.stream, letter.number
            );
            stays(letter.sequence, &text)
        })
    }
}

/// The headers that it had, and for whom it is.
fn again(
    name: &str,
    letter: &DeadLetter,
    (headers, body): (&Headers, &Bytes),
    only: String,
) -> Headers {
    let mut kept = kept_headers(headers, &[header::ONLY, header::EVENT_ID]);
    kept.own(header::ONLY, only);
    if let Some(id) = id_of(name, letter, (headers, body)) {
        kept.own(header::EVENT_ID, id);
    }
    kept
}

/// What was sent with it, but for what is said anew, and what the server would obey once more.
pub(in super::super) fn kept_headers(headers: &Headers, said_anew: &[&str]) -> Headers {
    let mut kept = Headers::new();
    for (name, value) in headers.iter() {
        let is_said_anew = said_anew.iter().any(|own| own.eq_ignore_ascii_case(name));
        if !header::begins(name, "Nats-") && !is_said_anew {
            kept.received(name, value);
        }
    }
    kept
}

/// The id that the handler knew it by: the stream may remember it, and refuse it. A letter that does
/// not say it has it in what was sent, or its place is the id; none is one that its envelope names,
/// and that no header can carry.
fn id_of(name: &str, letter: &DeadLetter, (headers, body): (&Headers, &Bytes)) -> Option<String> {
    if !letter.id.is_empty() {
        return Some(letter.id.clone());
    }
    let place = EventSource {
        sequence: letter.number,
        stored: letter.published?,
        attempt: letter.attempts,
    };
    let event = AnyEvent::read(name, headers.clone(), body.clone(), place);
    header::travels(event.id()).then(|| event.id().to_owned())
}

fn stays(sequence: u64, why: &str) -> Error {
    let text = format!("the dead letter {sequence} is not brought back: {why}");
    Error::new(ErrorKind::Invalid, text)
}

/// How to name another handler.
fn other(sequence: u64) -> String {
    format!(
        "say who is to get it (`aegis dead retry {sequence} --for SERVICE.HANDLER`, in code \
         `retry_for`), or remove it (`aegis dead drop {sequence}`)"
    )
}

/// Published nevertheless it would be passed over by all.
fn untaken(letter: &DeadLetter, handler: &str, why: NoTaker) -> Error {
    let DeadLetter {
        sequence,
        subject,
        instance,
        ..
    } = letter;
    let other = other(*sequence);
    let text = match why {
        NoTaker::Unknown => format!(
            "no handler {handler} has a place in the stream of events: start its service, or, if it \
             has another name now, {other}"
        ),
        NoTaker::Unwanted => format!("the handler {handler} gets no events of {subject}: {other}"),
        NoTaker::Away => format!(
            "nobody takes events as {handler} now: start its service and ask again, or, if it has \
             another name now, {other}"
        ),
        NoTaker::OtherInstances => format!(
            "each instance handles the events of {handler} for itself, and {instance}, which gave \
             this one up, takes none now. All instances get it if the handler is named: {other}"
        ),
    };
    stays(*sequence, &text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;
    use crate::model::told;

    fn letter(headers: &[(&str, &str)], body: &str) -> DeadLetter {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.received(name, value);
        }
        DeadLetter::read(StoredMessage {
            subject: Subject::literal("dead.events.orders.placed"),
            headers: all,
            payload: Bytes::from(body.to_owned()),
            sequence: 3,
            stored: OffsetDateTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn it_has_the_id_that_its_handler_knew() {
        let envelope = |id: &str| {
            let body = json!({"message_id": id, "domain": "a", "event_type": "b", "payload": 1});
            body.to_string()
        };
        let stored = (told::STORED, "1970-01-01T00:00:00.000000005Z");
        let number = (told::SEQUENCE, "7");
        for (headers, body, id) in [
            (&[(told::MESSAGE_ID, "m")][..], "1", Some("m")),
            (&[(told::MESSAGE_ID, "m")], &envelope("other"), Some("m")),
            // As others write it.
            (&[(told::MESSAGE_ID, ""), stored], &envelope("m"), Some("m")),
            (
                &[(header::EVENT_ID, "first"), stored],
                &envelope("m"),
                Some("first"),
            ),
            (&[number, stored], "1", Some("7@5")),
            (&[number], "1", None),
            // Its envelope goes with it, and says it.
            (&[stored], &envelope("m\n"), None),
        ] {
            let letter = letter(headers, body);
            let again = again(
                "orders.placed",
                &letter,
                (&letter.headers, &letter.body),
                "s__h".to_owned(),
            );
            assert_eq!(again.get(header::EVENT_ID), id, "{headers:?} {body}");
            assert_eq!(again.get(header::ONLY), Some("s__h"));
            let ids = again.iter().filter(|(name, _)| *name == header::EVENT_ID);
            assert!(ids.count() <= 1, "{headers:?}");
        }
    }

    #[test]
    fn what_it_was_sent_with_goes_with_it_and_nothing_else() {
        let headers = [
            ("Tenant", "acme"),
            ("tenant", "two"),
            ("aegis-only", "old__one"),
            ("nats-msg-id", "x"),
            (told::HANDLER, "s__h"),
        ];
        let letter = letter(&headers, "1");
        let again = again(
            "orders.placed",
            &letter,
            (&letter.headers, &letter.body),
            "s__h".to_owned(),
        );
        let all: Vec<_> = again.iter().collect();
        let expected = [
            ("Tenant", "acme"),
            ("tenant", "two"),
            (header::ONLY, "s__h"),
        ];
        assert_eq!(all, expected);
    }
}
