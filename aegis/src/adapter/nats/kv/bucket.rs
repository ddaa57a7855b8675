//! The port `KvBucket` on a NATS connection.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Api, Refusal, code, read, refused};
use super::config::{STREAM, StreamInfo};
use super::follow;
use super::message::{OPERATION, Stored, key};
use super::session::{Begin, Deliver, Lost, Pulse, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    BucketStatus, Expect, Headers, KvEntry, KvFilter, KvKey, KvOperation, KvWrite, Subject,
    check_ttl,
};
use crate::observe;
use crate::port::{KvBucket, KvScan, KvWatch, Outgoing, WatchFrom};

const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";
const TTL: &str = "Nats-TTL";
const ROLLUP: &str = "Nats-Rollup";
/// A cluster that has not settled on the last write is asked again so often.
const UNSETTLED_ATTEMPTS: u32 = 20;
/// A creation that meets one mark after the other gives up after so many.
const MARKS: u32 = 10;
/// Between two attempts to list.
const SLOWEST_LISTINGS: Duration = Duration::from_millis(500);

/// One bucket, known by its name: one that is made anew is the same again.
#[derive(Debug, Clone)]
pub(super) struct NatsBucket {
    pub(super) api: Api,
    /// As it was when it was opened.
    pub(super) status: BucketStatus,
    /// `$KV.{name}.`
    pub(super) prefix: String,
}

#[derive(Deserialize)]
struct Acknowledgement {
    seq: u64,
}

impl NatsBucket {
    pub(super) fn new(api: Api, status: BucketStatus) -> Self {
        let prefix = format!("$KV.{}.", status.name);
        Self {
            api,
            status,
            prefix,
        }
    }

    pub(super) fn stream(&self) -> String {
        format!("{STREAM}{}", self.status.name)
    }

    /// The error of a refusal that every operation can meet.
    pub(super) fn failed(&self, refusal: Refusal) -> Error {
        let name = &self.status.name;
        match refusal.err_code {
            code::STREAM_NOT_FOUND => observe::no_bucket(name).because(refusal),
            _ => refused(&format!("the bucket {name} does not answer"), refusal),
        }
    }

    pub(super) async fn info(&self, deadline: Instant) -> Result<StreamInfo> {
        let what = format!("STREAM.INFO.{}", self.stream());
        let info = self.api.ask(&what, &json!({}), deadline).await?;
        info.map_err(|refusal| self.failed(refusal))
    }

    /// All keys that a filter chooses, and the last revision from before.
    pub(super) async fn keys(
        &self,
        filter: &KvFilter,
        deadline: Instant,
    ) -> Result<(HashSet<KvKey>, u64)> {
        let what = format!("STREAM.INFO.{}", self.stream());
        let pattern = match filter.patterns().as_slice() {
            [pattern] => format!("{}{pattern}", self.prefix),
            _ => format!("{}>", self.prefix),
        };
        let (mut keys, mut last, mut offset) = (HashSet::new(), None, 0);
        loop {
            let body = json!({"subjects_filter": pattern, "offset": offset});
            let info = self.api.ask::<StreamInfo>(&what, &body, deadline).await?;
            let info = info.map_err(|refusal| self.failed(refusal))?;
            let last = *last.get_or_insert(info.last_revision());
            let (subjects, total) = info.into_subjects();
            offset += subjects.len() as u64;
            let done = subjects.is_empty() || offset >= total;
            let found = subjects.iter().map(|subject| key(subject, &self.prefix));
            keys.extend(found.filter(|key| filter.matches(key)));
            if done {
                return Ok((keys, last));
            }
        }
    }

    /// Asks the leader of the stream, not a replica that may lag behind.
    async fn get(&self, which: Value, deadline: Instant) -> Result<Option<KvEntry>> {
        let what = format!("STREAM.MSG.GET.{}", self.stream());
        match self.api.ask::<Stored>(&what, &which, deadline).await? {
            Ok(stored) => stored.into_entry(&self.prefix).map(Some),
            Err(refusal) if refusal.err_code == code::MESSAGE_NOT_FOUND => Ok(None),
            Err(refusal) => Err(self.failed(refusal)),
        }
    }

    fn subject(&self, key: &KvKey) -> String {
        format!("{}{}", self.prefix, key.wire())
    }

    async fn newest(&self, key: &KvKey, deadline: Instant) -> Result<Option<KvEntry>> {
        self.get(json!({"last_by_subj": self.subject(key)}), deadline)
            .await
    }

