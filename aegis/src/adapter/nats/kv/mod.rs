//! Buckets on a NATS server: streams named `KV_{bucket}`, as the clients of NATS have them.
//!
//! `api` asks JetStream, `config` is a stream as a bucket, `message` reads what is stored, `store`
//! and `bucket` are the ports, `session` is one consumer, `arrival` how far it is, `follow` a watch
//! that outlives it.

mod api;
mod arrival;
mod bucket;
mod config;
mod follow;
mod message;
mod session;
mod store;

pub(crate) use store::NatsStore;
