//! Signals: the first one drains, the second one ends.

use tokio_util::sync::CancellationToken;

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
    let first = CancellationToken::new();
    tokio::select! {
        ended = serve(app, &first) => ended,
        () = both(&mut signals, &first) => {
            Err(Error::new(ErrorKind::Lifecycle, "ended by a second signal before it was drained"))
        }
    }
}

/// Serves until the end is wanted; what was started is undone in order, also in the middle of the
/// start.
async fn serve(app: App, end: &CancellationToken) -> Result<()> {
    // On the heap: it is large, and stands in the future of every program.
    let running = Box::pin(super::start::start(app, end.cancelled())).await?;
    end.cancelled().await;
    running.stop().await
}

/// Tells of the first signal, and returns at the second.
async fn both(signals: &mut Signals, first: &CancellationToken) {
    signals.next().await;
    tracing::info!("draining; a second signal ends at once");
    first.cancel();
    signals.next().await;
}
