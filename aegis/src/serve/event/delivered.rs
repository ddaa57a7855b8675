//! What the code of a handler for events gets, and what it returns.

use super::super::context::{BorrowedByLeader, Context};
use crate::lease::Leadership;
use crate::model::{AnyEvent, DomainError, Failure, FromEvent};

/// One event, delivered to one handler.
#[derive(Debug, Clone)]
pub struct Delivered {
    event: AnyEvent,
    context: Context,
    leader: Option<Leadership>,
}

impl Delivered {
    pub(super) fn new(event: AnyEvent, context: Context, leader: Option<Leadership>) -> Self {
        Self {
            event,
            context,
            leader,
        }
    }

    /// The event.
    pub fn event(&self) -> &AnyEvent {
        &self.event
    }

    /// What the handler may ask.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The leadership it is handled under, if its handler is exclusive.
    pub fn leadership(&self) -> Option<&Leadership> {
        self.leader.as_ref()
    }
}

/// The event as the handler takes it.
pub fn read_event<E: FromEvent>(delivered: &Delivered) -> Result<E, Failure> {
    E::from_event(&delivered.event)
}

/// What an exclusive handler for events borrows; none if it was not delivered under a leadership.
pub(crate) fn leadership<B: BorrowedByLeader + ?Sized>(delivered: &Delivered) -> Option<&B> {
    let leader = delivered.leader.as_ref()?;
    Some(B::of_leader(&delivered.context, leader))
}

/// What a handler for events may borrow.
#[diagnostic::on_unimplemented(
    message = "a handler for events cannot borrow `{Self}`",
    label = "does not come from the framework",
    note = "what a handler borrows comes from the framework: `&Context`",
    note = "`&Leadership` is there in `#[subscribe(.., mode = \"exclusive\")]`, in `#[exclusive_rpc]` and in `#[on_leader]`",
    note = "the event comes from the wire: take it by value"
)]
pub trait BorrowedByEvent {
    #[doc(hidden)]
    fn of_event(delivered: &Delivered) -> &Self;
}

impl BorrowedByEvent for Context {
    fn of_event(delivered: &Delivered) -> &Self {
        &delivered.context
    }
}

/// What a handler for events returned.
#[derive(Debug)]
pub struct Handled<R>(pub R);

/// A derived error keeps its code. The compiler takes this before [`HandledOtherwise`] where both
/// would do.
impl<E: DomainError> Handled<Result<(), E>> {
    /// How it ended.
    pub fn outcome(self) -> Result<(), Failure> {
        self.0.map_err(|error| error.to_failure())
    }
}

/// Every other end of a handler for events.
pub trait HandledOtherwise<R> {
    /// How it ended.
    fn outcome(self) -> Result<(), Failure>
    where
        R: EventOutcome;
}

impl<R> HandledOtherwise<R> for Handled<R> {
    fn outcome(self) -> Result<(), Failure>
    where
        R: EventOutcome,
    {
        self.0.outcome()
    }
}

/// What a handler for events can return: a `Result` without a value.
#[diagnostic::on_unimplemented(
    message = "a handler for events cannot return `{Self}`",
    label = "does not say whether the event is done with",
    note = "return `Result<(), Failure>`: after `Ok(())` the event is done with, an error tries it again later"
)]
pub trait EventOutcome {
    /// How it ended.
    fn outcome(self) -> Result<(), Failure>;
}

impl<E: EventError> EventOutcome for Result<(), E> {
    fn outcome(self) -> Result<(), Failure> {
        self.map_err(EventError::failure)
    }
}

/// The error of a handler for events: what `?` turns into a `Failure`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a handler for events",
    label = "cannot become a `Failure`",
    note = "return `Result<(), Failure>`: `?` turns any `std::error::Error` into a `Failure`",
    note = "for any other error write `.map_err(|error| Failure::internal(error.to_string()))?`"
)]
pub trait EventError {
    /// As it is told.
    fn failure(self) -> Failure;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Failure>> EventError for E {
    fn failure(self) -> Failure {
        self.into()
    }
}
