//! Headers: names and values that travel beside a body, safe for the wire by construction.

use std::borrow::Cow;
use std::fmt;

/// Version of the wire a peer speaks; its presence allows the fields beyond `AegisSDK` 1.0.
pub(crate) const VERSION: &str = "Aegis-Version";
/// Remaining time of a call in milliseconds: a duration, so that no clocks are compared.
pub(crate) const DEADLINE: &str = "Aegis-Deadline-Ms";
/// Where the caller says that it gave up.
pub(crate) const CANCEL: &str = "Aegis-Cancel";
/// The caller's key for "this work once".
pub(crate) const IDEMPOTENCY_KEY: &str = "Aegis-Idempotency-Key";
/// The fencing token of the leadership that an exclusive handler ran under.
pub(crate) const EPOCH: &str = "Aegis-Epoch";
/// W3C trace context.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// W3C trace context, vendor part: passed on untouched.
pub(crate) const TRACESTATE: &str = "tracestate";
/// W3C baggage: passed on untouched.
pub(crate) const BAGGAGE: &str = "baggage";
/// Who sends an event.
pub(crate) const SOURCE: &str = "Aegis-Source";
/// What an event belongs to.
pub(crate) const CORRELATION_ID: &str = "Aegis-Correlation-Id";
/// The version of an event's body; none is `1.0`.
pub(crate) const EVENT_VERSION: &str = "Aegis-Event-Version";
/// The id of an event that is published again, and so under another one.
pub(crate) const EVENT_ID: &str = "Aegis-Event-Id";
/// The one handler that an event is meant for which was given up before: `{service}__{handler}`, or
/// the name of the consumer of one instance of it.
pub(crate) const ONLY: &str = "Aegis-Only";
/// The job that a command is, when it is sent again, and so under another id.
pub(crate) const JOB_ID: &str = "Aegis-Job-Id";
/// How long after it was stored a command begins, in milliseconds.
pub(crate) const DELAY: &str = "Aegis-Delay-Ms";
/// Encoding of the body.
pub(crate) const CONTENT_TYPE: &str = "Content-Type";
/// Text of an error (NATS micro, ADR-32).
pub(crate) const SERVICE_ERROR: &str = "Nats-Service-Error";
/// Number of an error (NATS micro, ADR-32).
pub(crate) const SERVICE_ERROR_CODE: &str = "Nats-Service-Error-Code";
/// The id of a message, which a stream stores once.
pub(crate) const MESSAGE_ID: &str = "Nats-Msg-Id";

/// What the server itself answers, such as 503 for "nobody listens".
pub(crate) const STATUS: &str = "Status";
/// The same in words.
pub(crate) const DESCRIPTION: &str = "Description";

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
    /// Of a command: the steps of its handler that were begun, and which of them are done.
    pub(crate) const STEPS: &str = "Aegis-Dead-Steps";
    /// The body did not fit beside all that: it is where the message stood.
    pub(crate) const BODY_LEFT: &str = "Aegis-Dead-Body-Left";
}

/// How to say what one of the framework's own headers says; none if the name is a user's.
pub(crate) fn word_for(name: &str) -> Option<&'static str> {
    let is = |own: &str| own.eq_ignore_ascii_case(name);
    let starts = |own: &str| begins(name, own);
    if is(IDEMPOTENCY_KEY) {
        Some("say `.idempotency_key(..)`")
    } else if is(DEADLINE) {
        Some("say `.within(..)`")
    } else if is(TRACEPARENT) {
        Some("say `.trace(..)`")
    } else if is(CORRELATION_ID) {
        Some("say `.correlation_id(..)`")
    } else if is(SOURCE) {
        Some("`Config::source` decides it, the setting `source`")
    } else if is(CONTENT_TYPE) {
        Some("the client's codec decides it (`Config::codec`)")
    } else if is(STATUS) || starts("Aegis-") || starts("Nats-") {
        Some("choose another name")
    } else {
        None
    }
}

