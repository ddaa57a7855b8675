//! From a kubeconfig to a client of the Kubernetes API.

use std::net::IpAddr;
use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};

use super::refusal::{Obstacle, login, unusable};

/// A client, and the context that it is of.
pub(super) struct Access {
    pub(super) client: kube::Client,
    pub(super) context: String,
}

/// A client of the API, with the context that was said, else the current one.
pub(super) async fn access(paths: &[PathBuf], context: Option<&str>) -> Result<Access, Obstacle> {
    let shown: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let shown = shown.join(", ");
    let kubeconfig = read(paths, &shown)?;
    let context = named(&kubeconfig, context, &shown)?;
    let options = KubeConfigOptions {
        context: Some(context.clone()),
        ..KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.map_err(|error| unusable(&shown, &error))?;
    // Proxies are for other machines; a variable for all of them is no reason to ask one.
    if config.cluster_url.host().is_some_and(is_here) {
        config.proxy_url = None;
    }
    // With two of them in one program, `rustls` would panic rather than choose.
    let provider = rustls::crypto::ring::default_provider();
    let _ = provider.install_default();
    let client = kube::Client::try_from(config).map_err(|error| match error {
        kube::Error::Auth(error) => login(&error),
        other => Obstacle::lasting(format!("the kubeconfig {shown} cannot be used: {other}")),
    })?;
    Ok(Access { client, context })
}

/// All files of a list make one; as with `kubectl`, some may be missing.
fn read(paths: &[PathBuf], shown: &str) -> Result<Kubeconfig, Obstacle> {
    let there: Vec<&PathBuf> = paths.iter().filter(|path| path.exists()).collect();
    if there.is_empty() {
        let place = if shown.is_empty() {
            "KUBECONFIG"
        } else {
            shown
        };
        return Err(Obstacle::lasting(format!(
            "there is no kubeconfig ({place}); `kubernetes.kubeconfig` names another"
        )));
    }
    let mut whole = Kubeconfig::default();
    for path in there {
        let next = Kubeconfig::read_from(path);
        let merged = next.and_then(|next| whole.merge(next));
        whole = merged.map_err(|error| unusable(&path.display().to_string(), &error))?;
    }
    Ok(whole)
}

/// The context to use; it must be there.
fn named(kubeconfig: &Kubeconfig, said: Option<&str>, shown: &str) -> Result<String, Obstacle> {
    let all = kubeconfig.contexts.iter();
    let names: Vec<&str> = all.map(|context| context.name.as_str()).collect();
    let there = if names.is_empty() {
        "there is none".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    let current = kubeconfig.current_context.as_deref();
    let Some(wanted) = said.or(current.filter(|name| !name.is_empty())) else {
        return Err(Obstacle::lasting(format!(
            "the kubeconfig {shown} has no current context: name one with `kubernetes.context`; {there}"
        )));
    };
    if names.contains(&wanted) {
        return Ok(wanted.to_owned());
    }
    Err(Obstacle::lasting(format!(
        "the kubeconfig {shown} has no context {wanted}: name another with `kubernetes.context`; {there}"
    )))
}

fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
