//! The bus on a NATS server, through `async-nats`.
//!
//! `options` says how to connect, `connect` does it, `inbox` receives the answers to calls,
//! `bus` is the port, `convert` translates messages.

mod bus;
mod connect;
mod convert;
mod inbox;
mod options;

pub(crate) use connect::connect;
pub(crate) use options::{Authentication, NatsOptions, Tls};
