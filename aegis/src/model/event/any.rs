//! One event as it arrived, whatever its type.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::marker::PhantomData;
use time::OffsetDateTime;

use super::envelope::read_event_facts;
use super::id::{event_id, full_id};
use super::types::Event;
use crate::model::{Code, Codec, Failure, Headers, InEnvelope, TraceContext, header};

/// An event of any type: its name, who published it, and its body, which is read when it is asked
/// for. Cheap to clone.
///
/// ```
/// use aegis::prelude::*;
///
/// struct Audit;
///
/// #[aegis::service(name = "audit", version = "1.0.0")]
/// impl Audit {
///     #[subscribe("orders.>", mode = "compete")]
///     async fn note(&self, event: AnyEvent) -> Result<(), Failure> {
///         let body = event.payload()?;
///         println!("{} by {:?}: {body}", event.name(), event.source());
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone)]
pub struct AnyEvent(Arc<Inner>);

struct Inner {
    name: String,
    facts: EventFacts,
    headers: Headers,
    codec: Codec,
    body: Bytes,
    in_envelope: bool,
    place: EventSource,
}

/// What an event says about itself beside its name and body.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventFacts {
    pub(crate) id: String,
    pub(crate) source: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) version: Option<String>,
}

/// Where in which stream it stands, and the how manieth delivery this is.
#[derive(Debug, Clone)]
pub(crate) struct EventSource {
    pub(crate) sequence: u64,
    pub(crate) stored: OffsetDateTime,
    pub(crate) attempt: u64,
}

impl AnyEvent {
    /// Reads what can be read without knowing the type; `name` is the subject without what stands
    /// before the domain.
    pub(crate) fn read(name: &str, headers: Headers, body: Bytes, place: EventSource) -> Self {
        let codec = Codec::detect(headers.get(header::CONTENT_TYPE), &body);
        // With this header it is plain, whatever its fields are called.
        let envelope = match headers.get(header::SOURCE) {
            Some(_) => None,
            None => read_event_facts(codec, &body),
        };
        let in_envelope = envelope.is_some();
        let envelope = envelope.unwrap_or_default();
        let told = |name: &str| headers.get(name).map(str::to_owned);
        let stored = place.stored.unix_timestamp_nanos();
        let facts = EventFacts {
            id: event_id(name, &headers)
                .map(str::to_owned)
                .or(envelope.message_id.filter(|id| !id.is_empty()))
                .unwrap_or_else(|| format!("{}@{stored}", place.sequence)),
            source: told(header::SOURCE).or(envelope.source),
            correlation_id: told(header::CORRELATION_ID).or(envelope.correlation_id),
            version: told(header::EVENT_VERSION).or(envelope.version),
        };
        Self(Arc::new(Inner {
            name: name.to_owned(),
            facts,
            headers,
            codec,
            body,
            in_envelope,
            place,
        }))
    }

    /// `domain.type`, such as `orders.created`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The first token of the name.
    pub fn domain(&self) -> &str {
        self.name().split('.').next().unwrap_or_default()
    }

    /// Names this event among those of its [name](Self::name): the id that its publisher gave it, or
    /// that it was given when it was published. A redelivery has the same. An event that was
    /// published without one, by another program, is named by its place in the stream.
    pub fn id(&self) -> &str {
        &self.0.facts.id
    }

    /// Names this event among all: `{name}/{id}`. It is what an effect of it is remembered under
    /// ([`Inbox::once`](crate::Inbox::once), a unique key in a table): events of two names may have
    /// one [id](Self::id), as `orders.placed` and `orders.paid` that are both called `order-7`.
    pub fn key(&self) -> String {
        full_id(self.name(), self.id())
    }

    /// Who published it, if that was said.
    pub fn source(&self) -> Option<&str> {
        self.0.facts.source.as_deref()
    }

    /// What it belongs to, if that was said.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.facts.correlation_id.as_deref()
    }

    /// The version of its body; `1.0` if nothing was said.
    pub fn version(&self) -> &str {
        self.0.facts.version.as_deref().unwrap_or("1.0")
    }

    /// The trace that it belongs to, if it belongs to one (W3C trace context).
    pub fn trace(&self) -> Option<TraceContext> {
        let text = self.0.headers.get(header::TRACEPARENT)?;
        TraceContext::parse(text)
    }

    /// All headers of the message.
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// Its number in the stream: it grows with every event, whatever its type.
    pub fn sequence(&self) -> u64 {
        self.0.place.sequence
    }

    /// When the server took it, by its clock.
    pub fn stored(&self) -> OffsetDateTime {
        self.0.place.stored
    }

    /// The how manieth delivery of this event to this handler this is, whichever instance got the
    /// others: 1 is the first.
    pub fn attempt(&self) -> u64 {
        self.0.place.attempt
    }

    /// The body of the message as it was sent, with the envelope if it has one.
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// Whether it is an event of this type.
    pub fn is<E: Event>(&self) -> bool {
        self.name() == E::NAME
    }

    /// The payload as JSON. Errors: a body that cannot be read; no repetition helps.
    pub fn payload(&self) -> Result<Value, Failure> {
        self.read_as()
    }

    /// The payload as an event of this type. Errors: an event of another type, or a body that
    /// cannot be read; no repetition helps.
    pub fn decode<E: Event>(&self) -> Result<E, Failure> {
        if self.is::<E>() {
            return self.read_as();
        }
        let text = format!("the event {} is no {}", self.name(), E::NAME);
        Err(Failure::framework(Code::InvalidParams, text).terminal())
    }

    fn read_as<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let Inner { codec, body, .. } = &*self.0;
        let seed = PhantomData::<T>;
        let read = if self.0.in_envelope {
            let field = "payload";
            codec.decode_seed(body, InEnvelope { field, seed })
        } else {
            codec.decode_seed(body, seed)
        };
        read.map_err(|cause| {
            let text = format!("the event {} cannot be read: {cause}", self.name());
            Failure::framework(Code::InvalidParams, text).terminal()
        })
    }
}

