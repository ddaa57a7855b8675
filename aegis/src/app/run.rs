//! Signals: the first one drains, the second one ends.

use super::builder::App;
use crate::error::{Error, ErrorKind, Result};

/// SIGINT and SIGTERM, as one stream.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let unheard = |cause| {
            Error::new(ErrorKind::Lifecycle, "signals cannot be listened to").because(cause)
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(unheard)?,
            terminate: signal(SignalKind::terminate()).map_err(unheard)?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => tracing::info!("SIGINT"),
            _ = self.terminate.recv() => tracing::info!("SIGTERM"),
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "the same face as on Unix")]
    fn listen() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

pub(super) async fn run(app: App) -> Result<()> {
    let mut signals = Signals::listen()?;
    let running = super::start::start(app, signals.next()).await?;
    signals.next().await;
    tracing::info!("draining; a second signal ends at once");
    tokio::select! {
        stopped = running.stop() => stopped,
        () = signals.next() => {
            Err(Error::new(ErrorKind::Lifecycle, "ended by a second signal before it was drained"))
        }
    }
}
