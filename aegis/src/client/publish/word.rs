//! One event before it is sent: what is required stands in its making, the rest is said in words.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::core::{Client, Wire};
use super::send;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::Leadership;
use crate::model::{
    Codec, Event, EventEnvelope, ExpectSequence, Headers, Stored, StreamMessage, Subject,
    TraceContext, full_id, header,
};

/// Longest id that can be given, in bytes.
const LONGEST_ID: usize = 256;

/// An event to publish, sent by `.await`, which returns when the stream holds it.
///
/// ```no_run
/// # use aegis::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Debug, Serialize, Deserialize, aegis::Event)]
/// #[event("orders.created")]
/// struct OrderCreated {
///     id: String,
/// }
///
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// let event = OrderCreated { id: "7".to_owned() };
/// let published = client.publish(&event).id("order-7-created").await?;
/// println!("the stream holds it as number {}", published.sequence());
/// # Ok(())
/// # }
/// ```
#[must_use = "an event is published by `.await`"]
pub struct Publish {
    /// On the heap: it is handed on from future to future.
    prepared: Result<Box<Prepared>>,
}

/// What is sent, and how.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) client: Client,
    pub(super) name: String,
    /// As it was given, or made; empty until it is. That of the message is what travels.
    pub(super) id: String,
    pub(super) message: StreamMessage,
    pub(super) within: Option<Duration>,
    pub(super) leader: Option<Leadership>,
    /// Set when the layers have let it through and it is being sent, for who waits for that.
    pub(super) begun: Option<Arc<AtomicBool>>,
    /// The payload, until the envelope is written around it.
    envelope: Option<Envelope>,
}

/// What stands in an envelope.
#[derive(Clone)]
struct Envelope {
    payload: serde_json::Value,
    version: &'static str,
    source: String,
}

/// The stream's word that it holds an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub(super) id: String,
    pub(super) sequence: u64,
    pub(super) duplicate: bool,
}

impl Published {
    pub(in super::super) fn of(id: String, stored: &Stored) -> Self {
        Self {
            id,
            sequence: stored.sequence,
            duplicate: stored.duplicate,
        }
    }

    /// The id of the event: the one that was given, or the one that it was given; of a command that
    /// was brought back that of its job.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its number in the stream.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The stream held an event with this id already: this one was not stored again.
    pub fn is_duplicate(&self) -> bool {
        self.duplicate
    }
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prepared {
            Ok(prepared) => write!(f, "Publish({})", prepared.message.subject),
            Err(error) => write!(f, "Publish({error})"),
        }
    }
}

impl Client {
    /// Publishes an event. It is sent again, under the same id, until the stream says that it holds
    /// it or the time is over; a stream stores one event of each id inside its window (2 minutes by
    /// default).
    ///
    /// Errors: `Encode` and `TooLarge` before anything is sent; `Timeout` and `Disconnected`, where
    /// [`Error::was_sent`] tells whether it may be stored nevertheless; `NoService` if there is no
    /// JetStream; `Overloaded` if the stream is full and refuses; `Denied`.
    pub fn publish<E: Event>(&self, event: &E) -> Publish {
        let prepared = self.layout().event(E::NAME).map_err(Error::from);
        let prepared =
            prepared.and_then(|subject| Prepared::new(self, (E::NAME, E::VERSION), subject, event));
        Publish { prepared }
    }

    /// Publishes an event by its name, `domain.type`, with a payload of any kind. Errors: as
    /// [`publish`](Self::publish), and `Invalid` for a text that is no name of an event.
    ///
    /// ```no_run
    /// # async fn example(client: aegis::Client) -> aegis::Result<()> {
    /// let payload = serde_json::json!({"id": "7"});
    /// client.publish_as("orders.created", &payload).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish_as<P: Serialize + ?Sized>(&self, name: &str, payload: &P) -> Publish {
        let prepared = self.layout().event(name).map_err(Error::from);
        let prepared =
            prepared.and_then(|subject| Prepared::new(self, (name, "1.0"), subject, payload));
        Publish { prepared }
    }
}

