//! The errors that every adapter words alike.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BucketSpec, BucketStatus, Differences, Expect, KvFence, KvWrite, Subject};

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
