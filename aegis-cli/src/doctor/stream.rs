//! Streams and consumers as JetStream lists them, as far as they are judged.

use std::time::Duration;

use aegis::Storage;
use aegis::port::Discard;
use serde::Deserialize;
use serde_json::Value;

/// What JetStream tells of the account.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Account {
    #[serde(flatten)]
    pub(super) all: Tier,
    pub(super) tiers: std::collections::BTreeMap<String, Tier>,
}

/// What is used, and what may be.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tier {
    pub(super) memory: u64,
    pub(super) storage: u64,
    pub(super) reserved_memory: u64,
    pub(super) reserved_storage: u64,
    pub(super) streams: u64,
    pub(super) consumers: u64,
    pub(super) limits: Limits,
}

/// Below 0 is no limit.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limits {
    #[serde(rename = "max_memory")]
    pub(super) memory: i64,
    #[serde(rename = "max_storage")]
    pub(super) storage: i64,
    #[serde(rename = "max_streams")]
    pub(super) streams: i64,
    #[serde(rename = "max_consumers")]
    pub(super) consumers: i64,
}

/// A stream, or the stream of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) discard: Discard,
    pub(super) storage: Storage,
    pub(super) replicas: u64,
    /// Of its replicas, those that are not up to date or not there.
    pub(super) behind: Vec<String>,
    /// In a cluster: whether somebody leads it.
    pub(super) led: bool,
    pub(super) max_bytes: Option<u64>,
    pub(super) max_per_subject: Option<u64>,
    pub(super) max_age: Option<Duration>,
    pub(super) acknowledges: bool,
    pub(super) key_ttl: bool,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) first: u64,
}

/// A consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Consumer {
    pub(super) name: String,
    /// Sorted.
    pub(super) filters: Vec<String>,
    pub(super) acks: String,
    pub(super) ack_wait: Duration,
    pub(super) max_deliver: i64,
    pub(super) max_ack_pending: i64,
    /// The server removes it by itself when nobody reads for so long.
    pub(super) passing: Option<Duration>,
    pub(super) paused: bool,
    pub(super) ack_floor: u64,
    pub(super) ack_pending: u64,
    pub(super) pending: u64,
    pub(super) waiting: u64,
}

impl Consumer {
    /// What is not done with.
    pub(super) fn backlog(&self) -> u64 {
        self.pending + self.ack_pending
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A limit: what is 0 or less is none.
fn limit(value: &Value) -> Option<u64> {
    value
        .as_i64()
        .and_then(|n| u64::try_from(n).ok())
        .filter(|n| *n > 0)
}

fn time(value: &Value) -> Option<Duration> {
    limit(value).map(Duration::from_nanos)
}

/// Those of its replicas that do not follow.
fn behind(cluster: &Value) -> Vec<String> {
    let replicas = cluster["replicas"].as_array();
    let lags = |one: &&Value| {
        one["offline"].as_bool().unwrap_or_default() || !one["current"].as_bool().unwrap_or(true)
    };
    let behind = replicas.into_iter().flatten().filter(lags);
    behind.map(|one| text(&one["name"])).collect()
}

impl Stream {
    /// Reads an entry of `STREAM.LIST`.
    pub(super) fn read(info: &Value) -> Self {
        let (config, state) = (&info["config"], &info["state"]);
        let cluster = &info["cluster"];
        Self {
            name: text(&config["name"]),
            discard: if config["discard"] == "new" {
                Discard::New
            } else {
                Discard::Old
            },
            storage: if config["storage"] == "memory" {
                Storage::Memory
            } else {
                Storage::File
            },
            replicas: number(&config["num_replicas"]).max(1),
            behind: behind(cluster),
            led: cluster["name"].is_null() || !text(&cluster["leader"]).is_empty(),
            max_bytes: limit(&config["max_bytes"]),
            max_per_subject: limit(&config["max_msgs_per_subject"]),
            max_age: time(&config["max_age"]),
            acknowledges: !config["no_ack"].as_bool().unwrap_or_default(),
            key_ttl: config["allow_msg_ttl"].as_bool().unwrap_or_default(),
            messages: number(&state["messages"]),
            bytes: number(&state["bytes"]),
            first: number(&state["first_seq"]),
        }
    }
}

impl Consumer {
    /// Reads an entry of `CONSUMER.LIST`.
    pub(super) fn read(info: &Value) -> Self {
        let config = &info["config"];
        let several = config["filter_subjects"].as_array();
        let several = several.into_iter().flatten().map(text);
        let one = Some(text(&config["filter_subject"])).filter(|one| !one.is_empty());
        let mut filters: Vec<String> = several.chain(one).collect();
        filters.sort();
        Self {
            name: text(&info["name"]),
            filters,
            acks: text(&config["ack_policy"]),
            ack_wait: time(&config["ack_wait"]).unwrap_or_default(),
            max_deliver: config["max_deliver"].as_i64().unwrap_or(-1),
            max_ack_pending: config["max_ack_pending"].as_i64().unwrap_or(-1),
            passing: time(&config["inactive_threshold"]),
            paused: info["paused"].as_bool().unwrap_or_default(),
            ack_floor: number(&info["ack_floor"]["stream_seq"]),
            ack_pending: number(&info["num_ack_pending"]),
            pending: number(&info["num_pending"]),
            waiting: number(&info["num_waiting"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_jetstream_lists_is_read() {
        let info = json!({
            "config": {"name": "EVENTS", "discard": "new", "storage": "memory", "num_replicas": 3,
                "max_bytes": 10, "max_msgs_per_subject": -1, "max_age": 2_000_000_000, "no_ack": true},
            "cluster": {"name": "c", "leader": "n1", "replicas": [
                {"name": "n2", "current": true}, {"name": "n3", "current": false, "offline": true}]},
            "state": {"messages": 3, "bytes": 9, "first_seq": 2},
        });
        let stream = Stream::read(&info);
        assert!(stream.led && !stream.acknowledges);
        assert_eq!(
            (stream.discard, stream.storage),
            (Discard::New, Storage::Memory)
        );
        assert_eq!((stream.max_bytes, stream.max_per_subject), (Some(10), None));
        assert_eq!((stream.behind, stream.first), (vec!["n3".to_owned()], 2));
        assert_eq!(stream.max_age, Some(Duration::from_secs(2)));
        let alone = Stream::read(&json!({"config": {"name": "X"}, "state": {}}));
        assert_eq!(
            (alone.replicas, alone.led, alone.behind.len()),
            (1, true, 0)
        );
        let lost = Stream::read(&json!({"config": {}, "cluster": {"name": "c"}}));
        assert!(!lost.led);

        let info = json!({"name": "a__b", "config": {"ack_policy": "explicit", "filter_subjects":
            ["b", "a"], "max_ack_pending": 5, "inactive_threshold": 1_000_000_000}, "num_pending": 3,
            "num_ack_pending": 2, "ack_floor": {"stream_seq": 7}, "paused": true});
        let consumer = Consumer::read(&info);
        assert_eq!((consumer.backlog(), consumer.ack_floor), (5, 7));
        assert_eq!(consumer.filters, ["a", "b"]);
        assert!(consumer.paused && consumer.passing == Some(Duration::from_secs(1)));
        let account: Account = serde_json::from_value(json!({"storage": 7, "limits":
            {"max_storage": -1}, "tiers": {"R1": {"streams": 2}}}))
        .unwrap();
        assert_eq!((account.all.storage, account.tiers["R1"].streams), (7, 2));
    }
}