impl Client {
    /// Publishes what was published before, under an id of its own.
    pub(in super::super) async fn publish_again(
        &self,
        message: StreamMessage,
    ) -> Result<Published> {
        let name = message.subject.as_str();
        let name = self.layout().event_name(name).unwrap_or(name).to_owned();
        let prepared = Box::new(Prepared {
            client: self.clone(),
            name,
            id: message.id.clone().unwrap_or_default(),
            message,
            within: None,
            leader: None,
            begun: None,
            envelope: None,
        });
        send::send(prepared).await
    }
}

impl Publish {
    pub(super) fn with(mut self, change: impl FnOnce(&mut Prepared) -> Result<()>) -> Self {
        self.prepared = self
            .prepared
            .and_then(|mut prepared| change(&mut prepared).map(|()| prepared));
        self
    }

    /// Names this event among those of its name: whoever publishes it again under this id, inside
    /// the stream's window, stores nothing. An event of another name may have the same id. Without
    /// one it gets one of its own.
    ///
    /// An id is 1 to 256 bytes of text without control characters. It travels as
    /// `Nats-Msg-Id: {name}/{id}`, which may have 1,024 bytes.
    pub fn id(self, id: &str) -> Self {
        self.with(|prepared| {
            if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
                let text = "the id of an event is 1 to 256 bytes, without control characters";
                return Err(Error::new(ErrorKind::Invalid, text));
            }
            id.clone_into(&mut prepared.id);
            prepared.message.id = Some(full_id(&prepared.name, id));
            prepared.message.check().map_err(Error::from)
        })
    }

    /// The time for everything, repetitions included. Default: that of calls, 5 s; inside a handler
    /// for calls never more than the call being handled has left.
    pub fn within(self, time: Duration) -> Self {
        self.with(|prepared| {
            prepared.within = Some(time);
            Ok(())
        })
    }

    /// Says what this event belongs to. [`Context::publish`](crate::Context::publish) says it by
    /// itself, in a handler for events.
    pub fn correlation_id(self, id: &str) -> Self {
        self.with(|prepared| {
            let set = prepared.message.headers.set(header::CORRELATION_ID, id);
            set.map_err(|cause| Error::new(ErrorKind::Invalid, cause.to_string()))
        })
    }

    /// Says who publishes; default: the name of the program's first service, or `aegis-client`.
    pub(crate) fn source(self, source: &str) -> Self {
        self.with(|prepared| {
            let source = source.to_owned();
            if let Some(envelope) = &mut prepared.envelope {
                envelope.source = source;
            } else {
                let set = prepared.message.headers.set(header::SOURCE, &source);
                set.map_err(|cause| Error::new(ErrorKind::Invalid, cause.to_string()))?;
            }
            Ok(())
        })
    }

    /// Adds a header; a handler reads it with `ctx.header(..)`. The framework's own have words of
    /// their own: setting one here is an `Invalid` error.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|prepared| {
            if header::word_for(name).is_some() {
                let text = format!(
                    "the header {name:?} is the framework's own: say `.id(..)`, `.trace(..)`, \
                     `.correlation_id(..)`, or choose another name"
                );
                return Err(Error::new(ErrorKind::Invalid, text));
            }
            let set = prepared.message.headers.set(name, value);
            set.map_err(|cause| Error::new(ErrorKind::Invalid, cause.to_string()))
        })
    }

    /// Makes the event part of a trace (W3C trace context). Inside a handler it is part of the
    /// trace of what is being handled without a word.
    pub fn trace(self, trace: TraceContext) -> Self {
        self.with(|prepared| {
            // In the place of that of a handler.
            let set = (prepared.message.headers).set(header::TRACEPARENT, &trace.to_string());
            set.map_err(|cause| Error::new(ErrorKind::Invalid, cause.to_string()))
        })
    }

    /// Publishes only if the newest message of the stream has this number, 0 for none: nobody has
    /// published anything since. Errors: `Conflict`, and nothing was stored.
    pub fn expect_last_sequence(self, sequence: u64) -> Self {
        self.with(|prepared| {
            prepared.message.expect = Some(ExpectSequence::Last(sequence));
            Ok(())
        })
    }

    /// Publishes only if no newer leader has published with this word, or has begun to: a leader of
    /// the past is refused. The server decides it in one step with the storing, from NATS 2.11.7 on;
    /// below it is asked for before. Errors: `NotActive`, and nothing was stored; `Invalid` together
    /// with [`expect_last_sequence`](Self::expect_last_sequence), as NATS checks one condition.
    pub fn fenced(self, leader: &Leadership) -> Self {
        self.with(|prepared| {
            prepared.leader = Some(leader.clone());
            Ok(())
        })
    }

    pub(super) async fn send(self) -> Result<Published> {
        let mut prepared = self.prepared?;
        prepared.name_it()?;
        send::send(prepared).await
    }
}

