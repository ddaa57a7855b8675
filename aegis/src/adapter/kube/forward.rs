//! The local port whose connections go to a pod behind the service. It has a thread of its own: leases
//! go through it, and user code may keep every other thread busy.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::access::access;
use super::dial::Dialer;
use super::refusal::Obstacle;
use crate::model::ClusterNats;

/// The first way into the cluster; a command that logs in may take its time.
const OPENING: Duration = Duration::from_secs(30);
/// Connections at a time; more wait until one ends.
const MOST: usize = 64;
/// The wait when the system takes no connection.
const NO_SOCKET: Duration = Duration::from_millis(100);

/// How to find NATS in a cluster.
#[derive(Debug, Clone)]
pub(crate) struct ForwardOptions {
    /// The kubeconfig; several files make one.
    pub(crate) kubeconfigs: Vec<PathBuf>,
    pub(crate) nats: ClusterNats,
}

/// A port of 127.0.0.1 that leads to NATS in a cluster. It ends, with its connections, when this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Forward {
    pub(crate) port: u16,
    /// Where it leads, for people.
    pub(crate) shown: String,
    _end: DropGuard,
}

/// What its thread tells when it stands.
type Opened = Result<(u16, String), Obstacle>;

impl Forward {
    /// Opens one, and makes sure that a NATS server answers through it.
    pub(crate) async fn open(options: ForwardOptions) -> Result<Self, Obstacle> {
        let (tell, told) = oneshot::channel();
        let end = CancellationToken::new();
        let ended = end.clone();
        let failed = |error| Obstacle::lasting(format!("no thread for a port-forward: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let run = move || {
            runtime.block_on(ended.run_until_cancelled(serve(options, tell)));
        };
        std::thread::Builder::new()
            .name("aegis-forward".to_owned())
            .spawn(run)
            .map_err(failed)?;
        let end = end.drop_guard();
        match tokio::time::timeout(OPENING, told).await {
            Ok(Ok(Ok((port, shown)))) => Ok(Self {
                port,
                shown,
                _end: end,
            }),
            Ok(Ok(Err(obstacle))) => Err(obstacle),
            Ok(Err(_)) => Err(Obstacle::passing("its thread has ended")),
            Err(_) => Err(Obstacle::lasting(format!(
                "it took longer than {OPENING:?}: does `kubectl get pods` work, or ask for a login?"
            ))),
        }
    }
}

async fn serve(options: ForwardOptions, tell: oneshot::Sender<Opened>) {
    let (listener, dialer, opened) = match open(options).await {
        Ok(opened) => opened,
        Err(obstacle) => return drop(tell.send(Err(obstacle))),
    };
    if tell.send(Ok(opened)).is_err() {
        return;
    }
    accept(listener, dialer).await;
}

async fn open(
    options: ForwardOptions,
) -> Result<(TcpListener, Arc<Dialer>, (u16, String)), Obstacle> {
    let ForwardOptions { kubeconfigs, nats } = options;
    let access = access(&kubeconfigs, nats.context.as_deref()).await?;
    let dialer = Dialer::new(access, nats);
    let (_, pod) = dialer.first().await?;
    let failed = |error| Obstacle::passing(format!("no local port for it: {error}"));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let shown = dialer.shown(&pod);
    Ok((listener, Arc::new(dialer), (port, shown)))
}

async fn accept(listener: TcpListener, dialer: Arc<Dialer>) {
    let room = Arc::new(Semaphore::new(MOST));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // It is never closed.
        let Ok(place) = room.clone().acquire_owned().await else {
            return;
        };
        let Ok((local, _)) = listener.accept().await else {
            tokio::time::sleep(NO_SOCKET).await;
            continue;
        };
        let dialer = dialer.clone();
        connections.spawn(async move {
            connection(local, &dialer).await;
            drop(place);
        });
    }
}

/// One connection. When there is no way, it ends: who made it tries again.
async fn connection(local: TcpStream, dialer: &Dialer) {
    // Small messages are not held back.
    let _ = local.set_nodelay(true);
    let is_open = || !matches!(local.peek(&mut [0]).now_or_never(), Some(Ok(0) | Err(_)));
    let Some((link, pod)) = dialer.link(is_open).await else {
        return;
    };
    if link.pass(local).await {
        tracing::debug!("the port-forward to pod {pod} has ended");
        dialer.has_ended(pod).await;
    }
}
