//! Commands as values: which lane they take (`priority`, `turns`), what is known of them (`record`,
//! `status`, `news`), what follows from that for a worker (`claim`, `delay`), for the steps of a handler
//! (`step`).

mod claim;
mod delay;
mod id;
mod news;
mod priority;
mod record;
mod status;
mod step;
mod turns;

pub(crate) use claim::{Claim, Found, Taken, claim};
pub(crate) use delay::{LONGEST_DELAY, delay_of};
pub(crate) use id::JobId;
pub(crate) use news::{ProgressNews, StateNews};
pub use priority::{Priority, PriorityError};
pub(crate) use record::{JobRecord, ProgressRecord, WorkerRecord};
pub use status::{JobProgress, JobState, JobStatus, JobStep};
pub(crate) use step::{StepFound, StepRecord, StepWay, next_step};
pub(crate) use turns::Turns;

/// How often a command is tried again, if its handler says nothing.
pub(crate) const COMMAND_RETRIES: u32 = 3;
