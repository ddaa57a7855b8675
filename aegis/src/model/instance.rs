//! One instance of a service, as its record in the registry tells.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The interval of peers that do not tell theirs: that of `AegisSDK` 1.0.
const SDK_HEARTBEAT: Duration = Duration::from_secs(10);
/// Longer intervals are nonsense from the wire.
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(3600);
/// An instance is gone after so many heartbeats without a sign of life.
pub(crate) const MISSED: u32 = 3;

/// What an instance is good for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum InstanceStatus {
    /// It serves.
    #[serde(alias = "active")]
    Active,
    /// It serves everything but exclusive work, which another instance does.
    #[serde(alias = "standby")]
    Standby,
    /// It stops: it takes nothing new.
    #[serde(alias = "shutdown")]
    Shutdown,
    /// It says that it cannot do its work well. A status that is not known counts as this one.
    #[serde(alias = "unhealthy", other)]
    Unhealthy,
}

impl InstanceStatus {
    /// Whether new calls may be sent there.
    pub fn is_available(self) -> bool {
        matches!(self, Self::Active | Self::Standby)
    }

    /// As it stands in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Standby => "STANDBY",
            Self::Shutdown => "SHUTDOWN",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}

impl std::fmt::Display for InstanceStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The record of one instance, with the field names of `AegisSDK` 1.0.
///
/// Fields that are not known are ignored, and its snake-case spelling is read as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// The service's name.
    #[serde(rename = "serviceName", alias = "service_name")]
    pub service: String,
    /// The instance's id.
    #[serde(rename = "instanceId", alias = "instance_id")]
    pub id: String,
    /// The service's version.
    #[serde(default)]
    pub version: String,
    /// What it is good for at the moment.
    pub status: InstanceStatus,
    /// When it last wrote the record: RFC 3339, UTC, by its own clock. For people only.
    #[serde(alias = "last_heartbeat", default)]
    pub last_heartbeat: String,
    /// The group whose single active instance it is or may become.
    #[serde(alias = "sticky_active_group", default)]
    pub sticky_active_group: Option<String>,
    /// `start_time`, `handlers`, `load`, and what the service adds.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

/// Keys of the metadata that the framework writes.
pub(crate) const OWN_METADATA: [&str; 9] = [
    "start_time",
    "handlers",
    "load",
    "reason",
    "heartbeat_ms",
    "ttl_ms",
    "boot",
    "description",
    "leader",
];

impl Instance {
    /// Whether new calls may be sent there.
    pub fn is_available(&self) -> bool {
        self.status.is_available()
    }

    /// Why it is not healthy, in its own words.
    pub fn reason(&self) -> Option<&str> {
        self.metadata.get("reason")?.as_str()
    }

    /// Its load at the last heartbeat; zeros if it tells none.
    pub fn load(&self) -> Load {
        self.metadata
            .get("load")
            .map(Load::read)
            .unwrap_or_default()
    }

    /// How often it says that it lives.
    pub fn heartbeat(&self) -> Duration {
        let told = self.metadata.get("heartbeat_ms").and_then(Value::as_u64);
        told.map_or(SDK_HEARTBEAT, Duration::from_millis)
            .clamp(Duration::from_millis(10), LONGEST_HEARTBEAT)
    }

    /// How long it may say nothing before it counts as gone: three heartbeats, if it says no
    /// other time.
    pub fn ttl(&self) -> Duration {
        let told = self.metadata.get("ttl_ms").and_then(Value::as_u64);
        let heartbeat = self.heartbeat();
        told.map_or(heartbeat * MISSED, Duration::from_millis)
            .clamp(heartbeat, LONGEST_HEARTBEAT * MISSED)
    }

    /// What tells one process from another with the same id.
    pub(crate) fn boot(&self) -> Option<&str> {
        self.metadata.get("boot")?.as_str()
    }

    /// Whether anything but its heartbeat and its load differs.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let rest = |of: &Self| {
            let mut rest = of.clone();
            rest.last_heartbeat.clear();
            rest.metadata.remove("load");
            rest
        };
        self.status != other.status
            || self.version != other.version
            || self.metadata.len() != other.metadata.len()
            || rest(self) != rest(other)
    }
}

/// How busy an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Calls that run and wait.
    pub in_flight: u64,
    /// Calls ended per second, since the heartbeat before.
    pub requests_per_second: f64,
    /// Calls among them that ended in an error.
    pub errors_per_second: f64,
    /// The median time of a call, in milliseconds; remembered while there are no calls.
    pub p50_ms: f64,
    /// The 99th percentile of the time of a call, in milliseconds.
    pub p99_ms: f64,
    /// How long a task waited for a thread to run on, in milliseconds.
    pub lag_ms: f64,
}

