//! Without a cluster to reach into: this machine, a container, a pod.

use std::path::Path;

use aegis::Environment;
use aegis::prelude::*;
use aegis::testing::{NatsServer, Surroundings};
use aegis_tests::soon;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::{Bell, BellClient, address_of, auto, in_vain, nobody};
use crate::log::capture;

const HERE: &str = "127.0.0.1:4222";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The files that Kubernetes puts into every pod.
fn make_a_pod(root: &Path, namespace: &str) {
    let account = root.join("var/run/secrets/kubernetes.io/serviceaccount");
    std::fs::create_dir_all(&account).unwrap();
    std::fs::write(account.join("namespace"), namespace).unwrap();
    std::fs::write(account.join("token"), "very-secret").unwrap();
}

#[tokio::test]
async fn a_server_on_this_machine_is_found_by_services_and_by_clients() {
    let (log, _end) = capture();
    let server = NatsServer::start().await.unwrap();
    let root = folder();
    let around = Surroundings::at(root.path()).address_of(HERE, &address_of(&server));
    let app = App::new(auto(around.clone())).service(Bell);
    let running = app.start().await.unwrap();
    let found = log.text().matches("NATS was found: 127.0.0.1:4222").count();
    assert_eq!(found, 1, "once for all connections: {}", log.text());
    let client = Client::connect(auto(around)).await.unwrap();
    assert_eq!(BellClient::new(&client).ring(2).await.unwrap(), 2);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_pod_asks_the_service_of_its_own_namespace_first() {
    let server = NatsServer::start().await.unwrap();
    let other = nobody();
    let root = folder();
    make_a_pod(root.path(), "desk\n");
    let around = Surroundings::at(root.path()).address_of(HERE, &other);
    for (namespace, config) in [
        ("desk", auto(around.clone())),
        (
            "said",
            auto(around.clone()).kubernetes_service("said", "aegis-trader-nats"),
        ),
    ] {
        let name = format!("aegis-trader-nats.{namespace}.svc.cluster.local:4222");
        let around = around.clone().address_of(&name, &address_of(&server));
        let client = Client::connect(config.within(around)).await.unwrap();
        assert_eq!(client.server(), server.url(), "{namespace}");
    }
}

#[tokio::test]
async fn what_is_said_is_taken_and_nothing_else() {
    let server = NatsServer::start().await.unwrap();
    let root = folder();
    let around = Surroundings::at(root.path()).address_of(HERE, &address_of(&server));
    let wrong = auto(around.clone().variable("NATS_URL", &nobody()));
    let error = in_vain(wrong).await;
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(
        error
            .to_string()
            .starts_with("no connection to NATS at nats://127.0.0.1")
    );
    let right = Surroundings::at(root.path()).variable("NATS_URL", &server.url());
    let client = Client::connect(auto(right)).await.unwrap();
    assert_eq!(client.server(), server.url());
    let error = in_vain(auto(around.variable("NATS_URL", "http://joe:secret@h"))).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.contains("NATS_URL: it is nats://") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_no_nats_server_is_passed_over() {
    let server = NatsServer::start().await.unwrap();
    let mail = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = mail.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = mail.accept().await {
            let _ = stream.write_all(b"220 mail\r\n").await;
        }
    });
    let root = folder();
    std::fs::write(root.path().join(".dockerenv"), "").unwrap();
    let around = Surroundings::at(root.path())
        .address_of(HERE, &address)
        .address_of("nats:4222", &address_of(&server));
    let client = Client::connect(auto(around.clone())).await.unwrap();
    assert_eq!(client.server(), server.url());
    let local = auto(around).environment(Environment::Local);
    let text = in_vain(local).await.to_string();
    let expected = "127.0.0.1:4222: something listens there, and it is no NATS server\n";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn a_search_waits_for_a_late_server() {
    let mut server = NatsServer::start().await.unwrap();
    let root = folder();
    let around = Surroundings::at(root.path()).address_of(HERE, &address_of(&server));
    server.stop().await.unwrap();
    let connecting = tokio::spawn(Client::connect(auto(around)));
    tokio::task::yield_now().await;
    server.restart().await.unwrap();
    soon("the connection", connecting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_search_in_vain_tells_everything_that_was_tried() {
    let free = nobody();
    let root = folder();
    let around = Surroundings::at(root.path())
        .address_of(HERE, &free)
        .address_of("nats:4222", &free)
        .address_of("host.docker.internal:4222", &free)
        .address_of("aegis-trader-nats.desk.svc.cluster.local:4222", &free)
        .variable("KUBECONFIG", "/no/such/kubeconfig");
    let feature = if cfg!(feature = "k8s") {
        "there is no kubeconfig (/no/such/kubeconfig); `kubernetes.kubeconfig` names another"
    } else {
        "there is no kubeconfig, and this build has no feature `k8s`"
    };
    let error = in_vain(auto(around.clone()).environment(Environment::Docker)).await;
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let expected = format!(
        "`nats.url` is `auto`, and no NATS server was found (environment: docker); tried in this \
         order:
  - NATS_URL: not set
  - 127.0.0.1:4222: nobody listens there
  - nats:4222: nobody listens there
  - host.docker.internal:4222: nobody listens there
  - a port-forward to service aegis-trader-nats in namespace aegis-trader: {feature}
what to do: start a server here with `aegis dev`, or name one with AEGIS_NATS_URL"
    );
    assert_eq!(error.to_string(), expected);
    make_a_pod(root.path(), "desk");
    let error = in_vain(auto(around)).await;
    let expected = "`nats.url` is `auto`, and no NATS server was found (environment: kubernetes); \
                    tried in this order:
  - NATS_URL: not set
  - the service of this cluster, aegis-trader-nats.desk.svc.cluster.local:4222: nobody listens there
  - 127.0.0.1:4222: nobody listens there
what to do: check that the service is there (`kubectl get services`), or name it with \
                    `kubernetes.service` and `kubernetes.namespace`; AEGIS_NATS_URL names a server";
    assert_eq!(error.to_string(), expected);
}

#[cfg(not(feature = "k8s"))]
#[tokio::test]
async fn a_kubeconfig_without_the_feature_is_told_with_the_way_out() {
    let root = folder();
    let path = root.path().join("kubeconfig");
    std::fs::write(&path, "current-context: kind-dev\n").unwrap();
    let around = Surroundings::at(root.path()).address_of(HERE, &nobody());
    let text = in_vain(auto(around).kubeconfig(&path)).await.to_string();
    for part in ["environment: local-kubernetes", "features = [\"k8s\"]"] {
        assert!(text.contains(part), "{text}");
    }
}
