//! Commands, served: `handler` is what a row says of one, `assigned` what its code gets, `progress` what
//! it reports, `step` what it does once; `lanes` are where commands wait, `reading` brings them while
//! somebody is free, `worker` knows which ones run, `begin` what is begun, `run` runs its code, `settle`
//! says how that ended, `keeper` writes all that into the record of the job; `cancels` hears who is to
//! end, `figures` are what is counted.

mod assigned;
mod begin;
mod cancels;
mod figures;
mod handler;
mod keeper;
mod lanes;
mod progress;
mod reading;
mod run;
mod settle;
mod step;
mod worker;

pub use assigned::{Assigned, BorrowedByCommand, command_arguments};
pub(super) use cancels::read_cancels;
pub use handler::{CommandCall, CommandHandler};
pub use progress::Progress;
pub(super) use reading::{CommandReading, prepare};
pub use step::Step;
pub(super) use step::Task;
pub(super) use worker::CommandWorker;
