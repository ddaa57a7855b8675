//! Events between Aegis and nats-py, which knows of streams and of nothing else.

use std::sync::{Arc, Mutex};

use aegis::TraceContext;
use aegis::testing::{RunningTest, TestApp};

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize, aegis::Event)]
#[event("orders.filled", version = "1.1")]
struct Filled {
    order: u64,
    cents: u64,
}

type Seen = Arc<Mutex<Vec<(Filled, AnyEvent)>>>;

/// Notes what arrives.
struct Probe {
    seen: Seen,
}

#[aegis::service(name = "probe", version = "1.0.0")]
impl Probe {
    #[subscribe(mode = "compete", concurrency = 1)]
    async fn fill(&self, ctx: &Context, event: Filled) -> Result<(), Failure> {
        let arrived = ctx.event().cloned().unwrap();
        self.seen.lock().unwrap().push((event, arrived));
        Ok(())
    }
}

async fn start(prefix: &str) -> (RunningTest, Seen) {
    let seen = Seen::default();
    let probe = Probe { seen: seen.clone() };
    let app = TestApp::new().on_nats(&shared_server().await);
    let app = app.configure(|config| {
        let config = config.subject_prefix(prefix);
        config.events_max_bytes(16 << 20).dead_max_bytes(16 << 20)
    });
    (app.service(probe).start().await.unwrap(), seen)
}

async fn run(python: &install::Language, task: &str, prefix: &str) {
    let arguments = [("PREFIX", prefix), ("TASK", task)];
    run_checks(python, "events.py", &arguments).await;
}

#[tokio::test]
async fn rust_handles_events_that_python_publishes() {
    let Some(python) = install::python().await else {
        return;
    };
    let prefix = unique_prefix();
    let (app, seen) = start(&prefix).await;
    run(&python, "publish", &prefix).await;
    eventually("four events", async || seen.lock().unwrap().len() >= 4).await;
    let all = std::mem::take(&mut *seen.lock().unwrap());
    let facts: Vec<_> = all
        .iter()
        .map(|(filled, event)| {
            assert_eq!((event.name(), event.attempt()), ("orders.filled", 1));
            let told = (event.source(), event.correlation_id());
            ((filled.order, filled.cents), told, event.version())
        })
        .collect();
    let in_envelope = (Some("python-shop"), Some("basket-1"));
    assert_eq!(
        facts,
        [
            ((7, 990), (Some("python"), None), "1.0"),
            ((8, 500), in_envelope, "2.0"),
            ((9, 500), in_envelope, "2.0"),
            ((10, 1), (None, None), "1.0"),
        ]
    );
    let ids: Vec<&str> = all.iter().map(|(_, event)| event.id()).collect();
    assert_eq!(ids[..3], ["order-7-filled", "sdk-8", "sdk-9"]);
    // Nobody named the last one: its place in the stream does.
    let sequence = all[3].1.sequence();
    assert!(ids[3].starts_with(&format!("{sequence}@")), "{ids:?}");

    // The one that nobody can read is a dead letter, which Python reads as well.
    run(&python, "dead", &prefix).await;
    assert!(seen.lock().unwrap().is_empty(), "it was not handled");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn python_reads_events_that_rust_publishes() {
    let Some(python) = install::python().await else {
        return;
    };
    let (url, prefix) = (shared_server().await, unique_prefix());
    let config = Config::default().url(&url).subject_prefix(&prefix);
    let config = config.events_max_bytes(16 << 20);
    let plain = Client::connect(config.clone()).await.unwrap();
    let wrapping = Client::connect(config.envelope()).await.unwrap();
    for (client, id, order) in [(&plain, "one", 1), (&wrapping, "two", 2)] {
        let cents = order * 100;
        let publish = client.publish(&Filled { order, cents }).id(id);
        let publish = publish.correlation_id("basket-7").header("Tenant", "acme");
        publish.trace(TraceContext::root(7, 8)).await.unwrap();
    }
    let closed = json!({"at": "17:30"});
    plain.publish_as("orders.closed", &closed).await.unwrap();
    run(&python, "read", &prefix).await;
}
