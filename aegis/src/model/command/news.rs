//! What is said about a job to whoever listens. It may get lost: the record is the truth.

use serde::{Deserialize, Serialize};

use super::record::ProgressRecord;
use super::status::JobState;

/// `jobs.{id}.state`: the record says something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateNews {
    pub(crate) state: JobState,
}

/// `jobs.{id}.progress`: what a handler reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProgressNews {
    pub(crate) attempt: u32,
    #[serde(flatten)]
    pub(crate) progress: ProgressRecord,
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn news_are_written_as_documented() {
        let state = StateNews {
            state: JobState::Running,
        };
        let progress = ProgressNews {
            attempt: 1,
            progress: ProgressRecord {
                percent: 12.5,
                message: "row 8".to_owned(),
                at: OffsetDateTime::UNIX_EPOCH,
            },
        };
        assert_eq!(
            serde_json::to_value(state).unwrap(),
            json!({"state": "RUNNING"})
        );
        let written = json!({
            "attempt": 1, "percent": 12.5, "message": "row 8", "at": "1970-01-01T00:00:00Z",
        });
        assert_eq!(serde_json::to_value(&progress).unwrap(), written);
        assert_eq!(
            serde_json::from_value::<ProgressNews>(written).unwrap(),
            progress
        );
    }
}
