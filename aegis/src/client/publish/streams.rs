//! The framework's own streams: events, and what could not be handled.

use std::time::Duration;

use crate::model::{Discard, Layout, Storage, StreamSpec};

/// How long dead letters remember which ones they are: an event that is given up twice, because
/// the first time was not noted in time, is one dead letter.
const DEAD_DEDUP: Duration = Duration::from_secs(3600);

/// The bytes that dead letters have room for, if nothing is said. The server sets them aside.
const DEAD_MAX_BYTES: u64 = 256 << 20;

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
