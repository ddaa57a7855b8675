//! The manifests of `docs/deploy/kubernetes`: a real server takes their configuration, and the users in
//! the example of the secret may do what they need and no more. `.ci/deploy` checks the rest of them.

use std::path::Path;

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, DiscoveryMode};
use aegis_tests::{eventually, soon};
use serde_json::json;

#[derive(Debug, Clone)]
struct Greeter;

#[aegis::service(name = "greeter", version = "1.0.0")]
impl Greeter {
    #[rpc]
    async fn greet(&self, name: String) -> Result<String, Failure> {
        Ok(format!("Hello, {name}!"))
    }
}

fn manifest(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy/kubernetes/nats");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// What the server reads in its pod, with the places of this computer; the word `password` for each.
fn configuration(folder: &Path) -> String {
    let map = manifest("config.yaml");
    let (_, text) = map.split_once("nats.conf: |\n").unwrap();
    let lines = text
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    let mut users = manifest("auth.conf.example");
    for user in ["ADMIN", "GREETER", "SYS"] {
        users = users.replace(&format!("{user}_PASSWORD"), "password");
    }
    let (pid, store) = (folder.join("nats.pid"), folder.join("store"));
    for (there, here) in [
        ("$SERVER_NAME", "aegis-trader-nats-0"),
        ("http_port: 8222", "http: \"127.0.0.1:-1\""),
        ("-headless:6222", "-headless.invalid:6222"),
        ("port: 6222", "listen: \"127.0.0.1:-1\""),
        ("/var/run/nats/nats.pid", &pid.to_string_lossy()),
        ("/data", &store.to_string_lossy()),
        ("include ./auth.conf", &users),
    ] {
        assert!(text.contains(there), "{there} is not in {text}");
        text = text.replace(there, here);
    }
    text
}

/// JetStream is what the configuration says of it.
async fn started(configuration: &str) -> NatsServer {
    let server = NatsServer::builder().without_jetstream();
    let server = server.config(configuration).start();
    soon("the server", server).await.unwrap()
}

fn user(server: &NatsServer, name: &str) -> Config {
    Config::default()
        .url(&server.url())
        .user_and_password(name, "password")
}

#[tokio::test]
async fn a_server_takes_the_configuration_of_the_manifests() {
    let folder = tempfile::tempdir().unwrap();
    // It waits for the others, and greets nevertheless: each line was understood.
    let mut server = started(&configuration(folder.path())).await;
    assert!(server.is_running());
    assert!(folder.path().join("nats.pid").exists());
    let log = server.log();
    // The secret is what keeps them.
    let mut warnings = log.lines().filter(|line| line.contains("[WRN]"));
    assert!(
        warnings.all(|line| line.contains("Plaintext passwords")),
        "{log}"
    );
}

#[tokio::test]
async fn the_user_of_the_example_may_serve_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path());
    // Alone it is no cluster.
    let (before, rest) = text.split_once("cluster {").unwrap();
    let (_, after) = rest.split_once("\n}").unwrap();
    let server = started(&format!("{before}{after}")).await;

    let app = App::new(user(&server, "greeter")).service(Greeter);
    let running = soon("the start", app.start()).await.unwrap();
    let admin = soon("the connection", Client::connect(user(&server, "admin")))
        .await
        .unwrap();
    let greeting = GreeterClient::new(&admin).greet("Ada".to_owned()).await;
    assert_eq!(greeting.unwrap(), "Hello, Ada!");
    let discovery = admin.discovery(DiscoveryMode::Basic);
    eventually("the record", async || {
        let found = discovery.instances("greeter").await.unwrap();
        found.len() == 1
    })
    .await;

    let call = running.client().call("till", "open", &json!({}));
    let error = soon("the refusal", call.into_future()).await.unwrap_err();
    assert!(error.to_string().contains("rpc.till.open"), "{error}");
    soon("the end", running.stop()).await.unwrap();
}
