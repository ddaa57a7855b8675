//! Writes: one request, with at most one condition, which the server checks in the same step.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::super::api::{Asked, Refusal, code, read};
use super::bucket::NatsBucket;
use super::message::{EPOCH, FENCE, OPERATION};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Expect, Headers, KvFence, KvOperation, KvWrite, Subject, check_ttl};
use crate::observe;
use crate::port::Outgoing;

const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";
/// Of which subject, if it is not that of the message.
const EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";
const TTL: &str = "Nats-TTL";
const ROLLUP: &str = "Nats-Rollup";
/// A cluster that has not settled on the last write is asked again so often.
const UNSETTLED_ATTEMPTS: u32 = 20;
/// A creation that meets one mark after the other gives up after so many.
const MARKS: u32 = 10;

/// What the server checks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition<'a> {
    None,
    /// The key is at this revision; 0 if it has none.
    Revision(u64),
    /// The fence is.
    Fence(&'a KvFence),
}

impl Condition<'_> {
    fn is_fence(self) -> bool {
        matches!(self, Self::Fence(_))
    }
}

#[derive(Deserialize)]
struct Acknowledgement {
    seq: u64,
}

impl NatsBucket {
    pub(super) async fn write_now(&self, write: KvWrite, deadline: Instant) -> Result<u64> {
        self.check(&write)?;
        if let Some(fence) = &write.fence {
            return self.write_fenced(&write, fence, deadline).await;
        }
        match write.expect {
            Expect::Any => self.publish(&write, Condition::None, deadline).await,
            Expect::Revision(revision) => {
                let condition = Condition::Revision(revision);
                self.publish(&write, condition, deadline).await
            }
            Expect::Absent => self.create(&write, deadline).await,
        }
    }

    fn check(&self, write: &KvWrite) -> Result<()> {
        let size = write.value.len();
        if let Some(limit) = self.status.max_value
            && size as u64 > u64::from(limit)
        {
            return Err(observe::value_too_large(
                &self.status.name,
                size,
                limit.into(),
            ));
        }
        observe::check_fence(&self.status.name, write)?;
        if write.key.is_reserved() && self.status.ttl.is_some() && !self.status.key_ttl {
            return Err(self.fence_would_expire());
        }
        let Some(ttl) = write.ttl else { return Ok(()) };
        check_ttl(ttl)?;
        if self.status.key_ttl {
            return Ok(());
        }
        // A server that does not know the header would keep the value for ever, silently.
        Err(Error::new(
            ErrorKind::Config,
            format!(
                "the bucket {} has no time to live per key: it takes NATS 2.11.2 or later, and a \
                 bucket made there (or `nats stream edit {} --allow-msg-ttl`)",
                self.status.name,
                self.stream()
            ),
        ))
    }

    /// Writes where no value is. The server wants the revision of a mark that is there.
    async fn create(&self, write: &KvWrite, deadline: Instant) -> Result<u64> {
        let mut expected = 0;
        for _ in 0..MARKS {
            let error = match self
                .publish(write, Condition::Revision(expected), deadline)
                .await
            {
                Err(error) if error.kind() == ErrorKind::Conflict => error,
                written => return written,
            };
            expected = match self.newest(&write.key, deadline).await? {
                Some(entry) if entry.is_value() => return Err(error),
                Some(mark) => mark.revision,
                None => 0,
            };
        }
        Err(observe::conflict(&self.status.name, write))
    }

