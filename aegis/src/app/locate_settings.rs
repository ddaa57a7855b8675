//! Settings that say where `nats.url = "auto"` looks for NATS, and the profile.

use std::path::PathBuf;

use super::config::Config;
use super::profile::Profile;
use super::settings::{Setting, file, open, switch};
use crate::model::Environment;

pub(super) const SETTINGS: &[Setting] = &[
    // Its defaults are there before any setting: here it is only checked.
    open("profile", &["AEGIS_PROFILE"], |_, text| {
        let profile = text.parse::<Profile>();
        profile.map(drop).map_err(|error| error.to_string())
    }),
    open("environment", &["AEGIS_ENVIRONMENT"], |config, text| {
        config.locating.environment = match text {
            "auto" => None,
            said => Some(said.parse::<Environment>().map_err(|e| e.to_string())?),
        };
        Ok(())
    }),
    open(
        "kubernetes.namespace",
        &["AEGIS_KUBERNETES_NAMESPACE"],
        |config, text| {
            config.locating.nats.namespace = Some(label(text)?);
            Ok(())
        },
    ),
    open(
        "kubernetes.service",
        &["AEGIS_KUBERNETES_SERVICE"],
        |config, text| {
            config.locating.nats.service = label(text)?;
            Ok(())
        },
    ),
    open(
        "kubernetes.port",
        &["AEGIS_KUBERNETES_PORT"],
        |config, text| {
            let port = text.parse().ok().filter(|port| *port > 0);
            config.locating.nats.port = port.ok_or("it is a port, 1 to 65535")?;
            Ok(())
        },
    ),
    open(
        "kubernetes.port_forward",
        &["AEGIS_KUBERNETES_PORT_FORWARD"],
        |config, text| switch(text).map(|on| config.locating.nats.port_forward = on),
    ),
    open(
        "kubernetes.context",
        &["AEGIS_KUBERNETES_CONTEXT"],
        |config, text| {
            config.locating.nats.context = Some(text.to_owned());
            Ok(())
        },
    ),
    open(
        "kubernetes.kubeconfig",
        &["AEGIS_KUBERNETES_KUBECONFIG"],
        |config, text| file(&mut config.locating.kubeconfig, text),
    ),
];

/// The name of a namespace or a service: it becomes a part of a host name, and of a path.
fn label(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edge = text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || text.len() > 63 || edge || !text.bytes().all(allowed) {
        return Err(
            "it is 1 to 63 lower-case letters, digits or `-`, with no `-` at its ends".into(),
        );
    }
    Ok(text.to_owned())
}

impl Config {
    /// Where this program runs, instead of what is seen of the machine.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.locating.environment = Some(environment);
        self
    }

    /// The service of NATS in a Kubernetes cluster, for `nats.url = "auto"`; default `aegis-trader-nats`
    /// in the pod's own namespace, outside of a cluster in `aegis-trader`.
    #[must_use]
    pub fn kubernetes_service(self, namespace: &str, service: &str) -> Self {
        let config = self.set("kubernetes.namespace", namespace);
        config.set("kubernetes.service", service)
    }

    /// The port of that service; default 4222.
    #[must_use]
    pub fn kubernetes_port(mut self, port: u16) -> Self {
        self.locating.nats.port = port;
        self
    }

    /// The context of the kubeconfig; default its current one.
    #[must_use]
    pub fn kubernetes_context(mut self, context: &str) -> Self {
        self.locating.nats.context = Some(context.to_owned());
        self
    }

    /// The kubeconfig; default the files in `KUBECONFIG`, else `~/.kube/config`.
    #[must_use]
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.locating.kubeconfig = Some(path.into());
        self
    }

    /// Whether a cluster is reached from outside through a port-forward; default yes.
    #[must_use]
    pub fn port_forward(mut self, on: bool) -> Self {
        self.locating.nats.port_forward = on;
        self
    }

    /// What `nats.url = "auto"` sees of the machine, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn within(mut self, surroundings: super::surroundings::Surroundings) -> Self {
        self.locating.surroundings = surroundings;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings;

    #[test]
    fn names_become_parts_of_addresses_and_are_checked() {
        for (key, text, right) in [
            ("kubernetes.namespace", "trading-eu", true),
            ("kubernetes.namespace", "a.b", false),
            ("kubernetes.namespace", "a/../b", false),
            ("kubernetes.namespace", "", false),
            ("kubernetes.service", "nats", true),
            ("kubernetes.service", "Nats", false),
            ("kubernetes.service", "-nats", false),
            ("kubernetes.service", "nats@host", false),
            ("kubernetes.port", "4333", true),
            ("kubernetes.port", "0", false),
            ("kubernetes.port", "70000", false),
            ("kubernetes.port_forward", "off", true),
            ("kubernetes.port_forward", "perhaps", false),
            ("kubernetes.kubeconfig", "/no/such/file", false),
            ("environment", "auto", true),
            ("environment", "local-kubernetes", true),
            ("environment", "unknown", false),
        ] {
            let set = settings::set(&mut Config::default(), key, text, "here");
            assert_eq!(set.is_ok(), right, "{key} = {text:?}: {set:?}");
        }
    }
}
