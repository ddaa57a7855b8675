//! How the streams of events and of dead letters are set up.
//!
//! What is said here is asked for: a stream that exists is changed to it. What is not said stays as
//! it is.

use std::time::Duration;

use super::config::Config;
use super::settings::{Setting, open, time};
use crate::model::{Discard, Storage};

pub(super) const SETTINGS: &[Setting] = &[
    open(
        "events.replicas",
        &["AEGIS_EVENTS_REPLICAS"],
        |config, text| servers(text).map(|servers| config.streams.replicas = Some(servers)),
    ),
    open(
        "events.storage",
        &["AEGIS_EVENTS_STORAGE"],
        |config, text| storage(text).map(|storage| config.streams.storage = Some(storage)),
    ),
    open(
        "events.max_bytes",
        &["AEGIS_EVENTS_MAX_BYTES"],
        |config, text| bytes(text).map(|bytes| config.streams.max_bytes = Some(bytes)),
    ),
    open(
        "events.max_age",
        &["AEGIS_EVENTS_MAX_AGE"],
        |config, text| time(text).map(|time| config.streams.max_age = Some(time)),
    ),
    open(
        "events.discard",
        &["AEGIS_EVENTS_DISCARD"],
        |config, text| {
            config.streams.discard = Some(match text {
                "old" => Discard::Old,
                "new" => Discard::New,
                _ => return Err("it is `old` or `new`".to_owned()),
            });
            Ok(())
        },
    ),
    open("events.dedup", &["AEGIS_EVENTS_DEDUP"], |config, text| {
        time(text).map(|time| config.streams.dedup = Some(time))
    }),
    open(
        "dead.max_bytes",
        &["AEGIS_DEAD_MAX_BYTES"],
        |config, text| bytes(text).map(|bytes| config.streams.dead_max_bytes = Some(bytes)),
    ),
    open("dead.max_age", &["AEGIS_DEAD_MAX_AGE"], |config, text| {
        time(text).map(|time| config.streams.dead_max_age = Some(time))
    }),
];

/// A number of servers of a cluster.
pub(super) fn servers(text: &str) -> Result<u8, String> {
    let servers = text.parse().ok();
    let servers = servers.filter(|servers| (1..=5).contains(servers));
    Ok(servers.ok_or("it is 1 to 5 servers")?)
}

/// Where a stream is kept.
pub(super) fn storage(text: &str) -> Result<Storage, String> {
    match text {
        "file" => Ok(Storage::File),
        "memory" => Ok(Storage::Memory),
        _ => Err("it is `file` or `memory`".to_owned()),
    }
}

/// A number of bytes, plain or as `64KiB`, `512MiB`, `10GiB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || "it is a number of bytes such as `1073741824`, `512MiB` or `10GiB`".to_owned();
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let unit = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let number: u64 = number.trim().parse().map_err(|_| wrong())?;
    let factor = 1u64 << shift;
    let bytes = number.checked_mul(factor).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(wrong)
}

impl Config {
    /// On how many servers of a NATS cluster events and dead letters are kept, 1 to 5; default 1.
    #[must_use]
    pub fn events_replicas(self, servers: u8) -> Self {
        self.set("events.replicas", &servers.to_string())
    }

    /// Where events and dead letters are kept; default on disk. It cannot be changed later.
    #[must_use]
    pub fn events_storage(mut self, storage: Storage) -> Self {
        self.streams.storage = Some(storage);
        self
    }

    /// How many bytes of events are kept; default 1 GiB. The server sets them aside.
    #[must_use]
    pub fn events_max_bytes(mut self, bytes: u64) -> Self {
        self.streams.max_bytes = Some(bytes);
        self
    }

    /// How long an event is kept at most; default as long as there is room.
    #[must_use]
    pub fn events_max_age(mut self, age: Duration) -> Self {
        self.streams.max_age = Some(age);
        self
    }

    /// Whether a full stream of events refuses new ones, instead of forgetting the oldest.
    #[must_use]
    pub fn events_refuse_when_full(mut self, refuses: bool) -> Self {
        self.streams.discard = Some(if refuses { Discard::New } else { Discard::Old });
        self
    }

    /// How long the ids of events are remembered, so that none is stored twice; default 2 min, or as
    /// long as events are kept if that is shorter.
    #[must_use]
    pub fn events_dedup(mut self, window: Duration) -> Self {
        self.streams.dedup = Some(window);
        self
    }

    /// How many bytes of dead letters are kept; default 256 MiB. Beyond it what is given up stays in
    /// the stream of events, and is tried again.
    #[must_use]
    pub fn dead_max_bytes(mut self, bytes: u64) -> Self {
        self.streams.dead_max_bytes = Some(bytes);
        self
    }

    /// How long a dead letter is kept at most; default for ever.
    #[must_use]
    pub fn dead_max_age(mut self, age: Duration) -> Self {
        self.streams.dead_max_age = Some(age);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_with_and_without_a_unit() {
        for (text, expected) in [
            ("1", Some(1)),
            ("64KiB", Some(65_536)),
            ("10 GiB", Some(10 << 30)),
            ("0", None),
            ("1GB", None),
            ("-1", None),
            ("99999999TiB", None),
            ("", None),
        ] {
            assert_eq!(bytes(text).ok(), expected, "{text:?}");
        }
    }
}