    async fn write_now(&self, write: KvWrite, deadline: Instant) -> Result<u64> {
        self.check(&write)?;
        match write.expect {
            Expect::Any => self.publish(&write, None, deadline).await,
            Expect::Revision(revision) => self.publish(&write, Some(revision), deadline).await,
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
            let error = match self.publish(write, Some(expected), deadline).await {
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

    async fn publish(
        &self,
        write: &KvWrite,
        expected: Option<u64>,
        deadline: Instant,
    ) -> Result<u64> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let message = self.message(write, expected);
            let refusal = match self.send(message, deadline).await? {
                Ok(acknowledgement) => return Ok(acknowledgement.seq),
                Err(refusal) => refusal,
            };
            let pause = Duration::from_millis(10 + observe::random() % 15);
            let again = code::NOT_SETTLED.contains(&refusal.err_code)
                && attempt < UNSETTLED_ATTEMPTS
                && Instant::now() + pause < deadline;
            if !again {
                return Err(self.not_written(write, refusal));
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn message(&self, write: &KvWrite, expected: Option<u64>) -> Outgoing {
        let mut headers = Headers::new();
        if let Some(revision) = expected {
            headers.own(EXPECTED, revision.to_string());
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
        }
        if rollup {
            headers.own(ROLLUP, "sub".to_owned());
        }
        let subject = Subject::trusted(self.subject(&write.key));
        Outgoing::new(subject, write.value.clone()).with_headers(headers)
    }

    async fn send(
        &self,
        message: Outgoing,
        deadline: Instant,
    ) -> super::api::Asked<Acknowledgement> {
        let sent = self.api.request(message, deadline).await;
        let answer = sent.map_err(|error| match error.kind() {
            // No stream listens on the subjects of this bucket.
            ErrorKind::NoService => observe::no_bucket(&self.status.name),
            _ => error,
        })?;
        read(&answer)
    }

    fn not_written(&self, write: &KvWrite, refusal: Refusal) -> Error {
        let name = &self.status.name;
        let full =
            refusal.err_code == code::STORE_FAILED && refusal.description.contains("maximum");
        let error = match refusal.err_code {
            code::WRONG_LAST_SEQUENCE => observe::conflict(name, write),
            settled if code::NOT_SETTLED.contains(&settled) => observe::conflict(name, write),
            code::MESSAGE_TOO_LARGE => {
                let limit = self.status.max_value.unwrap_or_default();
                observe::value_too_large(name, write.value.len(), limit.into())
            }
            ttl if code::TTL.contains(&ttl) => Error::new(
                ErrorKind::Config,
                format!("the bucket {name} does not take this time to live"),
            ),
            _ if full => observe::bucket_full(name),
            _ => return self.failed(refusal),
        };
        error.because(refusal)
    }

    async fn list(
        &self,
        filter: KvFilter,
        scan: KvScan,
        deadline: Instant,
    ) -> Result<Vec<KvEntry>> {
        let deliver = match scan {
            KvScan::Keys => Deliver::LatestKeys,
            KvScan::Latest => Deliver::Latest,
            KvScan::History => Deliver::All,
        };
        // What one delivery lost, the next one brings.
        let mut pause = Duration::from_millis(10);
        loop {
            let begin = Begin {
                deliver,
                before: self.info(deadline).await?.last_revision(),
                pulse: Pulse::new(),
            };
            let mut session = Session::open(self, &filter, begin, deadline).await?;
            let listed = tokio::time::timeout_at(deadline, everything(&mut session, &filter)).await;
            match listed {
                Ok(Ok(entries)) if scan == KvScan::History => return Ok(entries),
                Ok(Ok(entries)) => return Ok(newest(entries)),
                Ok(Err(Lost::Gap | Lost::Quiet)) => {}
                Ok(Err(Lost::Failed(error))) if error.kind() == ErrorKind::Timeout => {}
                Ok(Err(Lost::Failed(error))) => return Err(error),
                Ok(Err(Lost::Connection)) => {
                    let text = "the connection to NATS was lost during a listing: ask again";
                    return Err(Error::new(ErrorKind::Disconnected, text));
                }
                Err(_) => return Err(too_slow()),
            }
            drop(session);
            if tokio::time::timeout_at(deadline, tokio::time::sleep(pause))
                .await
                .is_err()
            {
                return Err(too_slow());
            }
            pause = (pause * 2).min(SLOWEST_LISTINGS);
        }
    }
}

/// All that a session brings until nothing is missing.
async fn everything(session: &mut Session, filter: &KvFilter) -> Result<Vec<KvEntry>, Lost> {
    let mut entries = Vec::new();
    while !session.is_caught_up() {
        let entry = session.next_or_caught_up().await?;
        entries.extend(entry.filter(|entry| filter.matches(&entry.key)));
    }
    Ok(entries)
}

/// The newest entry of each key: one that is rewritten during a delivery may be delivered again.
fn newest(mut entries: Vec<KvEntry>) -> Vec<KvEntry> {
    let mut seen = HashSet::new();
    entries.reverse();
    entries.retain(|entry| seen.insert(entry.key.clone()));
    entries.reverse();
    entries
}

fn too_slow() -> Error {
    let text =
        "the listing did not end before its deadline: choose fewer keys, or give it more time";
    Error::new(ErrorKind::Timeout, text)
}

impl KvBucket for NatsBucket {
    fn name(&self) -> &str {
        &self.status.name
    }

    fn latest<'a>(
        &'a self,
        key: &'a KvKey,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<KvEntry>>> {
        self.newest(key, deadline).boxed()
    }

    fn revision<'a>(
        &'a self,
        key: &'a KvKey,
        revision: u64,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<KvEntry>>> {
        async move {
            if revision == 0 {
                return Ok(None);
            }
            let found = self.get(json!({"seq": revision}), deadline).await?;
            Ok(found.filter(|entry| entry.key == *key))
        }
        .boxed()
    }

    fn write(&self, write: KvWrite, deadline: Instant) -> BoxFuture<'_, Result<u64>> {
        self.write_now(write, deadline).boxed()
    }

    fn scan(
        &self,
        filter: KvFilter,
        scan: KvScan,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>>> {
        self.list(filter, scan, deadline).boxed()
    }

    fn status(&self, deadline: Instant) -> BoxFuture<'_, Result<BucketStatus>> {
        async move { self.info(deadline).await?.status() }.boxed()
    }

    fn watch(
        &self,
        filter: KvFilter,
        from: WatchFrom,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<KvWatch>> {
        follow::start(self.clone(), filter, from, deadline).boxed()
    }
}
