//! The framework's own streams: events, commands, and what could not be handled.

use std::time::Duration;

use crate::model::{Discard, Layout, Retention, Storage, StreamSpec};

/// How long dead letters remember which ones they are: an event that is given up twice, because
/// the first time was not noted in time, is one dead letter.
const DEAD_DEDUP: Duration = Duration::from_secs(3600);

/// The bytes that dead letters have room for, if nothing is said. The server sets them aside.
const DEAD_MAX_BYTES: u64 = 256 << 20;

/// The bytes that waiting commands have room for, if nothing is said. The server sets them aside.
const COMMANDS_MAX_BYTES: u64 = 256 << 20;
/// The bytes that the records of jobs have room for, if nothing is said.
const JOBS_MAX_BYTES: u64 = 512 << 20;
/// How long what came of a job is kept, if nothing is said.
const JOBS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How the framework's streams are set up; what is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StreamSettings {
    pub(crate) replicas: Option<u8>,
    pub(crate) storage: Option<Storage>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) discard: Option<Discard>,
    pub(crate) dedup: Option<Duration>,
    pub(crate) dead_max_bytes: Option<u64>,
    pub(crate) dead_max_age: Option<Duration>,
    pub(crate) commands: CommandSettings,
}

/// How the queue of commands and the records of jobs are set up; what is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CommandSettings {
    pub(crate) replicas: Option<u8>,
    pub(crate) storage: Option<Storage>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) jobs_max_bytes: Option<u64>,
    pub(crate) jobs_kept: Option<Duration>,
}

impl CommandSettings {
    /// How long what came of a job is kept.
    pub(crate) fn kept(&self) -> Duration {
        self.jobs_kept.unwrap_or(JOBS_KEPT)
    }

    /// How many bytes the records of jobs may have.
    pub(crate) fn jobs_bytes(&self) -> u64 {
        self.jobs_max_bytes.unwrap_or(JOBS_MAX_BYTES)
    }
}

/// The stream `EVENTS`.
pub(crate) fn events(layout: &Layout, settings: &StreamSettings) -> StreamSpec {
    let subjects = [layout.events(), layout.fences()];
    let mut spec = StreamSpec::new(layout.stream("EVENTS"), subjects);
    spec.description = Some("events of services, see `aegis events`".to_owned());
    spec.replicas = settings.replicas;
    spec.storage = settings.storage;
    spec.max_bytes = settings.max_bytes;
    spec.max_age = settings.max_age;
    spec.discard = settings.discard;
    spec.dedup = settings.dedup;
    spec
}

/// The stream `DEAD`. A full one refuses: what was given up is not forgotten to make room.
pub(crate) fn dead_letters(layout: &Layout, settings: &StreamSettings) -> StreamSpec {
    let mut spec = StreamSpec::new(layout.stream("DEAD"), [layout.dead_letters()]);
    spec.description = Some("what could not be handled, see `aegis dead`".to_owned());
    spec.replicas = settings.replicas;
    spec.storage = settings.storage;
    spec.max_bytes = settings.dead_max_bytes;
    spec.max_bytes_if_new = Some(DEAD_MAX_BYTES);
    spec.max_age = settings.dead_max_age;
    spec.discard = Some(Discard::New);
    spec.dedup_at_best = Some(DEAD_DEDUP);
    spec
}

/// The stream `COMMANDS`, a work queue. A full one refuses: a command that was taken is not forgotten
/// to make room.
pub(crate) fn commands(layout: &Layout, settings: &CommandSettings) -> StreamSpec {
    let mut spec = StreamSpec::new(layout.stream("COMMANDS"), [layout.commands()]);
    spec.description = Some("commands that wait or are worked on, see `aegis command`".to_owned());
    spec.retention = Retention::WorkQueue;
    spec.replicas = settings.replicas;
    spec.storage = settings.storage;
    spec.max_bytes = settings.max_bytes;
    spec.max_bytes_if_new = Some(COMMANDS_MAX_BYTES);
    spec.discard = Some(Discard::New);
    spec
}
