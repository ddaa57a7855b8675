//! What users put around calls, events and commands, and who may call a method.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use aegis::{
    CallError, Client, Config, ErrorKind, Layer, Next, Operation, Outcome, Published, RetryPolicy,
    Side,
};
use aegis_tests::eventually;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Serialize, Deserialize, Event)]
#[event("layers.happened")]
struct Happened {
    id: u32,
}

#[derive(Clone, Default)]
struct Depot(Arc<Mutex<Vec<String>>>);

impl Depot {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

/// Only a desk may do that.
fn desks_only(call: &Context) -> Result<(), Failure> {
    match call.header("Desk") {
        Some("panic") => panic!("on purpose"),
        Some("closed") => Err(Failure::new("DESK_CLOSED", "come back tomorrow")),
        Some(_) => Ok(()),
        None => Err(Failure::forbidden(format!(
            "{} is for desks",
            call.method()
        ))),
    }
}

mod rights {
    use aegis::prelude::*;

    pub(super) fn nobody(_: &Context) -> Result<(), Failure> {
        Err(Failure::forbidden("nobody may"))
    }
}

#[aegis::service(name = "depot", version = "1.0.0")]
impl Depot {
    #[rpc(idempotent)]
    async fn fetch(&self, ctx: &Context, item: String) -> Result<String, Failure> {
        let token = ctx.header("Token").unwrap_or("none");
        self.note(format!("fetch {item} {token}"));
        if item == "nothing" {
            return Err(Failure::new("NO_SUCH_ITEM", "there is none"));
        }
        ctx.publish(&Happened { id: 7 }).await?;
        Ok(item)
    }

    #[subscribe(mode = "compete", backoff = "1ms", retries = 1)]
    async fn on_happened(&self, ctx: &Context, event: Happened) -> Result<(), Failure> {
        let token = ctx.header("Token").unwrap_or("none");
        self.note(format!("happened {} {token}", event.id));
        Ok(())
    }

    #[command(retries = 0)]
    async fn pack(&self, item: String) -> Result<String, Failure> {
        self.note(format!("pack {item}"));
        Ok(item)
    }

    #[rpc(guard = "desks_only")]
    async fn sell(&self) -> Result<u32, Failure> {
        self.note("sell".to_owned());
        Ok(1)
    }

    #[exclusive_rpc(guard = "desks_only")]
    async fn book(&self) -> Result<u32, Failure> {
        self.note("book".to_owned());
        Ok(2)
    }

    #[command(guard = "rights::nobody")]
    async fn burn(&self) -> Result<(), Failure> {
        self.note("burn".to_owned());
        Ok(())
    }
}

/// Notes what it sees.
struct Audit(Arc<Mutex<Vec<String>>>);

impl Layer for Audit {
    async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
        let outcome = next.run(operation).await;
        let failure = outcome.failure().map_or("ok", Failure::code);
        let line = format!(
            "{:?} {:?} {}.{} {:?} by {} #{}: {failure}",
            operation.side(),
            operation.kind(),
            operation.service(),
            operation.name(),
            operation.event().unwrap_or_default(),
            operation.source().unwrap_or("?"),
            operation.attempt(),
        );
        self.0.lock().unwrap().push(line);
        outcome
    }
}

/// Says who it is.
struct Token;

impl Layer for Token {
    async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
        if operation.side() == Side::Client
            && let Err(error) = operation.set_header("Token", "secret")
        {
            return Failure::internal(error.to_string()).into();
        }
        next.run(operation).await
    }
}

async fn started(layers: impl FnOnce(TestApp) -> TestApp) -> (Depot, RunningTest) {
    let depot = Depot::default();
    let app = layers(TestApp::new()).service(depot.clone());
    (depot, app.start().await.unwrap())
}

fn lines(notes: &Mutex<Vec<String>>) -> Vec<String> {
    let mut lines = notes.lock().unwrap().clone();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_layer_sees_what_is_served_and_what_is_sent_once_each() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (depot, app) = started(|app| app.layer(Audit(seen.clone())).layer(Token)).await;
    let client: DepotClient = app.client();
    client.fetch("chair".to_owned()).await.unwrap();
    let failed = client.fetch("nothing".to_owned()).await.unwrap_err();
    assert!(failed.to_string().contains("NO_SUCH_ITEM"), "{failed}");
    let job = client.pack("box".to_owned()).send().await.unwrap();
    assert_eq!(job.result().await.unwrap(), "box");
    eventually("all is seen", || async { seen.lock().unwrap().len() == 8 }).await;
    assert_eq!(
        lines(&seen),
        [
            "Client Command depot.pack \"\" by depot #1: ok",
            "Client Event .layers.happened \"layers.happened\" by depot #1: ok",
            "Client Rpc depot.fetch \"\" by depot #1: NO_SUCH_ITEM",
            "Client Rpc depot.fetch \"\" by depot #1: ok",
            "Server Command depot.pack \"\" by depot #1: ok",
            "Server Event depot.on_happened \"layers.happened\" by depot #1: ok",
            "Server Rpc depot.fetch \"\" by ? #1: NO_SUCH_ITEM",
            "Server Rpc depot.fetch \"\" by ? #1: ok",
        ]
    );
    let expected = [
        "fetch chair secret",
        "fetch nothing secret",
        "happened 7 secret",
        "pack box",
    ];
    assert_eq!(lines(&depot.0), expected);
}

