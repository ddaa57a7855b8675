//! Streams as only a real server has them: other programs beside us, other versions, other limits.

mod fetching;
mod pulling;
mod storing;

use std::sync::Arc;
use std::time::Duration;

use aegis::port::{ConsumerSpec, DeliverFrom, StreamSpec, Streams};
use aegis::testing::NatsServer;
use aegis::{Config, ErrorKind, Pattern, Subject};
use aegis_tests::{shared_server, soon, unique_prefix};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::Instant;

fn config(url: &str) -> Config {
    Config::default()
        .url(url)
        .connect_timeout(Duration::from_secs(10))
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn connected(url: &str) -> Arc<dyn Streams> {
    aegis::testing::streams(&config(url)).await.unwrap()
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

/// A stream that stores `{name}.>`.
fn small(name: &str) -> StreamSpec {
    let mut spec = StreamSpec::new(name, [pattern(&format!("{name}.>"))]);
    spec.max_bytes = Some(1 << 20);
    spec
}

fn from_all(name: &str) -> ConsumerSpec {
    let mut spec = ConsumerSpec::new(name);
    spec.from = DeliverFrom::All;
    spec
}

/// Asks the server itself.
async fn ask(raw: &async_nats::Client, what: &str, body: Value) -> Value {
    let subject = format!("$JS.API.{what}");
    let answer = soon("an answer", raw.request(subject, body.to_string().into())).await;
    serde_json::from_slice(&answer.unwrap().payload).unwrap()
}

#[tokio::test]
async fn a_change_keeps_what_others_have_set() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    let raw = async_nats::connect(&url).await.unwrap();
    let there = json!({
        "name": name, "subjects": [format!("{name}.a")], "max_bytes": 1 << 20,
        "max_msgs_per_subject": 7, "metadata": {"owner": "them"}, "allow_rollup_hdrs": true,
    });
    ask(&raw, &format!("STREAM.CREATE.{name}"), there).await;
    let mut spec = StreamSpec::new(&name, [pattern(&format!("{name}.b"))]);
    spec.description = Some("ours as well".to_owned());
    spec.max_messages = Some(99);
    let status = streams.ensure(spec, deadline()).await.unwrap();
    let both = [format!("{name}.a"), format!("{name}.b")];
    assert_eq!(status.subjects, both);
    assert_eq!(status.description.as_deref(), Some("ours as well"));
    assert_eq!(
        (status.max_messages, status.max_bytes),
        (Some(99), Some(1 << 20))
    );
    let info = ask(&raw, &format!("STREAM.INFO.{name}"), json!({})).await;
    let config = &info["config"];
    assert_eq!(config["metadata"]["owner"], "them");
    assert_eq!(config["max_msgs_per_subject"], 7);
    assert_eq!(config["allow_rollup_hdrs"], true);
}

#[tokio::test]
async fn a_new_stream_has_limits() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    let mut spec = small(&name);
    spec.max_age = Some(Duration::from_secs(3600));
    streams.ensure(spec, deadline()).await.unwrap();
    let raw = async_nats::connect(&url).await.unwrap();
    let info = ask(&raw, &format!("STREAM.INFO.{name}"), json!({})).await;
    let config = &info["config"];
    for (field, expected) in [
        ("max_bytes", json!(1 << 20)),
        ("duplicate_window", json!(120_000_000_000u64)),
        ("allow_direct", json!(true)),
        ("deny_delete", json!(false)),
        ("max_age", json!(3_600_000_000_000u64)),
        ("discard", json!("old")),
    ] {
        assert_eq!(config[field], expected, "{field}");
    }
}

