//! What a service without macros needs, beside [`Service`](crate::Service) and
//! [`HandlerDescriptor`](crate::HandlerDescriptor): `examples/03_by_hand.rs` shows it at work.
//!
//! A row's [`call`](crate::RpcHandler::call) does three things: it finds the service behind its
//! pointer with `service.downcast_ref::<S>()`, reads the [`arguments`], and makes the [`reply`].
//! `inventory::submit!` registers the row at link time. That of a [handler for
//! events](crate::EventCall) reads `delivered.event().decode()?`, runs the method, and tells how it
//! ended.

pub use futures_util::future::BoxFuture;
pub use inventory;

pub use crate::model::Arguments;
pub use crate::serve::{arguments, reply};
