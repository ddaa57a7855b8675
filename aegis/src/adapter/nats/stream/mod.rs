//! Streams on a NATS server, over plain requests (`docs/adr/0006`).
//!
//! `streams` is the port. `config` is a stream as the server writes it, `ensure` makes and changes
//! one, `store` puts messages in, `consumer` is a place in one, `durable` makes and changes it.
//! `pull` reads from there: `credit` counts what was asked for, `verdict` reads what the server says
//! beside messages, `settle` tells it how deliveries ended. `failure` words errors.

mod config;
mod consumer;
mod credit;
mod durable;
mod ensure;
mod failure;
mod pull;
mod settle;
mod store;
mod streams;
mod verdict;

pub(crate) use streams::NatsStreams;
