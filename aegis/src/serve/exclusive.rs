//! The exclusive handlers of one service: subscribed only while it leads, and then plainly. In a
//! queue group a leader that is frozen would go on getting calls that another one could answer.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::endpoint::{Endpoint, GRACE, Shared};
use super::event::{Reader, Reading, Worker};
use super::gate::Gate;
use super::reader;
use super::server::{end, spawn};
use crate::error::{Error, ErrorKind, Result};
use crate::lease::Leadership;
use crate::port::Stop;

/// What the leader serves.
pub(crate) struct Exclusive {
    shared: Arc<Shared>,
    endpoints: Vec<Arc<Endpoint>>,
    workers: Vec<Arc<Worker>>,
    readings: Vec<Reading>,
    stops: Vec<Stop>,
    readers: Vec<AbortOnDropHandle<()>>,
}

impl Exclusive {
    pub(super) fn new(
        shared: Arc<Shared>,
        endpoints: &[Arc<Endpoint>],
        workers: &[Arc<Worker>],
    ) -> Self {
        let exclusive = endpoints.iter().filter(|one| one.handler.exclusive);
        let workers = workers.iter().filter(|worker| worker.is_exclusive());
        Self {
            workers: workers.cloned().collect(),
            readings: Vec::new(),
            shared,
            endpoints: exclusive.cloned().collect(),
            stops: Vec::new(),
            readers: Vec::new(),
        }
    }

    /// Where calls are let in.
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.shared.gate
    }

    /// Whether a subject is one that only the leader listens on.
    pub(crate) fn listens(&self, subject: &str) -> bool {
        let layout = self.shared.home.client.layout();
        let mut endpoints = self.endpoints.iter();
        endpoints.any(|one| layout.place(&one.handler.subject).as_str() == subject)
    }

    /// Serves under a leadership. Returns when the server has every subscription.
    pub(crate) async fn open(&mut self, leader: Leadership) -> Result<()> {
        let epoch = leader.epoch();
        self.shared.gate.open(leader);
        let layout = self.shared.home.client.layout().clone();
        for endpoint in self.endpoints.clone() {
            let subject = layout.place(&endpoint.handler.subject);
            let calls = self.shared.bus.subscribe(subject.into(), None).await?;
            self.stops.push(calls.stop_handle());
            self.readers.push(spawn(reader::read(calls, endpoint)));
        }
        let flushed = self.shared.bus.flush().await;
        let refused = self.shared.bus.refused();
        match flushed {
            // It may be of something else that listens here.
            Err(error) if error.kind() == ErrorKind::Denied && !refused.borrow().is_empty() => {}
            flushed => flushed?,
        }
        if let Some(own) = refused.borrow().iter().find(|one| self.listens(one)) {
            let text = format!(
                "NATS does not allow this user to subscribe on {own}: grant the permission (`aegis \
                 permissions` prints what is needed)"
            );
            return Err(Error::new(ErrorKind::Denied, text));
        }
        let workers = self.workers.iter();
        let readings = workers.map(|worker| Reader::new(worker.clone(), Some(epoch)).start());
        self.readings = readings.collect();
        Ok(())
    }

    /// Takes nothing new, and finishes what was delivered until the deadline; the leadership holds
    /// meanwhile.
    pub(crate) async fn drain(&mut self, deadline: Instant) {
        end(std::mem::take(&mut self.stops)).await;
        let readings = std::mem::take(&mut self.readings).into_iter();
        join_all(readings.map(|reading| reading.stop(deadline))).await;
        for reader in std::mem::take(&mut self.readers) {
            // It ends by itself once the subscription's last message is handled.
            let _ = tokio::time::timeout_at(deadline + GRACE, reader).await;
        }
        let Some(running) = self.shared.gate.close() else {
            return;
        };
        let ended = tokio::time::timeout_at(deadline, running.wait()).await;
        if ended.is_err() {
            let calls = running.len();
            tracing::warn!(
                calls,
                "exclusive calls did not end before the leadership was given up"
            );
        }
    }

    /// Lets nobody in any more: the leadership is over. Calls that are on their way still are told
    /// so, as far as that is safe.
    pub(crate) fn shut(&mut self) {
        self.shared.gate.close();
        let readings = std::mem::take(&mut self.readings);
        let stops = std::mem::take(&mut self.stops);
        let readers = std::mem::take(&mut self.readers);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(GRACE, end(stops)).await;
            let deadline = Instant::now() + GRACE;
            join_all(readings.into_iter().map(|reading| reading.stop(deadline))).await;
            for reader in readers {
                let _ = tokio::time::timeout(GRACE, reader).await;
            }
        });
    }
}
