//! Dead letters: what could not be handled, and what is known of it.

use bytes::Bytes;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::codec::Codec;
use super::header::{self, Headers, told};
use super::stream::StoredMessage;

/// A message that a handler gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its number among the dead letters.
    pub sequence: u64,
    /// When it was given up, by the server's clock.
    pub given_up: OffsetDateTime,
    /// The subject that it was sent on.
    pub subject: String,
    /// The id that its handler knew it by; empty if that was not noted.
    pub id: String,
    /// The stream that it stood in, and its number there.
    pub stream: String,
    /// Its number in that stream.
    pub number: u64,
    /// When that stream took it, by the server's clock; none if that was not said.
    pub published: Option<OffsetDateTime>,
    /// Who gave it up: `{service}__{handler}`.
    pub handler: String,
    /// On which instance.
    pub instance: String,
    /// How often it was delivered to that handler.
    pub attempts: u64,
    /// Why: the code of the failure.
    pub code: String,
    /// Why: its text.
    pub reason: String,
    /// Of a command: the steps of its handler that were begun, and which of them are done, as in
    /// `charge done, mail begun`; empty if there were none.
    pub steps: String,
    /// The headers that it was sent with, without those of NATS itself.
    pub headers: Headers,
    /// The body; empty if it [was left](Self::body_left) in its stream.
    pub body: Bytes,
    /// The body did not fit into the dead letter: it is where the message stood, as long as that
    /// stream holds it.
    pub body_left: bool,
}

impl DeadLetter {
    /// Reads what a stream of dead letters holds. What is missing, in a letter of somebody else, is
    /// empty or zero.
    pub(crate) fn read(stored: StoredMessage) -> Self {
        let text = |name| stored.headers.get(name).unwrap_or_default().to_owned();
        let number = |name| text(name).parse().unwrap_or_default();
        let mut headers = Headers::new();
        for (name, value) in stored.headers.iter() {
            if !header::begins(name, told::ALL) && !header::begins(name, "Nats-") {
                headers.received(name, value);
            }
        }
        Self {
            sequence: stored.sequence,
            given_up: stored.stored,
            subject: text(told::SUBJECT),
            id: text(told::MESSAGE_ID),
            stream: text(told::STREAM),
            number: number(told::SEQUENCE),
            published: OffsetDateTime::parse(&text(told::STORED), &Rfc3339).ok(),
            handler: text(told::HANDLER),
            instance: text(told::INSTANCE),
            attempts: number(told::ATTEMPTS),
            code: text(told::CODE),
            reason: text(told::REASON),
            steps: text(told::STEPS),
            body_left: stored.headers.get(told::BODY_LEFT).is_some(),
            body: stored.payload,
            headers,
        }
    }

    /// The body as JSON; none if it is not readable.
    pub fn payload(&self) -> Option<Value> {
        let content_type = self.headers.get(header::CONTENT_TYPE);
        let codec = Codec::detect(content_type, &self.body);
        codec.decode(&self.body).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Subject;

    fn letter(headers: &[(&str, &str)], body: &'static [u8]) -> DeadLetter {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.set(name, value).unwrap();
        }
        DeadLetter::read(StoredMessage {
            subject: Subject::literal("dead.events.orders.placed"),
            headers: all,
            payload: Bytes::from_static(body),
            sequence: 3,
            stored: OffsetDateTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn what_is_known_is_told_from_what_was_sent() {
        let told = letter(
            &[
                ("Tenant", "acme"),
                ("Nats-Msg-Id", "dead.1"),
                (told::SUBJECT, "events.orders.placed"),
                (told::SEQUENCE, "17"),
                (told::STORED, "1970-01-01T00:00:01Z"),
                (told::ATTEMPTS, "6"),
            ],
            br#"{"id":7}"#,
        );
        assert_eq!((told.sequence, told.number, told.attempts), (3, 17, 6));
        assert_eq!(told.subject, "events.orders.placed");
        let later = OffsetDateTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        assert_eq!(told.published, Some(later));
        let names: Vec<&str> = told.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Tenant"]);
        assert_eq!(told.payload(), Some(json!({"id": 7})));
    }

    #[test]
    fn a_letter_of_somebody_else_says_nothing_wrong() {
        let told = letter(&[(told::SEQUENCE, "x"), (told::STORED, "today")], b"\xff");
        assert_eq!((told.number, told.published), (0, None));
        assert_eq!((&*told.handler, told.payload()), ("", None));
        assert!(!told.body_left);
    }
}
