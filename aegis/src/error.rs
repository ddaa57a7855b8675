//! The one error of the library, with a closed list of kinds.

use std::fmt;
use std::sync::Arc;

use crate::model::{Code, Failure, KeyError, NameError, SpecError};

/// What went wrong, to branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nobody serves the subject, or there is no such bucket any more; nothing ran.
    NoService,
    /// The instance does not lead, or nobody does; nothing ran.
    NotActive,
    /// The leadership under which the work ran was over before it ended: it may have had its
    /// effect. Repeating it is safe only if it is idempotent.
    OutcomeUnknown,
    /// As many calls run and wait as the service allows, or a bucket is full; nothing ran.
    Overloaded,
    /// The circuit breaker of this method is open; nothing was sent.
    CircuitOpen,
    /// No answer inside the deadline. Whether the work ran is unknown, and it may even begin later:
    /// a request that lies in a frozen server or a full socket arrives when that goes on.
    Timeout,
    /// There was no connection to NATS; [`Error::was_sent`] tells whether the work may have run.
    Disconnected,
    /// An argument, a name or a subject is not valid.
    Invalid,
    /// A body could not be read.
    Decode,
    /// A body could not be written.
    Encode,
    /// A message is larger than the NATS server allows.
    TooLarge,
    /// The service answered with an error of its own that the caller's type does not know.
    Rejected,
    /// The caller, or the service's end, cancelled the work; how far it came is unknown.
    Cancelled,
    /// The other side failed in a way that it did not foresee.
    Internal,
    /// NATS refused the login or a permission, one side does not trust the other's certificate, or
    /// the guard of a method refused the call.
    Denied,
    /// A write expected another revision than the newest one; nothing was written.
    Conflict,
    /// A setting is missing or wrong.
    Config,
    /// A service could not be started or stopped.
    Lifecycle,
}

impl ErrorKind {
    /// The kind's name, for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoService => "no_service",
            Self::NotActive => "not_active",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Overloaded => "overloaded",
            Self::CircuitOpen => "circuit_open",
            Self::Timeout => "timeout",
            Self::Disconnected => "disconnected",
            Self::Invalid => "invalid",
            Self::Decode => "decode",
            Self::Encode => "encode",
            Self::TooLarge => "too_large",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
            Self::Denied => "denied",
            Self::Conflict => "conflict",
            Self::Config => "config",
            Self::Lifecycle => "lifecycle",
        }
    }
}

type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// An error of the library: a [kind](ErrorKind), a text that says what to do, and the cause.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    text: String,
    failure: Option<Failure>,
    cause: Option<Cause>,
    sent: bool,
}

