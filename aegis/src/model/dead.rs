//! Dead letters: what could not be handled, and what is known of it.

use bytes::Bytes;
use serde_json::Value;
use time::OffsetDateTime;

use super::codec::Codec;
use super::header::{self, Headers};
use super::stream::StoredMessage;

/// The headers of a dead letter, beside those of what was sent.
pub(crate) mod told {
    /// What stands before all of them.
    pub(crate) const ALL: &str = "Aegis-Dead-";
    /// The subject that the message was sent on.
    pub(crate) const SUBJECT: &str = "Aegis-Dead-Subject";
    /// The stream it stood in.
    pub(crate) const STREAM: &str = "Aegis-Dead-Stream";
    /// Its number there.
    pub(crate) const SEQUENCE: &str = "Aegis-Dead-Sequence";
    /// When that stream took it.
    pub(crate) const STORED: &str = "Aegis-Dead-Stored";
    /// Its id.
    pub(crate) const MESSAGE_ID: &str = "Aegis-Dead-Message-Id";
    /// Who gave it up: `{service}__{handler}`.
    pub(crate) const HANDLER: &str = "Aegis-Dead-Handler";
    /// On which instance.
    pub(crate) const INSTANCE: &str = "Aegis-Dead-Instance";
    /// How often it was delivered.
    pub(crate) const ATTEMPTS: &str = "Aegis-Dead-Attempts";
    /// Why: the code of the failure.
    pub(crate) const CODE: &str = "Aegis-Dead-Code";
    /// Why: its text.
    pub(crate) const REASON: &str = "Aegis-Dead-Reason";
    /// The body did not fit beside all that: it is where the message stood.
    pub(crate) const BODY_LEFT: &str = "Aegis-Dead-Body-Left";
}

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
    /// The id that it was sent with; empty if there was none.
    pub id: String,
    /// The stream that it stood in, and its number there.
    pub stream: String,
    /// Its number in that stream.
    pub number: u64,
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
            if !name.starts_with(told::ALL) && !name.starts_with("Nats-") {
                let _ = headers.set(name, value);
            }
        }
        Self {
            sequence: stored.sequence,
            given_up: stored.stored,
            subject: text(told::SUBJECT),
            id: text(told::MESSAGE_ID),
            stream: text(told::STREAM),
            number: number(told::SEQUENCE),
            handler: text(told::HANDLER),
            instance: text(told::INSTANCE),
            attempts: number(told::ATTEMPTS),
            code: text(told::CODE),
            reason: text(told::REASON),
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
