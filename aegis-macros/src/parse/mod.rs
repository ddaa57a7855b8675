//! Tokens to `model`. A mistake becomes an error and a placeholder, and reading goes on.
//!
//! `service`, `client`, `main`, `message` and `event` read items; `handler`, `subscribe`, `hook` and
//! `signature` read methods; `args` reads options, `rpc`, `command`, `redelivery`, `failover` and
//! `value` read what is inside them.

mod args;
mod client;
mod command;
mod event;
mod failover;
mod handler;
mod hook;
mod main;
mod message;
mod redelivery;
mod rpc;
mod service;
mod signature;
mod subscribe;
mod value;

pub(crate) use client::client;
pub(crate) use event::{event, events};
pub(crate) use main::main;
pub(crate) use message::failure;
pub(crate) use service::service;
