//! A stream as a bucket: its configuration, written and read.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::super::stored::parse_time;
use crate::error::Result;
use crate::model::{BucketSpec, BucketStatus, DEFAULT_MAX_BYTES, MARKER_TTL, Storage};

/// What stands before the name of a bucket in the name of its stream.
pub(super) const STREAM: &str = "KV_";

/// The fields of a stream's configuration that make a bucket; durations are nanoseconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the form is the server's")]
pub(super) struct StreamConfig {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    subjects: Vec<String>,
    retention: String,
    discard: String,
    storage: String,
    num_replicas: u8,
    max_msgs: i64,
    max_msgs_per_subject: i64,
    max_bytes: i64,
    max_age: u64,
    max_msg_size: i32,
    max_consumers: i32,
    allow_rollup_hdrs: bool,
    deny_delete: bool,
    allow_direct: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seq: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_msg_ttl: bool,
    #[serde(skip_serializing_if = "is_zero")]
    subject_delete_marker_ttl: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What JetStream tells of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamInfo {
    config: StreamConfig,
    created: String,
    #[serde(default)]
    state: StreamState,
    /// How many subjects there are, of which an answer has room for so many.
    #[serde(default)]
    total: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamState {
    messages: u64,
    bytes: u64,
    last_seq: u64,
    /// Only if they were asked for.
    subjects: HashMap<String, u64>,
}

impl StreamConfig {
    /// The stream of a new bucket; with a time to live per key if the server can.
    pub(super) fn of(spec: &BucketSpec, key_ttl: bool) -> Self {
        let bucket = &spec.name;
        Self {
            name: format!("{STREAM}{bucket}"),
            description: spec.description.clone(),
            subjects: vec![format!("$KV.{bucket}.>")],
            retention: "limits".to_owned(),
            // A full bucket refuses: it does not forget.
            discard: "new".to_owned(),
            storage: spec.storage.unwrap_or_default().to_string(),
            num_replicas: spec.servers(),
            max_msgs: -1,
            max_msgs_per_subject: spec.history.unwrap_or(1).into(),
            max_bytes: i64::try_from(spec.max_bytes.unwrap_or(DEFAULT_MAX_BYTES))
                .unwrap_or(i64::MAX),
            max_age: spec.ttl.map_or(0, nanoseconds),
            max_msg_size: spec
                .max_value
                .map_or(-1, |bytes| i32::try_from(bytes).unwrap_or(i32::MAX)),
            max_consumers: -1,
            allow_rollup_hdrs: true,
            deny_delete: true,
            allow_direct: true,
            first_seq: spec.first_sequence,
            allow_msg_ttl: key_ttl,
            subject_delete_marker_ttl: if key_ttl && spec.leaves_markers() {
                nanoseconds(MARKER_TTL)
            } else {
                0
            },
        }
    }

    pub(super) fn first_sequence(&self) -> Option<u64> {
        self.first_seq
    }
}

impl StreamInfo {
    pub(super) fn config(&self) -> &StreamConfig {
        &self.config
    }

    pub(super) fn created(&self) -> &str {
        &self.created
    }

    pub(super) fn last_revision(&self) -> u64 {
        self.state.last_seq
    }

    /// The subjects in this answer, and how many there are.
    pub(super) fn into_subjects(self) -> (Vec<String>, u64) {
        (self.state.subjects.into_keys().collect(), self.total)
    }

    pub(super) fn status(self) -> Result<BucketStatus> {
        let Self {
            config,
            created,
            state,
            ..
        } = self;
        let created: OffsetDateTime = parse_time(&created)?;
        let name = config.name.strip_prefix(STREAM).unwrap_or(&config.name);
        let time = |nanos| Some(Duration::from_nanos(nanos)).filter(|time| !time.is_zero());
        let history = u8::try_from(config.max_msgs_per_subject).unwrap_or(u8::MAX);
        let marker_ttl = time(config.subject_delete_marker_ttl);
        Ok(BucketStatus {
            name: name.to_owned(),
            description: config.description.filter(|text| !text.is_empty()),
            entries: state.messages,
            bytes: state.bytes,
            last_revision: state.last_seq,
            history,
            ttl: time(config.max_age),
            max_value: u32::try_from(config.max_msg_size)
                .ok()
                .filter(|bytes| *bytes > 0),
            max_bytes: u64::try_from(config.max_bytes)
                .ok()
                .filter(|bytes| *bytes > 0),
            storage: match config.storage.as_str() {
                "memory" => Storage::Memory,
                _ => Storage::File,
            },
            replicas: config.num_replicas,
            // With markers and a history the server never lets such a value expire.
            key_ttl: config.allow_msg_ttl && (history == 1 || marker_ttl.is_none()),
            marker_ttl,
            created,
        })
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
