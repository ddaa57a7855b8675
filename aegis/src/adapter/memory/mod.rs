//! The bus inside one process: the rules of a NATS server without the server.

mod bus;
mod hub;

pub(crate) use bus::MemoryBus;
