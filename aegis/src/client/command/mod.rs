//! Commands, sent and followed: `word` is one before it is sent, `send` its way into the queue, `known`
//! whether anybody serves it, `store` the records of jobs, `job` one job, `follow` what becomes of it,
//! `updates` that as a stream, `cancel` its end before its time, `again` what failed brought back,
//! `list` all of them.

mod again;
mod cancel;
mod follow;
mod job;
mod known;
mod list;
mod send;
mod store;
mod updates;
mod word;

pub(super) use again::bring_back;
pub use follow::JobResult;
pub use job::Job;
pub(super) use known::Known as KnownCommands;
pub use list::Jobs;
pub(super) use store::JobShelf;
pub(crate) use store::{JobStore, Revised};
pub use updates::JobUpdates;
pub use word::Command;
