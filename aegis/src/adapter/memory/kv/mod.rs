//! Buckets in memory: `log` is the content of one bucket and its rules, `store` the port,
//! `watch` follows changes.

mod log;
mod store;
mod watch;

pub(super) use store::{Buckets, MemoryStore};
