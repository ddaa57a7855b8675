//! `aegis doctor` on what is stored: streams, places of handlers, records of instances and leaders.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;

use aegis::testing::{NatsServer, TestApp};
use aegis::{Bucket, Client, ErrorKind};
use bytes::Bytes;
use serde_json::{Value, json};

use super::billing::{Billing, billing, renamed};
use super::doctor::{asked, bad, client, doctor, found, json_of, of};
use super::events::Tool;
use super::importer::Importer;
use super::leader::ledger;
use super::{Said, aegis, read_until, said, wait_for};

/// Changes the configuration of a stream.
async fn change(client: &Client, stream: &str, field: &str, value: Value) {
    let subject = format!("$JS.API.STREAM.INFO.{stream}");
    let mut info = asked(client, &subject, &json!({})).await;
    let mut config = info["config"].take();
    config[field] = value;
    asked(client, &format!("$JS.API.STREAM.UPDATE.{stream}"), &config).await;
}

/// A record of one that is not there.
async fn record(client: &Client, service: &str, more: Value) {
    let bucket = client.bucket("service_registry").open::<Value>();
    let mut record = json!({"serviceName": service, "instanceId": "two", "version": "1.0.0",
        "status": "STANDBY", "lastHeartbeat": "2020-01-01T00:00:00Z", "metadata": {}});
    for (field, value) in more.as_object().unwrap() {
        record[field] = value.clone();
    }
    let key = format!("service-instances.{service}.two");
    bucket.await.unwrap().put(&key, &record).await.unwrap();
}

