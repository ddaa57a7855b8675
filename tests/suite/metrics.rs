//! What metrics tell: of calls, events, commands and leaders, as a snapshot and as text.

mod format;

use std::sync::Arc;

use aegis::observe::{METRICS, MetricKind};
use aegis::prelude::*;
use aegis::testing::TestApp;
use aegis::{CallError, Config, Running, Snapshot};
use aegis_tests::{eventually, shared_server, unique_prefix};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

#[derive(Debug, Serialize, Deserialize, Event)]
#[event("figures.grown")]
struct Grown {
    fails: u64,
}

/// Each test has a service of its own name, as the metrics of a process are one.
struct Figures(Arc<Semaphore>);

#[aegis::service(name = "figures", version = "1.0.0", group = "main")]
impl Figures {
    #[rpc]
    async fn divide(&self, a: i64, b: i64) -> Result<i64, Failure> {
        let none = || Failure::new("DIVIDED_BY_ZERO", "there is no such number");
        a.checked_div(b).ok_or_else(none)
    }

    #[rpc(concurrency = 1, queue = 1)]
    async fn wait(&self) -> Result<(), Failure> {
        let _place = self.0.acquire().await.map_err(Failure::internal_of)?;
        Ok(())
    }

    #[exclusive_rpc]
    async fn lead(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[subscribe(mode = "compete", retries = 1, backoff = "1ms")]
    async fn on_grown(&self, ctx: &Context, event: Grown) -> Result<(), Failure> {
        let attempt = ctx.event().map_or(0, AnyEvent::attempt);
        if attempt > event.fails {
            return Ok(());
        }
        Err(Failure::new("NOT_YET", "too small"))
    }

    #[command(retries = 0)]
    async fn count(&self, to: u32) -> Result<u32, Failure> {
        if to == 0 {
            return Err(Failure::new("NOTHING", "to count"));
        }
        Ok(to)
    }
}

trait InternalOf {
    fn internal_of(error: impl std::fmt::Display) -> Failure {
        Failure::internal(error.to_string())
    }
}

impl InternalOf for Failure {}

/// For the other tests: what is counted of [`Figures`] is that of one test.
struct Small;

#[aegis::service(name = "small", version = "1.0.0")]
impl Small {
    #[rpc]
    async fn divide(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a / b)
    }

