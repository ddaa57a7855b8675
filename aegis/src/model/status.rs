//! The framework's own error codes, with their numbers for `Nats-Service-Error-Code`.

use super::grammar;

/// An error of the framework itself, as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The request could not be decoded; nothing ran.
    InvalidParams,
    /// The instance has no such method; nothing ran.
    UnknownMethod,
    /// The method's guard refused the call; nothing ran.
    Forbidden,
    /// The deadline passed before there was a result.
    Timeout,
    /// The reply is larger than the server's limit; the work was done.
    TooLarge,
    /// As many calls run and wait as may; nothing ran.
    Overloaded,
    /// The caller gave up.
    Cancelled,
    /// The handler panicked, or returned an error without a code of its own.
    Internal,
    /// Another instance leads, or nobody; nothing ran.
    NotActive,
    /// The leadership under which it ran was over before it ended; it may have had its effect.
    OutcomeUnknown,
}

impl Code {
    const ALL: [(Self, &'static str, u16); 10] = [
        (Self::InvalidParams, "INVALID_PARAMS", 400),
        (Self::UnknownMethod, "UNKNOWN_METHOD", 404),
        (Self::Forbidden, "FORBIDDEN", 403),
        (Self::Timeout, "TIMEOUT", 408),
        (Self::TooLarge, "TOO_LARGE", 413),
        (Self::Overloaded, "OVERLOADED", 429),
        (Self::Cancelled, "CANCELLED", 499),
        (Self::Internal, "INTERNAL", 500),
        (Self::NotActive, "NOT_ACTIVE", 503),
        (Self::OutcomeUnknown, "OUTCOME_UNKNOWN", 504),
    ];

    /// The text on the wire.
    pub fn text(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|row| row.0 == self)
            .map_or(grammar::INTERNAL, |row| row.1)
    }

    /// The number on the wire.
    pub fn number(self) -> u16 {
        Self::ALL
            .iter()
            .find(|row| row.0 == self)
            .map_or(500, |row| row.2)
    }

    /// The code behind a text, if it is one of the framework's.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == text).map(|row| row.0)
    }

    /// Whether trying again may help: the handler did not run, or its outcome is unknown.
    pub(crate) fn is_retryable(self) -> bool {
        matches!(self, Self::Timeout | Self::Overloaded | Self::NotActive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_reserved_for_the_framework() {
        for (code, text, number) in Code::ALL {
            assert!(
                grammar::RESERVED_CODES.contains(&text),
                "{text} must be reserved"
            );
            assert_eq!((Code::parse(text), code.number()), (Some(code), number));
        }
        assert_eq!(Code::parse("ORDER_NOT_FOUND"), None);
    }
}
