//! `aegis services`: the registry and the instances' own answers as one picture.

use aegis::testing::{NatsServer, RunningTest, TestApp};
use aegis::{Client, Config};
use serde_json::{Value, json};

use super::billing::{Billing, billing};
use super::calculator::{Calculator, calculator};
use super::importer::{Importer, importer};
use super::{Said, run};

fn services(url: &str, words: &[&str]) -> Said {
    run(&[&["services", "--url", url], words].concat())
}

fn json_of(said: &Said) -> Value {
    assert_eq!(said.code, 0, "{said:?}");
    serde_json::from_str(&said.out).unwrap()
}

/// One that answers, and keeps no record, as programs in other languages do.
pub(crate) async fn unregistered(url: &str, id: &str) -> RunningTest {
    let app = TestApp::new().on_nats(url);
    let app = app.configure(|config| config.instance_id(id).registry(false));
    app.service(Calculator::default()).start().await.unwrap()
}

/// A record of one that is not there.
async fn record(url: &str, id: &str, status: &str, metadata: Value) {
    let client = Client::connect(Config::default().url(url)).await.unwrap();
    let bucket = client.bucket("service_registry").open::<Value>();
    let record = json!({"serviceName": "calculator", "instanceId": id, "version": "1.3.0",
        "status": status, "lastHeartbeat": "2020-01-01T00:00:00Z", "metadata": metadata});
    let key = format!("service-instances.calculator.{id}");
    bucket.await.unwrap().put(&key, &record).await.unwrap();
    client.close().await.unwrap();
}

