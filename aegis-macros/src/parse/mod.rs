//! Tokens to `model`. A mistake becomes an error and a placeholder, and reading goes on.
//!
//! `service`, `client`, `main` and `message` read items; `handler`, `hook` and `signature` read
//! methods; `args` reads options, `value` and `failover` read what is inside them.

mod args;
mod client;
mod failover;
mod handler;
mod hook;
mod main;
mod message;
mod service;
mod signature;
mod value;

pub(crate) use client::client;
pub(crate) use main::main;
pub(crate) use message::failure;
pub(crate) use service::service;