impl Load {
    fn read(value: &Value) -> Self {
        let number = |name: &str| {
            let found = value.get(name).and_then(Value::as_f64).unwrap_or(0.0);
            if found.is_finite() {
                found.max(0.0)
            } else {
                0.0
            }
        };
        Self {
            in_flight: value.get("in_flight").and_then(Value::as_u64).unwrap_or(0),
            requests_per_second: number("requests_per_second"),
            errors_per_second: number("errors_per_second"),
            p50_ms: number("p50_ms"),
            p99_ms: number("p99_ms"),
            lag_ms: number("lag_ms"),
        }
    }

    /// As it stands in a record.
    pub(crate) fn write(self) -> Value {
        let short = |number: f64| (number * 1000.0).round() / 1000.0;
        json!({
            "in_flight": self.in_flight,
            "requests_per_second": short(self.requests_per_second),
            "errors_per_second": short(self.errors_per_second),
            "p50_ms": short(self.p50_ms),
            "p99_ms": short(self.p99_ms),
            "lag_ms": short(self.lag_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Instance {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn records_of_the_sdk_are_read() {
        let camel = read(
            r#"{"serviceName":"orders","instanceId":"orders-1","version":"1.0.0","status":"ACTIVE",
                "lastHeartbeat":"2026-01-01T00:00:00Z","stickyActiveGroup":null,
                "metadata":{"start_time":"2026-01-01T00:00:00Z"},"somethingNew":7}"#,
        );
        let snake = read(
            r#"{"service_name":"orders","instance_id":"orders-1","version":"1.0.0","status":"ACTIVE",
                "last_heartbeat":"2026-01-01T00:00:00Z","sticky_active_group":null,
                "metadata":{"start_time":"2026-01-01T00:00:00Z"}}"#,
        );
        assert_eq!(camel, snake);
        assert_eq!(camel.heartbeat(), SDK_HEARTBEAT);
        assert_eq!(camel.load(), Load::default());
        let written = serde_json::to_value(&camel).unwrap();
        for name in [
            "serviceName",
            "instanceId",
            "version",
            "status",
            "lastHeartbeat",
            "stickyActiveGroup",
            "metadata",
        ] {
            assert!(written.get(name).is_some(), "{name}: {written}");
        }
        assert_eq!(written.as_object().unwrap().len(), 7);
    }

    #[test]
    fn a_status_says_whether_calls_may_go_there() {
        for (text, available) in [
            ("ACTIVE", true),
            ("STANDBY", true),
            ("active", true),
            ("UNHEALTHY", false),
            ("SHUTDOWN", false),
            ("TO_BE_INVENTED", false),
        ] {
            let record = read(&format!(
                r#"{{"serviceName":"a","instanceId":"b","status":"{text}"}}"#
            ));
            assert_eq!(record.is_available(), available, "{text}");
        }
    }

    #[test]
    fn nonsense_in_the_metadata_costs_nothing() {
        for metadata in [
            json!({"load": 7, "heartbeat_ms": "soon", "reason": 1}),
            json!({"load": {"in_flight": -1, "p50_ms": "x"}, "heartbeat_ms": -5}),
            json!({"load": null, "heartbeat_ms": null}),
        ] {
            let record = json!({"serviceName": "a", "instanceId": "b", "status": "ACTIVE", "metadata": metadata});
            let record: Instance = serde_json::from_value(record).unwrap();
            assert_eq!(
                (record.load(), record.heartbeat(), record.reason()),
                (Load::default(), SDK_HEARTBEAT, None)
            );
        }
        let long = read(
            r#"{"serviceName":"a","instanceId":"b","status":"ACTIVE","metadata":{"heartbeat_ms":18446744073709551615}}"#,
        );
        assert_eq!(long.heartbeat(), LONGEST_HEARTBEAT);
    }

    #[test]
    fn load_is_read_as_it_is_written() {
        let load = Load {
            in_flight: 3,
            requests_per_second: 120.5,
            errors_per_second: 0.25,
            p50_ms: 1.125,
            p99_ms: 9.75,
            lag_ms: 0.0,
        };
        assert_eq!(Load::read(&load.write()), load);
    }

    #[test]
    fn a_heartbeat_alone_is_no_change() {
        let record = read(r#"{"serviceName":"a","instanceId":"b","status":"ACTIVE"}"#);
        let mut later = record.clone();
        later.last_heartbeat = "later".to_owned();
        assert!(!later.differs(&record));
        let (mut busy, mut busier) = (record.clone(), record.clone());
        busy.metadata.insert("load".into(), json!(1));
        busier.metadata.insert("load".into(), json!(2));
        assert!(!busier.differs(&busy));
        busier.metadata.insert("zone".into(), json!("b"));
        assert!(busier.differs(&busy));
        later.status = InstanceStatus::Shutdown;
        assert!(later.differs(&record));
    }
}
