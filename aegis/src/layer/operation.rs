//! What a layer sees of a call, an event or a command.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Headers, TraceContext, header};

/// On which side a layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// This program serves it: a handler runs.
    Server,
    /// This program sends it.
    Client,
}

/// What is served or sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OperationKind {
    /// A call, exclusive ones included.
    Rpc,
    /// An event.
    Event,
    /// A command.
    Command,
}

/// A call, an event or a command, as a [`Layer`](crate::Layer) sees it.
pub struct Operation {
    side: Side,
    kind: OperationKind,
    service: String,
    name: String,
    event: Option<String>,
    instance: Option<String>,
    source: Option<String>,
    headers: Headers,
    deadline: Option<Instant>,
    trace: Option<TraceContext>,
    attempt: u32,
}

/// What is sent.
pub(crate) struct Sent<'a> {
    pub(crate) kind: OperationKind,
    /// Empty for an event.
    pub(crate) service: &'a str,
    pub(crate) name: &'a str,
    pub(crate) source: &'a str,
    pub(crate) headers: &'a Headers,
    pub(crate) deadline: Option<Instant>,
    pub(crate) trace: Option<TraceContext>,
}

/// What is served.
pub(crate) struct Received<'a> {
    pub(crate) kind: OperationKind,
    pub(crate) service: &'a str,
    /// The handler.
    pub(crate) name: &'a str,
    /// The name of the event.
    pub(crate) event: Option<&'a str>,
    pub(crate) instance: &'a str,
    pub(crate) source: Option<&'a str>,
    pub(crate) headers: &'a Headers,
    pub(crate) deadline: Option<Instant>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) attempt: u32,
}

impl Operation {
    pub(crate) fn sent(sent: &Sent<'_>) -> Self {
        let is_event = sent.kind == OperationKind::Event;
        Self {
            side: Side::Client,
            kind: sent.kind,
            service: sent.service.to_owned(),
            name: sent.name.to_owned(),
            event: is_event.then(|| sent.name.to_owned()),
            instance: None,
            source: Some(sent.source.to_owned()),
            headers: sent.headers.clone(),
            deadline: sent.deadline,
            trace: sent.trace,
            attempt: 1,
        }
    }

    pub(crate) fn received(received: &Received<'_>) -> Self {
        Self {
            side: Side::Server,
            kind: received.kind,
            service: received.service.to_owned(),
            name: received.name.to_owned(),
            event: received.event.map(str::to_owned),
            instance: Some(received.instance.to_owned()),
            source: received.source.map(str::to_owned),
            headers: received.headers.clone(),
            deadline: received.deadline,
            trace: received.trace,
            attempt: received.attempt,
        }
    }

    /// Whether it is served here or sent from here.
    pub fn side(&self) -> Side {
        self.side
    }

    /// What it is.
    pub fn kind(&self) -> OperationKind {
        self.kind
    }

    /// The service that serves it; empty for an event that is sent, which belongs to none.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The method, the command or the handler for events; of an event that is sent its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the event, `domain.type`.
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// The instance that serves it; none where it is sent.
    pub fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// Who sends it, if that is said. It is what the sender says of itself: who must be sure gives
    /// each program a login of its own, or looks at a token in a header.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// A header, found without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// All headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Sets a header on what is sent. On what is served only layers further in see it.
    ///
    /// Errors: `Invalid` for a name of the framework's own, and for what the wire does not take.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<()> {
        if let Some(word) = header::word_for(name) {
            let text = format!("the header {name:?} is the framework's own: {word}");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let set = self.headers.set(name, value);
        set.map_err(|cause| Error::new(ErrorKind::Invalid, cause.to_string()))
    }

    /// When its time is over; none if it has no such time.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The time that is left.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// The trace it belongs to.
    pub fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// Which delivery of an event or attempt at a command this is; 1 for the first, and for calls.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl fmt::Debug for Operation {
    /// Names of headers only: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("side", &self.side)
            .field("kind", &self.kind)
            .field("service", &self.service)
            .field("name", &self.name)
            .field("source", &self.source)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
