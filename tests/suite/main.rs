//! Everything that crosses the wire, on real servers and in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test that fails is a test that fails"
)]

mod asking;
mod bad_input;
mod calling;
mod chaos;
mod checkpoint;
mod commands;
mod commands_loss;
mod connection;
mod deploy;
mod ending;
mod events;
mod extremes;
mod fence;
mod ground;
mod hooks;
mod inbox;
mod interop;
mod kv;
mod layers;
mod layers_keys;
mod leader;
mod lifecycle;
mod limits;
mod locate;
mod log;
mod loss;
mod metrics;
mod nats_server;
mod otel;
mod pages;
mod presence;
mod processes;
mod replicas;
mod round_trip;
mod security;
mod seed;
mod serving;
mod signals;
mod streams;
mod telling;
mod unanswered;
mod wire;
