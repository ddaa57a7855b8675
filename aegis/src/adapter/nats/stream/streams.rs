//! The port `Streams` on a NATS connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::{BoxFuture, FutureExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::api::{Api, code, refused};
use super::super::bus::NatsBus;
use super::super::stored::Fetched;
use super::config::StreamInfo;
use super::failure;
use super::settle::NatsSettle;
use crate::error::Result;
use crate::model::{
    ConsumerSpec, ConsumerStatus, Pattern, ServerVersion, Stored, StoredMessage, StreamMessage,
    StreamSpec, StreamStatus, Subject,
};
use crate::port::{Consumer, StreamFeatures, Streams, Wanted};

/// The streams that one connection leads to.
#[derive(Debug)]
pub(crate) struct NatsStreams {
    pub(super) api: Api,
    pub(super) settles: Arc<NatsSettle>,
    /// What level of the interface the server named; one more, as 0 is "not asked yet".
    level: AtomicU32,
}

/// The level that has batches and schedules.
const BATCHES_AND_SCHEDULES: u32 = 2;

/// What JetStream tells of an account.
#[derive(Deserialize)]
struct AccountInfo {
    #[serde(default)]
    api: ApiInfo,
}

#[derive(Default, Deserialize)]
struct ApiInfo {
    /// From NATS 2.11 on.
    #[serde(default)]
    level: u32,
}

impl NatsStreams {
    pub(crate) fn new(bus: Arc<NatsBus>) -> Self {
        Self {
            settles: Arc::new(NatsSettle::new(bus.clone())),
            api: Api { bus },
            level: AtomicU32::new(0),
        }
    }

    pub(super) async fn info(&self, stream: &str, deadline: Instant) -> Result<Option<StreamInfo>> {
        StreamSpec::check_name(stream)?;
        let what = format!("STREAM.INFO.{stream}");
        match self.api.ask(&what, &json!({}), deadline).await? {
            Ok(info) => Ok(Some(info)),
            Err(refusal) if refusal.err_code == code::STREAM_NOT_FOUND => Ok(None),
            Err(refusal) => Err(failure::of_stream(stream, refusal)),
        }
    }

    /// Asks the leader of the stream, not a replica that may lag behind.
    pub(super) async fn get(
        &self,
        stream: &str,
        which: Value,
        deadline: Instant,
    ) -> Result<Option<StoredMessage>> {
        StreamSpec::check_name(stream)?;
        let what = format!("STREAM.MSG.GET.{stream}");
        match self.api.ask::<Fetched>(&what, &which, deadline).await? {
            Ok(found) => found.message().map(Some),
            Err(refusal) if refusal.err_code == code::MESSAGE_NOT_FOUND => Ok(None),
            Err(refusal) => Err(failure::of_stream(stream, refusal)),
        }
    }

    async fn list_subjects(
        &self,
        stream: &str,
        pattern: &Pattern,
        deadline: Instant,
    ) -> Result<BTreeMap<String, u64>> {
        StreamSpec::check_name(stream)?;
        let what = format!("STREAM.INFO.{stream}");
        let (mut all, mut offset) = (BTreeMap::new(), 0);
        loop {
            let body = json!({"subjects_filter": pattern.as_str(), "offset": offset});
            let info = self.api.ask::<StreamInfo>(&what, &body, deadline).await?;
            let info = info.map_err(|refusal| failure::of_stream(stream, refusal))?;
            let (subjects, total) = info.into_subjects();
            offset += subjects.len() as u64;
            let done = subjects.is_empty() || offset >= total;
            all.extend(subjects);
            if done {
                return Ok(all);
            }
        }
    }

    async fn probe_now(&self, deadline: Instant) -> Result<StreamFeatures> {
        let nothing = json!({});
        let info = self.api.ask::<AccountInfo>("INFO", &nothing, deadline);
        let info = info
            .await?
            .map_err(|refusal| refused("JetStream does not tell what it can do", refusal))?;
        let level = info.api.level.saturating_add(1);
        self.level.store(level, Ordering::Relaxed);
        Ok(self.known())
    }

