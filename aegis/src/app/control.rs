//! Where heartbeats and leases are kept: on a thread and a connection of the framework's own, which
//! go on while user code keeps every other thread busy
//! (`docs/adr/0007-a-thread-for-heartbeats.md`).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::config::Config;
use super::connect::{self, Connection};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::Clock;
use crate::port::{Bus, KvStore};

/// The second connection is made by then, or not at all.
const CONNECT: Duration = Duration::from_secs(2);

/// A runtime for heartbeats and leases. A thread of its own ends when this is dropped, and with it
/// all it runs.
#[derive(Debug)]
pub(super) struct Control {
    runtime: Handle,
    clock: Clock,
    /// The second connection, if there is one.
    own: Option<Connection>,
    _end: Option<DropGuard>,
}

impl Control {
    /// A thread and a connection of its own, as far as there can be.
    pub(super) async fn open(config: &Config, service: &str) -> Result<Self> {
        if config.is_memory() {
            return Ok(Self::here());
        }
        let mut control = Self::thread()?;
        let (config, name) = (config.clone(), format!("{service}-control"));
        let connecting = control.spawn(async move { connect::open(&config, &name).await });
        let failed = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok(Ok(connection))) => {
                control.own = Some(connection);
                return Ok(control);
            }
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it took longer than {CONNECT:?}"),
        };
        tracing::warn!(
            error = failed,
            "no second connection for heartbeats and leases: they share the one of calls"
        );
        Ok(control)
    }

    /// A thread with a small runtime.
    fn thread() -> Result<Self> {
        let failed = |cause: std::io::Error| {
            let text = "no thread for heartbeats: the system allows no more";
            Error::new(ErrorKind::Lifecycle, text).because(cause)
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let handle = runtime.handle().clone();
        let end = CancellationToken::new();
        let ended = end.clone();
        std::thread::Builder::new()
            .name("aegis-control".to_owned())
            .spawn(move || runtime.block_on(ended.cancelled()))
            .map_err(failed)?;
        Ok(Self {
            runtime: handle,
            clock: Clock::Boot,
            own: None,
            _end: Some(end.drop_guard()),
        })
    }

    /// The runtime we are in: a program in memory is its own server, and tests may stop the clock.
    fn here() -> Self {
        Self {
            runtime: Handle::current(),
            clock: Clock::runtime(),
            own: None,
            _end: None,
        }
    }

    /// The clock that leases count in.
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// The ports of its own connection, else of that of calls.
    pub(super) fn ports(&self, client: &Client) -> (Arc<dyn Bus>, Arc<dyn KvStore>) {
        match &self.own {
            Some(own) => (own.bus.clone(), own.store.clone()),
            None => (client.bus().clone(), client.store().clone()),
        }
    }

    /// Closes its connection.
    pub(super) async fn close(self) {
        if let Some(own) = &self.own {
            let _ = own.bus.close().await;
        }
    }

    /// Runs a task there; dropping what is returned ends it.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<T> {
        AbortOnDropHandle::new(self.runtime.spawn(task))
    }
}