    #[exclusive_rpc]
    async fn lead(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// A process has one set of metrics: what was before is taken off.
struct Since(Snapshot);

impl Since {
    fn counter(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        aegis::metrics().counter(name, labels) - self.0.counter(name, labels)
    }

    fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let count = |all: &Snapshot| all.summary(name, labels).map_or(0, |one| one.count);
        count(&aegis::metrics()) - count(&self.0)
    }
}

#[tokio::test]
async fn everything_that_happens_is_counted() {
    let _turn = aegis_tests::turn().await;
    let since = Since(aegis::metrics());
    let gate = Arc::new(Semaphore::new(0));
    let prefix = unique_prefix();
    let app = TestApp::new().on_nats(&shared_server().await);
    let app = app.configure(|config| config.subject_prefix(&prefix).instance_id("figures-1"));
    let app = app.service(Figures(gate.clone())).start().await.unwrap();
    let client: FiguresClient = app.client();
    calls(&client, &since).await;
    overload(&client, (app.running(), &gate), &since).await;
    events(app.running(), &since).await;
    commands(&client, &since).await;
    leader(&client, app.running(), &since).await;
    app.stop().await.unwrap();
    let group = [("service", "figures"), ("group", "main")];
    let role = aegis::metrics().gauge("aegis_leader_role", &group);
    assert_eq!(role, Some(0.0), "it has stopped");
}

#[tokio::test]
async fn what_alerts_are_made_on_is_there_before_it_happens() {
    let config = Config::default().url("memory://");
    let client = Client::connect(config).await.unwrap();
    let text = aegis::metrics().prometheus();
    for name in [
        "aegis_disconnects_total",
        "aegis_slow_consumers_total",
        "aegis_spans_dropped_total",
        "aegis_traces_left_out_total",
        "aegis_connected",
    ] {
        let line = format!("\n{name} ");
        assert!(text.contains(&line), "{name} in {text}");
    }
    drop(client);
}

async fn calls(client: &FiguresClient, since: &Since) {
    let divide = [("service", "figures"), ("method", "divide")];

    for b in [1, 2, 0] {
        let _ = client.divide(6, b).await;
    }
    assert_eq!(since.counter("aegis_server_requests_total", &divide), 3);
    let by_zero = [("method", "divide"), ("error_type", "DIVIDED_BY_ZERO")];
    assert_eq!(since.counter("aegis_server_errors_total", &by_zero), 1);
    assert_eq!(since.counter("aegis_client_calls_total", &divide), 3);
    assert_eq!(since.counter("aegis_client_errors_total", &by_zero), 1);
    let convention = [("rpc_service", "figures"), ("rpc_method", "divide")];
    for name in [
        "rpc_server_call_duration_seconds",
        "rpc_client_call_duration_seconds",
    ] {
        assert_eq!(since.count(name, &convention), 3, "{name}");
    }
}

/// One runs, one waits, one is refused.
async fn overload(client: &FiguresClient, (running, gate): (&Running, &Semaphore), since: &Since) {
    let calls: Vec<_> = (0..2)
        .map(|_| tokio::spawn(client.wait().into_future()))
        .collect();
    let wait = [("service", "figures"), ("method", "wait")];
    eventually("one runs and one waits", || async {
        let now = running.metrics();
        let gauge = |name| now.gauge(name, &wait);
        gauge("aegis_server_in_flight") == Some(1.0) && gauge("aegis_server_queued") == Some(1.0)
    })
    .await;
    let refused = client.wait().await.unwrap_err();
    assert!(matches!(refused, CallError::Failed(error) if error.kind() == ErrorKind::Overloaded));
    gate.add_permits(2);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(since.counter("aegis_server_overloads_total", &wait), 1);
    assert_eq!(since.count("aegis_server_queue_wait_seconds", &wait), 1);
}

async fn events(running: &Running, since: &Since) {
    for fails in [0, 1, 9] {
        running.client().publish(&Grown { fails }).await.unwrap();
    }
    let handler = [("service", "figures"), ("handler", "on_grown")];
    eventually("one is given up", || async {
        since.counter("aegis_dead_letters_total", &handler) == 1
    })
    .await;
    let ended = |outcome| {
        let labels = [handler[0], handler[1], ("outcome", outcome)];
        since.counter("aegis_events_handled_total", &labels)
    };
    eventually("all have ended", || async { ended("done") == 2 }).await;
    assert_eq!((ended("again"), ended("dead")), (2, 1));
    assert_eq!(since.counter("aegis_redeliveries_total", &handler), 2);
    let group = [("messaging_consumer_group_name", "figures__on_grown")];
    assert_eq!(since.count("messaging_process_duration_seconds", &group), 5);
    let published = [("messaging_operation_name", "publish")];
    assert!(since.counter("messaging_client_sent_messages_total", &published) >= 3);
}

async fn commands(client: &FiguresClient, since: &Since) {
    let _ = client.count(0).send().await.unwrap().result().await;
    client
        .count(1)
        .send()
        .await
        .unwrap()
        .result()
        .await
        .unwrap();
    let command = [("service", "figures"), ("command", "count")];
    eventually("both are settled", || async {
        since.counter("aegis_commands_handled_total", &command) == 2
    })
    .await;
    let sent = [("messaging_destination_name", "COMMANDS")];
    assert!(since.counter("messaging_client_sent_messages_total", &sent) >= 2);
}

async fn leader(client: &FiguresClient, running: &Running, since: &Since) {
    let own = [("service", "figures")];
    client.lead().await.unwrap();
    let now = running.metrics();
    let group = [("service", "figures"), ("group", "main")];
    assert_eq!(now.gauge("aegis_leader_role", &group), Some(1.0));
    assert!(now.gauge("aegis_leader_epoch", &group) > Some(0.0));
    assert_eq!(since.counter("aegis_leader_terms_total", &group), 1);
    assert_eq!(now.gauge("aegis_connected", &[]), Some(1.0));
    let age = now
        .gauge("aegis_registry_heartbeat_age_seconds", &own)
        .unwrap();
    assert!((0.0..20.0).contains(&age), "{age}");
    assert!(now.gauge("aegis_executor_lag_seconds", &own).is_some());
}

#[tokio::test]
async fn how_stale_discovery_is_is_told() {
    let app = TestApp::new().service(Small).start().await.unwrap();
    let discovery = app
        .running()
        .client()
        .discovery(aegis::DiscoveryMode::Watched);
    discovery.instances("small").await.unwrap();
    let stale = app.running().metrics().gauge(
        "aegis_watch_stale_seconds",
        &[("bucket", "service_registry")],
    );
    assert_eq!(stale, Some(0.0));
}

#[tokio::test]
async fn the_text_follows_the_rules_of_its_format() {
    let app = TestApp::new().service(Small).start().await.unwrap();
    let client: SmallClient = app.client();
    client.divide(4, 2).await.unwrap();
    metrics::counter!("odd.name-of", "what" => "a \"quoted\"\\ text\nin lines").increment(1);
    metrics::histogram!("orders_size", "kind" => "big").record(17.0);
    let text = app.running().metrics().prometheus();
    let types = format::check(&text.replace("odd_name_of", "odd_name_of_total"));
    for (name, kind) in &types {
        if let Some(metric) = METRICS.iter().find(|metric| metric.name == name) {
            let expected = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
            };
            assert_eq!(kind, expected, "{name}");
        } else {
            assert!(!name.starts_with("aegis_"), "{name} is not in METRICS");
        }
    }
    assert!(
        types.contains_key("rpc_server_call_duration_seconds"),
        "{text}"
    );
}

