//! What a program holds to call services.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use super::call::{Call, Way};
use super::command::{JobShelf, KnownCommands};
use super::made::StreamsSeen;
use super::publish::StreamSettings;
use super::route::{Route, Routes};
use super::scope::Scope;
use crate::cluster::{Directory, Discovery, DiscoveryMode, REGISTRY, Registry, SharedDiscovery};
use crate::error::Result;
use crate::layer::{Layer, Layers};
use crate::model::{
    BreakerPolicy, BreakerState, Codec, Failure, Layout, MethodName, RetryPolicy, ServiceName,
};
use crate::observe;
use crate::port::{Bus, ConnectionState, KvStore, Streams};

/// How the params of a call stand in its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wire {
    /// As they are, with the facts in headers.
    #[default]
    Plain,
    /// In the envelope of `AegisSDK` 1.0.
    Envelope,
}

/// What all calls of a client have in common.
#[derive(Debug, Clone)]
pub(crate) struct ClientSettings {
    pub(crate) layout: Layout,
    pub(crate) codec: Codec,
    pub(crate) wire: Wire,
    pub(crate) timeout: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) breaker: BreakerPolicy,
    /// Who calls, for envelopes; who publishes.
    pub(crate) source: String,
    /// Plain calls say it as well: somebody has set it.
    pub(crate) calls_say_source: bool,
    /// How the framework's streams are set up.
    pub(crate) streams: StreamSettings,
    /// On how many servers new buckets are kept, if nothing else is said.
    pub(crate) replicas: Option<u8>,
    /// The same for the registry.
    pub(crate) registry_replicas: Option<u8>,
}

/// Calls services: cheap to clone, safe to share.
///
/// It is all a program needs that only calls. A program that serves gets one from
/// [`Context::client`](crate::Context::client).
///
/// ```no_run
/// # async fn example() -> aegis::Result<()> {
/// use aegis::{Client, Config};
/// use serde_json::json;
///
/// let client = Client::connect(Config::load()?).await?;
/// let sum = client.call("calculator", "add", &json!({"a": 1, "b": 2})).await?;
/// assert_eq!(sum, json!(3));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(super) shared: Arc<Shared>,
    /// What calls inherit, if this client was handed to a handler.
    scope: Option<Scope>,
    /// What stands around what it sends.
    layers: Layers,
}

pub(super) struct Shared {
    pub(super) bus: Arc<dyn Bus>,
    pub(super) store: Arc<dyn KvStore>,
    pub(super) streams: Arc<dyn Streams>,
    pub(super) settings: ClientSettings,
    /// Tells this client from others.
    pub(super) number: u64,
    routes: Routes,
    discovery: SharedDiscovery,
    /// Where the records of jobs are.
    pub(super) jobs: JobShelf,
    /// Commands that somebody serves.
    pub(super) commands: KnownCommands,
    /// Streams, to notice when one is another.
    pub(super) seen: StreamsSeen,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("bus", &self.shared.bus.name())
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(
        (bus, store, streams): (Arc<dyn Bus>, Arc<dyn KvStore>, Arc<dyn Streams>),
        settings: ClientSettings,
    ) -> Self {
        let shared = Shared {
            bus,
            store,
            streams,
            settings,
            number: observe::random(),
            routes: Routes::default(),
            discovery: SharedDiscovery::default(),
            jobs: JobShelf::default(),
            commands: KnownCommands::default(),
            seen: StreamsSeen::default(),
        };
        Self {
            shared: Arc::new(shared),
            scope: None,
            layers: Layers::default(),
        }
    }

    /// Calls a method by its name, with params of any kind, and gets the result as JSON;
    /// [`Call::returning`] names another type.
    ///
    /// For a service whose type is known, use the client that `#[aegis::service]` or
    /// `#[aegis::client]` generates.
    pub fn call<P: Serialize + ?Sized>(
        &self,
        service: &str,
        method: &str,
        params: &P,
    ) -> Call<Value, Failure> {
        let way = self.route(service, method).map(Way::new);
        let codec = self.shared.settings.codec;
        Call::new(self.clone(), way, self.shared.settings.wire, |call| {
            call.encode(codec, params)
        })
    }

