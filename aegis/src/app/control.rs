//! The framework's own thread: what must go on while user code keeps every other thread busy.
//!
//! Heartbeats run here, over a connection of their own (`docs/adr/0006-a-thread-for-control.md`).

use std::future::Future;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Error, ErrorKind, Result};

/// A thread with a small runtime; it ends when this is dropped, and with it all it runs.
#[derive(Debug)]
pub(super) struct Control {
    handle: Handle,
    _end: DropGuard,
}

impl Control {
    pub(super) fn start() -> Result<Self> {
        let failed = |cause: std::io::Error| {
            let text = "no thread for heartbeats: are there too many?";
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
            handle,
            _end: end.drop_guard(),
        })
    }

    /// Runs a task on the thread; dropping what is returned ends it.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<T> {
        AbortOnDropHandle::new(self.handle.spawn(task))
    }
}
