//! What a judge says: which promise was broken, by which lines.

use std::fmt;

use super::line::Line;

/// A promise that every run has to keep. The numbers are those of the guarantees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Never two processes with valid leases at one time.
    I1,
    /// Accepted acts in time order have non-decreasing epochs.
    I2,
    /// A counter: no value twice, none below one returned before, none lost, none too many.
    I3,
    /// On one key no act is accepted with an epoch below one accepted before.
    I4,
    /// Epochs grow from leadership to leadership and never repeat.
    I5,
    /// No change of leader without a fault.
    I10,
    /// A leader soon after the last fault.
    I11,
    /// Every call ends in time.
    I13,
}

impl Invariant {
    /// The promise in words.
    pub fn promise(self) -> &'static str {
        match self {
            Self::I1 => "never two leaders at one time",
            Self::I2 => "acts in time order have non-decreasing epochs",
            Self::I3 => "a counter loses nothing and gives no value twice",
            Self::I4 => "no act with an epoch below one accepted before",
            Self::I5 => "epochs grow and never repeat",
            Self::I10 => "no change of leader without a fault",
            Self::I11 => "a leader soon after the last fault",
            Self::I13 => "every call ends in time",
        }
    }
}

/// One broken promise. Its text shows the lines that break it.
#[derive(Debug, Clone)]
pub struct Violation {
    /// What was promised.
    pub invariant: Invariant,
    /// What happened.
    pub what: String,
    /// The lines that show it, with their files.
    pub lines: Vec<String>,
}

impl Violation {
    pub(super) fn new(invariant: Invariant, what: String, lines: &[&Line]) -> Self {
        let lines = lines.iter().map(|line| line.shown().to_owned()).collect();
        Self {
            invariant,
            what,
            lines,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let promise = self.invariant.promise();
        write!(f, "{:?} ({promise}): {}", self.invariant, self.what)?;
        for line in &self.lines {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}