/// The result of the library's own functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a text that says what is wrong and what to do.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        let sent = matches!(kind, ErrorKind::Timeout);
        Self(Box::new(Inner {
            kind,
            text: text.into(),
            failure: None,
            cause: None,
            sent,
        }))
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// Adds to the text.
    pub(crate) fn adding(mut self, text: &str) -> Self {
        self.0.text.push_str(text);
        self
    }

    pub(crate) fn after_sending(mut self) -> Self {
        self.0.sent = true;
        self
    }

    /// Nothing was sent, whatever its kind lets one expect.
    pub(crate) fn before_sending(mut self) -> Self {
        self.0.sent = false;
        self
    }

    /// A failure of the framework's own that the other side reported.
    pub(crate) fn reported(failure: Failure) -> Self {
        let kind = match Code::parse(failure.code()) {
            Some(Code::InvalidParams) => ErrorKind::Invalid,
            Some(Code::UnknownMethod) => ErrorKind::NoService,
            Some(Code::Timeout) => ErrorKind::Timeout,
            Some(Code::Forbidden) => ErrorKind::Denied,
            Some(Code::TooLarge) => ErrorKind::TooLarge,
            Some(Code::Overloaded) => ErrorKind::Overloaded,
            Some(Code::Cancelled) => ErrorKind::Cancelled,
            Some(Code::Internal) => ErrorKind::Internal,
            Some(Code::NotActive) => ErrorKind::NotActive,
            Some(Code::OutcomeUnknown) => ErrorKind::OutcomeUnknown,
            None => ErrorKind::Rejected,
        };
        let mut error = Self::new(kind, failure.to_string()).after_sending();
        error.0.failure = Some(failure);
        error
    }

    /// What went wrong, to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The failure that the other side answered, if it answered one.
    pub fn failure(&self) -> Option<&Failure> {
        self.0.failure.as_ref()
    }

    /// Whether the request may have reached a service.
    pub fn was_sent(&self) -> bool {
        self.0.sent
    }

    /// Whether it is certain that no handler ran, so that trying again is always safe.
    pub fn nothing_ran(&self) -> bool {
        match self.0.kind {
            ErrorKind::NoService
            | ErrorKind::NotActive
            | ErrorKind::Overloaded
            | ErrorKind::CircuitOpen => true,
            ErrorKind::Disconnected => !self.0.sent,
            _ => false,
        }
    }

    /// Whether what was asked of the server may be answered later: it is away, silent, or has not made
    /// yet what was asked for.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::NoService
        )
    }

    /// As layers see it: the failure that was answered, else one with the kind for a code.
    pub(crate) fn as_failure(&self) -> Failure {
        self.0.failure.clone().unwrap_or_else(|| {
            let code = self.0.kind.name().to_ascii_uppercase();
            Failure::received(code, self.0.text.clone())
        })
    }

    /// Whether trying again may help: the one place that decides it.
    ///
    /// `repeatable` says that running the work twice does no harm: the method is idempotent, or
    /// the call has an idempotency key.
    pub fn is_retryable(&self, repeatable: bool) -> bool {
        match self.0.kind {
            // The service knows whether its work may be repeated.
            ErrorKind::OutcomeUnknown => {
                let failure = self.0.failure.as_ref();
                failure.map_or(repeatable, Failure::is_retryable)
            }
            ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::Cancelled => {
                self.nothing_ran() || repeatable
            }
            _ => self.nothing_ran(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown
            .field("kind", &self.0.kind)
            .field("text", &self.0.text);
        if let Some(cause) = &self.0.cause {
            shown.field("cause", cause);
        }
        shown.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .cause
            .as_deref()
            .map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::new(ErrorKind::Invalid, error.to_string())
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::new(ErrorKind::Invalid, error.to_string())
    }
}

impl From<SpecError> for Error {
    fn from(error: SpecError) -> Self {
        Self::new(ErrorKind::Invalid, error.to_string())
    }
}

/// What a caller gets instead of a result.
#[derive(Debug, Clone)]
pub enum CallError<E> {
    /// The service's own error, typed.
    Service(E),
    /// Everything else: no service, no answer in time, bad arguments ...
    Failed(Error),
}

impl<E> CallError<E> {
    /// The service's own error, if it is one.
    pub fn service(&self) -> Option<&E> {
        match self {
            Self::Service(error) => Some(error),
            Self::Failed(_) => None,
        }
    }

    /// The kind of everything else.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Service(_) => None,
            Self::Failed(error) => Some(error.kind()),
        }
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Display + fmt::Debug> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Service(_) => None,
            Self::Failed(error) => std::error::Error::source(error),
        }
    }
}

impl<E> From<Error> for CallError<E> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// So that `?` works in a `main` that returns [`Result`].
impl<E: fmt::Display + fmt::Debug + Send + Sync + 'static> From<CallError<E>> for Error {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::Failed(error) => error,
            CallError::Service(error) => Self::new(ErrorKind::Rejected, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_only_where_it_is_safe() {
        use ErrorKind as K;
        for (kind, always, if_repeatable) in [
            (K::NoService, true, true),
            (K::NotActive, true, true),
            (K::Overloaded, true, true),
            (K::CircuitOpen, true, true),
            (K::Timeout, false, true),
            (K::Disconnected, true, true),
            (K::Invalid, false, false),
            (K::Decode, false, false),
            (K::Encode, false, false),
            (K::TooLarge, false, false),
            (K::Rejected, false, false),
            (K::Cancelled, false, true),
            (K::OutcomeUnknown, false, true),
            (K::Internal, false, false),
            (K::Denied, false, false),
            (K::Conflict, false, false),
            (K::Config, false, false),
            (K::Lifecycle, false, false),
        ] {
            let error = Error::new(kind, "");
            assert_eq!(error.is_retryable(false), always, "{kind:?}");
            assert_eq!(
                error.is_retryable(true),
                if_repeatable,
                "{kind:?}, repeatable"
            );
        }
        let lost = Error::new(K::Disconnected, "").after_sending();
        assert_eq!(
            (lost.is_retryable(false), lost.is_retryable(true)),
            (false, true)
        );
    }

    #[test]
    fn a_reported_failure_keeps_its_facts() {
        let error = Error::reported(Failure::framework(Code::Overloaded, "64 running"));
        assert_eq!(error.kind(), ErrorKind::Overloaded);
        assert_eq!(error.failure().unwrap().message(), "64 running");
        assert_eq!(
            Error::reported(Failure::new("MINE", "")).kind(),
            ErrorKind::Rejected
        );
    }
}
