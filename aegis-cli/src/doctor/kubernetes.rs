//! Whether Kubernetes is around, and can be asked.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use aegis::{Config, ErrorKind};

use super::facts::{Facts, Kubernetes, Way};
use super::finding::{Finding, Group};

const GROUP: &str = "kubernetes";
/// An API server may be far away, and a login may take its time.
const LONGEST: Duration = Duration::from_secs(10);

/// What the environment tells of Kubernetes.
pub(super) fn around(variable: impl Fn(&str) -> Option<OsString>) -> Kubernetes {
    let named = variable("KUBECONFIG").and_then(|paths| std::env::split_paths(&paths).next());
    let home = variable("HOME").map(|home| PathBuf::from(home).join(".kube/config"));
    let kubeconfig = named.or(home).filter(|path| path.is_file());
    Kubernetes {
        in_a_pod: variable("KUBERNETES_SERVICE_HOST").is_some(),
        kubeconfig,
        asked: None,
    }
}

/// The same, and where a port-forward leads, as outside of a cluster programs may need one.
pub(super) async fn asked(
    config: &Config,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Kubernetes {
    let mut around = around(variable);
    if around.in_a_pod || around.kubeconfig.is_none() {
        return around;
    }
    let asked = tokio::time::timeout(LONGEST, config.try_kubernetes()).await;
    around.asked = Some(match asked {
        Ok(Ok(leads)) => Way::Leads(leads),
        Ok(Err(error)) if error.kind() == ErrorKind::Config => Way::Unknown(error.to_string()),
        Ok(Err(error)) => Way::Blocked(error.to_string()),
        Err(_) => Way::Blocked(format!("the API server did not answer within {LONGEST:?}")),
    });
    around
}

/// Whether programs on this computer could reach a NATS in the cluster.
pub(super) fn judge(facts: &Facts) -> Group {
    let Kubernetes {
        in_a_pod,
        kubeconfig,
        asked,
    } = &facts.kubernetes;
    let file = match (in_a_pod, kubeconfig) {
        (true, _) => return Group::new(GROUP, "in a pod", Vec::new()),
        (false, None) => return Group::new(GROUP, "not in a pod, and no kubeconfig", Vec::new()),
        (false, Some(path)) => path.display(),
    };
    let summary = format!("there is a kubeconfig, {file}");
    let finding = match asked {
        Some(Way::Leads(leads)) => {
            return Group::new(
                GROUP,
                format!("a port-forward leads to {leads}"),
                Vec::new(),
            );
        }
        Some(Way::Blocked(why)) => {
            let what = format!("no port-forward to NATS in the cluster: {why}");
            Finding::note("kubernetes_unreachable", "", what)
                .because("programs here that look for NATS (`nats.url = \"auto\"`) do not reach the cluster")
                .mended_by("`kubectl get services --all-namespaces` shows what there is; `kubernetes.service`, `kubernetes.namespace` and `kubernetes.context` name it")
        }
        Some(Way::Unknown(why)) => Finding::note("kubernetes_not_asked", "", why.clone())
            .mended_by("`cargo install aegis-cli --features k8s`, or `kubectl get pods,services`"),
        None => Finding::note(
            "kubernetes_not_asked",
            "",
            format!("{summary}, and it was not asked"),
        )
        .mended_by("`kubectl get pods,services` shows what runs there"),
    };
    Group::new(GROUP, summary, vec![finding])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_tells() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().as_os_str().to_owned();
        for (variables, in_a_pod, found) in [
            (&[][..], false, false),
            (
                &[("KUBERNETES_SERVICE_HOST", "10.0.0.1".into())],
                true,
                false,
            ),
            (&[("KUBECONFIG", path)], false, true),
            (&[("KUBECONFIG", "/no/such".into())], false, false),
        ] {
            let around = around(|name| {
                let set = variables.iter().find(|(set, _)| *set == name);
                set.map(|(_, value): &(&str, OsString)| value.clone())
            });
            assert_eq!(
                (around.in_a_pod, around.kubeconfig.is_some()),
                (in_a_pod, found)
            );
        }
    }
}
