//! Everything that crosses the wire, on real servers and in memory.

mod calling;
mod connection;
mod ending;
mod lifecycle;
mod nats_server;
mod round_trip;
mod serving;
