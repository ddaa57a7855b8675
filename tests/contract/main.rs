//! One suite for every bus: the fake is proven by the rules the server keeps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test that fails is a test that fails"
)]

mod bus;
mod fixture;
mod kv;
mod kv_fence;
mod kv_leader;
mod kv_races;
mod kv_settings;
mod kv_typed;
mod kv_watch;
mod stream_bus;
mod stream_clock;
mod stream_consumer;
mod stream_consumers;
mod stream_deliver;
mod stream_ends;
mod stream_ensure;
mod stream_fetch;
mod stream_fixture;
mod stream_queue;
mod stream_read;
mod stream_store;
