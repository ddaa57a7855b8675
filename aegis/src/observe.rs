//! Layer 1: names of metrics, random numbers, and the errors that every bus words alike.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BucketSpec, BucketStatus, Differences, Expect, KvFence, KvWrite, Subject};

/// Counter: requests a service handled; labels `service`, `method`.
pub const SERVER_REQUESTS: &str = "aegis_server_requests_total";
/// Counter: requests that ended in an error; labels `service`, `method`.
pub const SERVER_ERRORS: &str = "aegis_server_errors_total";
/// Histogram, seconds: from arrival to reply; labels `service`, `method`.
pub const SERVER_DURATION: &str = "aegis_server_request_duration_seconds";
/// Counter: handlers that panicked; labels `service`, `method`.
pub const SERVER_PANICS: &str = "aegis_server_panics_total";
/// Counter: requests refused because too many ran and waited; labels `service`, `method`.
pub const SERVER_OVERLOADS: &str = "aegis_server_overloads_total";
/// Counter: messages ignored for want of a reply subject to answer to; labels `service`, `method`.
pub const SERVER_IGNORED: &str = "aegis_server_ignored_total";
/// Counter: calls made; labels `service`, `method`.
pub const CLIENT_CALLS: &str = "aegis_client_calls_total";
/// Counter: calls that failed; labels `service`, `method`.
pub const CLIENT_ERRORS: &str = "aegis_client_errors_total";
/// Histogram, seconds: from the call to its end, retries included; labels `service`, `method`.
pub const CLIENT_DURATION: &str = "aegis_client_call_duration_seconds";
/// Counter: subscriptions that lost messages because they were read too slowly.
pub const SLOW_CONSUMERS: &str = "aegis_slow_consumers_total";
/// Counter: times the connection was lost.
pub const DISCONNECTS: &str = "aegis_disconnects_total";
/// Counter: heartbeats written to the registry; label `service`.
pub const REGISTRY_WRITES: &str = "aegis_registry_heartbeats_total";
/// Counter: heartbeats that did not reach the registry; label `service`.
pub const REGISTRY_FAILURES: &str = "aegis_registry_heartbeat_failures_total";
/// Counter: leaderships that this instance won; labels `service`, `group`.
pub const LEADER_TERMS: &str = "aegis_leader_terms_total";
/// Counter: writes of a leader's record, renewals above all; labels `service`, `group`.
pub const LEADER_RENEWALS: &str = "aegis_leader_renewals_total";
/// Counter: questions and writes about a leader that failed; labels `service`, `group`.
pub const LEADER_FAILURES: &str = "aegis_leader_failures_total";

/// Counter: events that a stream has taken.
pub const EVENTS_PUBLISHED: &str = "aegis_events_published_total";
/// Counter: events that could not be published.
pub const EVENTS_UNPUBLISHED: &str = "aegis_events_publish_failures_total";
/// Counter: deliveries of events that ended; labels `service`, `handler`, `outcome` (`done`,
/// `again`, `dead`, `returned`).
pub const EVENTS_HANDLED: &str = "aegis_events_handled_total";
/// Histogram, seconds: the work on one event; labels `service`, `handler`.
pub const EVENTS_DURATION: &str = "aegis_events_handling_duration_seconds";
/// Gauge: events that wait to be delivered to a handler; labels `service`, `handler`.
pub const EVENTS_PENDING: &str = "aegis_events_pending";
/// Gauge, seconds: how long a handler has heard nothing of the server; labels `service`, `handler`.
pub const EVENTS_STALE: &str = "aegis_events_stale_seconds";
/// Counter: times that the reading of events had to begin anew; labels `service`, `handler`.
pub const EVENTS_RESUMED: &str = "aegis_events_resumed_total";

/// Counter: attempts at commands that ended; labels `service`, `command`, `outcome` (`succeeded`,
/// `retrying`, `failed`, `cancelled`, `returned`).
pub const COMMANDS_HANDLED: &str = "aegis_commands_handled_total";
/// Histogram, seconds: one attempt at a command; labels `service`, `command`.
pub const COMMANDS_DURATION: &str = "aegis_commands_handling_duration_seconds";
/// Gauge: commands that wait for a worker, in all lanes; labels `service`, `command`.
pub const COMMANDS_WAITING: &str = "aegis_commands_waiting";
/// Counter: times that the reading of commands had to begin anew; labels `service`, `command`.
pub const COMMANDS_RESUMED: &str = "aegis_commands_resumed_total";

/// A time as people read it: `7 ms`, `2.5 s`, `10 s`.
pub(crate) fn shown(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    let seconds = format!("{:.1}", time.as_secs_f64());
    format!("{} s", seconds.strip_suffix(".0").unwrap_or(&seconds))
}

