//! Several servers that are one cluster, so that streams and buckets can have replicas.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use super::port::Port;
use super::{NatsServer, ServerError};
use crate::app::Config;
use crate::client::Client;
use crate::error::Result as Asked;

/// How long a cluster may take until something can be kept on all of its servers.
const READY: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// The stream that is made and removed to see whether it can be.
const PROBE: &str = "aegis-cluster-probe";

/// A cluster of `nats-server`s with `JetStream`. Dropping it kills them all.
///
/// ```no_run
/// # async fn example() -> Result<(), aegis::testing::ServerError> {
/// use aegis::testing::NatsCluster;
///
/// let mut cluster = NatsCluster::start(3).await?;
/// println!("listening on {}", cluster.url());
/// cluster.nodes()[0].kill().await;
/// cluster.nodes()[0].restart().await?;
/// cluster.ready().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NatsCluster {
    nodes: Vec<NatsServer>,
    /// Where they speak with each other.
    _routes: Vec<Port>,
}

impl NatsCluster {
    /// Starts so many servers, 3 or 5 as a rule, and waits until what they store can be kept on all
    /// of them.
    pub async fn start(servers: usize) -> Result<Self, ServerError> {
        Self::start_with(servers, "").await
    }

    /// The same with a text in the configuration of each, such as
    /// `jetstream { sync_interval: always }`.
    pub async fn start_with(servers: usize, config: &str) -> Result<Self, ServerError> {
        let routes = (0..servers).map(|_| Port::free());
        let routes = routes.collect::<Result<Vec<Port>, _>>()?;
        let all: Vec<String> = routes
            .iter()
            .map(|port| format!("\"nats-route://127.0.0.1:{}\"", port.number()))
            .collect();
        let all = all.join(", ");
        let mut nodes = Vec::new();
        for (at, route) in routes.iter().enumerate() {
            let (number, port) = (at + 1, route.number());
            let node = NatsServer::builder().config(config).config(format!(
                "server_name: n{number}\ncluster {{ name: c, listen: \"127.0.0.1:{port}\", routes: \
                 [{all}] }}"
            ));
            nodes.push(node.start().await?);
        }
        let cluster = Self {
            nodes,
            _routes: routes,
        };
        cluster.ready().await?;
        Ok(cluster)
    }

    /// The addresses for clients, with commas between them.
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.nodes.iter().map(NatsServer::url).collect();
        urls.join(",")
    }

    /// The servers, which are called `n1`, `n2` and so on.
    pub fn nodes(&mut self) -> &mut [NatsServer] {
        &mut self.nodes
    }

    /// Waits until something can be kept on all servers, at most a minute: after the start, and after
    /// one that was away is back.
    pub async fn ready(&self) -> Result<(), ServerError> {
        let deadline = Instant::now() + READY;
        loop {
            let Err(last) = self.probe().await else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                let text = format!(
                    "the cluster was not ready within {READY:?} ({last}): see the logs of its servers"
                );
                return Err(ServerError::new(text));
            }
            sleep(LOOK).await;
        }
    }

    async fn probe(&self) -> Result<(), String> {
        let config = Config::default().url(&self.url());
        let config = config.call_timeout(Duration::from_secs(2));
        let text = |error: crate::Error| error.to_string();
        let client = Client::connect(config).await.map_err(text)?;
        let made = self.make_and_remove(&client).await;
        let _ = client.close().await;
        match made.map_err(text)? {
            serde_json::Value::Null => Ok(()),
            refusal => Err(refusal.to_string()),
        }
    }

    /// Whether there is a refusal.
    async fn make_and_remove(&self, client: &Client) -> Asked<serde_json::Value> {
        let config = json!({
            "name": PROBE, "subjects": [PROBE], "storage": "memory", "retention": "limits",
            "num_replicas": self.nodes.len(), "max_bytes": 1024,
        });
        let subject = format!("$JS.API.STREAM.CREATE.{PROBE}");
        let mut made = client.ask_server(&subject, &config.to_string()).await?;
        let subject = format!("$JS.API.STREAM.DELETE.{PROBE}");
        client.ask_server(&subject, "").await?;
        Ok(made["error"].take())
    }
}
