//! An error of a bucket as a handler answers it.

use crate::error::{Error, ErrorKind};
use crate::model::{Code, Failure};

/// What a handler answers that could not read or write a record of its own.
pub(super) fn failed(error: Error) -> Failure {
    let code = match error.kind() {
        ErrorKind::NotActive => Code::NotActive,
        ErrorKind::Overloaded => Code::Overloaded,
        _ if error.was_sent() => Code::OutcomeUnknown,
        _ => Code::Internal,
    };
    let again = error.is_retryable(true);
    // With its causes.
    let text = Failure::from(error).message().to_owned();
    let failure = Failure::framework(code, text);
    if again { failure.retryable() } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_tried_again_says_so() {
        use ErrorKind as K;
        for (error, code, again) in [
            (Error::new(K::NotActive, "text"), "NOT_ACTIVE", true),
            (Error::new(K::Overloaded, "text"), "OVERLOADED", true),
            (Error::new(K::Timeout, "text"), "OUTCOME_UNKNOWN", true),
            (Error::new(K::Disconnected, "text"), "INTERNAL", true),
            (
                Error::new(K::Disconnected, "text").after_sending(),
                "OUTCOME_UNKNOWN",
                true,
            ),
            (Error::new(K::NoService, "text"), "INTERNAL", true),
            (Error::new(K::Decode, "text"), "INTERNAL", false),
            (Error::new(K::Invalid, "text"), "INTERNAL", false),
        ] {
            let kind = error.kind();
            let failure = failed(error);
            assert_eq!(
                (failure.code(), failure.is_retryable(), failure.message()),
                (code, again, "text"),
                "{kind:?}"
            );
        }
    }
}
