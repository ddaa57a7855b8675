//! Through a port-forward: calls, and what happens when it dies.

use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, ConnectionState};
use aegis_tests::kube::FakeKube;
use aegis_tests::{eventually, soon};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

use super::refused::in_cluster;
use super::{Bell, BellClient, address_of, nobody};
use crate::log::capture;

/// A cluster with one pod, and how to get there.
async fn cluster(server: &NatsServer) -> (FakeKube, Config) {
    let kube = FakeKube::start().await;
    kube.pod("nats-0", &address_of(server), true);
    let path = kube.kubeconfig(&["kind-dev"], "kind-dev");
    let config = in_cluster(&kube, &path);
    (kube, config)
}

/// A call that outlives what happens to the connection.
async fn ring(client: &Client, times: u32) -> u32 {
    let again = RetryPolicy::default().max_attempts(1000);
    let again = again.max_delay(Duration::from_millis(50));
    let call = BellClient::new(client).ring(times);
    let call = call.idempotency_key("ring").retry(again);
    call.within(aegis_tests::PATIENCE).await.unwrap()
}

#[tokio::test]
async fn calls_go_through_a_port_forward() {
    let (log, _end) = capture();
    let server = NatsServer::start().await.unwrap();
    let (kube, config) = cluster(&server).await;
    let app = App::new(config.clone()).service(Bell);
    let running = app.start().await.unwrap();
    let client = Client::connect(config).await.unwrap();
    for times in 0..50 {
        assert_eq!(BellClient::new(&client).ring(times).await.unwrap(), times);
    }
    running.stop().await.unwrap();
    let text = log.text();
    let found = "NATS was found: a port-forward to pod nats-0 of service aegis-trader-nats in \
                 namespace aegis-trader, context kind-dev, at 127.0.0.1:";
    // The app's two connections share one way; the client has another.
    assert_eq!(text.matches(found).count(), 2, "{text}");
    assert!(!text.contains("very-secret"), "{text}");
    assert_eq!(
        kube.dialled().len(),
        5,
        "two first looks, three connections"
    );
}

#[tokio::test]
async fn a_port_forward_that_dies_is_made_again_while_a_client_calls() {
    let server = NatsServer::start().await.unwrap();
    let (kube, config) = cluster(&server).await;
    let running = App::new(config.clone()).service(Bell);
    let running = running.start().await.unwrap();
    let client = Client::connect(config).await.unwrap();
    for round in 0..5 {
        let before = kube.dialled().len();
        kube.cut("nats-0");
        assert_eq!(ring(&client, round).await, round);
        eventually("new port-forwards", async || kube.dialled().len() > before).await;
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn another_pod_takes_the_place_of_one_that_is_gone() {
    let server = NatsServer::start().await.unwrap();
    let (kube, config) = cluster(&server).await;
    let running = App::new(config.clone()).service(Bell);
    let running = running.start().await.unwrap();
    let client = Client::connect(config).await.unwrap();
    let questions = kube.questions();
    kube.remove("nats-0");
    eventually("attempts", async || kube.questions() > questions + 8).await;
    let other = NatsServer::start().await.unwrap();
    kube.pod("nats-1", &address_of(&other), true);
    assert_eq!(ring(&client, 7).await, 7);
    assert_eq!(kube.dialled().last().unwrap(), "nats-1");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_pod_that_does_not_answer_is_avoided_if_there_is_another() {
    let server = NatsServer::start().await.unwrap();
    let (kube, config) = cluster(&server).await;
    let client = Client::connect(config.clone()).await.unwrap();
    let running = App::new(config).service(Bell).start().await.unwrap();
    kube.pod("broken", &nobody(), true);
    for round in 0..4 {
        kube.cut("nats-0");
        assert_eq!(ring(&client, round).await, round);
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_port_forward_ends_with_its_last_user() {
    let server = NatsServer::start().await.unwrap();
    let (_kube, config) = cluster(&server).await;
    let client = Client::connect(config).await.unwrap();
    let address = client.server().trim_start_matches("nats://").to_owned();
    let stream = TcpStream::connect(&address).await;
    stream.expect("it is open as long as the client is");
    soon("the end", client.close()).await.unwrap();
    drop(client);
    eventually("the end of the local port", async || {
        TcpStream::connect(&address).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn addresses_that_servers_tell_of_each_other_are_not_used() {
    let routes = nobody();
    let member = async |more: &str| {
        let config = format!("cluster {{ name: c, {more} }}");
        let builder = NatsServer::builder().without_jetstream().config(config);
        builder.start().await.unwrap()
    };
    let server = member(&format!("listen: \"{routes}\"")).await;
    let routes = format!("listen: \"127.0.0.1:-1\", routes: [\"nats://{routes}\"]");
    let second = member(&routes).await;
    let other = address_of(&second);
    eventually("a server that tells of the other", async || {
        let stream = TcpStream::connect(address_of(&server)).await.unwrap();
        let mut greeting = String::new();
        let mut stream = BufReader::new(stream);
        stream.read_line(&mut greeting).await.unwrap();
        greeting.contains(&other)
    })
    .await;
    let (kube, config) = cluster(&server).await;
    let client = Client::connect(config).await.unwrap();
    kube.remove("nats-0");
    let questions = kube.questions();
    eventually("attempts", async || kube.questions() > questions + 8).await;
    let mut state = client.connection();
    assert_eq!(*state.borrow(), ConnectionState::Disconnected);
    kube.pod("nats-1", &address_of(&server), true);
    let back = state.wait_for(|state| *state == ConnectionState::Connected);
    soon("the connection", back).await.unwrap();
    assert_eq!(kube.dialled().last().unwrap(), "nats-1");
}
