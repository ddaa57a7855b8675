//! `aegis permissions`: from flags, from a manifest, from a service that runs.

use aegis::Config;
use aegis::prelude::*;
use aegis::testing::NatsServer;
use serde_json::{Value, json};

use crate::calculator::calculator;
use crate::{Said, run, run_with_input};

fn json(said: &Said) -> Value {
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

/// The subjects of one list.
fn allowed(printed: &Value, list: &str) -> Vec<String> {
    let all = printed[list]["allow"].as_array().unwrap();
    all.iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_a_client_does_is_said_in_flags_and_no_server_is_asked() {
    let nowhere = ["--url", "nats://127.0.0.1:1", "permissions"];
    let words = |more: &[&'static str]| [&nowhere[..], more].concat();
    let calls = ["--calls", "pricing.quote", "--inbox-prefix", "_INBOX.shop"];
    let said = run(&words(&calls));
    assert_eq!(said.code, 0, "{}", said.err);
    for part in [
        "permissions {",
        "# to call pricing.quote",
        "\"rpc.pricing.quote\"",
    ] {
        assert!(said.out.contains(part), "{part} is in {}", said.out);
    }
    let printed = json(&run(&words(&[&calls[..], &["--json"]].concat())));
    assert_eq!(
        printed,
        json!({
            "sub": {"allow": ["_INBOX.shop.>"]},
            "pub": {"allow": [
                "_INBOX.shop.>", "rpc.pricing.quote", "rpc.pricing.quote.*", "cancel.pricing.*",
            ]},
        })
    );
    let shared = run(&words(&["--calls", "pricing"]));
    assert!(
        shared.out.starts_with("# The answers of all users"),
        "{}",
        shared.out
    );
}

#[test]
fn every_flag_is_heard() {
    let all = [
        "permissions",
        "--publishes",
        "orders.*",
        "--sends",
        "importer",
        "--bucket",
        "users",
        "--bucket",
        "prices:ro",
        "--observes",
        "orders.>",
        "--discovers",
        "--tool",
        "--doctor",
        "--prefix",
        "eu",
        "--json",
    ];
    let printed = json(&run(&all));
    let allowed = allowed(&printed, "pub");
    for subject in [
        "eu.events.>",
        "eu.commands.>",
        "$KV.eu_users.>",
        "$JS.API.STREAM.MSG.GET.KV_eu_prices",
        "$JS.API.STREAM.INFO.eu_EVENTS",
        "$JS.API.STREAM.LIST",
        "$JS.API.CONSUMER.LIST.eu_COMMANDS",
    ] {
        assert!(
            allowed.iter().any(|one| one == subject),
            "{subject} is in {allowed:#?}"
        );
    }
    assert!(
        !allowed.iter().any(|one| one == "$KV.eu_prices.>"),
        "it is read only"
    );
}

#[test]
fn a_manifest_is_read_from_a_file_or_from_standard_input() {
    let manifest = json!({
        "services": [{
            "name": "orders", "group": null,
            "handlers": [
                {"name": "place", "kind": "rpc", "subject": "eu.rpc.orders.place", "timeout_ms": 300_000},
                {"name": "bill", "kind": "subscribe", "mode": "compete", "subject": "eu.events.a.b"},
            ],
        }],
        "subject_prefix": "eu", "inbox_prefix": "_INBOX.orders", "registry": false,
    });
    let text = manifest.to_string();
    let words = ["permissions", "--manifest", "-", "--json"];
    let printed = json(&run_with_input(&words, &text));
    let (publish, subscribe) = (allowed(&printed, "pub"), allowed(&printed, "sub"));
    assert!(
        subscribe.contains(&"eu.rpc.orders.place".to_owned()),
        "{subscribe:?}"
    );
    assert!(
        subscribe.contains(&"_INBOX.orders.>".to_owned()),
        "{subscribe:?}"
    );
    let own = "$JS.API.CONSUMER.CREATE.eu_EVENTS.orders__bill.eu.events.a.b";
    assert!(publish.contains(&own.to_owned()), "{publish:?}");
    assert!(
        !publish.iter().any(|one| one.contains("registry")),
        "{publish:?}"
    );
    assert_eq!(
        printed["resp"],
        json!({"max": 1, "ttl": 300_000_000_000_u64})
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.json");
    std::fs::write(&file, &text).unwrap();
    let words = [
        "permissions",
        "--manifest",
        file.to_str().unwrap(),
        "--json",
    ];
    assert_eq!(json(&run(&words)), printed);

    let other = json!({"services": [{"name": "bills"}], "subject_prefix": "us"});
    let said = run_with_input(
        &[&words[..], &["--manifest", "-"]].concat(),
        &other.to_string(),
    );
    assert_eq!(said.code, 64, "{}{}", said.out, said.err);
    assert!(said.err.contains("with other settings"), "{}", said.err);
}

#[test]
fn what_cannot_be_is_a_mistake_of_the_command_line() {
    for (words, part) in [
        (&[][..], "nothing is said that a user does"),
        (&["--calls", "a.b.c"], "b.c"),
        (&["--calls", "a b"], "a b"),
        (&["--publishes", "orders"], "orders"),
        (&["--bucket", "a.b"], "a.b"),
        (&["--tool", "--inbox-prefix", "a.>"], "a.>"),
        (&["--manifest", "/no/such/file"], "/no/such/file"),
    ] {
        let said = run(&[&["permissions"][..], words].concat());
        assert_eq!(said.code, 64, "{words:?}: {}", said.err);
        assert!(said.err.contains(part), "{part} is in {}", said.err);
    }
    let evil = json!({"services": [{"name": "a.>", "handlers": []}]});
    let evil_handler = json!({"services": [{"name": "a", "handlers": [
        {"name": "b", "kind": "rpc", "subject": "a\"] allow: [\""},
    ]}]});
    for wrong in [
        "no json".to_owned(),
        "{}".to_owned(),
        evil.to_string(),
        evil_handler.to_string(),
    ] {
        let said = run_with_input(&["permissions", "--manifest", "-"], &wrong);
        assert_eq!(said.code, 64, "{wrong}: {}{}", said.out, said.err);
        assert!(said.err.contains("is no manifest"), "{}", said.err);
    }
}

/// The next version of the calculator.
struct Later;

#[aegis::service(name = "calculator", version = "2.0.0")]
impl Later {
    #[rpc]
    async fn root(&self, of: f64) -> Result<f64, Failure> {
        Ok(of.sqrt())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_runs_is_found_in_the_registry() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let running = calculator(&url, "calculator-1").await;
    let words = ["permissions", "--service", "calculator", "--json"];
    let asked = || run(&[&words[..], &["--url", &url]].concat());
    let said = asked();
    let subscribe = allowed(&json(&said), "sub");
    for subject in [
        "rpc.calculator.add",
        "rpc.calculator.never",
        "rpc.calculator.*.*",
    ] {
        assert!(
            subscribe.iter().any(|one| one == subject),
            "{subject} is in {subscribe:?}"
        );
    }
    // An update is on its way: both versions have to work under what is printed.
    let config = Config::default().url(&url).instance_id("calculator-2");
    let later = App::new(config).service(Later).start().await.unwrap();
    let said = asked();
    let subscribe = allowed(&json(&said), "sub");
    for subject in ["rpc.calculator.never", "rpc.calculator.root"] {
        let all = subscribe.iter().filter(|one| *one == subject);
        assert_eq!(all.count(), 1, "{subject} is once in {subscribe:?}");
    }
    later.stop().await.unwrap();
    let said = run(&["permissions", "--service", "nobody", "--url", &url]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("no instance of nobody"), "{}", said.err);
    running.stop().await.unwrap();
}
