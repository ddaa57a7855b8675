//! Events, served: `handler` is what a row says of one, `delivered` what its code gets and returns,
//! `place` its place in the stream,
//! `whereabouts` what is known of that, `prepare` what is looked at before, `reading` brings its
//! events, `taking` says which are worked on, `worker` runs its code, `settle` ends deliveries,
//! `unburied` is what was given up and could not be noted as such, `reach`
//! whether the stream is about to forget, `figures` what is counted.

mod delivered;
mod figures;
mod handler;
mod place;
mod prepare;
mod reach;
mod reading;
mod settle;
mod taking;
mod unburied;
mod whereabouts;
mod worker;

pub(crate) use delivered::leadership;
pub use delivered::{BorrowedByEvent, Delivered, Handled, HandledOtherwise, read_event};
pub use handler::{EventCall, EventHandler};
pub(super) use prepare::{leave, prepare};
pub(super) use reading::{Reader, Reading};
pub(super) use worker::Worker;
