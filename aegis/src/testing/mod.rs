//! For tests of user services: `TestApp` in memory or on a server, `NatsServer` to have one.

mod app;
mod binary;
mod leader;
mod server;

pub use app::{RunningTest, TestApp, bus, store, streams};
pub use binary::{ServerError, VERSIONS, find, find_version};
pub use leader::{TestLeadership, leadership};
pub use server::{NatsServer, NatsServerBuilder};