/// Lets every third pass.
#[derive(Default)]
struct Limit(Mutex<u32>);

impl Layer for Limit {
    async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
        if operation.side() == Side::Client {
            return next.run(operation).await;
        }
        let asked = {
            let mut asked = self.0.lock().unwrap();
            *asked += 1;
            *asked
        };
        match (operation.name(), asked % 3) {
            (_, 0) => next.run(operation).await,
            ("pack", _) => Failure::new("NOT_NOW", "not now").into(),
            _ => Outcome::overloaded("too often"),
        }
    }
}

#[tokio::test]
async fn what_a_layer_refuses_does_not_run_and_an_overload_is_tried_again() {
    let (depot, app) = started(|app| app.layer(Limit::default())).await;
    let client: DepotClient = app.client();
    let refused = client.fetch("chair".to_owned()).await.unwrap_err();
    assert!(matches!(&refused, CallError::Failed(error) if error.kind() == ErrorKind::Overloaded));
    assert_eq!(lines(&depot.0), [""; 0]);
    let again = RetryPolicy::default().initial_delay(Duration::from_millis(1));
    let call = client.fetch("chair".to_owned()).retry(again);
    assert_eq!(call.await.unwrap(), "chair");
    assert_eq!(lines(&depot.0).first().unwrap(), "fetch chair none");
}

#[tokio::test]
async fn a_command_that_a_layer_refuses_has_failed() {
    struct Never;
    impl Layer for Never {
        async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
            match operation.side() {
                Side::Client => next.run(operation).await,
                Side::Server => Failure::new("NOT_NOW", "not now").into(),
            }
        }
    }
    let (depot, app) = started(|app| app.layer(Never)).await;
    let client: DepotClient = app.client();
    let job = client.pack("box".to_owned()).send().await.unwrap();
    let failed = job.result().await.unwrap_err();
    assert!(failed.to_string().contains("NOT_NOW"), "{failed}");
    assert_eq!(lines(&depot.0), [""; 0]);
}

#[tokio::test]
async fn a_client_has_layers_of_its_own_and_may_refuse_before_anything_is_sent() {
    struct Never;
    impl Layer for Never {
        async fn around(&self, _: &mut Operation, _: Next<'_>) -> Outcome {
            Failure::new("NOT_TODAY", "by a layer").into()
        }
    }
    let (depot, url) = (Depot::default(), "memory://a-client-has-layers");
    let app = App::new(Config::default().url(url)).service(depot.clone());
    let running = app.start().await.unwrap();
    let plain = Client::connect(Config::default().url(url)).await.unwrap();
    let client = plain.layer(Never);
    let item = json!({"item": "chair"});
    let refused = client.call("depot", "fetch", &item).await.unwrap_err();
    assert!(refused.to_string().contains("NOT_TODAY"), "{refused}");
    let refused = client.publish(&Happened { id: 1 }).await.unwrap_err();
    assert!(!refused.was_sent(), "{refused}");
    let sent = client.new_command("depot", "pack", &item).send().await;
    assert!(!sent.unwrap_err().was_sent());
    assert_eq!(lines(&depot.0), [""; 0]);
    // The client that it was made of has none.
    plain.call("depot", "fetch", &item).await.unwrap();
    running.stop().await.unwrap();
}

