//! A stream as the server writes it: read, made and changed as JSON, so that what we do not know
//! stays as it is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::stored::parse_time;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Discard, Pattern, Retention, Storage, StreamSpec, StreamStatus};

/// What JetStream tells of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamInfo {
    config: Value,
    created: String,
    #[serde(default)]
    state: State,
    /// How many subjects there are, of which an answer has room for so many.
    #[serde(default)]
    total: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    messages: u64,
    bytes: u64,
    first_seq: u64,
    last_seq: u64,
    consumer_count: u64,
    /// Only if they were asked for.
    subjects: Option<BTreeMap<String, u64>>,
}

/// The fields that we know; durations are nanoseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Known {
    name: String,
    description: Option<String>,
    subjects: Option<Vec<String>>,
    retention: String,
    discard: String,
    storage: String,
    num_replicas: u8,
    max_bytes: i64,
    max_msgs: i64,
    max_age: u64,
    duplicate_window: u64,
}

impl StreamInfo {
    /// The subjects in this answer, and how many there are.
    pub(super) fn into_subjects(self) -> (BTreeMap<String, u64>, u64) {
        (self.state.subjects.unwrap_or_default(), self.total)
    }

    pub(super) fn status(&self) -> Result<StreamStatus> {
        let known = Known::deserialize(&self.config).map_err(|cause| {
            let text = "the configuration of a stream cannot be read: is this a NATS server?";
            Error::new(ErrorKind::Decode, text).because(cause)
        })?;
        let limit = |limit: i64| u64::try_from(limit).ok().filter(|limit| *limit > 0);
        let state = &self.state;
        Ok(StreamStatus {
            retention: retention(&known)?,
            name: known.name,
            description: known.description.filter(|text| !text.is_empty()),
            subjects: known.subjects.unwrap_or_default(),
            discard: match known.discard.as_str() {
                "new" => Discard::New,
                _ => Discard::Old,
            },
            storage: match known.storage.as_str() {
                "memory" => Storage::Memory,
                _ => Storage::File,
            },
            replicas: known.num_replicas,
            max_bytes: limit(known.max_bytes),
            max_messages: limit(known.max_msgs),
            max_age: Some(Duration::from_nanos(known.max_age)).filter(|age| !age.is_zero()),
            dedup: Duration::from_nanos(known.duplicate_window),
            messages: state.messages,
            bytes: state.bytes,
            first_sequence: state.first_seq,
            last_sequence: state.last_seq,
            consumers: state.consumer_count,
            created: parse_time(&self.created)?,
        })
    }

    /// The configuration with what was asked for, and everything else as it is.
    pub(super) fn changed(self, spec: &StreamSpec, status: &StreamStatus) -> Value {
        let mut config = self.config;
        config["subjects"] = spec.united(status).into();
        if spec.discard == Some(Discard::Old)
            && let Some(fields) = config.as_object_mut()
        {
            // The server takes it for a contradiction.
            fields.remove("discard_new_per_subject");
        }
        for (field, asked) in [
            ("description", spec.description.clone().map(Value::from)),
            ("discard", spec.discard.map(|it| it.to_string().into())),
            ("num_replicas", spec.replicas.map(Value::from)),
            ("max_bytes", spec.max_bytes.map(Value::from)),
            ("max_msgs", spec.max_messages.map(Value::from)),
            ("max_age", spec.max_age.map(|it| nanoseconds(it).into())),
            (
                "duplicate_window",
                Some(spec.dedup_of(status))
                    .filter(|it| *it != status.dedup)
                    .map(|it| nanoseconds(it).into()),
            ),
        ] {
            if let Some(asked) = asked {
                config[field] = asked;
            }
        }
        config
    }
}

fn retention(known: &Known) -> Result<Retention> {
    match known.retention.as_str() {
        "limits" => Ok(Retention::Limits),
        "workqueue" => Ok(Retention::WorkQueue),
        other => Err(Error::new(
            ErrorKind::Config,
            format!(
                "the stream {0} has the retention {other:?}, which nobody asks for here: `nats stream \
                 edit {0} --retention limits` keeps what it holds; a stream of commands is to have \
                 `workqueue`, and has to be made anew",
                known.name
            ),
        )),
    }
}

