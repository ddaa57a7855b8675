//! What hooks borrow, and how `#[on_leader]` ends.

use crate::model::{DomainError, Failure};
use crate::serve::{BorrowedByLeader, Context};

/// What every hook may borrow.
#[diagnostic::on_unimplemented(
    message = "this hook cannot borrow `{Self}`",
    label = "is not there for this hook",
    note = "a hook borrows `&Context`, and everything else is a field of the service",
    note = "`&Leadership` is there in `#[exclusive_rpc]` and in `#[on_leader]`"
)]
pub trait LentToHook {
    #[doc(hidden)]
    fn of_hook(context: &Context) -> &Self;
}

impl LentToHook for Context {
    fn of_hook(context: &Context) -> &Self {
        context
    }
}

/// What `#[on_leader]` may borrow.
#[diagnostic::on_unimplemented(
    message = "`#[on_leader]` cannot borrow `{Self}`",
    label = "is not there for this hook",
    note = "it borrows `&Context` and `&Leadership`, and everything else is a field of the service"
)]
pub trait Lent: BorrowedByLeader {}

#[diagnostic::do_not_recommend]
impl<T: BorrowedByLeader + ?Sized> Lent for T {}

/// What `#[on_leader]` returned.
#[derive(Debug)]
pub struct Promoted<R>(pub R);

/// A derived error keeps its code. The compiler takes this before [`PromotedOtherwise`] where both
/// would do.
impl<E: DomainError> Promoted<Result<(), E>> {
    /// Whether the instance can lead.
    pub fn outcome(self) -> Result<(), Failure> {
        self.0.map_err(|error| error.to_failure())
    }
}

/// Every other end of `#[on_leader]`.
pub trait PromotedOtherwise<R> {
    /// Whether the instance can lead.
    fn outcome(self) -> Result<(), Failure>
    where
        R: LeadOutcome;
}

impl<R> PromotedOtherwise<R> for Promoted<R> {
    fn outcome(self) -> Result<(), Failure>
    where
        R: LeadOutcome,
    {
        self.0.outcome()
    }
}

/// What `#[on_leader]` can return: a `Result` without a value.
#[diagnostic::on_unimplemented(
    message = "`#[on_leader]` cannot return `{Self}`",
    label = "does not say whether the instance can lead",
    note = "return `Result<(), Failure>`: after `Ok(())` it leads, an error hands the leadership on"
)]
pub trait LeadOutcome {
    /// Whether the instance can lead.
    fn outcome(self) -> Result<(), Failure>;
}

impl<E: LeadError> LeadOutcome for Result<(), E> {
    fn outcome(self) -> Result<(), Failure> {
        self.map_err(LeadError::failure)
    }
}

/// The error of `#[on_leader]`: what `?` turns into a `Failure`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of `#[on_leader]`",
    label = "cannot become a `Failure`",
    note = "return `Result<(), Failure>`: `?` turns any `std::error::Error` into a `Failure`",
    note = "for any other error write `.map_err(|error| Failure::internal(error.to_string()))?`"
)]
pub trait LeadError {
    /// As the log tells it.
    fn failure(self) -> Failure;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Failure>> LeadError for E {
    fn failure(self) -> Failure {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone;

    impl DomainError for Gone {
        const CODES: &'static [&'static str] = &["GONE"];

        fn to_failure(&self) -> Failure {
            Failure::new("GONE", "it is gone")
        }

        fn from_failure(_: &Failure) -> Option<Self> {
            None
        }
    }

    #[test]
    fn a_derived_error_keeps_its_code_and_any_other_becomes_a_failure() {
        fn code(outcome: Result<(), Failure>) -> Option<String> {
            outcome.err().map(|failure| failure.code().to_owned())
        }
        assert_eq!(
            code(Promoted(Err::<(), _>(Gone)).outcome()).as_deref(),
            Some("GONE")
        );
        let other = "x".parse::<u8>().map(drop);
        assert_eq!(code(Promoted(other).outcome()).as_deref(), Some("INTERNAL"));
        let own = Err::<(), _>(Failure::new("OWN", "own"));
        assert_eq!(code(Promoted(own).outcome()).as_deref(), Some("OWN"));
        assert_eq!(code(Promoted(Ok::<(), Failure>(())).outcome()), None);
    }
}
