//! The bus, the buckets and the streams inside one process: the rules of a NATS server without the
//! server.

mod bus;
mod hub;
mod kv;
mod stream;

pub(crate) use bus::MemoryBus;