async fn registry(client: &Client) -> Bucket<Bytes> {
    let found = client.bucket("service_registry").find_bytes().await;
    found.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_were_changed_and_what_is_missing() {
    let tool = Tool::start().await;
    let running = billing(&tool.url, Billing::default()).await;
    let client = client(&tool.url).await;
    change(&client, "EVENTS", "max_msgs_per_subject", json!(5)).await;
    change(&client, "DEAD", "discard", json!("old")).await;
    let expected = ["problem stream_drift EVENTS", "warning stream_drift DEAD"];
    assert_eq!(bad(&tool.url), expected);
    change(&client, "EVENTS", "max_msgs_per_subject", json!(-1)).await;
    change(&client, "EVENTS", "max_bytes", json!(-1)).await;
    change(&client, "DEAD", "discard", json!("new")).await;
    assert_eq!(bad(&tool.url), ["warning stream_without_limit EVENTS"]);
    running.stop().await.unwrap();

    let handlers = json!([{"name": "grind", "kind": "subscribe", "mode": "compete",
        "subject": "events.corn.*"}, {"name": "sell", "kind": "command",
        "subject": "commands.mill.sell.*"}]);
    record(
        &client,
        "mill",
        json!({"metadata": {"handlers": handlers, "heartbeat_ms": 60_000}}),
    )
    .await;
    change(&client, "EVENTS", "max_bytes", json!(1 << 20)).await;
    let missing = bad(&tool.url);
    for expected in [
        "problem stream_missing COMMANDS",
        "warning stream_missing KV_aegis_jobs",
        "problem consumer_missing mill__grind",
    ] {
        assert!(
            missing.iter().any(|found| found == expected),
            "{expected}: {missing:?}"
        );
    }
    assert_eq!(missing.len(), 3, "{missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_handler_leaves_its_place_behind() {
    let tool = Tool::start().await;
    let service = Billing::default();
    service.works.store(true, Ordering::SeqCst);
    billing(&tool.url, service.clone())
        .await
        .stop()
        .await
        .unwrap();
    let _running = renamed(&tool.url, service).await;
    let client = client(&tool.url).await;
    assert_eq!(bad(&tool.url), [""; 0], "nothing waits there");
    tool.out(&["publish", "orders.created", "{\"id\":\"7\"}"]);
    wait_for("backlog", || {
        bad(&tool.url) == ["warning nobody_reads billing__bill"]
    });
    let said = doctor(&tool.url, &[]);
    for part in [
        "billing__bill: 1 message waits, and no instance of billing has such a handler: one that was \
         renamed or removed leaves its place behind",
        "`nats consumer rm EVENTS billing__bill -f`",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let subject = "$JS.API.CONSUMER.DELETE.EVENTS.billing__bill";
    asked(&client, subject, &json!({})).await;
    assert_eq!(bad(&tool.url), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_full_and_commands_of_nobody() {
    let tool = Tool::start().await;
    let app = TestApp::new().on_nats(&tool.url);
    let app = app.configure(|config| config.commands_max_bytes(64 << 10));
    let running = app.service(Importer::default()).start().await.unwrap();
    let client = client(&tool.url).await;
    let large = json!({"rows": 1, "pad": "x".repeat(4000)});
    let refused = loop {
        let sent = client
            .new_command("importer", "import", &large)
            .send()
            .await;
        if let Err(error) = sent {
            break error;
        }
    };
    assert_eq!(refused.kind(), ErrorKind::Overloaded, "{refused}");
    assert_eq!(bad(&tool.url), ["problem stream_full COMMANDS"]);
    drop(running);
    change(&client, "COMMANDS", "max_bytes", json!(1 << 20)).await;
    let registry = registry(&client).await;
    for key in registry.keys().await.unwrap() {
        registry.purge(&key).await.unwrap();
    }
    assert_eq!(
        bad(&tool.url),
        ["problem nobody_reads importer__import__normal"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_and_records_that_cannot_be_read() {
    let tool = Tool::start().await;
    let _running = billing(&tool.url, Billing::default()).await;
    let client = client(&tool.url).await;
    let jobs = client.bucket("aegis_jobs").max_bytes(1 << 20);
    let jobs = jobs.open_bytes().await.unwrap();
    jobs.put("job-7", &"junk".into()).await.unwrap();
    let leaders = client.bucket("sticky_active").max_bytes(1 << 20);
    let leaders = leaders.open_bytes().await.unwrap();
    leaders
        .put("mill.main.leader", &"junk".into())
        .await
        .unwrap();
    let registry = registry(&client).await;
    registry
        .put("service-instances.mill.junk", &"junk".into())
        .await
        .unwrap();
    tool.out(&["publish", "orders.created", "{\"id\":\"7\"}"]);
    let expected = [
        "warning dead_letters billing__bill",
        "problem unreadable_job job-7",
        "warning unreadable_registration service-instances.mill.junk",
        "problem unreadable_leader mill/main",
    ];
    wait_for("findings", || bad(&tool.url) == expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_nobody_leads() {
    let tool = Tool::start().await;
    ledger(&tool.url, "ledger-1").await.stop().await.unwrap();
    let client = client(&tool.url).await;
    let group = client.leaders("ledger").await.unwrap().remove(0).group;
    let note = format!("note no_leader_needed ledger/{group}");
    wait_for("end of the lease", || found(&tool.url, &[]).contains(&note));
    let metadata = json!({"heartbeat_ms": 60_000});
    let more = json!({"stickyActiveGroup": group, "metadata": metadata});
    record(&client, "ledger", more).await;
    assert_eq!(
        bad(&tool.url),
        [format!("problem no_leader ledger/{group}")]
    );
}

/// A process that serves, under the prefix `t`.
fn instance(url: &str, id: &str) -> Child {
    let mut command = aegis(&["demo-instance", "--prefix", "t", "--id", id]);
    command.env("AEGIS_NATS_URL", url);
    command.env("AEGIS_REGISTRY_HEARTBEAT", "300ms");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    read_until(&mut child, "ready\n");
    child
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_could_not_announce_itself() {
    let tool = Tool::start().await;
    let app = TestApp::new().on_nats(&tool.url);
    // One server cannot keep a bucket three times.
    let app = app.configure(|config| config.instance_id("one").registry_replicas(3));
    let _running = app.service(Billing::default()).start().await.unwrap();
    assert_eq!(bad(&tool.url), ["warning not_registered billing/one"]);
    let found = json_of(&doctor(&tool.url, &["--json"]));
    assert_eq!(found["groups"][7]["summary"], "1 instance of 1 service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_killed_is_told_while_its_record_is_there() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let mut one = aegis(&["demo-instance", "--prefix", "t", "--id", "one"]);
    one.env("AEGIS_NATS_URL", &url)
        .env("AEGIS_REGISTRY_TTL", "60s");
    let mut one = one
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    read_until(&mut one, "ready\n");
    let silent = || {
        let said = doctor_of_t(&url, &["--json", "--clean"]);
        assert_eq!(json_of(&said)["cleaned"], json!([]), "{said:?}");
        let found = json_of(&said);
        let all = of(&found).filter(|finding| finding["code"] == "no_answer");
        all.map(|finding| finding["what"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(silent(), [""; 0]);
    one.kill().unwrap();
    one.wait().unwrap();
    let told = silent();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("/one does not answer; its last heartbeat was "),
        "{told:?}"
    );
}

fn doctor_of_t(url: &str, words: &[&str]) -> Said {
    let mut command = aegis(&[&["doctor", "--url", url], words].concat());
    said(command.env("AEGIS_SUBJECT_PREFIX", "t").output().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_of_one_that_was_killed_is_removed_and_no_other() {
    // A newer server removes such a record by itself.
    let server = NatsServer::builder()
        .version("2.10.26")
        .start()
        .await
        .unwrap();
    let url = server.url();
    let (mut one, mut two) = (instance(&url, "one"), instance(&url, "two"));
    one.kill().unwrap();
    one.wait().unwrap();
    let stale = || {
        let found = json_of(&doctor_of_t(&url, &["--json"]));
        let stale = of(&found).filter(|finding| finding["code"] == "stale_registration");
        stale
            .map(|finding| finding["about"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    wait_for("stale record", || stale().len() == 1);
    let service = stale()[0].strip_suffix("/one").unwrap().to_owned();
    let found = json_of(&doctor_of_t(&url, &["--json"]));
    let old = of(&found).filter(|finding| finding["code"] == "server_too_old");
    assert_eq!(old.count(), 3, "{found}");
    let said = doctor_of_t(&url, &["--clean"]);
    assert_eq!(said.code, 0, "{said:?}");
    let line = format!("\nremoved the record of {service}/one\n");
    assert!(said.out.contains(&line), "{said:?}");
    let found = json_of(&doctor_of_t(&url, &["--json", "--clean"]));
    assert_eq!(found["cleaned"], json!([]));
    assert_eq!(found["groups"][7]["summary"], "1 instance of 1 service");
    drop(two.stdin.take());
    two.wait().unwrap();
    let mut rest = String::new();
    two.stdout.unwrap().read_to_string(&mut rest).unwrap();
}
