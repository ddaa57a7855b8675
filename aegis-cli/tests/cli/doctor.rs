//! `aegis doctor` against real servers on which something was really broken.

use std::sync::atomic::Ordering;

use aegis::testing::{NatsCluster, NatsServer};
use aegis::{Client, Config};
use serde_json::{Value, json};

use super::billing::{Billing, billing};
use super::calculator::calculator;
use super::importer::{Importer, importer};
use super::leader::ledger;
use super::{Said, run, wait_for};

/// What a run says.
pub(crate) fn doctor(url: &str, words: &[&str]) -> Said {
    run(&[&["doctor", "--url", url], words].concat())
}

/// The same with one blank between words: columns are as wide as what stands in them.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn json_of(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap()
}

/// Everything that was found.
pub(crate) fn of(found: &Value) -> impl Iterator<Item = &Value> {
    let groups = found["groups"].as_array().unwrap().iter();
    let all = groups.flat_map(|group| group["findings"].as_array().unwrap());
    // The computer that tests may be busy.
    all.filter(|finding| !finding["code"].as_str().unwrap().contains("round_trip"))
}

/// What was found: level, code and what it is about.
pub(crate) fn found(url: &str, words: &[&str]) -> Vec<String> {
    let said = doctor(url, &[&["--json"], words].concat());
    let found = json_of(&said);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |finding: &Value| {
        let parts = ["level", "code", "about"].map(|field| text(&finding[field]));
        parts.join(" ").trim_end().to_owned()
    };
    let problems = of(&found).any(|finding| finding["level"] == "problem");
    assert_eq!(said.code, i32::from(problems), "{said:?}");
    of(&found).map(line).collect()
}

/// The same, without notes.
pub(crate) fn bad(url: &str) -> Vec<String> {
    let mut all = found(url, &[]);
    all.retain(|line| !line.starts_with("note "));
    all
}

pub(crate) async fn client(url: &str) -> Client {
    let config = Config::default().url(url);
    Client::connect(config).await.unwrap()
}

pub(crate) async fn asked(client: &Client, subject: &str, body: &Value) -> Value {
    let answer = client.ask_server(subject, &body.to_string()).await.unwrap();
    assert!(answer["error"].is_null(), "{answer}");
    answer
}

