//! A program, put together.

use std::fmt;

use super::config::Config;
use super::mount::Mount;
use super::running::Running;
use crate::error::Result;
use crate::layer::{Layer, Layers};
use crate::serve::Service;

/// A program that serves: mount services, then [`run`](Self::run) it or [`start`](Self::start) it.
///
/// ```no_run
/// use aegis::prelude::*;
///
/// struct Calculator;
///
/// #[aegis::service(name = "calculator", version = "1.0.0")]
/// impl Calculator {
///     /// Adds two numbers.
///     #[rpc]
///     async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
///         Ok(a + b)
///     }
/// }
///
/// #[aegis::main]
/// async fn main(app: App) -> Result<()> {
///     app.service(Calculator).run().await
/// }
/// ```
#[must_use = "a program does nothing until `run` or `start`"]
pub struct App {
    pub(super) config: Config,
    pub(super) mounts: Vec<Mount>,
    pub(super) layers: Layers,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.mounts.iter().map(|mount| mount.name).collect();
        f.debug_struct("App")
            .field("services", &names)
            .field("layers", &self.layers)
            .field("config", &self.config)
            .finish()
    }
}

impl App {
    /// A program with a configuration.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            mounts: Vec::new(),
            layers: Layers::default(),
        }
    }

    /// Mounts a service. One type can be mounted once.
    pub fn service<S: Service>(mut self, service: S) -> Self {
        self.mounts.push(Mount::new(service));
        self
    }

    /// Puts a layer around all that this program serves and sends, inside of those put before. See
    /// [`Layer`].
    pub fn layer<L: Layer>(mut self, layer: L) -> Self {
        self.layers = self.layers.with(layer);
        self
    }

    /// Changes the configuration in code, which comes last.
    pub fn configure(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        self.config = change(self.config);
        self
    }

    /// Starts, and returns when the server has every subscription: a call right after it succeeds.
    ///
    /// All or nothing: if a part fails, what was started is undone in reverse order.
    ///
    /// Errors: as [`Client::connect`](crate::Client::connect); `Lifecycle` if nothing is mounted, an
    /// `#[on_start]` fails, handlers are lost in linking, or two of them have one name.
    pub async fn start(self) -> Result<Running> {
        // On the heap: it is large, and stands in the future of every program.
        Box::pin(super::start::start(self, std::future::pending())).await
    }

    /// Serves until SIGINT or SIGTERM, then drains: takes nothing new, finishes what runs within
    /// `drain_timeout`, runs `#[on_stop]`. A second signal ends it at once.
    ///
    /// Errors: as [`start`](Self::start); `Lifecycle` after a second signal.
    pub async fn run(self) -> Result<()> {
        super::run::run(self).await
    }
}
