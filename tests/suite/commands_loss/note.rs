//! What may happen to a process of a run.

use super::*;

/// What may happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Note {
    /// The queue holds it.
    Sent {
        name: String,
        job: String,
        is_new: bool,
    },
    /// It was not sent, as far as is known.
    Unsent {
        name: String,
        kind: String,
        was_sent: bool,
    },
    /// It was cancelled, and that was answered.
    Cancelled { job: String, state: JobState },
    /// Its sender heard what came of it: a result, or the kind of an error. The record said that.
    Heard {
        job: String,
        heard: Result<String, String>,
        record: serde_json::Value,
    },
    /// It was seen like this, by somebody who follows it.
    Saw { record: serde_json::Value },
    /// Whoever works is ready to.
    Ready,
    /// Its handler began.
    Began {
        name: String,
        job: String,
        attempt: u32,
    },
    /// The code of its effect has run, and has made it, or found it made.
    Took { job: String, is_first: bool },
    /// It was asked whether the effect has happened.
    Asked { job: String, found: bool },
    /// The handler ended well.
    Returned {
        job: String,
        attempt: u32,
        result: String,
    },
    /// The handler failed.
    Failed {
        job: String,
        attempt: u32,
        code: String,
    },
}
