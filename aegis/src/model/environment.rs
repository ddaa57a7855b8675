//! Where a program runs, decided from what is seen of the machine.

use std::fmt;
use std::str::FromStr;

/// Where a program runs. It decides where `nats.url = "auto"` looks for NATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Environment {
    /// A machine without a cluster, because somebody said so.
    Local,
    /// A container that is not in a Kubernetes cluster.
    Docker,
    /// A pod of a Kubernetes cluster.
    Kubernetes,
    /// A machine whose kubeconfig names a cluster on this same machine: kind, minikube, k3d ..
    LocalKubernetes,
    /// None of these was seen.
    Unknown,
}

/// A text that is no environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is `auto`, `local`, `docker`, `kubernetes` or `local-kubernetes`")]
pub struct EnvironmentError;

impl Environment {
    /// Its name, as in the setting `environment`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
            Self::LocalKubernetes => "local-kubernetes",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Environment {
    type Err = EnvironmentError;

    fn from_str(text: &str) -> Result<Self, EnvironmentError> {
        // Unknown is what is found, and nothing to say.
        let all = [
            Self::Local,
            Self::Docker,
            Self::Kubernetes,
            Self::LocalKubernetes,
        ];
        let found = all.into_iter().find(|one| one.name() == text);
        found.ok_or(EnvironmentError)
    }
}

/// What is seen of the machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct MachineSigns {
    /// `KUBERNETES_SERVICE_HOST`, which every pod has.
    pub(crate) service_host: bool,
    /// The files of a service account.
    pub(crate) service_account: bool,
    /// `/.dockerenv` or `/run/.containerenv`.
    pub(crate) container_file: bool,
    /// What `/proc/1/cgroup` says.
    pub(crate) cgroup: String,
    /// The context of the kubeconfig that counts.
    pub(crate) context: Option<String>,
}

impl MachineSigns {
    /// What was said counts; then the nearest: a pod is a container as well.
    pub(crate) fn environment(&self, said: Option<Environment>) -> Environment {
        if let Some(said) = said {
            return said;
        }
        let within = |words: &[&str]| words.iter().any(|word| self.cgroup.contains(word));
        if self.service_host || self.service_account || within(&["kubepods"]) {
            return Environment::Kubernetes;
        }
        if self.container_file || within(&["docker", "containerd", "libpod"]) {
            return Environment::Docker;
        }
        match &self.context {
            Some(context) if is_local_cluster(context) => Environment::LocalKubernetes,
            _ => Environment::Unknown,
        }
    }
}

/// Whether a context has the name that a tool for clusters on one machine gives it.
fn is_local_cluster(context: &str) -> bool {
    let names = [
        "minikube",
        "docker-desktop",
        "docker-for-desktop",
        "rancher-desktop",
        "orbstack",
        "colima",
        "microk8s",
    ];
    names.contains(&context) || context.starts_with("kind-") || context.starts_with("k3d-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(change: impl FnOnce(&mut MachineSigns)) -> MachineSigns {
        let mut signs = MachineSigns::default();
        change(&mut signs);
        signs
    }

    fn context(name: &str) -> MachineSigns {
        signs(|signs| signs.context = Some(name.to_owned()))
    }

    fn cgroup(text: &str) -> MachineSigns {
        signs(|signs| text.clone_into(&mut signs.cgroup))
    }

    #[test]
    fn the_environment_follows_from_what_is_seen() {
        use Environment::{Docker, Kubernetes, LocalKubernetes, Unknown};
        for (name, signs, expected) in [
            ("nothing", MachineSigns::default(), Unknown),
            (
                "a pod's variable",
                signs(|s| s.service_host = true),
                Kubernetes,
            ),
            (
                "a pod's files",
                signs(|s| s.service_account = true),
                Kubernetes,
            ),
            (
                "a pod is a container too",
                signs(|s| {
                    s.service_host = true;
                    s.container_file = true;
                }),
                Kubernetes,
            ),
            (
                "a pod's cgroup",
                cgroup("1:cpu:/kubepods/besteffort/pod1/abc\n"),
                Kubernetes,
            ),
            ("a file", signs(|s| s.container_file = true), Docker),
            ("cgroup 1", cgroup("12:cpu:/docker/0123abc\n"), Docker),
            (
                "podman",
                cgroup("0::/machine.slice/libpod-1.scope\n"),
                Docker,
            ),
            ("cgroup 2 says nothing", cgroup("0::/\n"), Unknown),
            ("kind", context("kind-dev"), LocalKubernetes),
            ("k3d", context("k3d-dev"), LocalKubernetes),
            ("minikube", context("minikube"), LocalKubernetes),
            ("Docker Desktop", context("docker-desktop"), LocalKubernetes),
            ("another cluster", context("prod-eu"), Unknown),
            (
                "a name that only looks like it",
                context("my-kind-dev"),
                Unknown,
            ),
        ] {
            assert_eq!(signs.environment(None), expected, "{name}");
            let said = Some(Environment::Local);
            assert_eq!(signs.environment(said), Environment::Local, "{name}");
        }
    }

    #[test]
    fn environments_are_read_by_their_names() {
        for (text, expected) in [
            ("local", Ok(Environment::Local)),
            ("docker", Ok(Environment::Docker)),
            ("kubernetes", Ok(Environment::Kubernetes)),
            ("local-kubernetes", Ok(Environment::LocalKubernetes)),
            ("unknown", Err(EnvironmentError)),
            ("k8s", Err(EnvironmentError)),
            ("", Err(EnvironmentError)),
        ] {
            assert_eq!(text.parse(), expected, "{text:?}");
        }
    }
}
