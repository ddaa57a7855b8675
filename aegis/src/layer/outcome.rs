//! How a call, an event or a command ended, as a layer sees it.

use std::any::Any;
use std::fmt;

use crate::model::{Code, Failure};

/// How it ended: well, or with a failure. A layer hands on what it got from [`Next::run`](crate::Next::run), or refuses.
#[must_use = "a layer returns it"]
pub struct Outcome {
    failure: Option<Failure>,
    /// What the handler or the other side answered.
    answer: Option<Box<dyn Any + Send>>,
}

impl Outcome {
    /// A refusal. What was to be run did not run, if the layer has not called
    /// [`Next::run`](crate::Next::run); a caller gets this failure, an event or a command is treated as if its handler
    /// had returned it.
    pub fn refused(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            answer: None,
        }
    }

    /// A refusal because there is too much to do: code `OVERLOADED`. Nothing ran, so a caller with a
    /// retry policy tries again after a while. Not for a layer that has run what is inside.
    pub fn overloaded(message: impl Into<String>) -> Self {
        Self::refused(Failure::framework(Code::Overloaded, message))
    }

    pub(super) fn answered<T: Send + 'static>(answer: T, failure: Option<Failure>) -> Self {
        Self {
            failure,
            answer: Some(Box::new(answer)),
        }
    }

    /// Whether it ended well.
    pub fn is_ok(&self) -> bool {
        self.failure.is_none()
    }

    /// The failure it ended with.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// The answer, else the failure that stands in its place.
    pub(super) fn take<T: 'static>(self) -> Result<T, Failure> {
        let answer = self.answer.and_then(|answer| answer.downcast().ok());
        answer.map(|answer| *answer).ok_or_else(|| {
            self.failure
                .unwrap_or_else(|| Failure::internal("a layer lost the answer"))
        })
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::refused(failure)
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}
