//! What may happen to a process of a run.

use super::*;

/// What may happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Note {
    /// The stream holds it.
    Published {
        id: String,
        sequence: u64,
        /// It did already.
        duplicate: bool,
    },
    /// It was not published, as far as is known; it is published again.
    Unpublished {
        id: String,
        kind: String,
        was_sent: bool,
    },
    /// It was handled, and is about to be acknowledged.
    Handled { id: String, attempt: u64 },
    /// It had its effect already, and has no second one.
    HadEffect { id: String },
    /// It was not handled, and is to be delivered again.
    Failed { id: String, why: String },
}
