//! Buckets on a NATS server: streams named `KV_{bucket}`, as the clients of NATS have them.
//!
//! `config` is a stream as a bucket, `message` reads what is stored, `store`
//! and `bucket` are the ports, `write` is one write and `fence` one of a leader, `session` is one
//! consumer, `arrival` how far it is, `follow` a watch that outlives it.

mod arrival;
mod bucket;
mod config;
mod fence;
mod follow;
mod message;
mod session;
mod store;
mod write;

pub(crate) use store::NatsStore;
