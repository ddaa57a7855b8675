//! Processes that are this test binary once more, in other roles: `program` is one of them, `journal`
//! what it writes about what happens to it.

#![cfg(unix)]

mod journal;
mod program;

pub(crate) use journal::{Journal, Line};
pub(crate) use program::{Program, Told};

/// When the server, or a process, was away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Outage {
    /// Whether some of it was in this time.
    pub(crate) fn meets(self, from: u64, to: u64) -> bool {
        from <= self.to && self.from <= to
    }
}
