//! Everything that crosses the wire, on real servers and in memory.

mod ending;
mod nats_server;
mod round_trip;
