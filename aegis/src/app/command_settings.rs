//! How the queue of commands and the records of jobs are set up; as for the streams of events, what is
//! not said stays as it is.

use std::time::Duration;

use super::config::Config;
use super::settings::{Setting, open, time};
use super::stream_settings::{bytes, servers, storage};
use crate::model::Storage;

pub(super) const SETTINGS: &[Setting] = &[
    open(
        "commands.replicas",
        &["AEGIS_COMMANDS_REPLICAS"],
        |config, text| {
            servers(text).map(|servers| config.streams.commands.replicas = Some(servers))
        },
    ),
    open(
        "commands.storage",
        &["AEGIS_COMMANDS_STORAGE"],
        |config, text| storage(text).map(|storage| config.streams.commands.storage = Some(storage)),
    ),
    open(
        "commands.max_bytes",
        &["AEGIS_COMMANDS_MAX_BYTES"],
        |config, text| bytes(text).map(|bytes| config.streams.commands.max_bytes = Some(bytes)),
    ),
    open(
        "commands.jobs_max_bytes",
        &["AEGIS_COMMANDS_JOBS_MAX_BYTES"],
        |config, text| {
            bytes(text).map(|bytes| config.streams.commands.jobs_max_bytes = Some(bytes))
        },
    ),
    open(
        "commands.jobs_kept",
        &["AEGIS_COMMANDS_JOBS_KEPT"],
        |config, text| {
            let kept = time(text)?;
            if kept < Duration::from_secs(1) {
                return Err("it is at least 1 s".to_owned());
            }
            config.streams.commands.jobs_kept = Some(kept);
            Ok(())
        },
    ),
];

impl Config {
    /// On how many servers of a NATS cluster commands and jobs are kept, 1 to 5; default 1.
    #[must_use]
    pub fn commands_replicas(self, servers: u8) -> Self {
        self.set("commands.replicas", &servers.to_string())
    }

    /// Where commands and jobs are kept; default on disk. It cannot be changed later.
    #[must_use]
    pub fn commands_storage(mut self, storage: Storage) -> Self {
        self.streams.commands.storage = Some(storage);
        self
    }

    /// How many bytes of commands may wait; beyond it sending is `Overloaded`. Default 256 MiB, which
    /// the server sets aside.
    #[must_use]
    pub fn commands_max_bytes(mut self, bytes: u64) -> Self {
        self.streams.commands.max_bytes = Some(bytes);
        self
    }

    /// How many bytes the records of jobs may have, with their results; beyond it sending is
    /// `Overloaded`. Only a new bucket obeys. Default 512 MiB, which the server sets aside: a job without
    /// a result takes about 700 bytes, so that is room for 700,000 in the time that they are kept.
    #[must_use]
    pub fn jobs_max_bytes(mut self, bytes: u64) -> Self {
        self.streams.commands.jobs_max_bytes = Some(bytes);
        self
    }

    /// How long it is known what came of a job, at least 1 s; default 24 h. One that has failed, or has
    /// not ended, is known for a week longer. Servers before NATS 2.11.2 know all for a week, or for
    /// this time if that is longer: it is that of the whole bucket, and of a new one only.
    #[must_use]
    pub fn jobs_kept(self, time: Duration) -> Self {
        self.set("commands.jobs_kept", &format!("{}ms", time.as_millis()))
    }
}