/// Whether a name begins so, without regard to case.
pub(crate) fn begins(name: &str, start: &str) -> bool {
    let found = name.get(..start.len());
    found.is_some_and(|found| start.eq_ignore_ascii_case(found))
}

/// Most headers that a user may give one message; further ones are refused.
const MOST: usize = 64;
/// Most headers of a message that are read before the framework's own alone are kept: as many as a
/// user may give, and all of those.
const MOST_RECEIVED: usize = MOST + KNOWN.len();
/// Longest value, in bytes.
const LONGEST_VALUE: usize = 16 * 1024;

/// A header that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The name is empty or has other characters than visible ASCII without `:`.
    #[error("the header name {0:?} is not allowed: use visible ASCII characters without `:`")]
    Name(String),
    /// The value has a control character.
    #[error("the value of header {0:?} has a control character: remove line breaks")]
    Value(String),
    /// The value is longer than 16 KiB, or there are more than 64 headers.
    #[error("header {0:?} is too much: at most 64 headers of at most 16 KiB each")]
    TooMuch(String),
}

/// Headers of one message: names as written, looked up without regard to case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Cow<'static, str>, String)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first value under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }

    /// All names and values, in the order in which they were set or arrived.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a header that came from a user, in the place of one with the same name.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b':')
        {
            return Err(HeaderError::Name(shown(name)));
        }
        if value.chars().any(char::is_control) {
            return Err(HeaderError::Value(shown(name)));
        }
        self.0
            .retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        if value.len() > LONGEST_VALUE || self.0.len() >= MOST {
            return Err(HeaderError::TooMuch(shown(name)));
        }
        self.0.push((Cow::Owned(name.to_owned()), value.to_owned()));
        Ok(())
    }

    /// Adds one of the framework's own headers, whose value it made itself.
    pub(crate) fn own(&mut self, name: &'static str, value: String) {
        if self.0.capacity() == 0 {
            self.0.reserve_exact(3);
        }
        self.0.push((Cow::Borrowed(name), value));
    }

    /// Adds one of the framework's own headers with a text that may hold anything: what the wire
    /// does not take becomes a blank, and a long text is cut.
    pub(crate) fn own_text(&mut self, name: &'static str, text: &str) {
        let safe = text.chars().take(1024);
        self.own(
            name,
            safe.map(|c| if c.is_control() { ' ' } else { c }).collect(),
        );
    }

    /// Adds a header as it came from the wire. Beyond the bound it is dropped, unless it is the
    /// first with one of the framework's own names: nobody can hide a deadline behind others, nor
    /// who gave up a dead letter.
    pub(crate) fn received(&mut self, name: &str, value: &str) {
        let own = || KNOWN.iter().any(|own| own.eq_ignore_ascii_case(name));
        if self.0.len() < MOST_RECEIVED || (own() && self.get(name).is_none()) {
            let name = known(name).map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed);
            self.0.push((name, value.to_owned()));
        }
    }
}

/// The framework's own names.
const KNOWN: [&str; 31] = [
    BAGGAGE,
    JOB_ID,
    DELAY,
    DEADLINE,
    CANCEL,
    VERSION,
    TRACEPARENT,
    TRACESTATE,
    CONTENT_TYPE,
    IDEMPOTENCY_KEY,
    SERVICE_ERROR,
    SERVICE_ERROR_CODE,
    MESSAGE_ID,
    SOURCE,
    EPOCH,
    CORRELATION_ID,
    EVENT_VERSION,
    EVENT_ID,
    ONLY,
    told::SUBJECT,
    told::STREAM,
    told::SEQUENCE,
    told::STORED,
    told::MESSAGE_ID,
    told::HANDLER,
    told::INSTANCE,
    told::ATTEMPTS,
    told::CODE,
    told::REASON,
    told::STEPS,
    told::BODY_LEFT,
];

/// The framework's own names need no copy.
fn known(name: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == name)
}

