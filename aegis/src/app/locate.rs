//! Where NATS is, if nobody says it (`nats.url = "auto"`): looks at one place after the other.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::address;
use super::config::{Config, Target};
use super::surroundings::Surroundings;
use crate::adapter::nats::Way;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ClusterNats, Environment, Place, Tried, nowhere, places};

/// The service of a cluster: its name goes through several searches.
const SERVICE_WITHIN: Duration = Duration::from_secs(2);
/// An address that is near.
const ADDRESS_WITHIN: Duration = Duration::from_millis(500);
/// The pause between two rounds through all places.
const ROUNDS: Duration = Duration::from_millis(500);
/// A search that takes longer is told.
const SILENT: Duration = Duration::from_secs(1);

/// What is said about where to look.
#[derive(Debug, Clone)]
pub(super) struct Locating {
    pub(super) environment: Option<Environment>,
    pub(super) nats: ClusterNats,
    pub(super) kubeconfig: Option<PathBuf>,
    pub(super) surroundings: Surroundings,
}

impl Default for Locating {
    fn default() -> Self {
        Self {
            environment: None,
            nats: ClusterNats::default(),
            kubeconfig: None,
            surroundings: Surroundings::here(),
        }
    }
}

/// Where NATS was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) server: Url,
    pub(super) way: Way,
}

/// A place that does not answer.
struct No {
    text: String,
    /// Asking again does not help.
    lasting: bool,
}

/// The configuration with a place instead of `auto`: looked for once, for all connections of a program.
/// On the heap, as it stands in the future of every start.
pub(super) async fn located(mut config: Box<Config>) -> Result<Box<Config>> {
    if matches!(config.target, Target::Auto) {
        Box::pin(locate(&mut config)).await?;
    }
    Ok(config)
}

async fn locate(config: &mut Config) -> Result<()> {
    if let Some(text) = config.locating.surroundings.said("NATS_URL")
        && text != "auto"
    {
        // It was said, so nothing else is taken instead if it does not answer.
        address::url(config, &text).map_err(|mistake| {
            let text = format!("the configuration is wrong:\n  - NATS_URL: {mistake}");
            Error::new(ErrorKind::Config, text)
        })?;
        config.check()?;
        tracing::info!("NATS is where NATS_URL says");
        return Ok(());
    }
    let found = search(&config.locating, config.connect_timeout).await?;
    config.target = Target::Found(found);
    Ok(())
}

impl Config {
    /// Goes once through a port-forward to the NATS service of a Kubernetes cluster, and tells where it
    /// leads: what `nats.url = "auto"` does last, for tools that look whether it would work.
    ///
    /// Errors: `Disconnected`, with what is wrong and what to do; `Config` without the feature `k8s`.
    pub async fn try_kubernetes(&self) -> Result<String> {
        let around = &self.locating.surroundings;
        let kubeconfigs = around.kubeconfigs(self.locating.kubeconfig.as_deref());
        let kind = if cfg!(feature = "k8s") {
            ErrorKind::Disconnected
        } else {
            ErrorKind::Config
        };
        let forwarded = Box::pin(forward(&self.locating, &kubeconfigs)).await;
        let opened = forwarded.map_err(|no| Error::new(kind, no.text))?;
        Ok(opened.1)
    }
}

/// Looks everywhere, and again until `within` is over: what was just started may not be there yet.
async fn search(locating: &Locating, within: Duration) -> Result<Found> {
    let around = &locating.surroundings;
    let kubeconfigs = around.kubeconfigs(locating.kubeconfig.as_deref());
    let signs = around.signs(&kubeconfigs, locating.nats.context.as_deref());
    let environment = signs.environment(locating.environment);
    let own = around.namespace();
    let places = places(environment, &locating.nats, own.as_deref());
    tracing::debug!(%environment, "looking for NATS");
    let start = Instant::now();
    let mut told = false;
    // Why places do not answer; what lasts is not asked again.
    let mut answers: Vec<Option<No>> = places.iter().map(|_| None).collect();
    loop {
        for (place, answer) in places.iter().zip(&mut answers) {
            if answer.as_ref().is_some_and(|no| no.lasting) {
                continue;
            }
            match look(locating, place, &kubeconfigs).await {
                Ok((found, shown)) => {
                    tracing::info!(%environment, "NATS was found: {shown}");
                    return Ok(found);
                }
                Err(no) => *answer = Some(no),
            }
        }
        if start.elapsed() + ROUNDS >= within {
            let tried = places.iter().zip(answers).filter_map(|(place, answer)| {
                let (place, result) = (place.shown(&locating.nats), answer?.text);
                Some(Tried { place, result })
            });
            let tried: Vec<Tried> = tried.collect();
            let text = nowhere(environment, &tried);
            return Err(Error::new(ErrorKind::Disconnected, text));
        }
        if !told && start.elapsed() > SILENT {
            told = true;
            tracing::info!("no NATS server yet; looking on (up to {within:?}, `connect_timeout`)");
        }
        tokio::time::sleep(ROUNDS).await;
    }
}

/// Looks at one place; what is found there is told in the second text.
async fn look(
    locating: &Locating,
    place: &Place,
    kubeconfigs: &[PathBuf],
) -> Result<(Found, String), No> {
    let (address, within) = match place {
        Place::Service(address) => (address, SERVICE_WITHIN),
        Place::Address(address) => (address, ADDRESS_WITHIN),
        Place::Forward => return forward(locating, kubeconfigs).await,
    };
    let around = &locating.surroundings;
    let greeting = around.ask(address, within).await;
    let greeting = greeting.map_err(|text| No {
        text,
        lasting: false,
    })?;
    let found = at(around.address(address), Way::Direct)?;
    let shown = place.shown(&locating.nats);
    Ok((found, format!("{shown}, nats-server {}", greeting.version)))
}

fn at(address: &str, way: Way) -> Result<Found, No> {
    match Url::parse(&format!("nats://{address}")) {
        Ok(server) => Ok(Found { server, way }),
        // A namespace or a service that is no name.
        Err(error) => Err(No {
            text: format!("it is no address: {error}"),
            lasting: true,
        }),
    }
}

#[cfg(feature = "k8s")]
async fn forward(locating: &Locating, kubeconfigs: &[PathBuf]) -> Result<(Found, String), No> {
    use crate::adapter::kube::{Forward, ForwardOptions};
    let options = ForwardOptions {
        kubeconfigs: kubeconfigs.to_vec(),
        nats: locating.nats.clone(),
    };
    let opened = Forward::open(options).await;
    let forward = opened.map_err(|obstacle| No {
        text: obstacle.text,
        lasting: obstacle.lasting,
    })?;
    let address = format!("127.0.0.1:{}", forward.port);
    let shown = format!("{}, at {address}", forward.shown);
    let found = at(&address, Way::Through(std::sync::Arc::new(forward)))?;
    Ok((found, shown))
}

#[cfg(not(feature = "k8s"))]
#[expect(clippy::unused_async, reason = "the same face as with the feature")]
async fn forward(_: &Locating, kubeconfigs: &[PathBuf]) -> Result<(Found, String), No> {
    let there = kubeconfigs.iter().any(|path| path.exists());
    let text = if there {
        "there is a kubeconfig, and this build has no feature `k8s`: build with `aegis = { .., features \
         = [\"k8s\"] }` (the tool: `cargo install aegis-cli --features k8s`), or run `kubectl \
         port-forward`"
    } else {
        "there is no kubeconfig, and this build has no feature `k8s`"
    };
    Err(No {
        text: text.to_owned(),
        lasting: true,
    })
}
