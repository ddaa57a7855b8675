//! What happened in a run with faults, and whether that was allowed.
//! `recorder` writes it from every process, `line` reads it back; `leases` (I1, I5, I10, I11),
//! `acts` (I2, I4), `counter` (I3) and `calls` (I13) judge it; `verdict` is what they say.

mod acts;
mod calls;
mod counter;
mod leases;
mod line;
mod recorder;
#[cfg(test)]
mod tests;
mod verdict;

use std::path::Path;
use std::time::Duration;

pub use line::{HistoryError, Line, What};
pub use recorder::{Recorder, now};
pub use verdict::{Invariant, Violation};

/// What a run allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long after its end a fault still excuses a change of leader: the lease, and what its
    /// loss takes to be noticed.
    pub fault_grace: Duration,
    /// How long after the last fault the first word of a leader may take.
    pub leader_within: Duration,
    /// How long after its deadline a call may end.
    pub call_grace: Duration,
}

impl Default for Limits {
    /// Two seconds for a change of leader, ten to have one, 100 ms for the end of a call.
    fn default() -> Self {
        Self {
            fault_grace: Duration::from_secs(2),
            leader_within: Duration::from_secs(10),
            call_grace: Duration::from_millis(100),
        }
    }
}

/// The lines of all processes of one run, in the order of their stamps. One run is about one group
/// of instances that elect a leader.
#[derive(Debug)]
pub struct History {
    lines: Vec<Line>,
}

impl History {
    /// Reads all files of a folder. A last line without an end is ignored if it cannot be read: its
    /// process was killed while it wrote.
    ///
    /// Errors: a file or line that cannot be read, lines that contradict each other (a call that
    /// ends twice), and no line at all: a run without words proves nothing.
    pub fn read(folder: &Path) -> Result<Self, HistoryError> {
        Self::of(line::read_folder(folder)?)
    }

    fn of(mut lines: Vec<Line>) -> Result<Self, HistoryError> {
        // Stable: what a process wrote within one tick of the clock keeps its order.
        lines.sort_by_key(|line| line.at);
        if lines.is_empty() {
            return Err(HistoryError::Empty);
        }
        calls::calls(&lines)?;
        Ok(Self { lines })
    }

    /// All lines by their time: to assert that what was to be provoked did happen.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Every violation of every invariant.
    pub fn violations(&self, limits: &Limits) -> Vec<Violation> {
        let lines = &self.lines;
        let calls = calls::calls(lines).expect("they were checked when they were read");
        let mut found = leases::judge(lines, limits);
        found.extend(acts::judge(lines));
        found.extend(counter::judge(lines, &calls));
        found.extend(calls::judge(&calls, limits));
        found.sort_by_key(|violation| violation.invariant);
        found
    }

    /// Fails the test with every violation there is.
    pub fn assert_kept(&self, limits: &Limits) {
        let found = self.violations(limits);
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(texts.is_empty(), "{}", texts.join("\n"));
    }
}

/// A duration in the unit of the stamps.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