/// Whether a text is the same text again after it was the value of a header.
pub(crate) fn travels(text: &str) -> bool {
    (1..=LONGEST_VALUE).contains(&text.len())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

impl fmt::Debug for Headers {
    /// Names only: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_wire_cannot_carry_is_refused() {
        let long = "x".repeat(LONGEST_VALUE + 1);
        for (name, value, right) in [
            ("Tenant", "acme", true),
            ("X-Empty", "", true),
            ("Größe", "x", false),
            ("", "x", false),
            ("a b", "x", false),
            ("a:b", "x", false),
            ("a", "x\r\nInjected: 1", false),
            ("a", "x\ny", false),
            ("a", "grüße 👋", true),
            ("a", &long, false),
        ] {
            assert_eq!(Headers::new().set(name, value).is_ok(), right, "{name:?}");
        }
    }

    #[test]
    fn the_names_of_the_framework_are_not_a_users() {
        let handed_on = [TRACESTATE, BAGGAGE];
        for own in KNOWN.iter().filter(|name| !handed_on.contains(*name)) {
            assert!(word_for(own).is_some(), "{own}");
            assert!(word_for(&own.to_lowercase()).is_some(), "{own}");
        }
        for (own, word) in [
            ("aegis-correlation-id", ".correlation_id(..)"),
            ("Aegis-Source", "Config::source"),
            ("Traceparent", ".trace(..)"),
            ("Nats-Msg-Id", "another name"),
        ] {
            assert!(
                word_for(own).is_some_and(|said| said.contains(word)),
                "{own}"
            );
        }
        for (name, own) in [
            ("nats-msg-id", true),
            ("Aegis-", true),
            ("status", true),
            ("Aegis", false),
            ("Tenant", false),
            ("Gr\u{f6}\u{df}e", false),
            ("", false),
            ("tracestate", false),
        ] {
            assert_eq!(word_for(name).is_some(), own, "{name:?}");
        }
    }

    #[test]
    fn names_are_found_without_regard_to_case_and_set_once() {
        let mut headers = Headers::new();
        headers.set("Tenant", "a").unwrap();
        headers.set("tenant", "b").unwrap();
        assert_eq!((headers.get("TENANT"), headers.len()), (Some("b"), 1));
        for n in 0..100 {
            let _ = headers.set(&format!("h{n}"), "x");
        }
        assert_eq!(headers.len(), MOST);
    }

    #[test]
    fn what_is_received_is_bounded_and_what_the_framework_says_is_kept() {
        let mut headers = Headers::new();
        for n in 0..200 {
            headers.received(&format!("r{n}"), "x");
        }
        assert_eq!(headers.len(), MOST_RECEIVED);
        for name in KNOWN {
            headers.received(&name.to_lowercase(), "1");
            headers.received(name, "2");
            assert_eq!(headers.get(name), Some("1"), "{name}");
        }
        assert_eq!(headers.len(), MOST_RECEIVED + KNOWN.len());
    }

    #[test]
    fn all_that_a_user_may_give_is_received_beside_what_the_framework_says() {
        let mut headers = Headers::new();
        for name in KNOWN {
            headers.received(name, "own");
        }
        for n in 0..MOST {
            headers.received(&format!("h{n}"), "x");
        }
        assert_eq!(headers.get(&format!("h{}", MOST - 1)), Some("x"));
    }

    #[test]
    fn what_travels_is_the_same_text_again() {
        let long = "x".repeat(LONGEST_VALUE + 1);
        for (text, right) in [
            ("m-1", true),
            ("gr\u{fc}\u{df}e", true),
            ("a b", true),
            ("", false),
            (" a", false),
            ("a\n", false),
            ("a\r\nInjected: 1", false),
            (&long, false),
        ] {
            assert_eq!(travels(text), right, "{text:?}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let mut headers = Headers::new();
        headers.set("Authorization", "secret").unwrap();
        assert_eq!(format!("{headers:?}"), "{\"Authorization\"}");
    }

    #[test]
    fn own_texts_are_made_safe() {
        let mut headers = Headers::new();
        headers.own_text(SERVICE_ERROR, "line\r\nInjected: yes");
        assert_eq!(headers.get(SERVICE_ERROR), Some("line  Injected: yes"));
    }
}
