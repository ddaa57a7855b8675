//! One consumer: an ordered delivery that notices when something is missing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::api::Api;
use super::bucket::NatsBucket;
use super::message::{Place, delivered};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{KvEntry, KvFilter, Pattern, Subject, header};
use crate::port::{Bus, ConnectionState, Message, Outgoing, Subscription};

/// The server says so often that it is there.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Two heartbeats that did not come.
const QUIET: Duration = Duration::from_secs(5);
/// The server forgets a consumer that nobody listened to for so long.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// How long the end of a consumer may take; then the server forgets it by itself.
const REMOVAL: Duration = Duration::from_secs(2);

/// Says in a heartbeat how far the delivery is.
const LAST_DELIVERED: &str = "Nats-Last-Consumer";
/// Says in a heartbeat that the server waits for this subject.
const STALLED: &str = "Nats-Consumer-Stalled";

/// What a consumer begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deliver {
    /// The newest revision of each key.
    Latest,
    /// The same without values.
    LatestKeys,
    /// Everything that is kept.
    All,
    /// This revision, and what follows.
    From(u64),
}

/// Why a delivery is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The connection changed.
    Connection,
    /// Heartbeats are missing: the consumer is gone, or the server.
    Quiet,
    /// Messages are missing.
    Gap,
}

/// When the server was heard last; shared with who wants to know.
#[derive(Debug, Clone)]
pub(super) struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(super) fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

pub(super) struct Session {
    api: Api,
    /// `{stream}.{consumer}`
    path: String,
    prefix: String,
    messages: Subscription,
    connection: watch::Receiver<ConnectionState>,
    /// How many messages have arrived.
    arrived: u64,
    /// How many there were to deliver at the beginning.
    initial: u64,
    caught_up: bool,
    pulse: Pulse,
}

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    num_pending: u64,
}

enum Heard {
    Entry(Box<KvEntry>),
    Nothing,
}

impl Session {
    pub(super) async fn open(
        bucket: &NatsBucket,
        filter: &KvFilter,
        deliver: Deliver,
        pulse: Pulse,
        deadline: Instant,
    ) -> Result<Self> {
        let bus = &bucket.api.bus;
        let name = uuid::Uuid::new_v4().simple().to_string();
        // A subject of our own, beside those on which answers come in.
        let inbox = format!("{}.kv", bus.reply_to(&bus.new_call()));
        let mut connection = bus.state();
        connection.mark_unchanged();
        let messages = bus.subscribe(Pattern::trusted(inbox.clone()), None).await?;
        let mut session = Self {
            api: bucket.api.clone(),
            path: format!("{}.{name}", bucket.stream()),
            prefix: bucket.prefix.clone(),
            messages,
            connection,
            arrived: 0,
            initial: 0,
            caught_up: false,
            pulse,
        };
        let config = config(&name, &inbox, &bucket.prefix, filter, deliver);
        let body = json!({"stream_name": bucket.stream(), "config": config});
        let what = format!("CONSUMER.CREATE.{}", session.path);
        let created: Created = match session.api.ask(&what, &body, deadline).await? {
            Ok(created) => created,
            Err(refusal) => return Err(bucket.failed(refusal)),
        };
        session.initial = created.num_pending;
        session.caught_up = session.initial == 0;
        session.pulse.beat();
        Ok(session)
    }

    /// Whether all that was there at the beginning has arrived.
    pub(super) fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// The next entry.
    pub(super) async fn next(&mut self) -> Result<KvEntry, Lost> {
        loop {
            let quiet = tokio::time::sleep_until(self.pulse.last() + QUIET);
            let message = tokio::select! {
                biased;
                _ = self.connection.changed() => return Err(Lost::Connection),
                message = self.messages.next() => message.ok_or(Lost::Connection)?,
                () = quiet => return Err(Lost::Quiet),
            };
            self.pulse.beat();
            if let Heard::Entry(entry) = self.hear(message).await? {
                return Ok(*entry);
            }
        }
    }

