//! What a handler answers when it cannot do what it was asked.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::grammar;
use super::status::Code;

/// A failure as the caller sees it: a code to branch on, a text to read, details, and whether
/// trying again may help.
///
/// `?` turns any [`std::error::Error`] into a failure with code `INTERNAL`. For errors that the
/// caller should tell apart, derive [`Failure`](macro@crate::Failure) on an enum instead.
///
/// ```
/// use aegis::Failure;
///
/// let failure = Failure::new("OUT_OF_STOCK", "no more blue chairs").retryable();
/// assert_eq!(failure.to_string(), "OUT_OF_STOCK: no more blue chairs");
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    code: Cow<'static, str>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Value,
    #[serde(default)]
    retryable: bool,
    #[serde(skip)]
    status: Option<u16>,
    #[serde(skip)]
    redelivery: Redelivery,
}

/// Whether and when an event is delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Redelivery {
    /// As the handler's backoff says.
    #[default]
    Usual,
    /// After this time.
    After(Duration),
    /// Not any more.
    Never,
}

impl Failure {
    /// A failure with a code of your own, such as `ORDER_NOT_FOUND`, and a text for people.
    ///
    /// A code is a capital letter, then up to 63 capital letters, digits or `_`, and none of the
    /// framework's own ([`Code`]), which tell callers what may be repeated; another text becomes
    /// `INTERNAL`, with the text kept in the message.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        if grammar::RESERVED_CODES.contains(&&*code) {
            return Self::internal(format!("{code}: {message}"));
        }
        Self::received(code, message)
    }

    /// A failure from the wire, where the framework's own codes stand as well.
    pub(crate) fn received(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        match grammar::code(&code) {
            Ok(()) => Self {
                code,
                message,
                details: Value::Null,
                retryable: false,
                status: None,
                redelivery: Redelivery::Usual,
            },
            Err(_) => Self::internal(format!("{}: {message}", shortened(&code))),
        }
    }

    /// An unexpected failure: code `INTERNAL`.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::framework(Code::Internal, message)
    }

    /// A refusal by a guard: code `FORBIDDEN`, number 403, with a text that the caller sees.
    ///
    /// ```
    /// use aegis::{Context, Failure};
    ///
    /// fn desk_only(call: &Context) -> Result<(), Failure> {
    ///     match call.header("Desk") {
    ///         Some(_) => Ok(()),
    ///         None => Err(Failure::forbidden("only desks may do that")),
    ///     }
    /// }
    /// ```
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::framework(Code::Forbidden, message)
    }

    pub(crate) fn framework(code: Code, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code.text()),
            message: message.into(),
            details: Value::Null,
            retryable: code.is_retryable(),
            status: Some(code.number()),
            redelivery: Redelivery::Usual,
        }
    }

    /// Says that trying the same again later may succeed.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Says that no repetition helps: an event or a command that fails so is given up at once, and
    /// goes to the dead letters. An answer to a call stays what it is.
    #[must_use]
    pub fn terminal(mut self) -> Self {
        self.retryable = false;
        self.redelivery = Redelivery::Never;
        self
    }

    /// Says when an event or a command is to be tried again, instead of its handler's backoff. It
    /// uses up an attempt as any other failure does.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retryable = true;
        self.redelivery = Redelivery::After(time);
        self
    }

    /// Adds structured details for the caller.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// Sets the number in the `Nats-Service-Error-Code` header: 400 to 599, else it stays 500.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = (400..=599).contains(&status).then_some(status);
        self
    }

    /// What logs and statistics tell of it: why something cannot be read quotes that, and it may be
    /// secret. Whoever sent it is told, and a dead letter says it.
    pub(crate) fn logged(&self) -> String {
        if self.code == Code::InvalidParams.text() {
            return format!("{}: the params cannot be read", self.code);
        }
        self.to_string()
    }

    /// The code to branch on.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Structured details; `null` if there are none.
    pub fn details(&self) -> &Value {
        &self.details
    }

    /// Whether trying again may help.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Whether no repetition helps: see [`terminal`](Self::terminal).
    pub fn is_terminal(&self) -> bool {
        self.redelivery == Redelivery::Never
    }

    /// When it is to be tried again, if that was said.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self.redelivery {
            Redelivery::After(time) => Some(time),
            Redelivery::Usual | Redelivery::Never => None,
        }
    }

    /// The number for the `Nats-Service-Error-Code` header.
    pub fn status(&self) -> u16 {
        self.status
            .or_else(|| Code::parse(&self.code).map(Code::number))
            .unwrap_or(500)
    }

    /// A failure read from `CODE` or `CODE: text`, as error texts stand on the wire.
    pub(crate) fn parse(text: &str) -> Self {
        let (code, message) = text.split_once(": ").unwrap_or((text, ""));
        match grammar::code(code) {
            Ok(()) => Self::received(code.to_owned(), message),
            Err(_) => Self::internal(text),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => f.write_str(&self.code),
            message => write!(f, "{}: {message}", self.code),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// Any error with its causes, as `INTERNAL`.
///
/// For this `Failure` cannot be a `std::error::Error` itself.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let said = next.to_string();
            // Many errors quote their cause: once is enough.
            if !text.ends_with(&said) {
                text = format!("{text}: {said}");
            }
            cause = next.source();
        }
        Self::internal(text)
    }
}

