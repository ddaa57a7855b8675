//! Events, served: `handler` is what a row says of one, `delivered` what its code gets and returns.

mod delivered;
mod handler;

pub use delivered::{
    BorrowedByEvent, Delivered, EventOutcome, Handled, HandledOtherwise, event, leadership,
};
pub use handler::{EventCall, EventHandler};
