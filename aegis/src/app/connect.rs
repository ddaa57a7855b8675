//! From a configuration to a bus, and to a client on it.

use std::sync::Arc;

use super::config::{Config, Target};
use crate::adapter::memory::MemoryBus;
use crate::adapter::nats::{self, NatsOptions};
use crate::client::{Client, ClientSettings, Wire};
use crate::error::Result;
use crate::port::Bus;

impl Client {
    /// Connects a program that only calls.
    ///
    /// Errors: `Config` for a wrong configuration, `Disconnected` if no server answers within
    /// `connect_timeout`, `Denied` at once if it refuses the login or if there is no trust in a
    /// certificate.
    pub async fn connect(config: Config) -> Result<Self> {
        let bus = bus(&config, "aegis-client").await?;
        client(&config, bus, "aegis-client")
    }
}

pub(crate) async fn bus(config: &Config, name: &str) -> Result<Arc<dyn Bus>> {
    config.check()?;
    let servers = match &config.target {
        Target::Memory(name) => return Ok(Arc::new(MemoryBus::connect(name))),
        Target::Nats(servers) => servers.clone(),
    };
    let options = NatsOptions {
        servers,
        authentication: config.authentication(),
        tls: config.tls(),
        name: name.to_owned(),
        inbox_prefix: config.inbox_prefix.clone(),
        connect_within: config.connect_timeout,
        ping_interval: config.ping_interval,
    };
    // On the heap: it is large, and stands in the future of every start.
    Ok(Box::pin(nats::connect(options)).await?)
}

pub(super) fn client(config: &Config, bus: Arc<dyn Bus>, source: &str) -> Result<Client> {
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
        source: source.to_owned(),
    };
    Ok(Client::new(bus, settings))
}