#[tokio::test]
async fn every_service_answers_health_and_metrics_unless_it_has_its_own_or_they_are_off() {
    struct Own;
    #[aegis::service(name = "own", version = "2.0.0")]
    impl Own {
        #[rpc]
        async fn health(&self) -> Result<String, Failure> {
            Ok("mine".to_owned())
        }
    }
    let app = TestApp::new().configure(|config| config.instance_id("f-1"));
    let app = app.service(Small).service(Own).start().await.unwrap();
    let client = app.running().client();
    let health = client.call("small", "health", &json!({})).await.unwrap();
    let told = |key: &str| health[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (told("service"), told("instance")),
        ("small".into(), "f-1".into())
    );
    assert_eq!(told("lifecycle"), "STARTED");
    assert_eq!(health["leadership"]["group"], "main");
    let metrics = client
        .call("small", "metrics", &json!({}))
        .to_instance("f-1");
    let metrics: Value = metrics.await.unwrap();
    assert!(
        metrics["counters"].is_object() && metrics["uptime_seconds"].is_number(),
        "{metrics}"
    );
    let own = client.call("own", "health", &json!({})).await.unwrap();
    assert_eq!(own, "mine");
    assert!(client.call("own", "metrics", &json!({})).await.is_ok());

    let app = TestApp::new().configure(|config| config.builtin_rpcs(false));
    let app = app.service(Small).start().await.unwrap();
    let client = app.running().client();
    for method in ["health", "metrics"] {
        let error = client.call("small", method, &json!({})).await.unwrap_err();
        assert!(
            matches!(&error, CallError::Failed(error) if error.kind() == ErrorKind::NoService),
            "{error}"
        );
    }
}

#[test]
fn the_address_of_pages_is_checked_before_the_start() {
    for (text, right) in [
        ("127.0.0.1:0", true),
        (":8080", true),
        ("off", true),
        ("8080", false),
        ("localhost", false),
    ] {
        let config = Config::default().url("memory://").http(text);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let checked = runtime.block_on(Client::connect(config));
        assert_eq!(checked.is_ok(), right, "{text}: {checked:?}");
    }
}

/// `docs/metrics.md` lists what there is, and nothing else.
#[test]
fn the_page_lists_every_metric() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = METRICS.iter().map(|metric| {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels = metric.labels.iter().map(|label| format!("`{label}`"));
        let labels: Vec<String> = labels.collect();
        let labels = if labels.is_empty() {
            "none".to_owned()
        } else {
            labels.join(", ")
        };
        format!(
            "| `{}` | {kind} | {labels} | {} |",
            metric.name, metric.help
        )
    });
    let table = page.split("## Every metric").nth(1).unwrap();
    let table = table.split("\n\n`error_type`").next().unwrap();
    let listed: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert_eq!(listed, rows.collect::<Vec<String>>());
}