impl fmt::Debug for AnyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyEvent")
            .field("name", &self.name())
            .field("id", &self.id())
            .field("sequence", &self.sequence())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Placed {
        id: String,
    }

    impl Event for Placed {
        const NAME: &'static str = "orders.placed";
    }

    fn event(name: &str, headers: &[(&'static str, &str)], body: &str) -> AnyEvent {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.own(name, (*value).to_owned());
        }
        let place = EventSource {
            sequence: 7,
            stored: OffsetDateTime::UNIX_EPOCH,
            attempt: 1,
        };
        AnyEvent::read(name, all, Bytes::from(body.to_owned()), place)
    }

    #[test]
    fn a_plain_body_and_an_envelope_say_the_same() {
        let envelope = json!({
            "message_id": "m-1", "correlation_id": "c", "source": "shop", "version": "2.0",
            "domain": "orders", "event_type": "placed", "payload": {"id": "7"},
        });
        let headers = [
            (header::MESSAGE_ID, "m-1"),
            (header::SOURCE, "shop"),
            (header::CORRELATION_ID, "c"),
            (header::EVENT_VERSION, "2.0"),
        ];
        for event in [
            event("orders.placed", &headers, r#"{"id":"7"}"#),
            event("orders.placed", &[], &envelope.to_string()),
        ] {
            assert_eq!((event.id(), event.domain()), ("m-1", "orders"));
            assert_eq!((event.source(), event.version()), (Some("shop"), "2.0"));
            assert_eq!(event.correlation_id(), Some("c"));
            assert_eq!(event.decode::<Placed>(), Ok(Placed { id: "7".into() }));
            assert_eq!(event.payload(), Ok(json!({"id": "7"})));
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Noted {
        domain: String,
        event_type: String,
        payload: Option<u8>,
    }

    impl Event for Noted {
        const NAME: &'static str = "audit.noted";
    }

    #[test]
    fn what_says_that_it_is_plain_is_never_taken_for_an_envelope() {
        let body = json!({"domain": "a", "event_type": "b", "payload": 7});
        let noted = Noted {
            domain: "a".into(),
            event_type: "b".into(),
            payload: Some(7),
        };
        let plain = event(
            "audit.noted",
            &[(header::SOURCE, "shop")],
            &body.to_string(),
        );
        assert_eq!(plain.decode::<Noted>(), Ok(noted));
        assert_eq!(plain.payload(), Ok(body.clone()));
        // Of what says nothing it can only be guessed.
        let guessed = event("audit.noted", &[], &body.to_string());
        assert_eq!(guessed.payload(), Ok(json!(7)));
        let envelope = json!({"domain": "audit", "event_type": "noted", "payload": body});
        let wrapped = event("audit.noted", &[], &envelope.to_string());
        assert_eq!(wrapped.payload(), Ok(body));
    }

    #[test]
    fn what_says_nothing_of_itself_is_named_by_its_place() {
        let event = event("orders.placed", &[], r#"{"id":"7"}"#);
        assert_eq!((event.id(), event.version()), ("7@0", "1.0"));
    }

    #[test]
    fn an_event_that_is_brought_back_has_the_id_that_it_had() {
        let envelope =
            r#"{"message_id":"m-1","domain":"orders","event_type":"placed","payload":1}"#;
        let (own, sent) = ((header::EVENT_ID, "own"), (header::MESSAGE_ID, "sent"));
        let only = (header::ONLY, "billing__bill");
        for (headers, body, id) in [
            (&[sent, own][..], envelope, "own"),
            (&[sent], envelope, "sent"),
            (&[], envelope, "m-1"),
            (&[(header::MESSAGE_ID, "")], envelope, "m-1"),
            (&[sent, own, only], envelope, "own"),
            (&[sent, only], envelope, "m-1"),
            (&[sent, only], "1", "7@0"),
        ] {
            let event = event("orders.placed", headers, body);
            assert_eq!(event.id(), id, "{headers:?} {body}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_case_for_another_attempt() {
        for (name, body, text) in [
            ("orders.gone", r#"{"id":"7"}"#, "is no orders.placed"),
            ("orders.placed", r#"{"id":7}"#, "cannot be read"),
            ("orders.placed", "", "cannot be read"),
            ("orders.placed", "{", "cannot be read"),
        ] {
            let failure = event(name, &[], body).decode::<Placed>().unwrap_err();
            assert!(failure.message().contains(text), "{failure}");
            assert!(failure.is_terminal());
        }
        // A later version may have more fields.
        let more = event("orders.placed", &[], r#"{"id":"7","new":1}"#);
        assert_eq!(more.decode::<Placed>(), Ok(Placed { id: "7".into() }));
    }
}