#[tokio::test]
async fn what_cannot_be_changed_or_taken_over_is_told() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    streams.ensure(small(&name), deadline()).await.unwrap();
    let mut in_memory = small(&name);
    in_memory.storage = Some(aegis::port::Storage::Memory);
    let mut work = small(&name);
    work.retention = aegis::port::Retention::WorkQueue;
    let other = StreamSpec::new(format!("{name}x"), [pattern(&format!("{name}.a.*"))]);
    let mut copies = small(&format!("{name}r"));
    copies.replicas = Some(3);
    for (spec, expected) in [
        (in_memory, "`storage` (memory asked for, file there)"),
        (work, "`retention` (workqueue asked for, limits there)"),
        (
            other,
            &*format!("the stream {name} already stores subjects"),
        ),
        (copies, "replicas > 1 not supported"),
    ] {
        let error = streams.ensure(spec, deadline()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_stream_of_a_kind_that_we_do_not_ask_for_is_told() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    let raw = async_nats::connect(&url).await.unwrap();
    let there = json!({"name": name, "subjects": [format!("{name}.>")], "retention": "interest"});
    ask(&raw, &format!("STREAM.CREATE.{name}"), there).await;
    let error = streams.ensure(small(&name), deadline()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let error = streams.status(&name, deadline()).await.unwrap_err();
    assert!(error.to_string().contains("interest"), "{error}");
}

#[tokio::test]
async fn many_that_make_one_stream_at_once_get_all_they_asked_for() {
    let url = shared_server().await;
    let name = unique_prefix();
    let mut makers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let streams = connected(&url).await;
        let spec = StreamSpec::new(&name, [pattern(&format!("{name}.{n}"))]);
        makers.spawn(async move {
            let status = streams.ensure(spec.clone(), deadline()).await?;
            let consumer = streams.consumer(&status.name, from_all("c"), deadline());
            consumer.await.map(|_| (spec, status))
        });
    }
    for made in makers.join_all().await {
        let (spec, status) = made.unwrap();
        assert!(spec.drift(&status).is_none(), "{status:?}");
    }
    let consumers = connected(&url)
        .await
        .consumers(&name, &|_| true, deadline())
        .await;
    assert_eq!(consumers.unwrap().len(), 1);
}

/// A consumer as a server tells of it; without a name one whose server is known to be down.
fn told(name: &str) -> Value {
    let reached = json!({"consumer_seq": 0, "stream_seq": 7});
    json!({
        "name": name, "created": "2026-01-01T00:00:00Z", "delivered": reached, "ack_floor": reached,
        "config": {"durable_name": name, "ack_policy": "explicit", "ack_wait": 30_000_000_000_u64,
            "max_ack_pending": 1, "max_deliver": -1},
    })
}

/// A cluster of which one server is down is played here, page by page.
#[tokio::test]
async fn a_consumer_on_a_server_that_is_down_holds_up_nobody_else() {
    let server = NatsServer::builder().without_jetstream().start();
    let server = server.await.unwrap();
    let raw = async_nats::connect(server.url()).await.unwrap();
    let mut asked = raw.subscribe("$JS.API.CONSUMER.LIST.S").await.unwrap();
    raw.flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(question) = asked.next().await {
            let body: Value = serde_json::from_slice(&question.payload).unwrap();
            let page = match body["offset"].as_u64() {
                Some(0) => json!({"total": 4, "consumers": [told("a__7-1"), told("")],
                    "missing": ["b__3-1", "c"]}),
                Some(3) => json!({"total": 4, "consumers": [told("d")]}),
                _ => json!({"total": 4, "consumers": []}),
            };
            let reply = question.reply.unwrap();
            raw.publish(reply, page.to_string().into()).await.unwrap();
        }
    });
    let streams = connected(&server.url()).await;
    let names = async |wanted: &(dyn Fn(&str) -> bool + Send + Sync)| {
        let all = streams.consumers("S", wanted, deadline()).await?;
        let names = all.into_iter().map(|consumer| consumer.name);
        aegis::Result::Ok(names.collect::<Vec<_>>())
    };
    assert_eq!(
        names(&|name| name.starts_with('a')).await.unwrap(),
        ["a__7-1"]
    );
    let there = |name: &str| ["a__7-1", "d"].contains(&name);
    assert_eq!(names(&there).await.unwrap(), ["a__7-1", "d"]);
    let error: aegis::Error = names(&|name| name.starts_with('b')).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let text = error.to_string();
    assert!(text.contains("b__3-1") && !text.contains(", c"), "{text}");
}

#[tokio::test]
async fn without_jetstream_the_remedy_is_told() {
    let server = NatsServer::builder().without_jetstream().start();
    let server = server.await.unwrap();
    let streams = connected(&server.url()).await;
    for error in [
        streams.probe(deadline()).await.unwrap_err(),
        streams.ensure(small("a"), deadline()).await.unwrap_err(),
        streams.status("a", deadline()).await.unwrap_err(),
        streams
            .consumer("a", from_all("c"), deadline())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NoService, "{error}");
        assert!(error.to_string().contains("`-js`"), "{error}");
    }
}

#[tokio::test]
async fn what_a_server_can_do_follows_from_its_version_and_level() {
    for (version, fenced, newer) in [("2.10.26", false, false), ("2.12.8", true, true)] {
        let server = NatsServer::builder().version(version).start();
        let server = server.await.unwrap();
        let streams = connected(&server.url()).await;
        let features = streams.probe(deadline()).await.unwrap();
        assert_eq!(features, streams.features(), "{version}");
        assert_eq!(features.fenced_writes, fenced, "{version}");
        let both = (features.atomic_batches, features.schedules);
        assert_eq!(both, (newer, newer), "{version}");
    }
}

#[tokio::test]
async fn an_outage_is_never_an_empty_answer() {
    let mut server = NatsServer::start().await.unwrap();
    let streams = connected(&server.url()).await;
    streams.ensure(small("a"), deadline()).await.unwrap();
    let consumer = streams.consumer("a", from_all("c"), deadline());
    let consumer = consumer.await.unwrap();
    server.kill().await;
    let soon = || Instant::now() + Duration::from_millis(100);
    let on = subject("a.b");
    for error in [
        streams.status("a", soon()).await.unwrap_err(),
        streams.message("a", 1, soon()).await.unwrap_err(),
        streams.last("a", &on, soon()).await.unwrap_err(),
        streams.delete("a", 1, soon()).await.unwrap_err(),
        streams
            .subjects("a", &pattern(">"), soon())
            .await
            .unwrap_err(),
        streams.consumers("a", &|_| true, soon()).await.unwrap_err(),
        streams.remove_consumer("a", "c", soon()).await.unwrap_err(),
        streams.remove("a", soon()).await.unwrap_err(),
        consumer.status(soon()).await.unwrap_err(),
    ] {
        let kinds = [ErrorKind::Disconnected, ErrorKind::Timeout];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
}