/// The configuration of a new stream.
pub(super) fn new(spec: &StreamSpec) -> Value {
    let subjects: Vec<&str> = spec.subjects.iter().map(Pattern::as_str).collect();
    let mut config = json!({
        "name": spec.name,
        "subjects": subjects,
        "retention": spec.retention.to_string(),
        "discard": spec.discard.unwrap_or_default().to_string(),
        "storage": spec.storage.unwrap_or_default().to_string(),
        "num_replicas": spec.replicas.unwrap_or(1),
        "max_consumers": -1,
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_msg_size": -1,
        "max_bytes": spec.byte_limit(),
        "max_age": spec.max_age.map_or(0, nanoseconds),
        "duplicate_window": nanoseconds(spec.dedup_window()),
        "allow_direct": true,
        "deny_delete": false,
    });
    if let Some(most) = spec.max_messages {
        config["max_msgs"] = most.into();
    }
    if let Some(description) = &spec.description {
        config["description"] = description.as_str().into();
    }
    config
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(config: &Value) -> StreamInfo {
        let info = json!({
            "type": "io.nats.jetstream.api.v1.stream_info_response",
            "config": config,
            "created": "2026-01-02T03:04:05.678Z",
            "state": {"messages": 3, "bytes": 99, "first_seq": 2, "last_seq": 4, "consumer_count": 1},
        });
        serde_json::from_value(info).unwrap()
    }

    fn asked() -> StreamSpec {
        StreamSpec::new("EVENTS", [Pattern::parse("events.>").unwrap()])
    }

    #[test]
    fn a_new_stream_is_read_back_as_it_was_asked_for() {
        let mut full = asked();
        full.description = Some("all that happens".to_owned());
        full.retention = Retention::WorkQueue;
        full.discard = Some(Discard::New);
        full.storage = Some(Storage::Memory);
        full.replicas = Some(3);
        full.max_bytes = Some(7);
        full.max_messages = Some(8);
        full.max_age = Some(Duration::from_secs(600));
        full.dedup = Some(Duration::from_millis(1500));
        for spec in [asked(), full] {
            let status = info(&new(&spec)).status().unwrap();
            assert!(spec.drift(&status).is_none(), "{:?}", spec.drift(&status));
            assert_eq!(status.description, spec.description);
            assert_eq!(status.max_bytes, Some(spec.byte_limit()));
            assert_eq!(status.dedup, spec.dedup_window());
            assert_eq!((status.messages, status.last_sequence), (3, 4));
        }
    }

    #[test]
    fn a_change_keeps_what_was_not_asked_for_and_what_is_not_known() {
        let there = json!({
            "name": "EVENTS", "subjects": ["old.*"], "retention": "limits", "max_bytes": 10,
            "sealed": false, "metadata": {"owner": "us"}, "from_the_future": [1, {"a": 2}],
        });
        let spec = StreamSpec {
            max_age: Some(Duration::from_secs(1)),
            ..asked()
        };
        let mut expected = there.clone();
        expected["subjects"] = json!(["old.*", "events.>"]);
        expected["max_age"] = json!(1_000_000_000);
        let found = info(&there);
        let status = found.status().unwrap();
        assert_eq!(found.changed(&spec, &status), expected);
    }

    #[test]
    fn a_retention_that_is_not_known_is_told() {
        let error = info(&json!({"name": "X", "retention": "interest"}))
            .status()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("interest"), "{error}");
    }

    #[test]
    fn missing_fields_are_no_limits() {
        let status = info(&json!({"name": "X", "retention": "limits", "subjects": null}));
        let status = status.status().unwrap();
        assert_eq!((status.max_bytes, status.max_messages), (None, None));
        assert_eq!((status.max_age, status.discard), (None, Discard::Old));
    }
}
