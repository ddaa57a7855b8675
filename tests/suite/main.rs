//! Everything that crosses the wire, on real servers and in memory.

mod bad_input;
mod interop;
mod nats_server;
mod round_trip;
mod wire;
