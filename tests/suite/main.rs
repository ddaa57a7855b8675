//! Everything that crosses the wire, on real servers and in memory.

mod calling;
mod connection;
mod lifecycle;
mod nats_server;
mod round_trip;
mod security;
mod serving;
