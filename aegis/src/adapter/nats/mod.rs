//! The bus on a NATS server, through `async-nats`.
//!
//! `options` says how to connect, `connect` does it, `refusal` explains why it may not, `inbox`
//! receives the answers to calls, `listener` is one subscription, `subscriptions` are all of them, `again` makes refused ones anew, `bus` the port, `ask` its
//! requests, `convert` translates messages, `greeting` asks whether a server is there. `api` asks JetStream, `stored` reads what it holds, `place` where a
//! delivered message stands; `kv` are the buckets, `stream` the streams.

mod again;
mod api;
mod ask;
mod bus;
mod connect;
mod convert;
mod credentials;
mod denials;
mod greeting;
mod inbox;
mod kv;
mod listener;
mod options;
mod place;
mod refusal;
mod stored;
mod stream;
mod subscriptions;

pub(crate) use connect::connect;
pub(crate) use greeting::{Greeting, greeting};
pub(crate) use kv::NatsStore;
pub(crate) use options::{Authentication, NatsOptions, Tls, Way};
pub(crate) use stream::NatsStreams;
