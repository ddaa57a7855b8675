//! Everything that crosses the wire, on real servers and in memory.

mod bad_input;
mod calling;
mod connection;
mod interop;
mod lifecycle;
mod nats_server;
mod round_trip;
mod serving;
mod wire;
