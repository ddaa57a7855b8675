//! A job as others see it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::serde::rfc3339;

use super::priority::Priority;
use crate::model::{Failure, SpecError};

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobState {
    /// It waits for a worker, or for its time.
    Queued,
    /// A worker is at it.
    Running,
    /// An attempt failed; it waits for the next one.
    Retrying,
    /// It ended well: there is a result.
    Succeeded,
    /// It failed and is not tried again: there is an error, and a dead letter.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Retrying,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// As it is written: `QUEUED`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Retrying => "RETRYING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for JobState {
    type Err = SpecError;

    /// Without regard to case.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|one| one.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            let names = Self::ALL.map(Self::name).join(", ");
            SpecError::new(format!("there is no state {shown:?}: it is one of {names}"))
        })
    }
}

/// What a handler reported.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobProgress {
    /// How much is done, 0 to 100.
    pub percent: f64,
    /// What it is at; may be empty.
    pub message: String,
    /// When it said so, by the worker's clock.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
}

/// A step of a handler that is to happen once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobStep {
    /// What it is called.
    pub name: String,
    /// Whether it has happened, and what came of it is kept. Of one that was begun nobody knows it
    /// while it runs, and if its attempt was lost.
    pub done: bool,
}

/// What is known of a job. Times are those of the clocks of sender and worker, and for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobStatus {
    /// What it is called.
    pub id: String,
    /// Whose command it is.
    pub service: String,
    /// Which.
    pub command: String,
    /// How urgent it is.
    pub priority: Priority,
    /// How far it is.
    pub state: JobState,
    /// The how manieth attempt runs, or ran last; 0 before the first one.
    pub attempt: u32,
    /// The instance that works on it, or did last.
    pub worker: Option<String>,
    /// When it was sent.
    #[serde(with = "rfc3339")]
    pub created: OffsetDateTime,
    /// When this was written.
    #[serde(with = "rfc3339")]
    pub updated: OffsetDateTime,
    /// When it begins, or is tried again, if it waits for that.
    #[serde(with = "rfc3339::option")]
    pub run_at: Option<OffsetDateTime>,
    /// When its newest attempt began.
    #[serde(with = "rfc3339::option")]
    pub started: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(with = "rfc3339::option")]
    pub finished: Option<OffsetDateTime>,
    /// What was reported last.
    pub progress: Option<JobProgress>,
    /// The steps that were begun ([`Context::once`](crate::Context::once)), by their names.
    pub steps: Vec<JobStep>,
    /// It is to be cancelled, and runs still.
    pub cancelling: bool,
    /// The sender's key for "this work once".
    pub idempotency_key: Option<String>,
    /// What came of it, if it succeeded, or was cancelled and ended well all the same; else `null`.
    pub result: Value,
    /// Why its newest attempt failed, if one did.
    pub error: Option<Failure>,
    /// The number of its dead letter, if it failed.
    pub dead_letter: Option<u64>,
    /// The number of its message in the queue.
    pub sequence: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_names_that_are_read_again() {
        for state in JobState::ALL {
            assert_eq!(state.name().parse(), Ok(state));
            assert_eq!(state.name().to_lowercase().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        let error = "DONE".parse::<JobState>().unwrap_err().to_string();
        assert!(error.contains("QUEUED, RUNNING"), "{error}");
    }
}