#[tokio::test]
async fn events_keep_their_order_behind_a_layer_that_waits_and_one_that_it_refuses_stops_none() {
    struct Slow(AtomicU32);
    impl Layer for Slow {
        async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
            let number = self.0.fetch_add(1, Ordering::SeqCst);
            // The first of each ten waits longest.
            for _ in number % 10..10 {
                tokio::task::yield_now().await;
            }
            if number == 7 {
                return Failure::new("NOT_THIS", "by a layer").into();
            }
            next.run(operation).await
        }
    }
    let config = Config::default().url("memory://events-keep-their-order");
    let client = Client::connect(config).await.unwrap();
    let client = client.layer(Slow(AtomicU32::new(0)));
    let events: Vec<Happened> = (0..100).map(|id| Happened { id }).collect();
    let published = client.publish_all(&events).window(16).await;
    let refused: Vec<usize> = published.failed().map(|(at, _)| at).collect();
    assert_eq!(refused, [7]);
    let stored = published.outcomes().iter().flatten();
    let sequences: Vec<u64> = stored.map(Published::sequence).collect();
    assert!(sequences.is_sorted(), "{sequences:?}");
    assert_eq!(sequences.len(), 99);
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_layer_that_panics_ends_one_call() {
    struct Panics;
    impl Layer for Panics {
        async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
            assert!(operation.header("Panic").is_none(), "on purpose");
            next.run(operation).await
        }
    }
    let depot = Depot::default();
    let url = "memory://a-layer-panics";
    let app = App::new(Config::default().url(url)).layer(Panics);
    let running = app.service(depot.clone()).start().await.unwrap();
    let client = Client::connect(Config::default().url(url)).await.unwrap();
    let item = json!({"item": "chair"});
    let call = client.call("depot", "fetch", &item).header("Panic", "yes");
    let error = call.await.unwrap_err();
    assert!(matches!(&error, CallError::Failed(error) if error.kind() == ErrorKind::Internal));
    client.call("depot", "fetch", &item).await.unwrap();
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_guard_says_who_may_call() {
    let (depot, app) = started(|app| app).await;
    for (method, ran) in [("sell", "sell"), ("book", "book")] {
        for (desk, code, status) in [
            (None, Some("FORBIDDEN"), Some("403")),
            (Some("closed"), Some("DESK_CLOSED"), Some("403")),
            (Some("panic"), Some("INTERNAL"), Some("403")),
            (Some("7"), None, None),
        ] {
            depot.0.lock().unwrap().clear();
            let headers: Vec<(&str, &str)> = desk.iter().map(|desk| ("Desk", *desk)).collect();
            let answer = app.request("depot", method, &headers, b"{}").await.unwrap();
            let told = answer.headers.get("Nats-Service-Error-Code");
            assert_eq!(told, status, "{method} {desk:?}");
            let text = answer.headers.get("Nats-Service-Error").unwrap_or_default();
            assert_eq!(
                text.split(':').next(),
                Some(code.unwrap_or_default()),
                "{text}"
            );
            let expected: &[&str] = if code.is_none() { &[ran] } else { &[] };
            assert_eq!(lines(&depot.0), expected, "{method} {desk:?}");
        }
    }
}

#[tokio::test]
async fn who_is_refused_by_a_guard_is_told_so() {
    let (_, app) = started(|app| app).await;
    let client: DepotClient = app.client();
    let again = RetryPolicy::default().initial_delay(Duration::from_millis(1));
    let refused = client.sell().retry(again).await.unwrap_err();
    let CallError::Failed(error) = refused else {
        panic!("{refused}")
    };
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(error.to_string(), "FORBIDDEN: sell is for desks");
    let stats = app.stats("depot").await.unwrap();
    let sell = &stats["endpoints"].as_array().unwrap();
    let sell = sell.iter().find(|one| one["name"] == "sell").unwrap();
    assert_eq!(
        (&sell["num_requests"], &sell["num_errors"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_command_that_its_guard_refuses_has_failed_and_did_not_run() {
    let (depot, app) = started(|app| app).await;
    let job = app.client::<DepotClient>().burn().send().await.unwrap();
    let failed = job.result().await.unwrap_err();
    assert!(
        failed.to_string().contains("FORBIDDEN: nobody may"),
        "{failed}"
    );
    let status = job.status().await.unwrap().unwrap();
    assert_eq!(status.attempt, 1);
    assert_eq!(lines(&depot.0), [""; 0]);
}

#[tokio::test]
async fn who_calls_is_known_if_the_caller_says_so() {
    struct Mirror;
    #[aegis::service(name = "mirror", version = "1.0.0")]
    impl Mirror {
        #[rpc]
        async fn who(&self, ctx: &Context) -> Result<Option<String>, Failure> {
            Ok(ctx.source().map(str::to_owned))
        }
    }
    let url = "memory://who-calls";
    let app = App::new(Config::default().url(url)).service(Mirror);
    let running = app.start().await.unwrap();
    for (source, known) in [(Some("desk-7"), json!("desk-7")), (None, json!(null))] {
        for envelope in [false, true] {
            let config = Config::default().url(url);
            let config = source.map_or(config.clone(), |source| config.source(source));
            let config = if envelope { config.envelope() } else { config };
            let client = Client::connect(config).await.unwrap();
            let who = client.call("mirror", "who", &json!({})).await.unwrap();
            let expected = match (envelope, source) {
                (true, None) => json!("aegis-client"),
                _ => known.clone(),
            };
            assert_eq!(who, expected, "{source:?} {envelope}");
        }
    }
    running.stop().await.unwrap();
}
