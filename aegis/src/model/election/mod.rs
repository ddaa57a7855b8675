//! One leader: how long a lease is (`policy`), and who leads (`machine`): what it is told and what
//! it asks for (`event`), what it remembers (`state`), how it waits for its turn (`follower`), and
//! how it leads (`leader`). `record` is what stands under the key.

#[cfg(test)]
mod check;
mod event;
mod follower;
mod leader;
mod machine;
mod policy;
mod record;
pub(crate) mod rules;
#[cfg(test)]
mod simulation;
mod state;

pub(crate) use event::{Action, Claim, Event, Moment, NoAnswer, Outcome};
pub(crate) use machine::Election;
pub use policy::{Failover, FailoverError};
pub use record::Leader;
pub(crate) use record::LeaderRecord;
