//! Calls at a constant rate, whatever becomes of those before, and probes that wait for nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis::port::{Bus, Outgoing};
use aegis::{Client, Config, ErrorKind, RetryPolicy, Subject};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::journal::{Ended, Found, Journal, Probed};
use super::service::CounterClient;

/// Between two probes.
const PROBES: Duration = Duration::from_millis(10);
/// A probe without an answer is given up after this.
const PROBE_WITHIN: Duration = Duration::from_millis(250);
/// Between two looks at the clock.
const BEAT: Duration = Duration::from_millis(5);
/// How often a call is tried; each attempt may take its share of the time.
const ATTEMPTS: u32 = 4;

/// What is called.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// The own counter.
    Counter,
    /// A method of another service.
    Method { service: String, method: String },
}

/// How it is called.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) what: What,
    /// Where the probes go.
    pub(super) probe: Subject,
    pub(super) rate: u32,
    pub(super) clients: u32,
    pub(super) within: Duration,
}

/// Everything that calls. Dropping it ends it.
pub(super) struct Running {
    tasks: JoinSet<()>,
    end: watch::Sender<bool>,
    within: Duration,
}

impl Load {
    /// Connects and begins.
    pub(super) async fn start(
        &self,
        config: &Config,
        journal: &Arc<Journal>,
    ) -> anyhow::Result<Running> {
        let (mut tasks, end) = (JoinSet::new(), watch::Sender::new(false));
        let interval = Duration::from_secs(1) * self.clients / self.rate;
        for number in 0..self.clients {
            let caller = Caller {
                number,
                client: Client::connect(config.clone()).await?,
                load: self.clone(),
                journal: journal.clone(),
            };
            // They take turns.
            let first = interval * number / self.clients;
            tasks.spawn(caller.run(first, interval, end.subscribe()));
        }
        let bus = aegis::testing::bus(config).await?;
        let probes = probe(bus, self.probe.clone(), journal.clone(), end.subscribe());
        tasks.spawn(probes);
        tasks.spawn(watch_clock(journal.clone(), end.subscribe()));
        Ok(Running {
            tasks,
            end,
            within: self.within,
        })
    }

    /// So many calls of one client may be on their way.
    fn most(&self) -> usize {
        let each = f64::from(self.rate) / f64::from(self.clients) * self.within.as_secs_f64();
        // At most 1000 a second for a few minutes.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive and small"
        )]
        let each = each as usize;
        each + 16
    }
}

impl Running {
    /// Makes no more calls, and waits for those on their way.
    pub(super) async fn end(mut self) {
        let _ = self.end.send(true);
        let done = async { while self.tasks.join_next().await.is_some() {} };
        // Every call ends within its time; what does not is dropped.
        let _ = tokio::time::timeout(self.within + Duration::from_secs(2), done).await;
    }
}

struct Caller {
    number: u32,
    client: Client,
    load: Load,
    journal: Arc<Journal>,
}

impl Caller {
    async fn run(self, first: Duration, interval: Duration, mut end: watch::Receiver<bool>) {
        let caller = Arc::new(self);
        let mut calls = JoinSet::new();
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, interval);
        // Open loop: what was due while this was late is made up for.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut number = 0;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = end.wait_for(|end| *end) => break,
            }
            while calls.try_join_next().is_some() {}
            if calls.len() >= caller.load.most() {
                caller.journal.not_sent();
            } else {
                calls.spawn(caller.clone().call(number));
                number += 1;
            }
        }
        while calls.join_next().await.is_some() {}
        let _ = caller.client.close().await;
    }

    async fn call(self: Arc<Self>, number: u64) {
        let (call, sent) = ((self.number, number), Instant::now());
        self.journal.begun(call, sent);
        let failed = match &self.load.what {
            What::Counter => self.add(number, sent).await,
            What::Method { service, method } => {
                let call = self.client.call(service, method, &json!({}));
                let call = call.exclusive().within(self.load.within);
                let called = call.returning::<Value>().await;
                called.err().map(|error| error.to_string())
            }
        };
        let at = Instant::now();
        self.journal.ended(Ended {
            call,
            sent,
            at,
            failed,
        });
    }

    async fn add(&self, number: u64, sent: Instant) -> Option<String> {
        let policy = RetryPolicy::default()
            .max_attempts(ATTEMPTS)
            .initial_delay(Duration::from_millis(10));
        let call = CounterClient::new(&self.client).add(self.number, number);
        match call.within(self.load.within).retry(policy).await {
            Ok(added) => {
                self.journal.answered(added.epoch, sent, Instant::now());
                self.journal.acknowledged(self.number, number, added.value);
                None
            }
            Err(error) => Some(error.to_string()),
        }
    }
}

/// Asks again and again, without waiting for anybody: the gap as it is.
async fn probe(
    bus: Arc<dyn Bus>,
    subject: Subject,
    journal: Arc<Journal>,
    mut end: watch::Receiver<bool>,
) {
    let mut probes = JoinSet::new();
    let mut ticks = tokio::time::interval(PROBES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let most = usize::try_from(PROBE_WITHIN.as_millis() / PROBES.as_millis()).unwrap_or(25) + 2;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = end.wait_for(|end| *end) => break,
        }
        while probes.try_join_next().is_some() {}
        if probes.len() >= most {
            continue;
        }
        let (bus, subject, journal) = (bus.clone(), subject.clone(), journal.clone());
        probes.spawn(async move {
            let sent = Instant::now();
            let found = ask(&*bus, subject).await;
            if let Found::Leader(epoch) = found {
                journal.answered(epoch, sent, Instant::now());
            }
            journal.probed(Probed { sent, found });
        });
    }
    while probes.join_next().await.is_some() {}
    let _ = bus.close().await;
}

async fn ask(bus: &dyn Bus, subject: Subject) -> Found {
    let deadline = tokio::time::Instant::now() + PROBE_WITHIN;
    let call = bus.new_call();
    let question = Outgoing::new(subject, "{}");
    match bus.request(question, &call, deadline).await {
        Ok(answer) => {
            let not_active = answer
                .headers
                .get("Nats-Service-Error")
                .is_some_and(|text| text.starts_with("NOT_ACTIVE"));
            let epoch = answer.headers.get("Aegis-Epoch");
            match epoch.and_then(|epoch| epoch.parse().ok()) {
                Some(epoch) if !not_active => Found::Leader(epoch),
                _ => Found::Nobody,
            }
        }
        Err(error) if error.kind() == ErrorKind::NoService => Found::Nobody,
        Err(_) => Found::Silence,
    }
}

/// Notes by how much this process is woken late: what it measures is late by as much.
async fn watch_clock(journal: Arc<Journal>, mut end: watch::Receiver<bool>) {
    loop {
        let due = Instant::now() + BEAT;
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            _ = end.wait_for(|end| *end) => return,
        }
        journal.late(due.elapsed());
    }
}