    /// Needs both the version and, once it was asked for, the level that belongs to it: a cluster
    /// may be half upgraded.
    pub(super) fn known(&self) -> StreamFeatures {
        let version = self.api.bus.server_version();
        let has = |needed| version.is_some_and(|version| version >= needed);
        let asked = self.level.load(Ordering::Relaxed).checked_sub(1);
        let is_level = asked.is_none_or(|level| level >= BATCHES_AND_SCHEDULES);
        let newer = has(ServerVersion::ATOMIC_BATCHES) && is_level;
        StreamFeatures {
            fenced_writes: has(ServerVersion::FENCED_WRITES),
            atomic_batches: newer,
            schedules: newer,
        }
    }

    async fn remove_now(&self, stream: &str, deadline: Instant) -> Result<bool> {
        StreamSpec::check_name(stream)?;
        let what = format!("STREAM.DELETE.{stream}");
        match self.api.ask::<Value>(&what, &json!({}), deadline).await? {
            Ok(_) => Ok(true),
            Err(refusal) if refusal.err_code == code::STREAM_NOT_FOUND => Ok(false),
            Err(refusal) => Err(failure::of_stream(stream, refusal)),
        }
    }

    async fn delete_now(&self, stream: &str, sequence: u64, deadline: Instant) -> Result<bool> {
        StreamSpec::check_name(stream)?;
        if sequence == 0 {
            return Ok(false);
        }
        let what = format!("STREAM.MSG.DELETE.{stream}");
        let body = json!({"seq": sequence});
        match self.api.ask::<Value>(&what, &body, deadline).await? {
            Ok(_) => Ok(true),
            Err(refusal) if code::NO_SUCH_SEQUENCE.contains(&refusal.err_code) => {
                // One of the two numbers says only that it failed: look whether it is there.
                match self.get(stream, body, deadline).await? {
                    Some(_) => Err(failure::of_stream(stream, refusal)),
                    None => Ok(false),
                }
            }
            Err(refusal) => Err(failure::of_stream(stream, refusal)),
        }
    }
}

impl Streams for NatsStreams {
    fn probe(&self, deadline: Instant) -> BoxFuture<'_, Result<StreamFeatures>> {
        self.probe_now(deadline).boxed()
    }

    fn ensure(&self, spec: StreamSpec, deadline: Instant) -> BoxFuture<'_, Result<StreamStatus>> {
        self.ensure_now(spec, deadline).boxed()
    }

    fn status<'a>(
        &'a self,
        stream: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<StreamStatus>>> {
        async move {
            let info = self.info(stream, deadline).await?;
            info.map(|info| info.status()).transpose()
        }
        .boxed()
    }

    fn remove<'a>(&'a self, stream: &'a str, deadline: Instant) -> BoxFuture<'a, Result<bool>> {
        self.remove_now(stream, deadline).boxed()
    }

    fn store(&self, message: StreamMessage, deadline: Instant) -> BoxFuture<'_, Result<Stored>> {
        self.store_now(message, deadline)
    }

    fn message<'a>(
        &'a self,
        stream: &'a str,
        sequence: u64,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>> {
        // The server takes 0 for a bad question; the answer is that of any number that is not there.
        let which = json!({"seq": if sequence == 0 { u64::MAX } else { sequence }});
        self.get(stream, which, deadline).boxed()
    }

    fn last<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a Subject,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>> {
        let which = json!({"last_by_subj": subject.as_str()});
        self.get(stream, which, deadline).boxed()
    }

    fn first<'a>(
        &'a self,
        stream: &'a str,
        pattern: &'a Pattern,
        from: u64,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>> {
        let which = json!({"seq": from.max(1), "next_by_subj": pattern.as_str()});
        self.get(stream, which, deadline).boxed()
    }

    fn delete<'a>(
        &'a self,
        stream: &'a str,
        sequence: u64,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<bool>> {
        self.delete_now(stream, sequence, deadline).boxed()
    }

    fn subjects<'a>(
        &'a self,
        stream: &'a str,
        pattern: &'a Pattern,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<BTreeMap<String, u64>>> {
        self.list_subjects(stream, pattern, deadline).boxed()
    }

    fn consumer<'a>(
        &'a self,
        stream: &'a str,
        spec: ConsumerSpec,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Arc<dyn Consumer>>> {
        self.durable(stream, spec, deadline).boxed()
    }

    fn consumers<'a>(
        &'a self,
        stream: &'a str,
        wanted: Wanted<'a>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Vec<ConsumerStatus>>> {
        self.list_consumers(stream, wanted, deadline).boxed()
    }

    fn remove_consumer<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<bool>> {
        self.forget(stream, consumer, deadline).boxed()
    }

    fn features(&self) -> StreamFeatures {
        self.known()
    }
}
