//! Why there is no port-forward: each mistake has a text that says what to do.

use std::path::Path;

use aegis::Config;
use aegis::testing::{NatsServer, Surroundings};
use aegis_tests::kube::FakeKube;

use super::{address_of, auto, in_vain, nobody};

/// Looks for NATS in a cluster; nowhere else is any.
pub(super) fn in_cluster(kube: &FakeKube, kubeconfig: &Path) -> Config {
    let around = Surroundings::at(kube.folder()).address_of("127.0.0.1:4222", &nobody());
    auto(around).kubeconfig(kubeconfig)
}

async fn refusal(config: Config) -> String {
    let text = in_vain(config).await.to_string();
    assert!(!text.contains("very-secret"), "{text}");
    let line = text.lines().find(|line| line.contains("a port-forward to"));
    line.expect("a result of the port-forward").to_owned()
}

#[tokio::test]
async fn contexts_are_told_when_the_one_that_is_wanted_is_missing() {
    let server = NatsServer::start().await.unwrap();
    let kube = FakeKube::start().await;
    kube.pod("a", &address_of(&server), true);
    let path = kube.kubeconfig(&["kind-dev", "prod-eu"], "gone");
    let text = refusal(in_cluster(&kube, &path)).await;
    let expected = "has no context gone: name another with `kubernetes.context`; there are kind-dev, \
                    prod-eu";
    assert!(text.contains(expected), "{text}");
    let missing = in_cluster(&kube, &path).kubernetes_context("prod-us");
    let text = refusal(missing).await;
    assert!(text.contains("has no context prod-us: "), "{text}");
    let path = kube.kubeconfig(&["kind-dev", "prod-eu"], "\"\"");
    let text = refusal(in_cluster(&kube, &path)).await;
    assert!(text.contains("has no current context: "), "{text}");
    let named = in_cluster(&kube, &path).kubernetes_context("prod-eu");
    aegis::Client::connect(named).await.unwrap();
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_is_told_without_its_secrets() {
    let kube = FakeKube::start().await;
    let context = "contexts: [{name: a, context: {cluster: c, user: u}}]\ncurrent-context: a\n";
    let user = "users: [{name: u, user: {token: very-secret}}]\n";
    for (rest, expected) in [
        (
            "clusters: very-secret\n",
            "it is no kubeconfig: line 4 is wrong",
        ),
        ("clusters: [\n", "it is no kubeconfig"),
        ("", "cluster of context"),
        (
            "clusters: [{name: c, cluster: {}}]\n",
            "cluster url is missing",
        ),
        (
            "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1', \
             certificate-authority: /no/such}}]\n",
            "/no/such",
        ),
        (
            "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n",
            "the API server does not answer: ",
        ),
    ] {
        let path = kube.file(&format!("{context}{user}{rest}"));
        let text = refusal(in_cluster(&kube, &path)).await;
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let user = "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, \
                command: sh, args: ['-c', 'echo very-secret; exit 3'], interactiveMode: Never}}}]\n";
    let cluster = "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n";
    let path = kube.file(&format!("{context}{user}{cluster}"));
    let text = refusal(in_cluster(&kube, &path)).await;
    let expected =
        "the command that the kubeconfig logs in with failed (exit status: 3); log in again";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let kube = FakeKube::start().await;
    let server = NatsServer::start().await.unwrap();
    kube.pod("a", &address_of(&server), true);
    let path = kube.kubeconfig(&["kind-dev"], "kind-dev");
    for (end, code, expected) in [
        (
            "/services/aegis-trader-nats",
            403,
            "the right to get services in namespace aegis-trader is missing",
        ),
        ("/pods", 403, "the right to list pods in namespace"),
        (
            "/portforward",
            403,
            "the right to get pods/portforward in namespace aegis-trader is missing: ask for it \
             (`kubectl auth can-i get pods/portforward -n aegis-trader` must say yes)",
        ),
        (
            "/pods",
            401,
            "the API server does not take the login of the kubeconfig",
        ),
        (
            "/pods",
            500,
            "refuses to list pods in namespace aegis-trader: ",
        ),
    ] {
        kube.refuse(end, code);
        let text = refusal(in_cluster(&kube, &path)).await;
        assert!(text.contains(expected), "{expected}: {text}");
    }
    kube.allow();
    aegis::Client::connect(in_cluster(&kube, &path))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_service_or_a_pod_that_is_not_there_is_told_with_those_that_are() {
    let kube = FakeKube::start().await;
    kube.service("prices", 80);
    let path = kube.kubeconfig(&["kind-dev"], "kind-dev");
    let config = in_cluster(&kube, &path);
    for (config, expected) in [
        (
            config.clone().kubernetes_service("aegis-trader", "nats"),
            "there is no service nats in namespace aegis-trader (context kind-dev): name another \
             with `kubernetes.service` and `kubernetes.namespace`; there are aegis-trader-nats, prices",
        ),
        (
            config.clone().kubernetes_port(4333),
            "has no port 4333: name another with `kubernetes.port`; there are 4222",
        ),
        (
            config.clone(),
            "no pod of service aegis-trader-nats in namespace aegis-trader is ready (0 are there)",
        ),
    ] {
        let text = refusal(config).await;
        assert!(text.contains(expected), "{expected}: {text}");
    }
    kube.pod("starting", &nobody(), false);
    let text = refusal(config.clone()).await;
    assert!(text.contains("is ready (1 are there)"), "{text}");
    kube.pod("broken", &nobody(), true);
    let text = refusal(config).await;
    let expected = "pod broken in namespace aegis-trader: no NATS server answers at its port 4222: \
                    failed to connect";
    assert!(text.contains(expected), "{text}");
}
