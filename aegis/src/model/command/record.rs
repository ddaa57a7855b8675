//! What stands in the bucket of jobs: the one truth about a job, written by compare-and-set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::serde::rfc3339;

use super::priority::Priority;
use super::status::{JobProgress, JobState, JobStatus, JobStep};
use super::step::StepRecord;
use crate::model::Failure;

/// What is known of one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobRecord {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) command: String,
    pub(crate) priority: Priority,
    pub(crate) state: JobState,
    /// The number of its message in the queue; none as long as it is being put there again.
    #[serde(default)]
    pub(crate) sequence: Option<u64>,
    /// The how manieth delivery of that message was begun last.
    #[serde(default)]
    pub(crate) delivery: u64,
    /// How often it was begun.
    #[serde(default)]
    pub(crate) attempt: u32,
    /// How often its handler failed.
    #[serde(default)]
    pub(crate) failures: u32,
    /// How often it was brought back after its end.
    #[serde(default)]
    pub(crate) again: u32,
    /// Who works on it, or did last.
    #[serde(default)]
    pub(crate) worker: Option<WorkerRecord>,
    #[serde(with = "rfc3339")]
    pub(crate) created_at: OffsetDateTime,
    #[serde(with = "rfc3339")]
    pub(crate) updated_at: OffsetDateTime,
    /// When it may begin, or be tried again.
    #[serde(default, with = "rfc3339::option")]
    pub(crate) run_at: Option<OffsetDateTime>,
    /// When its newest attempt began.
    #[serde(default, with = "rfc3339::option")]
    pub(crate) started_at: Option<OffsetDateTime>,
    #[serde(default, with = "rfc3339::option")]
    pub(crate) finished_at: Option<OffsetDateTime>,
    #[serde(default)]
    pub(crate) progress: Option<ProgressRecord>,
    /// The steps of its handler that are to happen once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) steps: BTreeMap<String, StepRecord>,
    /// Somebody wants it to end.
    #[serde(default)]
    pub(crate) cancel: bool,
    #[serde(default)]
    pub(crate) idempotency_key: Option<String>,
    #[serde(default)]
    pub(crate) result: Value,
    /// Why it failed, at last or for good.
    #[serde(default)]
    pub(crate) error: Option<Failure>,
    /// The number of its dead letter; a job that failed without one is owed one.
    #[serde(default)]
    pub(crate) dead_letter: Option<u64>,
}

/// Who works on a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerRecord {
    pub(crate) instance: String,
    /// Of one attempt: nobody else has it.
    pub(crate) nonce: String,
}

/// What a handler reported last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProgressRecord {
    pub(crate) percent: f64,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(with = "rfc3339")]
    pub(crate) at: OffsetDateTime,
}

impl JobRecord {
    /// A job that waits for its first attempt.
    pub(crate) fn queued(
        id: &str,
        (service, command, priority): (&str, &str, Priority),
        now: OffsetDateTime,
    ) -> Self {
        Self {
            id: id.to_owned(),
            service: service.to_owned(),
            command: command.to_owned(),
            priority,
            state: JobState::Queued,
            sequence: None,
            delivery: 0,
            attempt: 0,
            failures: 0,
            again: 0,
            worker: None,
            created_at: now,
            updated_at: now,
            run_at: None,
            started_at: None,
            finished_at: None,
            progress: None,
            steps: BTreeMap::new(),
            cancel: false,
            idempotency_key: None,
            result: Value::Null,
            error: None,
            dead_letter: None,
        }
    }

    /// Whether that attempt is the one that may write.
    pub(crate) fn is_held_by(&self, nonce: &str) -> bool {
        self.worker
            .as_ref()
            .is_some_and(|worker| worker.nonce == nonce)
    }

    /// The steps that were begun, and which of them are done: `charge done, mail begun`.
    pub(crate) fn steps_so_far(&self) -> String {
        let steps = self.steps.iter().map(|(name, step)| match step {
            StepRecord::Done { .. } => format!("{name} done"),
            StepRecord::Began { .. } => format!("{name} begun"),
        });
        steps.collect::<Vec<_>>().join(", ")
    }

    /// It has come to its end.
    pub(crate) fn end(&mut self, state: JobState, now: OffsetDateTime) {
        self.state = state;
        self.run_at = None;
        self.finished_at = Some(now);
        self.updated_at = now;
    }

    /// It has come to its end, and that is not said by whoever was at it: should they come back, they
    /// are refused.
    pub(crate) fn withdraw(&mut self, state: JobState, now: OffsetDateTime) {
        self.end(state, now);
        if let Some(worker) = &mut self.worker {
            worker.nonce.clear();
        }
    }

    /// As it is shown.
    pub(crate) fn into_status(self) -> JobStatus {
        JobStatus {
            id: self.id,
            service: self.service,
            command: self.command,
            priority: self.priority,
            state: self.state,
            attempt: self.attempt,
            worker: self.worker.map(|worker| worker.instance),
            created: self.created_at,
            updated: self.updated_at,
            run_at: self.run_at,
            started: self.started_at,
            finished: self.finished_at,
            progress: self.progress.map(|reported| JobProgress {
                percent: reported.percent,
                message: reported.message,
                at: reported.at,
            }),
            steps: self
                .steps
                .into_iter()
                .map(|(name, step)| JobStep {
                    name,
                    done: matches!(step, StepRecord::Done { .. }),
                })
                .collect(),
            cancelling: self.cancel && !self.state.is_final(),
            idempotency_key: self.idempotency_key,
            result: self.result,
            error: self.error,
            dead_letter: self.dead_letter,
            sequence: self.sequence,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_was_at_a_job_that_others_end_holds_it_no_more() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let names = ("importer", "import", Priority::High);
        let mut record = JobRecord::queued("7", names, now);
        record.worker = Some(WorkerRecord {
            instance: "a".to_owned(),
            nonce: "b".to_owned(),
        });
        record.withdraw(JobState::Cancelled, now);
        assert!(!record.is_held_by("b"));
        let status = record.into_status();
        assert_eq!(status.state, JobState::Cancelled);
        assert_eq!(status.worker.as_deref(), Some("a"));
    }

    #[test]
    fn a_record_is_written_as_documented_and_read_with_what_is_known() {
        let now = OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
        let names = ("importer", "import", Priority::High);
        let mut record = JobRecord::queued("7", names, now);
        record.sequence = Some(3);
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(written["state"], "QUEUED");
        assert_eq!(written["priority"], "high");
        assert_eq!(written["created_at"], "2026-09-21T14:13:20Z");
        let read: JobRecord = serde_json::from_value(written).unwrap();
        assert_eq!(read, record);
        let least = json!({
            "id": "7", "service": "importer", "command": "import", "priority": "low",
            "state": "RETRYING", "created_at": "2026-09-21T14:13:20Z",
            "updated_at": "2026-09-21T14:13:20Z", "of_the_future": 1,
        });
        let read: JobRecord = serde_json::from_value(least).unwrap();
        assert_eq!((read.state, read.attempt), (JobState::Retrying, 0));
    }
}