impl IntoFuture for Publish {
    type Output = Result<Published>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl Prepared {
    fn new<P: Serialize + ?Sized>(
        client: &Client,
        (name, version): (&str, &'static str),
        subject: Subject,
        payload: &P,
    ) -> Result<Box<Self>> {
        let settings = &client.shared.settings;
        let unwritten = |cause| {
            let text = format!("the event {name} cannot be written");
            Error::new(ErrorKind::Encode, text).because(cause)
        };
        let mut headers = Headers::new();
        client.scope().carry(&mut headers);
        if settings.codec != Codec::Json {
            let content_type = settings.codec.content_type().to_owned();
            headers.own(header::CONTENT_TYPE, content_type);
        }
        let (body, envelope) = match settings.wire {
            Wire::Plain => {
                headers.own(header::SOURCE, settings.source.clone());
                if version != "1.0" {
                    headers.own(header::EVENT_VERSION, version.to_owned());
                }
                (settings.codec.encode(payload).map_err(unwritten)?, None)
            }
            Wire::Envelope => {
                let payload = serde_json::to_value(payload);
                let payload = payload.map_err(|cause| {
                    let text = format!("the event {name} cannot be written");
                    Error::new(ErrorKind::Encode, text).because(cause)
                })?;
                let source = settings.source.clone();
                let envelope = Envelope {
                    payload,
                    version,
                    source,
                };
                (Bytes::new(), Some(envelope))
            }
        };
        Ok(Box::new(Self {
            client: client.clone(),
            name: name.to_owned(),
            id: String::new(),
            message: StreamMessage::new(subject, body).with_headers(headers),
            within: None,
            leader: None,
            begun: None,
            envelope,
        }))
    }

    /// Gives it an id, and writes the envelope around it.
    /// Checks it, and gives it an id if it has none.
    fn name_it(&mut self) -> Result<()> {
        if self.leader.is_some() && self.message.expect.is_some() {
            let text = "`.fenced(..)` and `.expect_last_sequence(..)` do not go together: NATS \
                        checks one condition; a leader is the only publisher, so let it fence";
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        if self.message.id.is_none() {
            // Nobody else has it: it needs no name before it.
            self.id = uuid::Uuid::now_v7().simple().to_string();
            self.message.id = Some(self.id.clone());
        }
        Ok(())
    }

    /// Writes the envelope, if there is one, once it is known which trace it belongs to.
    pub(super) fn finish(&mut self) -> Result<()> {
        let Some(envelope) = self.envelope.take() else {
            return Ok(());
        };
        let headers = &self.message.headers;
        let trace = headers.get(header::TRACEPARENT);
        let trace = trace.and_then(TraceContext::parse);
        let (domain, event_type) = self.name.split_once('.').unwrap_or((&self.name, ""));
        let now = OffsetDateTime::now_utc();
        let body = EventEnvelope {
            message_id: &self.id,
            trace_id: trace.map_or_else(
                || uuid::Uuid::new_v4().to_string(),
                |trace| trace.trace_id(),
            ),
            correlation_id: headers.get(header::CORRELATION_ID),
            // The present is always a date that can be written.
            timestamp: now.format(&Rfc3339).unwrap_or_default(),
            source: Some(&envelope.source),
            target: None,
            domain,
            event_type,
            payload: &envelope.payload,
            version: envelope.version,
        };
        let codec = self.client.shared.settings.codec;
        self.message.payload = codec.encode(&body).map_err(|cause| {
            let text = format!("the event {} cannot be written", self.name);
            Error::new(ErrorKind::Encode, text).because(cause)
        })?;
        Ok(())
    }
}
