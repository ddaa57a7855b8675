//! The program's place in the registry: one record per service, from the start to the stop.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::config::Config;
use super::control::Control;
use super::facts::Facts;
use super::pulse::Pulse;
use super::running::Started;
use super::vitals::{Record, now};
use crate::client::Client;
use crate::cluster::{Announced, Announcer, Heard, Registry};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Lifecycle;
use crate::observe;
use crate::port::{ConnectionState, Outgoing};
use crate::serve::Home;

/// An instance that runs answers within this time.
const ANSWER: Duration = Duration::from_millis(500);

/// The records of a program.
pub(super) struct Presence {
    records: Vec<Announced>,
    /// Whose they are.
    services: Vec<String>,
    /// Of the connection that records are written over.
    state: watch::Receiver<ConnectionState>,
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl Presence {
    /// Prepares the record of every service; none is written before [`announce`](Self::announce).
    pub(super) async fn prepare(
        config: &Config,
        client: &Client,
        control: &Control,
        started: &[Started],
        (state, facts): (&watch::Sender<Lifecycle>, &Facts),
    ) -> Result<Self> {
        let (bus, store) = control.ports(client);
        let registry = Registry::new(
            store,
            bus.state(),
            client.layout(),
            client.registry_replicas(),
        );
        let boot = format!("{:016x}", observe::random());
        let mut presence = Self {
            records: Vec::new(),
            services: Vec::new(),
            state: bus.state(),
            tasks: Vec::new(),
        };
        for part in started {
            let Some(server) = &part.server else { continue };
            let home = &part.home;
            let times = (config.heartbeat, config.record_ttl());
            let record = Record {
                home: home.clone(),
                about: part.about.clone(),
                handlers: part.handlers.clone(),
                times,
                boot: boot.clone(),
                started: now(),
                load: server.load_meter(),
                pulse: Pulse::start(part.hooks.clone(), home.clone(), config.heartbeat).await,
                state: state.subscribe(),
                connection: client.bus().state(),
                connected: AtomicBool::new(true),
                led: part.led,
                standing: part.standing.subscribe(),
                epoch: AtomicU64::new(0),
                last: Mutex::default(),
                lag: metrics::gauge!(observe::EXECUTOR_LAG, "service" => home.service.to_string()),
            };
            let names = (&home.service, &home.instance);
            let record = Arc::new(record);
            facts.announced(&record);
            let record = Announcer::new(registry.clone(), names, record, times)?;
            let (announced, task) = record.split();
            presence.records.push(announced);
            presence.services.push(home.service.to_string());
            let task = control.spawn(task);
            presence.tasks.push(task);
        }
        Ok(presence)
    }

    /// Writes every record as it is now. What goes wrong is logged there, and tried again: a
    /// service that cannot be announced serves nevertheless.
    pub(super) async fn announce(&self) {
        join_all(self.records.iter().map(Announced::announce)).await;
    }

    /// When the registry heard of each service last.
    pub(super) fn heard(&self) -> Vec<(String, Heard)> {
        let records = self.records.iter().map(Announced::heard);
        self.services.iter().cloned().zip(records).collect()
    }

    /// Says that the program stops.
    pub(super) async fn drain(&self) {
        if self.is_connected() {
            self.announce().await;
        }
    }

    /// Removes the records.
    pub(super) async fn leave(mut self) {
        if !self.is_connected() {
            return;
        }
        let records = std::mem::take(&mut self.records);
        for left in join_all(records.into_iter().map(Announced::leave)).await {
            if let Err(error) = left {
                tracing::warn!(%error, "a record stays in the registry until it runs out");
            }
        }
    }

    /// Without a connection nobody hears it, and a stop should not wait for nothing.
    fn is_connected(&self) -> bool {
        *self.state.borrow() == ConnectionState::Connected
    }
}

/// Refuses an id that another process serves under.
pub(super) async fn is_free(home: &Home) -> Result<()> {
    let (bus, layout) = (home.client.bus(), home.client.layout());
    let subject = layout.is_there(&home.service, &home.instance);
    let question = Outgoing::new(subject, "");
    let until = Instant::now() + ANSWER;
    match bus.request(question, &bus.new_call(), until).await {
        Ok(_) => Err(Error::new(
            ErrorKind::Lifecycle,
            format!(
                "another process serves {} as instance {}: stop it first, or give this one an id \
                 of its own (`instance_id`, AEGIS_INSTANCE_ID), or none",
                home.service, home.instance
            ),
        )),
        // Nobody, or nobody who could tell: a process that hangs is no reason not to start.
        Err(_) => Ok(()),
    }
}
