//! Everything that crosses the wire, on real servers and in memory.

mod nats_server;
mod round_trip;