/// The words of the line about an instance.
fn words_of<'a>(out: &'a str, id: &str) -> Vec<&'a str> {
    let lines = out.lines().map(|line| line.split_whitespace());
    let mut found = lines.filter(|words| words.clone().next() == Some(id));
    found.next().unwrap().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_told_with_the_way_out() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let said = services(&url, &[]);
    assert_eq!(said.code, 0);
    let nobody = "No service answered at nats://";
    assert!(said.out.starts_with(nobody), "{said:?}");
    let way = format!("with AEGIS_NATS_URL={url}; ");
    assert!(said.out.contains(&way), "{said:?}");
    assert_eq!(json_of(&services(&url, &["--json"]))["services"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_shows_both_sources() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let (_one, _py) = (
        calculator(&url, "one").await,
        unregistered(&url, "py").await,
    );
    let sick = json!({"leader": true, "reason": "disk\u{1b}[2J full"});
    record(&url, "sick", "UNHEALTHY", sick).await;
    let said = services(&url, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let head = "calculator  1.2.0, 1.3.0  3 instances\n";
    assert!(said.out.starts_with(head), "{said:?}");
    let one = words_of(&said.out, "one");
    assert_eq!(one[..4], ["one", "ACTIVE", "1.2.0", "heard"], "{said:?}");
    assert_eq!(one[5..8], ["ago", "0.0", "req/s"], "{said:?}");
    let py = words_of(&said.out, "py");
    let expected = ["py", "STARTED", "1.2.0", "not", "in", "the", "registry"];
    assert_eq!(py, expected);
    let sick = words_of(&said.out, "sick").join(" ");
    assert!(sick.starts_with("sick * UNHEALTHY 1.3.0 heard "), "{sick}");
    // What a peer says does not steer the terminal.
    assert!(
        sick.ends_with("disk\\u{1b}[2J full; does not answer"),
        "{sick}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_killed_has_no_star_beside_its_successor() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    for (id, epoch) in [("one", 9), ("two", 7)] {
        let led = json!({"leader": true, "epoch": epoch});
        record(&url, id, "ACTIVE", led).await;
    }
    let out = services(&url, &[]).out;
    assert_eq!(words_of(&out, "one")[..3], ["one", "*", "ACTIVE"], "{out}");
    assert_eq!(words_of(&out, "two")[..2], ["two", "ACTIVE"], "{out}");
    let all = json_of(&services(&url, &["--json"]));
    let two = &all["services"][0]["instances"][1];
    assert_eq!((&two["id"], &two["leader"]), (&json!("two"), &json!(false)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_details_of_one_service() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let _one = calculator(&url, "one").await;
    let said = services(&url, &["calculator", "--wait", "300ms"]);
    for part in [
        "calculator  1.2.0  1 instance\n  one  ACTIVE  1.2.0  ",
        "\n\n  Calculates.\n\n  methods\n",
        "    add(a: i64, b: i64) -> Result<i64, Failure>  idempotent  timeout 2s\n        \
         Adds two numbers.\n        subject rpc.calculator.add\n",
        "    facts() -> Result<[String; 3], Failure>\n",
        "\n\n  one\n    started ",
        "\n    metadata team    core\n",
        " per second\n",
    ] {
        assert!(said.out.contains(part), "{part} is in {}", said.out);
    }
    // Another version has other methods: each shows its own.
    record(
        &url,
        "new",
        "ACTIVE",
        json!({"handlers": [{"name": "sub", "subject": "s"}]}),
    )
    .await;
    let said = services(&url, &["calculator"]);
    let parts = ["\n  new\n\n    methods\n      sub\n", "\n      add(a: i64"];
    for part in parts {
        assert!(said.out.contains(part), "{part} is in {}", said.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_for_events_stand_by_themselves() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let _one = billing(&url, Billing::default()).await;
    let said = services(&url, &["billing"]);
    for part in [
        "\n\n  methods\n    total() -> Result<usize, Failure>\n        subject rpc.billing.total\n",
        "\n\n  events\n    bill(event: Created) -> Result<(), Failure>  compete\n        \
         Bills an order.\n        takes events.orders.created\n",
        "    note(event: AnyEvent) -> Result<(), Failure>  compete\n        takes events.audit.*\n",
    ] {
        assert!(said.out.contains(part), "{part} is in {}", said.out);
    }
    let all = json_of(&services(&url, &["billing", "--json"]));
    let methods = all["services"][0]["instances"][0]["methods"].as_array();
    let bill = methods
        .unwrap()
        .iter()
        .find(|method| method["name"] == "bill");
    let bill = bill.unwrap();
    assert_eq!(
        (&bill["kind"], &bill["mode"]),
        (&json!("subscribe"), &json!("compete"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_stand_by_themselves() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let _one = importer(&url, Importer::default()).await;
    let said = services(&url, &["importer"]);
    let part = "\n\n  commands\n    import(rows: u32) -> Result<String, Failure>\n        \
                Imports rows, of which the last ones wait for a permit.\n        \
                takes commands.importer.import.*\n";
    assert!(said.out.contains(part), "{said:?}");
    assert!(!said.out.contains("  methods\n"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shape_of_the_json() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let (_one, _py) = (
        calculator(&url, "one").await,
        unregistered(&url, "py").await,
    );
    let all = json_of(&services(&url, &["--json"]));
    let source = json!({"available": true, "error": null});
    assert_eq!((&all["registry"], &all["instances"]), (&source, &source));
    assert!(all["server"].as_str().unwrap().contains("127.0.0.1"));
    let service = &all["services"][0];
    assert_eq!(service["name"], "calculator");
    let [one, py] = &service["instances"].as_array().unwrap()[..] else {
        panic!("two instances: {all}")
    };
    for (key, value) in [
        ("service", json!("calculator")),
        ("id", json!("one")),
        ("version", json!("1.2.0")),
        ("status", json!("ACTIVE")),
        ("reason", json!(null)),
        ("leader", json!(false)),
        ("registered", json!(true)),
        ("answered", json!(true)),
        ("description", json!("Calculates.")),
        ("metadata", json!({"team": "core"})),
    ] {
        assert_eq!(one[key], value, "{key}: {one}");
    }
    assert!(one["heartbeat_age_ms"].is_u64(), "{one}");
    assert!(one["started"].is_string(), "{one}");
    assert!(one["load"]["p99_ms"].is_f64(), "{one}");
    let add = json!({"name": "add", "kind": "rpc", "mode": null, "signature": "(a: i64, b: i64) -> Result<i64, Failure>",
        "description": "Adds two numbers.", "subject": "rpc.calculator.add",
        "timeout_ms": 2000, "idempotent": true});
    assert_eq!(one["methods"][0], add);
    assert_eq!(
        (&py["registered"], &py["load"]),
        (&json!(false), &json!(null))
    );
    assert_eq!(py["methods"][0]["signature"], "(a, b)");
    let nobody = json_of(&services(&url, &["nobody", "--json"]));
    assert_eq!(nobody["services"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_not_there_or_cannot_be() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let _one = calculator(&url, "one").await;
    let said = services(&url, &["nobody"]);
    assert_eq!(said.code, 2);
    for part in ["no instance of nobody answered", "; there are calculator: "] {
        assert!(said.err.contains(part), "{said:?}");
    }
    for bad in ["a.b", "a b", "*", ""] {
        let said = services(&url, &[bad]);
        assert_eq!(said.code, 64, "{bad:?}: {said:?}");
        assert!(said.err.contains("the service name"), "{said:?}");
    }
    // Other libraries of NATS micro allow more than we do.
    assert_eq!(services(&url, &["1st"]).code, 2);
}

/// A server where `tool` may not publish there, and `all` may everything.
async fn denying(subjects: &[&str]) -> NatsServer {
    let deny = serde_json::to_string(subjects).unwrap();
    let config = format!(
        "accounts: {{ A: {{ jetstream: enabled, users: [ {{ user: all, password: x }}, \
         {{ user: tool, password: x, permissions: {{ publish: {{ deny: {deny} }} }} }}] }} }}"
    );
    let builder = NatsServer::builder().config(config);
    builder.start().await.unwrap()
}

fn as_user(server: &NatsServer, user: &str) -> String {
    server.url().replace("//", &format!("//{user}:x@"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_answers_the_registry_tells() {
    let server = denying(&["$SRV.>"]).await;
    let _one = calculator(&as_user(&server, "all"), "one").await;
    let tool = as_user(&server, "tool");
    let said = services(&tool, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let (first, rest) = said.out.split_once('\n').unwrap();
    assert!(
        first.starts_with("The instances cannot be asked ("),
        "{first}"
    );
    assert!(
        rest.starts_with("calculator  1.2.0  1 instance\n  one  ACTIVE "),
        "{rest}"
    );
    let all = json_of(&services(&tool, &["--json"]));
    assert_eq!(all["instances"]["available"], false);
    assert_eq!(all["services"][0]["instances"][0]["answered"], json!(null));

    let server = denying(&["$SRV.>", "$JS.API.>"]).await;
    let said = services(&as_user(&server, "tool"), &["--json"]);
    assert_eq!((said.code, &*said.out), (2, ""), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_registry_the_instances_tell() {
    let builder = NatsServer::builder().without_jetstream();
    let without = builder.start().await.unwrap();
    let denying = denying(&["$JS.API.>"]).await;
    let of = |user: &str| as_user(&denying, user);
    for (service, tool, why) in [
        (without.url(), without.url(), "JetStream"),
        (of("all"), of("tool"), "ermission"),
    ] {
        let _one = calculator(&service, "one").await;
        let said = services(&tool, &[]);
        assert_eq!(said.code, 0, "{said:?}");
        let (first, rest) = said.out.split_once('\n').unwrap();
        assert!(
            first.starts_with("The registry cannot be asked ("),
            "{first}"
        );
        assert!(first.contains(why), "{first}");
        let tree = "calculator  1.2.0  1 instance\n  one  STARTED  1.2.0\n";
        assert_eq!(rest, tree);
        let all = json_of(&services(&tool, &["--json"]));
        assert_eq!(all["registry"]["available"], false);
        assert!(all["registry"]["error"].as_str().unwrap().contains(why));
        let one = &all["services"][0]["instances"][0];
        assert_eq!(one["registered"], json!(null), "not known: {one}");
    }
}
