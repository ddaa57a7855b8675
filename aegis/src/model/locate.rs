//! Where NATS is looked for if nobody says where it is: in which order, and what is said when it was
//! nowhere.

use std::fmt::Write as _;

use super::environment::Environment;

/// The port of NATS where nothing else is said.
const PORT: u16 = 4222;

/// The NATS of a Kubernetes cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterNats {
    /// None: the namespace of the pod, else `aegis-trader`.
    pub(crate) namespace: Option<String>,
    pub(crate) service: String,
    pub(crate) port: u16,
    /// Whether it is reached from outside.
    pub(crate) port_forward: bool,
    /// None: the current one.
    pub(crate) context: Option<String>,
}

impl Default for ClusterNats {
    fn default() -> Self {
        Self {
            namespace: None,
            service: "aegis-trader-nats".to_owned(),
            port: PORT,
            port_forward: true,
            context: None,
        }
    }
}

impl ClusterNats {
    /// The namespace to look in; `own` is that of the pod we are in.
    pub(crate) fn namespace(&self, own: Option<&str>) -> String {
        let said = self.namespace.as_deref();
        said.or(own).unwrap_or("aegis-trader").to_owned()
    }
}

/// One place to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The service of the cluster that we are in, as `host:port`.
    Service(String),
    /// An address as `host:port`.
    Address(String),
    /// The service of the cluster that the kubeconfig names, through a port-forward.
    Forward,
}

impl Place {
    /// What it is, for people.
    pub(crate) fn shown(&self, nats: &ClusterNats) -> String {
        match self {
            Self::Service(address) => format!("the service of this cluster, {address}"),
            Self::Address(address) => address.clone(),
            Self::Forward => format!(
                "a port-forward to service {} in namespace {}",
                nats.service,
                nats.namespace(None)
            ),
        }
    }
}

/// Where to look, in this order. The first that answers is taken.
pub(crate) fn places(
    environment: Environment,
    nats: &ClusterNats,
    own: Option<&str>,
) -> Vec<Place> {
    let mut places = Vec::new();
    if environment == Environment::Kubernetes {
        let (service, port) = (&nats.service, nats.port);
        let namespace = nats.namespace(own);
        let address = format!("{service}.{namespace}.svc.cluster.local:{port}");
        places.push(Place::Service(address));
    }
    places.push(Place::Address(format!("127.0.0.1:{PORT}")));
    if environment == Environment::Docker {
        places.push(Place::Address(format!("nats:{PORT}")));
        places.push(Place::Address(format!("host.docker.internal:{PORT}")));
    }
    // In a pod the service is reached by its name, or not at all; `local` says that there is no cluster.
    let outside = !matches!(environment, Environment::Kubernetes | Environment::Local);
    if outside && nats.port_forward {
        places.push(Place::Forward);
    }
    places
}

/// A place where it was not, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) place: String,
    pub(crate) result: String,
}

/// What is said when NATS was nowhere.
pub(crate) fn nowhere(environment: Environment, tried: &[Tried]) -> String {
    let mut text = format!(
        "`nats.url` is `auto`, and no NATS server was found (environment: {environment}); tried in \
         this order:\n  - NATS_URL: not set"
    );
    for Tried { place, result } in tried {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n  - {place}: {result}");
    }
    text.push_str("\nwhat to do: ");
    text.push_str(match environment {
        Environment::Kubernetes => {
            "check that the service is there (`kubectl get services`), or name it with \
             `kubernetes.service` and `kubernetes.namespace`; AEGIS_NATS_URL names a server"
        }
        _ => "start a server here with `aegis dev`, or name one with AEGIS_NATS_URL",
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(environment: Environment, nats: &ClusterNats, own: Option<&str>) -> Vec<String> {
        let places = places(environment, nats, own);
        let text = |place: &Place| match place {
            Place::Service(address) => format!("service {address}"),
            Place::Address(address) => address.clone(),
            Place::Forward => "forward".to_owned(),
        };
        places.iter().map(text).collect()
    }

    #[test]
    fn places_are_looked_at_in_an_order_that_follows_from_the_environment() {
        let service = "service aegis-trader-nats.desk.svc.cluster.local:4222";
        for (environment, expected) in [
            (Environment::Local, &["127.0.0.1:4222"][..]),
            (Environment::Kubernetes, &[service, "127.0.0.1:4222"]),
            (
                Environment::Docker,
                &[
                    "127.0.0.1:4222",
                    "nats:4222",
                    "host.docker.internal:4222",
                    "forward",
                ],
            ),
            (Environment::LocalKubernetes, &["127.0.0.1:4222", "forward"]),
            (Environment::Unknown, &["127.0.0.1:4222", "forward"]),
        ] {
            let nats = ClusterNats::default();
            assert_eq!(shown(environment, &nats, Some("desk")), expected);
            let without = ClusterNats {
                port_forward: false,
                ..ClusterNats::default()
            };
            let found = shown(environment, &without, Some("desk"));
            assert!(!found.contains(&"forward".to_owned()), "{found:?}");
        }
    }

    #[test]
    fn the_namespace_is_the_one_said_else_the_pods_else_the_default() {
        for (said, own, expected) in [
            (Some("said"), Some("own"), "said"),
            (Some("said"), None, "said"),
            (None, Some("own"), "own"),
            (None, None, "aegis-trader"),
        ] {
            let nats = ClusterNats {
                namespace: said.map(str::to_owned),
                service: "nats".to_owned(),
                port: 4333,
                ..ClusterNats::default()
            };
            let found = &shown(Environment::Kubernetes, &nats, own)[0];
            let address = format!("service nats.{expected}.svc.cluster.local:4333");
            assert_eq!(*found, address);
        }
    }

    #[test]
    fn everything_that_was_tried_is_told_with_what_to_do() {
        let tried = [
            Tried {
                place: "127.0.0.1:4222".to_owned(),
                result: "nobody listens there".to_owned(),
            },
            Tried {
                place: Place::Forward.shown(&ClusterNats::default()),
                result: "there is no kubeconfig".to_owned(),
            },
        ];
        let text = nowhere(Environment::Unknown, &tried);
        assert_eq!(
            text,
            "`nats.url` is `auto`, and no NATS server was found (environment: unknown); tried in this \
             order:\n  - NATS_URL: not set\n  - 127.0.0.1:4222: nobody listens there\n  - a \
             port-forward to service aegis-trader-nats in namespace aegis-trader: there is no \
             kubeconfig\nwhat to do: start a server here with `aegis dev`, or name one with \
             AEGIS_NATS_URL"
        );
        let text = nowhere(Environment::Kubernetes, &tried);
        assert!(text.contains("kubectl get services"), "{text}");
    }
}
