//! From a configuration to a bus, and to a client on it.

use std::sync::Arc;

use super::config::{Config, Target};
use super::locate;
use crate::adapter::memory::MemoryBus;
use crate::adapter::nats::{self, NatsOptions, Way};
use crate::client::{Client, ClientSettings, Wire};
use crate::error::Result;
use crate::observe::{self, keep_metrics};
use crate::port::{Bus, KvStore, Streams};

impl Client {
    /// Connects a program that only calls.
    ///
    /// Errors: `Config` for a wrong configuration, `Disconnected` if no server answers within
    /// `connect_timeout` or `nats.url` is `auto` and none is found, `Denied` at once if it refuses the login or if there is no trust in a
    /// certificate.
    pub async fn connect(config: Config) -> Result<Self> {
        config.tell_strangers();
        let connection = open(&config, "aegis-client").await?;
        config.tell_alone(connection.bus.server().as_ref());
        client(&config, connection, "aegis-client")
    }
}

/// The ports of one connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) store: Arc<dyn KvStore>,
    pub(crate) streams: Arc<dyn Streams>,
}

pub(crate) async fn open(config: &Config, name: &str) -> Result<Connection> {
    config.check()?;
    if config.telling.metrics {
        keep_metrics();
    }
    count_from_zero();
    super::collector::start(config, name);
    let config = locate::located(Box::new(config.clone())).await?;
    let (servers, way) = match &config.target {
        Target::Memory(name) => {
            let bus = MemoryBus::connect(name);
            let store = Arc::new(bus.store());
            let streams = Arc::new(bus.streams());
            let bus = Arc::new(bus);
            return Ok(Connection {
                bus,
                store,
                streams,
            });
        }
        Target::Nats(servers) => (servers.clone(), Way::Direct),
        Target::Found(found) => (vec![found.server.clone()], found.way.clone()),
        // It has been looked for.
        Target::Auto => (Vec::new(), Way::Direct),
    };
    let options = NatsOptions {
        servers,
        authentication: config.authentication(),
        tls: config.tls(),
        name: name.to_owned(),
        inbox_prefix: config.inbox_prefix.clone(),
        connect_within: config.connect_timeout,
        ping_interval: config.ping_interval,
        way,
    };
    // On the heap: it is large, and stands in the future of every start.
    let bus = Box::pin(nats::connect(options)).await?;
    let store = Arc::new(nats::NatsStore::new(bus.clone()));
    let streams = Arc::new(nats::NatsStreams::new(bus.clone()));
    Ok(Connection {
        bus,
        store,
        streams,
    })
}

/// What alerts are made on is there before it happens: the first time would be no increase otherwise.
fn count_from_zero() {
    for name in [
        observe::DISCONNECTS,
        observe::SLOW_CONSUMERS,
        observe::SPANS_DROPPED,
        observe::TRACES_LEFT_OUT,
    ] {
        metrics::counter!(name).increment(0);
    }
    // Not connected yet, unless another client of this program is.
    metrics::gauge!(observe::CONNECTED).increment(0.0);
}

pub(super) fn client(config: &Config, connection: Connection, source: &str) -> Result<Client> {
    let settings = ClientSettings {
        layout: config.layout()?,
        codec: config.codec,
        wire: if config.envelope {
            Wire::Envelope
        } else {
            Wire::Plain
        },
        timeout: config.call_timeout,
        retry: config.retry,
        breaker: config.breaker,
        calls_say_source: config.source.is_some(),
        source: config.source.clone().unwrap_or_else(|| source.to_owned()),
        streams: config.stream_settings(),
        replicas: config.replicas.all,
        registry_replicas: config.replicas.registry.or(config.replicas.all),
    };
    let Connection {
        bus,
        store,
        streams,
    } = connection;
    Ok(Client::new((bus, store, streams), settings))
}
