//! What is read of services and pods, and what follows from it: which pods are ready, and at which port.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A service.
#[derive(Debug, Deserialize)]
pub(super) struct Service {
    spec: ServiceSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    selector: BTreeMap<String, String>,
    ports: Vec<ServicePort>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServicePort {
    port: u16,
    target_port: Option<PodPort>,
}

/// A port of a pod, by number or by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum PodPort {
    Number(u16),
    Name(String),
}

impl Service {
    /// Which pods are behind it, as the API wants it; none if it does not say.
    pub(super) fn selector(&self) -> Option<String> {
        let pairs = self.spec.selector.iter();
        let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join(","))
    }

    /// The port of its pods behind one of its own; else those that it has.
    pub(super) fn pod_port(&self, port: u16) -> Result<PodPort, String> {
        let ports = &self.spec.ports;
        if let Some(found) = ports.iter().find(|one| one.port == port) {
            let target = found.target_port.clone();
            return Ok(target.unwrap_or(PodPort::Number(port)));
        }
        let all: Vec<String> = ports.iter().map(|one| one.port.to_string()).collect();
        Err(all.join(", "))
    }
}

/// A list of pods, or of services.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
}

/// Any object's name.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: String,
    deletion_timestamp: Option<String>,
}

/// A pod.
#[derive(Debug, Deserialize)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    ports: Vec<ContainerPort>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerPort {
    name: Option<String>,
    container_port: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodStatus {
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    r#type: String,
    status: String,
}

impl Pod {
    /// It takes connections, and is not about to end.
    pub(super) fn is_ready(&self) -> bool {
        let mut conditions = self.status.conditions.iter();
        let ready = conditions.any(|one| one.r#type == "Ready" && one.status == "True");
        ready && self.metadata.deletion_timestamp.is_none()
    }

    /// The number of a port; none if it has no port of that name.
    pub(super) fn port(&self, port: &PodPort) -> Option<u16> {
        let name = match port {
            PodPort::Number(number) => return Some(*number),
            PodPort::Name(name) => name,
        };
        let mut ports = self.spec.containers.iter().flat_map(|one| &one.ports);
        let found = ports.find(|one| one.name.as_ref() == Some(name))?;
        Some(found.container_port)
    }
}

/// One of those that are ready, and if there are others not the one that has just failed. `start` spreads
/// the connections of many programs.
pub(super) fn choose<'a>(pods: &'a [Pod], failed: Option<&str>, start: usize) -> Option<&'a Pod> {
    let ready: Vec<&Pod> = pods.iter().filter(|pod| pod.is_ready()).collect();
    let fresh = |pod: &&Pod| failed != Some(pod.metadata.name.as_str());
    let others: Vec<&Pod> = ready.iter().copied().filter(fresh).collect();
    let from = if others.is_empty() { ready } else { others };
    from.get(start.checked_rem(from.len())?).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, ready: &str, ending: bool) -> Pod {
        let ended = ending.then_some("2026-01-01T00:00:00Z");
        serde_json::from_value(json!({
            "metadata": {"name": name, "deletionTimestamp": ended},
            "spec": {"containers": [
                {"name": "reloader"},
                {"name": "nats", "ports": [
                    {"name": "client", "containerPort": 4222}, {"containerPort": 8222},
                ]},
            ]},
            "status": {"conditions": [
                {"type": "Initialized", "status": "True"}, {"type": "Ready", "status": ready},
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_that_is_ready_is_chosen_and_not_the_one_that_has_failed() {
        let pods = [
            pod("starting", "False", false),
            pod("a", "True", false),
            pod("ending", "True", true),
            pod("b", "True", false),
        ];
        for (failed, start, expected) in [
            (None, 0, "a"),
            (None, 1, "b"),
            (None, 2, "a"),
            (Some("a"), 0, "b"),
            (Some("a"), 1, "b"),
            (Some("gone"), 1, "b"),
        ] {
            let chosen = choose(&pods, failed, start).unwrap();
            assert_eq!(chosen.metadata.name, expected, "{failed:?} {start}");
        }
        let only = &pods[..2];
        assert_eq!(choose(only, Some("a"), 0).unwrap().metadata.name, "a");
        assert!(choose(&pods[..1], None, 0).is_none());
    }

    #[test]
    fn the_port_of_a_pod_is_found_by_number_and_by_name() {
        let service: Service = serde_json::from_value(json!({"spec": {
            "selector": {"app": "nats", "tier": "bus"},
            "ports": [
                {"name": "client", "port": 4222, "targetPort": "client"},
                {"port": 8222, "targetPort": 18222},
                {"port": 6222},
                {"port": 7777, "targetPort": "nowhere"},
            ],
        }}))
        .unwrap();
        assert_eq!(service.selector().as_deref(), Some("app=nats,tier=bus"));
        let pod = pod("a", "True", false);
        for (port, expected) in [
            (4222, Some(4222)),
            (8222, Some(18222)),
            (6222, Some(6222)),
            (7777, None),
        ] {
            let port = service.pod_port(port).unwrap();
            assert_eq!(pod.port(&port), expected, "{port:?}");
        }
        let others = service.pod_port(1).unwrap_err();
        assert_eq!(others, "4222, 8222, 6222, 7777");
        let headless: Service = serde_json::from_value(json!({"spec": {}})).unwrap();
        assert_eq!(headless.selector(), None);
    }
}