/// A service's error, typed on both ends; derive it with `#[derive(aegis::Failure)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler's error",
    label = "not a domain error",
    note = "if `{Self}` is a type of your own, add `#[derive(aegis::Failure)]` to it",
    note = "otherwise return `Result<T, Failure>`: `?` turns any `std::error::Error` into a `Failure`, for the rest write `.map_err(|error| Failure::internal(error.to_string()))?`",
    note = "`Result<T>` with one type is that of `aegis`, for `main`: a handler's has two"
)]
pub trait DomainError: Sized + Send + 'static {
    /// The codes this type can have.
    const CODES: &'static [&'static str];
    /// This error as it travels.
    fn to_failure(&self) -> Failure;
    /// The error behind a failure that arrived; none if it is not one of this type.
    fn from_failure(failure: &Failure) -> Option<Self>;
}

impl DomainError for Failure {
    const CODES: &'static [&'static str] = &[];

    fn to_failure(&self) -> Failure {
        self.clone()
    }

    fn from_failure(failure: &Failure) -> Option<Self> {
        Some(failure.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_the_wire_are_read() {
        for (text, code, message) in [
            ("ORDER_NOT_FOUND", "ORDER_NOT_FOUND", ""),
            ("ORDER_NOT_FOUND: order 7", "ORDER_NOT_FOUND", "order 7"),
            ("Something went wrong", "INTERNAL", "Something went wrong"),
            ("Error: it: broke", "INTERNAL", "Error: it: broke"),
            ("", "INTERNAL", ""),
        ] {
            let failure = Failure::parse(text);
            assert_eq!(
                (failure.code(), failure.message()),
                (code, message),
                "{text:?}"
            );
        }
    }

    #[test]
    fn any_error_becomes_a_failure_with_its_causes() {
        fn parse() -> Result<u8, Failure> {
            Ok("x".parse::<u8>()?)
        }
        assert_eq!(
            parse().unwrap_err().to_string(),
            "INTERNAL: invalid digit found in string"
        );
    }

    #[test]
    fn a_cause_that_stands_in_the_text_already_is_not_said_again() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Chain(&'static str, #[source] Option<Box<Chain>>);
        for (texts, expected) in [
            (&["a"][..], "a"),
            (&["a", "b", "c"], "a: b: c"),
            (&["a: b", "b"], "a: b"),
            (&["a: b", "b", "c"], "a: b: c"),
            (&["a: b: c", "b: c", "c"], "a: b: c"),
            (&["a, as b said", "b"], "a, as b said: b"),
            (&["a", "a"], "a"),
            (&["a", ""], "a"),
        ] {
            let chained = |behind, text: &&'static str| Some(Box::new(Chain(text, behind)));
            let chain = texts.iter().rev().fold(None, chained);
            let failure = Failure::from(*chain.unwrap());
            assert_eq!(failure.message(), expected, "{texts:?}");
        }
    }

    #[test]
    fn a_code_that_is_none_does_not_reach_the_wire() {
        let failure = Failure::new("not a code\r\n", "text");
        assert_eq!((failure.code(), failure.status()), ("INTERNAL", 500));
        assert_eq!(Failure::new("OVERLOADED", "mine").code(), "INTERNAL");
        assert_eq!(Failure::new("X", "").with_status(404).status(), 404);
        assert_eq!(Failure::new("X", "").with_status(200).status(), 500);
    }
}
