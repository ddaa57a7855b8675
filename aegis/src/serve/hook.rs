//! How a start hook ends: with any error that can become a `Failure`.

use crate::model::{DomainError, Failure};

/// What a start hook returned.
#[derive(Debug)]
pub struct Started<R>(pub R);

/// A derived error keeps its code. The compiler takes this before [`StartedOtherwise`] where both
/// would do.
impl<E: DomainError> Started<Result<(), E>> {
    /// Whether the service may start.
    pub fn outcome(self) -> Result<(), Failure> {
        self.0.map_err(|error| error.to_failure())
    }
}

/// Every other end of a start hook.
pub trait StartedOtherwise<R> {
    /// Whether the service may start.
    fn outcome(self) -> Result<(), Failure>
    where
        R: StartOutcome;
}

impl<R> StartedOtherwise<R> for Started<R> {
    fn outcome(self) -> Result<(), Failure>
    where
        R: StartOutcome,
    {
        self.0.outcome()
    }
}

/// What a start hook can return: a `Result` without a value.
#[diagnostic::on_unimplemented(
    message = "`#[on_start]` cannot return `{Self}`",
    label = "does not say whether the service may start",
    note = "return `Result<(), Failure>`: `Ok(())` starts the service, an error ends the start"
)]
pub trait StartOutcome {
    /// Whether the service may start.
    fn outcome(self) -> Result<(), Failure>;
}

impl<E: StartError> StartOutcome for Result<(), E> {
    fn outcome(self) -> Result<(), Failure> {
        self.map_err(StartError::failure)
    }
}

/// The error of a start hook: what `?` turns into a `Failure`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of `#[on_start]`",
    label = "cannot become a `Failure`",
    note = "return `Result<(), Failure>`: `?` turns any `std::error::Error` into a `Failure`",
    note = "for any other error write `.map_err(|error| Failure::internal(error.to_string()))?`"
)]
pub trait StartError {
    /// As the start tells it.
    fn failure(self) -> Failure;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Failure>> StartError for E {
    fn failure(self) -> Failure {
        self.into()
    }
}
