//! For tests of user services: `TestApp` in memory or on a server, `NatsServer` to have one,
//! `NatsCluster` to have several that are one, `Surroundings` for tests of where NATS is looked for.

mod app;
mod binary;
mod leader;
mod server;

pub use app::{RunningTest, TestApp, bus, store, streams};
pub use binary::{ServerError, VERSIONS, find, find_version};
pub use leader::{TestLeadership, leadership};
pub use server::{NatsCluster, NatsServer, NatsServerBuilder};

pub use crate::app::Surroundings;
