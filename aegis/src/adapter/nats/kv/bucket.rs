//! The port `KvBucket` on a NATS connection.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::api::{Api, Refusal, code, refused};
use super::super::stored;
use super::config::{STREAM, StreamInfo};
use super::follow;
use super::message::{Fetched, fetched, key};
use super::session::{Begin, Deliver, Lost, Pulse, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{BucketStatus, KvEntry, KvFilter, KvKey, KvWrite};
use crate::observe;
use crate::port::{KvBucket, KvScan, KvWatch, WatchFrom};

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

    /// The names of all keys that a filter chooses, and the last revision from before.
    pub(super) async fn names_of(
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

    /// The newest revision of all keys that a filter chooses; 0 if there is none.
    pub(super) async fn newest_of(&self, filter: &KvFilter, deadline: Instant) -> Result<u64> {
        let mut newest = 0;
        for pattern in filter.patterns() {
            let which = json!({"last_by_subj": format!("{}{pattern}", self.prefix)});
            let found = self.get(which, deadline).await?;
            newest = newest.max(found.map_or(0, |found| found.entry.revision));
        }
        Ok(newest)
    }

    /// Asks the leader of the stream, not a replica that may lag behind.
    async fn get(&self, which: Value, deadline: Instant) -> Result<Option<Fetched>> {
        let what = format!("STREAM.MSG.GET.{}", self.stream());
        match self
            .api
            .ask::<stored::Fetched>(&what, &which, deadline)
            .await?
        {
            Ok(found) => Ok(Some(fetched(found.message()?, &self.prefix))),
            Err(refusal) if refusal.err_code == code::MESSAGE_NOT_FOUND => Ok(None),
            Err(refusal) => Err(self.failed(refusal)),
        }
    }

    pub(super) fn subject(&self, key: &KvKey) -> String {
        format!("{}{}", self.prefix, key.wire())
    }

    /// The newest revision of a key, with the fence that it was written under.
    pub(super) async fn fetch(&self, key: &KvKey, deadline: Instant) -> Result<Option<Fetched>> {
        let which = json!({"last_by_subj": self.subject(key)});
        self.get(which, deadline).await
    }

    pub(super) async fn newest(&self, key: &KvKey, deadline: Instant) -> Result<Option<KvEntry>> {
        let found = self.fetch(key, deadline).await?;
        Ok(found.map(|fetched| fetched.entry))
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
            let found = found.map(|fetched| fetched.entry);
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