/// A server with a monitoring page, and where that is.
async fn monitored(jetstream: &str) -> (NatsServer, String) {
    let config = format!("http: \"127.0.0.1:-1\"\njetstream {{ {jetstream} }}");
    let server = NatsServer::builder().config(config).start().await.unwrap();
    let log = server.log();
    let (_, rest) = log.split_once("http monitor on ").unwrap();
    let place = rest.split_whitespace().next().unwrap();
    let page = format!("http://{place}");
    (server, page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_system_is_a_line_for_each_group() {
    let (server, page) = monitored("sync_interval: always").await;
    let url = server.url();
    let service = Billing::default();
    service.works.store(true, Ordering::SeqCst);
    let _billing = billing(&url, service).await;
    let _importer = importer(&url, Importer::default()).await;
    let _ledger = ledger(&url, "ledger-1").await;
    let monitor = ["--monitor", &page];
    // The first leader may just be elected, and a place just be made.
    wait_for("healthy system", || found(&url, &monitor).is_empty());
    let said = doctor(&url, &monitor);
    assert_eq!((said.code, &*said.err), (0, ""), "{said:?}");
    for part in [
        "ok server nats-server ",
        "ok instances 3 instances of 3 services ok leaders 1 group is led ",
        "ok sync written to the disk before it is acknowledged",
        " no problems",
    ] {
        assert!(words(&said.out).contains(part), "{part}: {said:?}");
    }
    let found = json_of(&doctor(&url, &["--json"]));
    let groups = found["groups"].as_array().unwrap().iter();
    let names: Vec<&str> = groups
        .map(|group| group["group"].as_str().unwrap())
        .collect();
    let expected = [
        "connection",
        "server",
        "jetstream",
        "streams",
        "consumers",
        "dead letters",
        "jobs",
        "instances",
        "leaders",
        "clock",
        "sync",
        "replicas",
        "permissions",
        "kubernetes",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        (&found["problems"], &found["cleaned"]),
        (&json!(0), &json!([]))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_or_has_no_streams() {
    let said = doctor("nats://127.0.0.1:1", &[]);
    assert_eq!((said.code, &*said.out), (2, ""), "{said:?}");
    assert!(
        said.err
            .contains("no connection to NATS at nats://127.0.0.1:1"),
        "{said:?}"
    );
    assert_eq!(doctor("x", &["--wait", "1"]).code, 64);
    let without = NatsServer::builder()
        .without_jetstream()
        .start()
        .await
        .unwrap();
    let _calculator = calculator(&without.url(), "one").await;
    assert_eq!(bad(&without.url()), ["problem no_jetstream"]);
    let said = doctor(&without.url(), &[]);
    for part in [
        "problem  jetstream     NATS at nats://",
        "           why           without it there are no events",
        "           do            start nats-server with `-js`",
        "ok instances 1 instance of 1 service, by what they answer",
        "\n1 problem, 0 warnings\n",
    ] {
        assert!(
            words(&said.out).contains(&words(part)),
            "{part}: {}",
            said.out
        );
    }
    assert!(
        said.err.contains("something is wrong, as told above"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_for_three_servers_on_one() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let settled = client(&url).await;
    let created = settled.publish_as("orders.created", &json!({})).await;
    created.unwrap();
    let asked = |words: &[&str]| {
        let mut command = super::aegis(&[&["doctor", "--url", &url], words].concat());
        super::said(command.env("AEGIS_PROFILE", "production").output().unwrap())
    };
    let told = asked(&["--json"]);
    assert_eq!(told.code, 1, "{told:?}");
    let found = json_of(&told);
    let bad = of(&found).filter(|finding| finding["level"] != "note");
    let bad: Vec<&Value> = bad.map(|finding| &finding["code"]).collect();
    assert_eq!(bad, ["too_many_replicas"], "{found}");
    let text = words(&asked(&[]).out);
    for part in [
        "problem replicas `nats.replicas` = 3 (from the profile `production`), and the server is alone",
        "do `nats.replicas = 1` (AEGIS_NATS_REPLICAS=1) in the settings",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // It is true: what asks for that is refused.
    let config = Config::default().url(&url).replicas(3).subject_prefix("t");
    let three = Client::connect(config).await.unwrap();
    let refused = three.publish_as("orders.created", &json!({})).await;
    assert!(refused.unwrap_err().to_string().contains("replicas > 1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_server_writes_to_its_disk() {
    let (server, page) = monitored("").await;
    let url = server.url();
    let said = doctor(&url, &["--monitor", &page]);
    let part = "note  sync          the server acknowledges before it writes to its disk, which it does \
                every 2m: a machine that loses power loses what came since";
    assert!(words(&said.out).contains(&words(part)), "{said:?}");
    assert!(
        said.out.contains("`jetstream { sync_interval: always }`"),
        "{said:?}"
    );
    // Another server's page, none at all, and what is none.
    let (_other, elsewhere) = monitored("").await;
    for (page, part) in [
        (&*elsewhere, "is the page of another server"),
        ("http://127.0.0.1:1", "does not tell: "),
        ("https://127.0.0.1:1", "without TLS"),
        (
            &url.replace("nats:", "http:"),
            "does not tell: what it answers is no HTTP",
        ),
    ] {
        let found = json_of(&doctor(&url, &["--json", "--monitor", page]));
        let sync = of(&found).find(|finding| finding["code"] == "sync_unknown");
        let what = sync.unwrap()["what"].as_str().unwrap();
        assert!(what.contains(part), "{part}: {what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_asked_hides_nothing_else() {
    let config = "accounts: { A: { jetstream: enabled, users: [ { user: all, password: x }, { user: \
                  tool, password: x, permissions: { publish: { deny: [\"$JS.API.STREAM.LIST\", \
                  \"$SRV.>\"] } } }] } }";
    let server = NatsServer::builder().config(config).start().await.unwrap();
    let as_user = |user: &str| server.url().replace("//", &format!("//{user}:x@"));
    let _running = billing(&as_user("all"), Billing::default()).await;
    let denied = bad(&as_user("tool"));
    let subjects = ["$JS.API.STREAM.LIST", "$SRV.INFO"];
    let expected = subjects.map(|subject| format!("warning denied {subject}"));
    assert_eq!(denied, expected);
    let found = json_of(&doctor(&as_user("tool"), &["--json"]));
    let streams = &found["groups"][3];
    assert_eq!(streams["findings"][0]["code"], "not_asked", "{streams}");
    let instances = &found["groups"][7]["summary"];
    assert_eq!(instances, "1 instance of 1 service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_keeps_things_once_or_has_lost_its_majority() {
    let mut cluster = NatsCluster::start(3).await.unwrap();
    let url = cluster.url();
    let config = Config::default()
        .url(&url)
        .replicas(3)
        .events_max_bytes(1 << 20);
    let all = Client::connect(config).await.unwrap();
    all.publish_as("orders.created", &json!({})).await.unwrap();
    client(&url)
        .await
        .bucket("users")
        .max_bytes(1 << 20)
        .open_bytes()
        .await
        .unwrap();
    wait_for("findings", || {
        bad(&url) == ["warning few_replicas KV_users"]
    });
    let said = doctor(&url, &[]);
    for part in [
        "the bucket users is kept on one server",
        "`nats stream edit KV_users --replicas 3`",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    for node in &mut cluster.nodes()[1..] {
        node.kill().await;
    }
    let first = cluster.nodes()[0].url();
    let lost = || found(&first, &["--wait", "1s"]);
    wait_for("loss", || {
        lost().contains(&"problem jetstream_silent".to_owned())
    });
}
