//! What holds on to a record that is being kept alive, and what it is told through.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::error::{Error, ErrorKind, Result};

/// What the keeping is told.
pub(super) enum Order {
    /// Write now.
    Announce(oneshot::Sender<Result<()>>),
    /// Remove it, and end.
    Leave(oneshot::Sender<Result<()>>),
}

/// A record that is being kept alive. Dropping it ends that; the record then runs out.
#[derive(Debug)]
pub(crate) struct Announced(mpsc::Sender<Order>, Heard);

/// When the registry heard of an instance last.
#[derive(Debug, Clone)]
pub(crate) struct Heard(Arc<Mutex<Instant>>);

impl Default for Heard {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Heard {
    /// How long ago that was.
    pub(crate) fn age(&self) -> Duration {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }

    pub(super) fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Announced {
    pub(super) fn new(orders: mpsc::Sender<Order>, heard: Heard) -> Self {
        Self(orders, heard)
    }

    /// Writes the record as it is now.
    pub(crate) async fn announce(&self) -> Result<()> {
        self.order(Order::Announce).await
    }

    /// When it was written last.
    pub(crate) fn heard(&self) -> Heard {
        self.1.clone()
    }

    /// Removes the record.
    pub(crate) async fn leave(self) -> Result<()> {
        self.order(Order::Leave).await
    }

    async fn order(&self, order: fn(oneshot::Sender<Result<()>>) -> Order) -> Result<()> {
        let ended = || Error::new(ErrorKind::Lifecycle, "the heartbeat has ended");
        let (done, outcome) = oneshot::channel();
        self.0.send(order(done)).await.map_err(|_| ended())?;
        outcome.await.map_err(|_| ended())?
    }
}
