//! A program that serves, and its orderly end.

use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::config::Config;
use super::control::Control;
use super::facts::Facts;
use super::gauges::Gauges;
use super::leading::{Leading, Led};
use super::presence::Presence;
use super::start::enter;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::Standing;
use crate::model::Lifecycle;
use crate::observe::Snapshot;
use crate::serve::{About, Context, Home, Hooks, Server};

/// One service that has run its `#[on_start]`, and serves once it has a server.
pub(super) struct Started {
    pub(super) home: Arc<Home>,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) about: About,
    /// Its handlers, for its record.
    pub(super) handlers: Value,
    pub(super) server: Option<Server>,
    /// Some of its work is exclusive.
    pub(super) led: Option<Led>,
    /// Who leads, as far as is known.
    pub(super) standing: watch::Sender<Standing>,
}

/// A program that serves. [`stop`](Self::stop) ends it in order; dropping it ends it at once, and
/// loses the calls that wait.
///
/// ```
/// # use aegis::prelude::*;
/// # struct Calculator;
/// # #[aegis::service(name = "calculator", version = "1.0.0")]
/// # impl Calculator {
/// #     #[rpc]
/// #     async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> { Ok(a + b) }
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let config = aegis::Config::default().url("memory://");
/// let running = App::new(config).service(Calculator).start().await?;
/// let sum = CalculatorClient::new(running.client()).add(1, 2).await?;
/// assert_eq!(sum, 3);
/// running.stop().await
/// # }
/// ```
#[must_use = "dropping it ends the program's services"]
pub struct Running {
    client: Client,
    state: watch::Sender<Lifecycle>,
    parts: Parts,
    facts: Arc<Facts>,
    gauges: Arc<Gauges>,
    _telling: AbortOnDropHandle<()>,
    /// What answers by HTTP, until everything has ended.
    page: Option<Page>,
    drain_timeout: Duration,
}

/// What answers by HTTP, until it is dropped.
pub(super) struct Page {
    pub(super) address: SocketAddr,
    pub(super) _accepting: AbortOnDropHandle<()>,
}

/// What a start has started so far.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) started: Vec<Started>,
    /// Where the next two are kept.
    pub(super) control: Option<Control>,
    pub(super) presence: Option<Presence>,
    pub(super) leading: Option<Leading>,
    /// They keep the records of a program that announces itself to nobody.
    pub(super) kept: Vec<AbortOnDropHandle<()>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

impl Running {
    pub(super) fn new(
        client: Client,
        state: watch::Sender<Lifecycle>,
        parts: Parts,
        config: &Config,
        facts: Arc<Facts>,
        page: Option<Page>,
    ) -> Self {
        let heard = parts.presence.as_ref().map(Presence::heard);
        let gauges = Gauges::new(&client, &parts.started, &heard.unwrap_or_default());
        facts.measured(&gauges);
        let telling = gauges.keep_telling(parts.control.as_ref(), config.heartbeat);
        Self {
            facts,
            gauges,
            _telling: telling,
            page,
            client,
            state,
            parts,
            drain_timeout: config.drain_timeout,
        }
    }

    pub(super) fn enter(&self, next: Lifecycle) {
        enter(&self.state, next);
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// A client on the program's own connection.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Why this program should not get work now: it starts or drains, is not connected, or one of its
    /// services is unhealthy; none if it should. What `/readyz` says, for a program with an HTTP server of its
    /// own.
    pub fn unready(&self) -> Option<String> {
        self.facts.unready()
    }

    /// What `/status` says: `lifecycle`, `ready`, `reason`, `uptime_seconds`, `nats` and `services`, each
    /// with its `status`, `load`, `leadership` and `handlers`.
    pub fn status(&self) -> Value {
        self.facts.status()
    }

    /// Where `/healthz` and the like are answered by HTTP, if they are (setting `http.address`).
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.page.as_ref().map(|page| page.address)
    }

    /// The instance id of a service; none if it is not mounted.
    pub fn instance(&self, service: &str) -> Option<&str> {
        let found = self
            .parts
            .started
            .iter()
            .find(|part| part.home.service.as_str() == service);
        found.map(|part| part.home.instance.as_str())
    }

    /// The metrics of this program, with what runs and waits at this moment; see [`metrics`](crate::metrics).
    pub fn metrics(&self) -> Snapshot {
        self.gauges.tell();
        crate::observe::metrics()
    }

    /// The program's state, to look at or to wait for.
    pub fn lifecycle(&self) -> watch::Receiver<Lifecycle> {
        self.state.subscribe()
    }

    /// Ends it in order: takes nothing new, finishes what runs within `drain_timeout`, runs
    /// `#[on_stop]`, sends what is left, closes the connection. With the feature `otel` it waits up to
    /// 2 s more for a collector that does not answer.
    ///
    /// No call that the server had delivered to this instance is lost, unless its handler does not
    /// end in time: then its caller gets `CANCELLED`.
    ///
    /// Errors: `Lifecycle` if the connection could not be closed in order; everything is ended
    /// nevertheless.
    pub async fn stop(self) -> Result<()> {
        let began = Instant::now();
        enter(&self.state, Lifecycle::Stopping);
        // Nobody should choose this instance any more, before it takes nothing more.
        if let Some(presence) = &self.parts.presence {
            presence.drain().await;
        }
        self.parts.undo(Instant::now() + self.drain_timeout).await;
        let closed = self.client.close().await;
        // Whoever looks later should not find a leader here.
        self.gauges.tell();
        super::collector::flushed().await;
        enter(
            &self.state,
            if closed.is_ok() {
                Lifecycle::Stopped
            } else {
                Lifecycle::Failed
            },
        );
        closed.map_err(|cause| {
            Error::new(
                ErrorKind::Lifecycle,
                "the connection was not closed in order",
            )
            .because(cause)
        })?;
        tracing::info!(took = ?began.elapsed(), "stopped in order");
        Ok(())
    }
}

impl Parts {
    /// Ends what was started, and what is known of it elsewhere.
    pub(super) async fn undo(mut self, deadline: Instant) {
        let servers = self.started.iter_mut();
        let servers: Vec<_> = servers.filter_map(|part| part.server.take()).collect();
        let leaving = async {
            if let Some(leading) = self.leading {
                leading.leave(deadline).await;
            }
        };
        let stopping = join_all(servers.into_iter().map(|server| server.stop(deadline)));
        tokio::join!(leaving, stopping);
        on_stop(self.started, deadline).await;
        if let Some(presence) = self.presence {
            presence.leave().await;
        }
        if let Some(control) = self.control {
            control.close().await;
        }
    }
}

/// Runs the hooks in reverse order.
async fn on_stop(mut started: Vec<Started>, deadline: Instant) {
    while let Some(part) = started.pop() {
        let context = Context::of_hook(part.home.clone(), "on_stop");
        let hook = AssertUnwindSafe(context.around(part.hooks.stop(&context))).catch_unwind();
        // A hook has the same time again: it may have to write what the last calls did.
        let rest = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_secs(5));
        let service = &part.home.service;
        match tokio::time::timeout(rest, hook).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!(%service, "`#[on_stop]` panicked"),
            Err(_) => tracing::error!(%service, "`#[on_stop]` did not end within {rest:?}"),
        }
    }
}
