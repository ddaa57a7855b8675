//! One consumer: an ordered delivery that notices when something is missing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::arrival::{Arrival, Step};
use super::bucket::NatsBucket;
use super::message::delivered;
use crate::error::{Error, Result};
use crate::model::{KvEntry, KvFilter, Pattern, Subject, header};
use crate::port::{Bus, ConnectionState, Message, Outgoing, Subscription};

/// The server says so often that it is there.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// So many heartbeats did not come that it is no accident.
const QUIET: Duration = Duration::from_secs(5);
/// The server forgets a consumer that nobody listened to for so long.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// How long the end of a consumer may take; then the server forgets it by itself.
const REMOVAL: Duration = Duration::from_secs(2);

/// The question how far the bucket is.
const ASK: Duration = Duration::from_secs(5);

/// Says in a heartbeat how far the delivery is.
const LAST_DELIVERED: &str = "Nats-Last-Consumer";
/// Says in a heartbeat how far the server has looked.
const LAST_LOOKED_AT: &str = "Nats-Last-Stream";
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

/// How a session begins.
pub(super) struct Begin {
    pub(super) deliver: Deliver,
    pub(super) pulse: Pulse,
}

/// Why a delivery is of no more use.
#[derive(Debug)]
pub(super) enum Lost {
    /// The connection changed.
    Connection,
    /// Heartbeats are missing: the consumer is gone, or the server.
    Quiet,
    /// Messages are missing.
    Gap,
    /// A question about the bucket was not answered.
    Failed(Error),
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
    bucket: NatsBucket,
    /// `{stream}.{consumer}`
    path: String,
    messages: Subscription,
    connection: watch::Receiver<ConnectionState>,
    /// How many messages have arrived.
    arrived: u64,
    /// Until all that was there at the beginning has arrived.
    arrival: Option<Arrival>,
    filter: KvFilter,
    pulse: Pulse,
    /// Where the server was told last that it may go on: it waits for that.
    told: Option<Subject>,
}

impl Session {
    pub(super) async fn open(
        bucket: &NatsBucket,
        filter: &KvFilter,
        begin: Begin,
        deadline: Instant,
    ) -> Result<Self> {
        let Begin { deliver, pulse } = begin;
        let bus = &bucket.api.bus;
        let name = uuid::Uuid::new_v4().simple().to_string();
        let inbox = format!("{}.kv", bus.inbox_for(&name));
        let mut connection = bus.state();
        connection.mark_unchanged();
        let messages = bus.subscribe(Pattern::trusted(inbox.clone()), None).await?;
        let newest = bucket.newest_of(filter, deadline).await?;
        let (from, in_order) = match deliver {
            Deliver::Latest | Deliver::LatestKeys => (1, false),
            Deliver::All => (1, true),
            Deliver::From(revision) => (revision.max(1), true),
        };
        let session = Self {
            bucket: bucket.clone(),
            path: format!("{}.{name}", bucket.stream()),
            messages,
            connection,
            arrived: 0,
            arrival: (newest >= from).then(|| Arrival::new(newest, in_order)),
            filter: filter.clone(),
            pulse,
            told: None,
        };
        let config = config(&name, &inbox, &bucket.prefix, filter, deliver);
        let body = json!({"stream_name": bucket.stream(), "config": config});
        let what = format!("CONSUMER.CREATE.{}", session.path);
        let created = bucket.api.ask::<Value>(&what, &body, deadline).await?;
        created.map_err(|refusal| bucket.failed(refusal))?;
        session.pulse.beat();
        Ok(session)
    }

    /// Whether all that was there at the beginning has arrived.
    pub(super) fn is_caught_up(&self) -> bool {
        self.arrival.is_none()
    }

    /// The next entry; none when it has caught up without one.
    pub(super) async fn next_or_caught_up(&mut self) -> Result<Option<KvEntry>, Lost> {
        let before = self.is_caught_up();
        loop {
            let quiet = tokio::time::sleep_until(self.pulse.last() + QUIET);
            let denials = &self.bucket.api.bus.watch.denials;
            let refusal = async {
                match &self.told {
                    Some(told) => denials.refusal(told.as_str()).await,
                    None => std::future::pending().await,
                }
            };
            let message = tokio::select! {
                biased;
                error = refusal => return Err(Lost::Failed(error)),
                _ = self.connection.changed() => return Err(Lost::Connection),
                message = self.messages.next() => message.ok_or(Lost::Connection)?,
                () = quiet => return Err(Lost::Quiet),
            };
            self.pulse.beat();
            let entry = self.hear(message).await?;
            if entry.is_some() || self.is_caught_up() != before {
                return Ok(entry);
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<Option<KvEntry>, Lost> {
        if message.headers.get(header::STATUS).is_some() {
            return self.control(message).await.map(|()| None);
        }
        let Some((entry, place)) = delivered(message, &self.bucket.prefix) else {
            return Ok(None);
        };
        if place.number != self.arrived + 1 {
            return Err(Lost::Gap);
        }
        self.arrived = place.number;
        let step = self
            .arrival
            .as_mut()
            .map(|arrival| arrival.take(&entry.key, place));
        self.follow(step.unwrap_or(Step::On)).await?;
        Ok(Some(entry))
    }

    /// Asks until it is known whether more is to come.
    async fn follow(&mut self, mut step: Step) -> Result<(), Lost> {
        let deadline = Instant::now() + ASK;
        while let Some(arrival) = &mut self.arrival {
            step = match step {
                Step::On => return Ok(()),
                Step::Done => {
                    self.arrival = None;
                    return Ok(());
                }
                Step::AskNewest => {
                    let newest = self.bucket.newest_of(&self.filter, deadline).await;
                    arrival.hear_newest(newest.map_err(Lost::Failed)?)
                }
                Step::AskNames => {
                    let names = self.bucket.names_of(&self.filter, deadline).await;
                    let (keys, last) = names.map_err(Lost::Failed)?;
                    arrival.hear_names(keys, last)
                }
            };
        }
        Ok(())
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
        if last.is_some() && stalled.is_none() && message.reply.is_none() {
            let looked = message.headers.get(LAST_LOOKED_AT);
            let looked = looked.and_then(|number| number.parse().ok()).unwrap_or(0);
            self.arrival.take_if(|arrival| arrival.is_idle(looked));
        }
        let stalled = stalled.map(|subject| Subject::trusted(subject.to_owned()));
        if let Some(subject) = message.reply.or(stalled) {
            self.told = Some(subject.clone());
            let answer = self.bucket.api.bus.publish(Outgoing::new(subject, ""));
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
        if self.bucket.api.bus.is_connected() {
            let (api, path) = (self.bucket.api.clone(), std::mem::take(&mut self.path));
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
