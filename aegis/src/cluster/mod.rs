//! Layer 2: who is there. `registry` is the bucket of records, `announcer` keeps the record of one
//! instance alive, `announced` holds on to it, `discovery` is the three ways to ask, `leader` is the election of one per group.

mod announced;
mod announcer;
mod discovery;
mod leader;
mod registry;

pub(crate) use announced::{Announced, Heard};
pub(crate) use announcer::{Announcer, Vitals};
pub(crate) use discovery::{Directory, Shared as SharedDiscovery, candidate};
pub use discovery::{Discovery, DiscoveryMode, Found, InstanceEvents, Staleness};
pub(crate) use leader::{Campaign, Candidacy, Candidate, LEADERS, Seat, Seats};
pub(crate) use registry::{BUCKET as REGISTRY, Registry};
