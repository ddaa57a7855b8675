//! What is stored in a stream, what is read from it, and how a delivery ends.

use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;

use crate::model::{Headers, SpecError, Subject};

/// Longest id, in bytes: every stream remembers those of its window.
const LONGEST_ID: usize = 1024;

/// What must hold for a message to be stored; the server decides it together with the storing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectSequence {
    /// The newest message of the stream has this sequence; 0 is none.
    Last(u64),
    /// The newest message on a subject has this sequence; 0 is none.
    LastOn {
        /// The subject; it may be another than that of the message (NATS 2.11.7, see
        /// [`StreamFeatures::fenced_writes`](crate::port::StreamFeatures)).
        subject: Subject,
        /// The sequence.
        sequence: u64,
    },
}

/// A message to be stored.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StreamMessage {
    /// Where it goes: whatever stream stores this subject takes it.
    pub subject: Subject,
    /// What travels beside the body.
    pub headers: Headers,
    /// The body.
    pub payload: Bytes,
    /// A stream stores one message with this id inside its window; further ones are told to be
    /// duplicates.
    pub id: Option<String>,
    /// What must hold.
    pub expect: Option<ExpectSequence>,
}

impl StreamMessage {
    /// A message without headers, id and condition.
    pub fn new(subject: Subject, payload: impl Into<Bytes>) -> Self {
        Self {
            subject,
            headers: Headers::new(),
            payload: payload.into(),
            id: None,
            expect: None,
        }
    }

    /// The same with headers.
    #[must_use]
    pub fn with_headers(self, headers: Headers) -> Self {
        Self { headers, ..self }
    }

    /// The same with an id, which is stored once inside the stream's window.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            ..self
        }
    }

    /// Whether such a message can be: its id travels as a header.
    pub fn check(&self) -> Result<(), SpecError> {
        let Some(id) = &self.id else { return Ok(()) };
        let wrong = if id.is_empty() {
            "is empty"
        } else if id.len() > LONGEST_ID {
            "is longer than 1,024 bytes"
        } else if id.chars().any(char::is_control) {
            "has a line break or another control character"
        } else {
            return Ok(());
        };
        Err(SpecError::new(format!(
            "the id of a message on {} {wrong}: choose another",
            self.subject
        )))
    }

    /// The same under a condition.
    #[must_use]
    pub fn expecting(self, expect: ExpectSequence) -> Self {
        Self {
            expect: Some(expect),
            ..self
        }
    }
}

/// A stream's word that it holds a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The stream.
    pub stream: String,
    /// The sequence of the message in it.
    pub sequence: u64,
    /// It held a message with this id already, and stored nothing now.
    pub duplicate: bool,
}

/// A message as a stream holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Where it was sent.
    pub subject: Subject,
    /// What travels beside the body, its id included.
    pub headers: Headers,
    /// The body.
    pub payload: Bytes,
    /// Its number in the stream.
    pub sequence: u64,
    /// When the server took it, by its clock.
    pub stored: OffsetDateTime,
}

/// How one delivery ends, or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settling {
    /// It is done with.
    Ack,
    /// It is to be delivered again, after so long at the earliest; zero is at once.
    Retry {
        /// How long from now.
        after: Duration,
    },
    /// It is being worked on: the ack wait begins anew.
    Progress,
    /// It is never to be delivered again.
    Terminate,
}
