//! What generated code calls. Not for users: it changes without notice.

mod command;
mod event;
mod hook;

use std::any::Any;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use futures_util::future::BoxFuture;
pub use inventory;

pub use crate::app::main;
pub use crate::client::{Method, Stub};
pub use crate::model::{AnyEvent, Arguments, Event, Field, FromEvent, Owned};
pub use crate::serve::{
    Borrowed, BorrowedByLeader, HookFuture, Outcome, Started, StartedOtherwise, arguments,
};

pub use command::{
    BorrowedByCommand, assert_borrowed_by_command, borrowed_by_command, command_arguments,
};
pub use event::{
    BorrowedByEvent, Handled, HandledOtherwise, OneOfSeveral, TheRest, assert_borrowed_by_event,
    borrowed_by_event, borrowed_by_leader_for_event, event, event_names, pattern_covers, same_name,
    unexpected_event,
};
pub use hook::{Lent, LentToHook, Promoted, PromotedOtherwise};

use crate::lease::Leadership;
use crate::model::{Failover, Failure};
use crate::serve::{Context, Request, Service};

/// The service behind a row's type-erased pointer.
///
/// # Panics
/// Never for rows that macros write: the table is filtered by the type.
pub fn service<S: Service>(service: &Arc<dyn Any + Send + Sync>) -> &S {
    match service.downcast_ref() {
        Some(service) => service,
        #[expect(clippy::panic, reason = "a row written by hand names two types")]
        None => panic!("this handler's row names another type than its `service` field"),
    }
}

/// What a handler borrows.
pub fn borrowed<B: Borrowed + ?Sized>(request: &Request) -> &B {
    B::of(request)
}

/// What an exclusive handler borrows.
///
/// # Panics
/// Never for rows that macros write: they say that they are exclusive.
pub fn borrowed_by_leader<B: BorrowedByLeader + ?Sized>(request: &Request) -> &B {
    match request.leadership() {
        Some(leader) => B::of_leader(request.context(), leader),
        #[expect(clippy::panic, reason = "a row written by hand contradicts itself")]
        None => panic!("this handler's row does not say that it is exclusive"),
    }
}

/// What `#[on_leader]` borrows.
pub fn lent<'a, B: Lent + ?Sized>(context: &'a Context, leader: &'a Leadership) -> &'a B {
    B::of_leader(context, leader)
}

/// What any other hook borrows.
pub fn lent_to_hook<B: LentToHook + ?Sized>(context: &Context) -> &B {
    B::of_hook(context)
}

/// Says at an argument's type that `#[on_leader]` can borrow it.
pub const fn assert_lent<T: Lent + ?Sized>() {}

/// Says at an argument's type that any other hook can borrow it.
pub const fn assert_lent_to_hook<T: LentToHook + ?Sized>() {}

/// Numbers that the macro has checked, in milliseconds.
pub const fn failover(lease: u64, margin: u64, renew: u64) -> Failover {
    Failover::checked(lease, margin, renew)
}

/// Says at an argument's type that it can be borrowed by an exclusive handler.
pub const fn assert_borrowed_by_leader<T: BorrowedByLeader + ?Sized>() {}

/// Says at an argument's type that it can be the only one.
pub const fn assert_owned<T: Owned>() {}

/// Says at an argument's type that it can be one of several.
pub const fn assert_field<T: Field>() {}

/// Says at an argument's type that it can be borrowed.
pub const fn assert_borrowed<T: Borrowed + ?Sized>() {}

/// Says at a return type that a handler can return it.
pub const fn assert_outcome<R: Outcome>() {}

/// A type with `#[derive(Failure)]` that has a text.
#[diagnostic::on_unimplemented(
    message = "the failure `{Self}` has no text for people",
    label = "needs `Display`",
    note = "add `#[derive(thiserror::Error)]` with `#[error(\"..\")]` on each variant, or write `impl std::fmt::Display`"
)]
pub trait Told: std::fmt::Display {}

#[diagnostic::do_not_recommend]
impl<T: std::fmt::Display> Told for T {}

/// A type with `#[derive(Failure)]` that the service can send.
#[diagnostic::on_unimplemented(
    message = "the failure `{Self}` cannot be sent",
    label = "needs `serde::Serialize`",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]`: it is typed on both ends of a call"
)]
pub trait Sent: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Sent for T {}

/// A type with `#[derive(Failure)]` that the caller can read.
#[diagnostic::on_unimplemented(
    message = "the failure `{Self}` cannot be read by a caller",
    label = "needs `serde::Deserialize`",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]`: it is typed on both ends of a call"
)]
pub trait Received: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Received for T {}

/// A derived domain error as it travels.
pub fn failure<E>(error: &E, code: &'static str, retryable: bool, status: Option<u16>) -> Failure
where
    E: Told + Sent,
{
    // Details that cannot be written cost the type on the other side, not the code and the text.
    let details = serde_json::to_value(error).unwrap_or_default();
    let failure = Failure::new(code, error.to_string()).with_details(details);
    let failure = if retryable {
        failure.retryable()
    } else {
        failure
    };
    match status {
        Some(status) => failure.with_status(status),
        None => failure,
    }
}

/// A derived domain error as it arrived.
pub fn decode_failure<E: Received>(failure: &Failure, codes: &[&str]) -> Option<E> {
    if !codes.contains(&failure.code()) {
        return None;
    }
    serde_json::from_value(failure.details().clone()).ok()
}
