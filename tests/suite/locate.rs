//! Where NATS is looked for when nobody says it: `nats.url = "auto"`.

mod machine;
#[cfg(feature = "k8s")]
mod refused;
#[cfg(feature = "k8s")]
mod through;

use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{NatsServer, Surroundings};
use aegis::{Config, Error};

#[derive(Clone)]
pub(crate) struct Bell;

#[aegis::service(name = "bell", version = "1.0.0")]
impl Bell {
    #[rpc]
    async fn ring(&self, times: u32) -> Result<u32, Failure> {
        Ok(times)
    }
}

/// Looks for NATS in these surroundings.
fn auto(surroundings: Surroundings) -> Config {
    Config::default().url("auto").within(surroundings)
}

/// `host:port` of a server.
fn address_of(server: &NatsServer) -> String {
    server.url().trim_start_matches("nats://").to_owned()
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// What a search ends with that finds nothing, and gives up at once.
async fn in_vain(config: Config) -> Error {
    let config = config.connect_timeout(Duration::from_millis(1));
    let connecting = aegis_tests::soon("the end of the search", Client::connect(config));
    connecting.await.expect_err("there is nothing to be found")
}