    /// The next entry, for a listing.
    pub(super) async fn next_until(&mut self, deadline: Instant) -> Result<KvEntry> {
        match tokio::time::timeout_at(deadline, self.next()).await {
            Ok(Ok(entry)) => Ok(entry),
            Ok(Err(Lost::Connection)) => Err(Error::new(
                ErrorKind::Disconnected,
                "the connection to NATS was lost during a listing: ask again",
            )),
            _ => Err(Error::new(
                ErrorKind::Timeout,
                "the listing did not end before its deadline: choose fewer keys, or give it more \
                 time",
            )),
        }
    }

    async fn hear(&mut self, message: Message) -> Result<Heard, Lost> {
        if message.headers.get(header::STATUS).is_some() {
            return self.control(message).await.map(|()| Heard::Nothing);
        }
        let Some((entry, place)) = delivered(message, &self.prefix) else {
            return Ok(Heard::Nothing);
        };
        let Place {
            number, pending, ..
        } = place;
        if number != self.arrived + 1 {
            return Err(Lost::Gap);
        }
        self.arrived = number;
        self.caught_up |= pending == 0 || number >= self.initial;
        Ok(Heard::Entry(Box::new(entry)))
    }

    /// A heartbeat, or a question whether we can take more. The answer goes out only now, when
    /// everything before it has been taken: so a slow reader slows the server down.
    async fn control(&mut self, message: Message) -> Result<(), Lost> {
        let last = message.headers.get(LAST_DELIVERED);
        let last = last.and_then(|number| number.parse::<u64>().ok());
        if last.is_some_and(|last| last != self.arrived) {
            return Err(Lost::Gap);
        }
        let stalled = message.headers.get(STALLED);
        let stalled = stalled.map(|subject| Subject::trusted(subject.to_owned()));
        if let Some(subject) = message.reply.or(stalled) {
            let answer = self.api.bus.publish(Outgoing::new(subject, ""));
            answer.await.map_err(|_| Lost::Connection)?;
        }
        Ok(())
    }
}

impl Drop for Session {
    /// Removes the consumer; the server would do so by itself a little later.
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.api.bus.is_connected() {
            let (api, path) = (self.api.clone(), std::mem::take(&mut self.path));
            runtime.spawn(async move {
                let what = format!("CONSUMER.DELETE.{path}");
                let deadline = Instant::now() + REMOVAL;
                if let Err(error) = api.ask::<Value>(&what, &json!({}), deadline).await {
                    tracing::debug!(%error, "a consumer is left for the server to forget");
                }
            });
        }
    }
}

fn config(name: &str, inbox: &str, prefix: &str, filter: &KvFilter, deliver: Deliver) -> Value {
    let patterns = filter.patterns();
    let subjects = patterns.iter().map(|pattern| format!("{prefix}{pattern}"));
    let (policy, start) = match deliver {
        Deliver::Latest | Deliver::LatestKeys => ("last_per_subject", None),
        Deliver::All => ("all", None),
        // The first revision is 1.
        Deliver::From(revision) => ("by_start_sequence", Some(revision.max(1))),
    };
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut config = json!({
        "name": name,
        "description": "aegis",
        "deliver_subject": inbox,
        "deliver_policy": policy,
        "filter_subjects": subjects.collect::<Vec<_>>(),
        "ack_policy": "none",
        "replay_policy": "instant",
        "max_deliver": 1,
        "flow_control": true,
        "idle_heartbeat": nanoseconds(HEARTBEAT),
        "inactive_threshold": nanoseconds(FORGOTTEN),
        "mem_storage": true,
        "num_replicas": 1,
        "headers_only": deliver == Deliver::LatestKeys,
    });
    if let Some(start) = start {
        config["opt_start_seq"] = json!(start);
    }
    config
}