    /// Sends a write until a cluster has settled what came before it.
    pub(super) async fn publish(
        &self,
        write: &KvWrite,
        condition: Condition<'_>,
        deadline: Instant,
    ) -> Result<u64> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let message = self.message(write, condition);
            let refusal = match self.send(message, deadline).await? {
                Ok(acknowledgement) => return Ok(acknowledgement.seq),
                Err(refusal) => refusal,
            };
            let pause = Duration::from_millis(10 + observe::random() % 15);
            // Writes under one fence wait for one another, whatever their keys.
            let patient = condition.is_fence() || attempt < UNSETTLED_ATTEMPTS;
            let again = code::NOT_SETTLED.contains(&refusal.err_code)
                && patient
                && Instant::now() + pause < deadline;
            if !again {
                return Err(self.not_written(write, condition, refusal));
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn message(&self, write: &KvWrite, condition: Condition<'_>) -> Outgoing {
        let mut headers = Headers::new();
        match condition {
            Condition::None => {}
            Condition::Revision(revision) => headers.own(EXPECTED, revision.to_string()),
            Condition::Fence(fence) => {
                headers.own(EXPECTED, fence.revision.to_string());
                headers.own(EXPECTED_SUBJECT, self.subject(&fence.key));
            }
        }
        if let Some(fence) = &write.fence {
            headers.own(EPOCH, fence.epoch.to_string());
            headers.own(FENCE, fence.key.wire().to_owned());
        }
        let mut rollup = false;
        match write.operation {
            KvOperation::Put => {}
            KvOperation::Purge => {
                headers.own(OPERATION, "PURGE".to_owned());
                rollup = true;
            }
            _ => headers.own(OPERATION, "DEL".to_owned()),
        }
        if let Some(seconds) = write.ttl_seconds() {
            headers.own(TTL, format!("{seconds}s"));
            // No older value may come back when this one expires.
            rollup |= self.status.history > 1;
        } else if write.key.is_reserved() && self.status.ttl.is_some() {
            headers.own(TTL, "never".to_owned());
        }
        if rollup {
            headers.own(ROLLUP, "sub".to_owned());
        }
        let subject = Subject::trusted(self.subject(&write.key));
        Outgoing::new(subject, write.value.clone()).with_headers(headers)
    }

    async fn send(&self, message: Outgoing, deadline: Instant) -> Asked<Acknowledgement> {
        let sent = self.api.request(message, deadline).await;
        let answer = sent.map_err(|error| match error.kind() {
            // No stream listens on the subjects of this bucket.
            ErrorKind::NoService => observe::no_bucket(&self.status.name),
            _ => error,
        })?;
        read(&answer)
    }

    fn not_written(&self, write: &KvWrite, condition: Condition<'_>, refusal: Refusal) -> Error {
        let name = &self.status.name;
        let full =
            refusal.err_code == code::STORE_FAILED && refusal.description.contains("maximum");
        let unsettled = code::NOT_SETTLED.contains(&refusal.err_code);
        let error = match (refusal.err_code, condition) {
            (code::WRONG_LAST_SEQUENCE, Condition::Fence(fence)) => {
                observe::fenced_off(name, fence)
            }
            (_, Condition::Fence(_)) if unsettled => Error::new(
                ErrorKind::Overloaded,
                format!(
                    "the cluster has not settled earlier writes under this fence to the bucket \
                     {name}, nothing was written: send fewer at once, or give it more time"
                ),
            ),
            (code::WRONG_LAST_SEQUENCE, _) => observe::conflict(name, write),
            _ if unsettled => observe::conflict(name, write),
            (code::MESSAGE_TOO_LARGE, _) => {
                let limit = self.status.max_value.unwrap_or_default();
                observe::value_too_large(name, write.value.len(), limit.into())
            }
            (ttl, _) if code::TTL.contains(&ttl) => Error::new(
                ErrorKind::Config,
                format!("the bucket {name} does not take this time to live"),
            ),
            _ if full => observe::bucket_full(name),
            _ => return self.failed(refusal),
        };
        error.because(refusal)
    }

    fn fence_would_expire(&self) -> Error {
        Error::new(
            ErrorKind::Config,
            format!(
                "every value of the bucket {} expires, and so would its fences, which then guard \
                 nothing: it takes NATS 2.11.2 or later, and a bucket made there, or one without \
                 `ttl`",
                self.status.name
            ),
        )
    }
}