/// For a log line that others can cause: it is said once in ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// Nothing was said yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Said {
            last: None,
            unsaid: 0,
        }))
    }

    const PAUSE: Duration = Duration::from_secs(10);

    /// Whether it may be said now, and how often it was not said since the last time.
    pub(crate) fn again(&self) -> Option<u64> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < Self::PAUSE)
        {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.unsaid))
    }
}

/// A random number, good for jitter and ids, not for secrets.
pub(crate) fn random() -> u64 {
    use std::cell::Cell;
    thread_local!(static STATE: Cell<u64> = Cell::new(seed()));
    // SplitMix64 (Steele, Lea, Flood 2014).
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

fn seed() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low
}

/// A random share in 0.0..1.0.
pub(crate) fn chance() -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are what a double holds"
    )]
    let share = (random() >> 11) as f64 / (1u64 << 53) as f64;
    share
}

pub(crate) fn no_service(subject: &Subject) -> Error {
    Error::new(
        ErrorKind::NoService,
        format!(
            "nobody serves {subject}: no instance is running, or the service has no such method \
             (`aegis services` shows who is there)"
        ),
    )
}

pub(crate) fn no_answer(subject: &Subject) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("no answer on {subject} before the deadline"),
    )
}

pub(crate) fn too_large(size: usize, limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!(
            "a message of {size} bytes is larger than the {limit} bytes this NATS server takes: \
             send less at once, or raise `max_payload` on the server"
        ),
    )
}

pub(crate) fn conflict(bucket: &str, write: &KvWrite) -> Error {
    let key: String = write.key.text().chars().take(80).collect();
    let found = match write.expect {
        Expect::Revision(revision) => format!("is not at revision {revision} any more"),
        Expect::Absent => "has a value already".to_owned(),
        Expect::Any => "is being written by others".to_owned(),
    };
    Error::new(
        ErrorKind::Conflict,
        format!(
            "the key {key:?} of the bucket {bucket} {found}, nothing was written: read it again, \
             and decide anew"
        ),
    )
}

/// A fenced write that came too late.
pub(crate) fn fenced_off(bucket: &str, fence: &KvFence) -> Error {
    let epoch = fence.epoch;
    Error::new(
        ErrorKind::NotActive,
        format!(
            "the fence of the bucket {bucket} is not that of epoch {epoch} any more: a newer \
             leader has taken over, and nothing was written; stop, and leave the work to it"
        ),
    )
}

/// A write has one condition: the server checks no more.
pub(crate) fn check_fence(bucket: &str, write: &KvWrite) -> Result<()> {
    if write.fence.is_none() || write.expect == Expect::Any {
        return Ok(());
    }
    Err(fence_and_condition(bucket))
}

pub(crate) fn fence_and_condition(bucket: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!(
            "a fenced write to the bucket {bucket} has no condition of its own, as NATS checks one \
             only: a leader is the only writer, so let it read, decide, and write with `put`, \
             `delete` or `purge` and `.fenced(..)`"
        ),
    )
}

pub(crate) fn no_bucket(bucket: &str) -> Error {
    Error::new(
        ErrorKind::NoService,
        format!("there is no bucket {bucket} any more: open it again, which makes it"),
    )
}

pub(crate) fn bucket_full(bucket: &str) -> Error {
    Error::new(
        ErrorKind::Overloaded,
        format!(
            "the bucket {bucket} is full, nothing was written: purge what is not needed, or raise \
             its `max_bytes`"
        ),
    )
}

pub(crate) fn value_too_large(bucket: &str, size: usize, limit: u64) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!(
            "a value of {size} bytes is larger than the {limit} bytes that the bucket {bucket} \
             takes: store less, or raise its `max_value`"
        ),
    )
}

/// Whether a bucket that exists gives what is asked for.
pub(crate) fn judge(spec: &BucketSpec, found: &BucketStatus) -> Result<()> {
    let bucket = &spec.name;
    let Differences { serious, harmless } = spec.differences(found);
    if !serious.is_empty() {
        return Err(Error::new(
            ErrorKind::Config,
            format!(
                "the bucket {bucket} exists with other settings: {}; ask for what is there, \
                 change it (`nats stream edit KV_{bucket}`), or remove it and open it anew",
                serious.join(", ")
            ),
        ));
    }
    if !harmless.is_empty() {
        let differences = harmless.join(", ");
        tracing::warn!(bucket, differences, "an existing bucket has other settings");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_for_people() {
        for (millis, text) in [
            (0, "0 ms"),
            (310, "310 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (2540, "2.5 s"),
            (10_000, "10 s"),
            (90_000, "90 s"),
        ] {
            assert_eq!(shown(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn what_others_can_cause_is_said_seldom() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        let said = [0, 1, 9_999, 10_000, 10_001, 30_000];
        let said = said.map(|millis| seldom.at(start + Duration::from_millis(millis)));
        assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