    /// Finds out who is there.
    ///
    /// All discoveries of this client and its clones share what they know. Call it inside a tokio
    /// runtime: [`Watched`](DiscoveryMode::Watched) listens in a task of its own until the client is
    /// dropped.
    pub fn discovery(&self, mode: DiscoveryMode) -> Discovery {
        let within = self.shared.settings.timeout;
        self.shared
            .discovery
            .discovery(mode, self.registry(), within)
    }

    /// The live table of instances.
    pub(super) fn directory(&self) -> Arc<Directory> {
        self.shared.discovery.directory(&self.registry())
    }

    pub(crate) fn registry(&self) -> Registry {
        let replicas = self.registry_replicas();
        Registry::new(
            self.store().clone(),
            self.bus().state(),
            self.layout(),
            replicas,
        )
    }

    /// On how many servers a new registry is kept.
    pub(crate) fn registry_replicas(&self) -> Option<u8> {
        self.shared.settings.registry_replicas
    }

    /// Tells how long the live table of instances has not been current.
    pub(crate) fn tell_staleness(&self) {
        if let Some(time) = self.shared.discovery.staleness() {
            let bucket = self.layout().bucket(REGISTRY);
            metrics::gauge!(observe::WATCH_STALE, "bucket" => bucket).set(time.as_secs_f64());
        }
    }

    /// The state of the circuit breaker of a method, as this client sees it.
    pub fn circuit(&self, service: &str, method: &str) -> Result<BreakerState> {
        self.route(service, method).map(|route| route.state())
    }

    /// What this client remembers of a method.
    pub(super) fn route(&self, service: &str, method: &str) -> Result<Arc<Route>> {
        let (service, method) = (ServiceName::parse(service)?, MethodName::parse(method)?);
        let settings = &self.shared.settings;
        let subject = settings.layout.rpc(&service, &method);
        let names = (service.as_str(), method.as_str());
        let make = || Route::new(names, subject.clone(), settings.breaker);
        Ok(self.shared.routes.get(&subject, make))
    }

    /// The state of the connection, to look at or to wait for.
    pub fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.shared.bus.state()
    }

    /// Where this client is connected to, without secrets.
    pub fn server(&self) -> String {
        self.shared.bus.name()
    }

    /// Sends what is left and closes the connection. Dropping the last clone closes it as well,
    /// but waits for nothing.
    pub async fn close(&self) -> Result<()> {
        self.shared.bus.close().await
    }

    pub(crate) fn bus(&self) -> &Arc<dyn Bus> {
        &self.shared.bus
    }

    pub(crate) fn store(&self) -> &Arc<dyn KvStore> {
        &self.shared.store
    }

    pub(crate) fn streams(&self) -> &Arc<dyn Streams> {
        &self.shared.streams
    }

    /// How the framework's streams are set up.
    pub(crate) fn stream_settings(&self) -> &StreamSettings {
        &self.shared.settings.streams
    }

    /// Which subject, stream and bucket serves which purpose, under the prefix of this client.
    pub fn layout(&self) -> &Layout {
        &self.shared.settings.layout
    }

    /// The same client, whose calls inherit from the call being handled.
    pub(crate) fn within(&self, scope: Scope) -> Self {
        Self {
            shared: self.shared.clone(),
            scope: Some(scope),
            layers: self.layers.clone(),
        }
    }

    /// The same client, with another layer around all that it sends, inside of those it has.
    #[must_use]
    pub fn layer<L: Layer>(&self, layer: L) -> Self {
        self.with_layers(self.layers.with(layer))
    }

    pub(crate) fn with_layers(&self, layers: Layers) -> Self {
        Self {
            layers,
            ..self.clone()
        }
    }

    pub(crate) fn layers(&self) -> &Layers {
        &self.layers
    }

    pub(super) fn scope(&self) -> Scope {
        let own = self.scope.clone();
        own.or_else(Scope::current).unwrap_or_default()
    }
}
