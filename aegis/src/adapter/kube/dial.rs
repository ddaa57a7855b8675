//! Finds a pod behind the service, and connects to it: each time anew, since pods come and go.

use std::fmt;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod as PodKind;
use kube::Api;
use kube::core::Request;
use kube::core::params::{GetParams, ListParams};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::access::Access;
use super::link::Link;
use super::objects::{List, Named, Pod, Service, choose};
use super::refusal::{Obstacle, Wish};
use crate::model::ClusterNats;
use crate::observe;

/// One question to the API.
const QUESTION: Duration = Duration::from_secs(10);
/// The longest wait between two attempts.
const SLOWEST: Duration = Duration::from_secs(1);
/// A failure that lasts is told so often.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// The way to the pods of a service.
pub(super) struct Dialer {
    access: Access,
    nats: ClusterNats,
    namespace: String,
    /// Connections are made one after the other: when the API fails, it is not asked for each.
    standing: Mutex<Standing>,
}

/// How the last attempts went.
#[derive(Debug, Default)]
struct Standing {
    failures: u32,
    told: Option<Instant>,
    /// The pod that has just failed, or ended.
    failed: Option<String>,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("context", &self.access.context)
            .field("nats", &self.nats)
            .finish_non_exhaustive()
    }
}

impl Dialer {
    pub(super) fn new(access: Access, nats: ClusterNats) -> Self {
        Self {
            access,
            namespace: nats.namespace(None),
            nats,
            standing: Mutex::default(),
        }
    }

    /// Where it leads, for people.
    pub(super) fn shown(&self, pod: &str) -> String {
        format!(
            "a port-forward to pod {pod} of service {} in namespace {}, context {}",
            self.nats.service, self.namespace, self.access.context
        )
    }

    /// A connection to a pod, with its name. After failures it waits a little before it tries, and
    /// `wanted` says whether anybody still waits for it.
    pub(super) async fn link(&self, wanted: impl Fn() -> bool) -> Option<(Link, String)> {
        let mut standing = self.standing.lock().await;
        tokio::time::sleep(pause(standing.failures)).await;
        if !wanted() {
            return None;
        }
        match self.dial(&mut standing.failed).await {
            Ok((link, pod)) => {
                if standing.failures > 0 {
                    tracing::info!("NATS is reached again through {}", self.shown(&pod));
                }
                *standing = Standing::default();
                Some((link, pod))
            }
            Err(obstacle) => {
                standing.failures = standing.failures.saturating_add(1);
                let told = standing.told;
                if told.is_none_or(|told| told.elapsed() >= TOLD_AGAIN) {
                    standing.told = Some(Instant::now());
                    let error = obstacle.text;
                    tracing::warn!(
                        error,
                        "no port-forward to NATS; trying again until there is"
                    );
                }
                None
            }
        }
    }

    /// The same at once, and only once.
    pub(super) async fn first(&self) -> Result<(Link, String), Obstacle> {
        let mut standing = self.standing.lock().await;
        self.dial(&mut standing.failed).await
    }

    /// The next connection goes to another pod, if there is one.
    pub(super) async fn has_ended(&self, pod: String) {
        self.standing.lock().await.failed = Some(pod);
    }

    async fn dial(&self, failed: &mut Option<String>) -> Result<(Link, String), Obstacle> {
        let (pod, port) = self.find(failed.as_deref()).await?;
        let namespace = &self.namespace;
        let connected = self.connect(&pod, port).await;
        connected
            .map(|link| (link, pod.clone()))
            .map_err(|obstacle| {
                let text = format!("pod {pod} in namespace {namespace}: {}", obstacle.text);
                *failed = Some(pod);
                Obstacle { text, ..obstacle }
            })
    }

    async fn connect(&self, pod: &str, port: u16) -> Result<Link, Obstacle> {
        let api: Api<PodKind> = Api::namespaced(self.access.client.clone(), &self.namespace);
        let ports = [port];
        let forwarder = within(api.portforward(pod, &ports)).await?;
        let forwarder = forwarder.map_err(|error| match &error {
            kube::Error::Api(status) if status.code == 404 => {
                Obstacle::passing("it is not there any more")
            }
            // A WebSocket needs `get`, newer clusters want `create` as well; the answer says which.
            kube::Error::Api(status) if status.message.contains("cannot get") => {
                self.wish("get", "pods/portforward").refused(&error)
            }
            _ => self.wish("create", "pods/portforward").refused(&error),
        })?;
        let link = Link::greeted(forwarder, port).await;
        link.map_err(|text| {
            Obstacle::passing(format!("no NATS server answers at its port {port}: {text}"))
        })
    }

