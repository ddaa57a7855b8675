//! Where heartbeats run: on a thread of the framework's own, which goes on while user code keeps
//! every other thread busy (`docs/adr/0007-a-thread-for-heartbeats.md`).

use std::future::Future;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Error, ErrorKind, Result};

/// A runtime for heartbeats. A thread of its own ends when this is dropped, and with it all it
/// runs.
#[derive(Debug)]
pub(super) struct Control {
    runtime: Handle,
    _end: Option<DropGuard>,
}

impl Control {
    /// A thread with a small runtime.
    pub(super) fn thread() -> Result<Self> {
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
            _end: Some(end.drop_guard()),
        })
    }

    /// The runtime we are in: a program in memory is its own server, and tests may stop the clock.
    pub(super) fn here() -> Self {
        Self {
            runtime: Handle::current(),
            _end: None,
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
