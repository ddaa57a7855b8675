//! The program's place in the registry: one record per service, from the start to the stop.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::control::Control;
use super::vitals::Record;
use crate::client::Client;
use crate::cluster::{Announced, Announcer, Heard, Registry};
use crate::error::{Error, ErrorKind, Result};
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
    pub(super) fn prepare(
        client: &Client,
        control: &Control,
        records: Vec<Arc<Record>>,
    ) -> Result<Self> {
        let (bus, store) = control.ports(client);
        let registry = Registry::new(
            store,
            bus.state(),
            client.layout(),
            client.registry_replicas(),
        );
        let mut presence = Self {
            records: Vec::new(),
            services: Vec::new(),
            state: bus.state(),
            tasks: Vec::new(),
        };
        for record in records {
            let home = record.home.clone();
            let names = (&home.service, &home.instance);
            let times = record.times;
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
