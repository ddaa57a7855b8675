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
/// Who sends an event.
pub(crate) const SOURCE: &str = "Aegis-Source";
/// What an event belongs to.
pub(crate) const CORRELATION_ID: &str = "Aegis-Correlation-Id";
/// The version of an event's body; none is `1.0`.
pub(crate) const EVENT_VERSION: &str = "Aegis-Event-Version";
/// The id of an event that is published again, and so under another one.
pub(crate) const EVENT_ID: &str = "Aegis-Event-Id";
/// The one handler that an event is meant for which was given up before: `{service}__{handler}`.
pub(crate) const ONLY: &str = "Aegis-Only";
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

/// How to say what one of the framework's own headers says; none if the name is a user's.
pub(crate) fn word_for(name: &str) -> Option<&'static str> {
    let is = |own: &str| own.eq_ignore_ascii_case(name);
    let starts = |own: &str| {
        name.get(..own.len())
            .is_some_and(|start| own.eq_ignore_ascii_case(start))
    };
    if is(IDEMPOTENCY_KEY) {
        Some("say `.idempotency_key(..)`")
    } else if is(DEADLINE) {
        Some("say `.within(..)`")
    } else if is(TRACEPARENT) {
        Some("say `.trace(..)`")
    } else if is(CONTENT_TYPE) {
        Some("the client's codec decides it (`Config::codec`)")
    } else if is(STATUS) || starts("Aegis-") || starts("Nats-") {
        Some("choose another name")
    } else {
        None
    }
}

/// Most headers one message may carry; further ones are refused.
const MOST: usize = 64;
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
    /// first with one of the framework's own names: nobody can hide a deadline behind others.
    pub(crate) fn received(&mut self, name: &str, value: &str) {
        let own = || KNOWN.iter().any(|own| own.eq_ignore_ascii_case(name));
        if self.0.len() < MOST || (own() && self.get(name).is_none()) {
            let name = known(name).map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed);
            self.0.push((name, value.to_owned()));
        }
    }
}

/// The framework's own names.
const KNOWN: [&str; 11] = [
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
];

/// The framework's own names need no copy.
fn known(name: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == name)
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
        for own in KNOWN.iter().filter(|name| **name != TRACESTATE) {
            assert!(word_for(own).is_some(), "{own}");
            assert!(word_for(&own.to_lowercase()).is_some(), "{own}");
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
            headers.received(&format!("r{n}"), "x");
        }
        assert_eq!(headers.len(), MOST);
        headers.received("aegis-deadline-ms", "1");
        headers.received(DEADLINE, "2");
        assert_eq!(
            (headers.get(DEADLINE), headers.len()),
            (Some("1"), MOST + 1)
        );
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