    /// A pod that is ready, and its port.
    async fn find(&self, failed: Option<&str>) -> Result<(String, u16), Obstacle> {
        let (name, namespace) = (&self.nats.service, &self.namespace);
        let service = self.service().await?;
        let port = service.pod_port(self.nats.port).map_err(|others| {
            Obstacle::lasting(format!(
                "service {name} in namespace {namespace} has no port {}: name another with \
                 `kubernetes.port`; there are {others}",
                self.nats.port
            ))
        })?;
        let Some(selector) = service.selector() else {
            return Err(Obstacle::lasting(format!(
                "service {name} in namespace {namespace} does not say which pods are behind it (it has \
                 no selector): name another with `kubernetes.service`"
            )));
        };
        let request = objects(namespace, "pods").list(&ListParams::default().labels(&selector));
        let wish = self.wish("list", "pods");
        let pods: List<Pod> = self.ask(request).await?.map_err(|e| wish.refused(&e))?;
        let start = usize::try_from(observe::random() & 0xffff).unwrap_or_default();
        let Some(pod) = choose(&pods.items, failed, start) else {
            return Err(Obstacle::passing(format!(
                "no pod of service {name} in namespace {namespace} is ready ({} are there): see \
                 `kubectl get pods -n {namespace} -l {selector}`",
                pods.items.len()
            )));
        };
        let number = pod.port(&port).ok_or_else(|| {
            let pod = &pod.metadata.name;
            Obstacle::lasting(format!(
                "pod {pod} has no port {port:?} that the service names"
            ))
        })?;
        Ok((pod.metadata.name.clone(), number))
    }

    async fn service(&self) -> Result<Service, Obstacle> {
        let request = objects(&self.namespace, "services");
        let request = request.get(&self.nats.service, &GetParams::default());
        let wish = self.wish("get", "services");
        match self.ask(request).await? {
            Ok(service) => Ok(service),
            Err(kube::Error::Api(status)) if status.code == 404 => Err(self.no_service().await),
            Err(error) => Err(wish.refused(&error)),
        }
    }

    /// Which services there are, if we may know.
    async fn no_service(&self) -> Obstacle {
        let (name, namespace) = (&self.nats.service, &self.namespace);
        let request = objects(namespace, "services").list(&ListParams::default().limit(20));
        let asked = self.ask::<List<Named>>(request);
        let there = match asked.await {
            Ok(Ok(list)) if list.items.is_empty() => "; the namespace has none".to_owned(),
            Ok(Ok(list)) => {
                let names = list.items.iter().map(|one| one.metadata.name.as_str());
                format!("; there are {}", names.collect::<Vec<_>>().join(", "))
            }
            _ => String::new(),
        };
        Obstacle::lasting(format!(
            "there is no service {name} in namespace {namespace} (context {}): name another with \
             `kubernetes.service` and `kubernetes.namespace`{there}",
            self.access.context
        ))
    }

    fn wish(&self, verb: &'static str, resource: &'static str) -> Wish<'_> {
        Wish {
            verb,
            resource,
            namespace: &self.namespace,
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Result<T, kube::Error>, Obstacle> {
        let request = request.map_err(|error| {
            Obstacle::lasting(format!("`kubernetes.service` is no name: {error}"))
        })?;
        within(self.access.client.request(request)).await
    }
}

fn objects(namespace: &str, kind: &str) -> Request {
    Request::new(format!("/api/v1/namespaces/{namespace}/{kind}"))
}

async fn within<T>(question: impl Future<Output = T>) -> Result<T, Obstacle> {
    let answer = tokio::time::timeout(QUESTION, question).await;
    answer.map_err(|_| {
        Obstacle::passing(format!(
            "the API server does not answer within {QUESTION:?}: does `kubectl get pods` work?"
        ))
    })
}

/// 0, then 50, 100 .. 1000 ms.
fn pause(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => Duration::from_millis(50 << doublings.min(10)).min(SLOWEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_followed_by_longer_waits_up_to_a_second() {
        let waits = [0, 1, 2, 5, 6, 60].map(|failures| pause(failures).as_millis());
        assert_eq!(waits, [0, 50, 100, 800, 1000, 1000]);
    }
}
