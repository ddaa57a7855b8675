//! Streams on a NATS server, over plain requests (`docs/adr/0006`).
//!
//! `streams` is the port. `config` is a stream as the server writes it, `ensure` makes and changes
//! one, `store` puts messages in, `consumer` is a place in one, `durable` makes and changes it.
//! `pull` reads from there: `credit` counts what was asked for, `verdict` reads what the server says
//! beside messages, `settle` tells it how deliveries ended. `fetch` asks for what is there: `mailbox`
//! is where the answer comes in, `standing` how the consumer is if none comes. `arrival` reads what is
//! delivered to both, `failure` words errors.

mod arrival;
mod config;
mod consumer;
mod credit;
mod durable;
mod ensure;
mod failure;
mod fetch;
mod mailbox;
mod pull;
mod settle;
mod standing;
mod store;
mod streams;
mod verdict;

pub(crate) use streams::NatsStreams;
