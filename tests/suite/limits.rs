//! What holds when much comes at once, or something comes twice.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aegis::prelude::*;
use aegis::testing::{NatsServer, TestApp};
use aegis::{BreakerPolicy, Config};
use aegis_tests::{eventually, soon, unique_prefix};
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

#[derive(Clone, Default)]
struct Mill(Arc<AtomicUsize>);

#[aegis::service(name = "mill", version = "1.0.0")]
impl Mill {
    /// Never waits, and is quick enough to run in the reader's task.
    #[rpc(concurrency = 2, queue = 2)]
    async fn grind(&self, micros: u64) -> Result<usize, Failure> {
        let end = Instant::now() + Duration::from_micros(micros);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        Ok(self.0.fetch_add(1, Ordering::SeqCst))
    }

    #[rpc]
    async fn pin(&self, pin: u32) -> Result<u32, Failure> {
        Ok(pin)
    }

    #[rpc(timeout = "20ms")]
    async fn panics_when_told_to_stop(&self, ctx: &Context) -> Result<(), Failure> {
        ctx.cancelled().await;
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("on purpose")
    }
}

async fn flooded(to_instance: bool) {
    let server = NatsServer::start().await.unwrap();
    let config = Config::default()
        .url(&server.url())
        .breaker(BreakerPolicy::off());
    let mill = Mill::default();
    let app = App::new(config.clone().instance_id("mill-1"));
    let running = app.service(mill.clone()).start().await.unwrap();
    let client = Client::connect(config).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..5000 {
        let call = client.call("mill", "grind", &json!({"micros": 150}));
        let call = call.within(Duration::from_secs(30));
        let call = if to_instance {
            call.to_instance("mill-1")
        } else {
            call
        };
        calls.spawn(call.into_future());
    }
    let (mut done, mut refused) = (0, 0);
    while let Some(ended) = soon("a call's end", calls.join_next()).await {
        match ended.unwrap() {
            Ok(_) => done += 1,
            Err(error) if error.kind() == Some(ErrorKind::Overloaded) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
    assert_eq!(mill.0.load(Ordering::SeqCst), done, "nothing else ran");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_a_quick_handler_is_refused_at_once() {
    flooded(false).await;
    flooded(true).await;
}

/// Two of them start under one id at the same moment, so that neither sees the other.
#[derive(Clone)]
struct Twin {
    calls: Arc<AtomicUsize>,
    both: Arc<Barrier>,
}

#[aegis::service(name = "twin", version = "1.0.0")]
impl Twin {
    #[on_start]
    async fn wait_for_the_other(&self) -> Result<(), Failure> {
        self.both.wait().await;
        Ok(())
    }

    #[rpc]
    async fn count(&self) -> Result<usize, Failure> {
        Ok(self.calls.fetch_add(1, Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_call_to_an_instance_runs_once_even_if_two_have_its_id() {
    for url in [
        aegis_tests::shared_server().await,
        format!("memory://{}", unique_prefix()),
    ] {
        let prefix = unique_prefix();
        let config = Config::default().url(&url).subject_prefix(&prefix);
        let (calls, both) = (Arc::default(), Arc::new(Barrier::new(2)));
        let twin = Twin { calls, both };
        let start = || {
            let app = App::new(config.clone().instance_id("twin-1"));
            app.service(twin.clone()).start()
        };
        let (one, other) = tokio::try_join!(start(), start()).unwrap();
        let client = TwinClient::new(one.client());
        for _ in 0..20 {
            client.count().to_instance("twin-1").await.unwrap();
        }
        one.stop().await.unwrap();
        other.stop().await.unwrap();
        assert_eq!(twin.calls.load(Ordering::SeqCst), 20, "{url}");
    }
}

#[tokio::test]
async fn statistics_do_not_quote_params() {
    let app = TestApp::new()
        .service(Mill::default())
        .start()
        .await
        .unwrap();
    let client = app.running().client();
    let call = client.call("mill", "pin", &json!({"pin": "secret-4711"}));
    let error = call.await.unwrap_err();
    assert!(
        error.to_string().contains("secret-4711"),
        "the caller is told"
    );
    let answers = app.stats("mill").await.unwrap();
    let endpoints = answers["endpoints"].as_array().unwrap();
    let pin = endpoints.iter().find(|one| one["name"] == "pin").unwrap();
    assert_eq!(pin["num_errors"], 1);
    assert_eq!(
        pin["last_error"],
        "400:INVALID_PARAMS: the params cannot be read"
    );
}

#[tokio::test]
async fn a_panic_after_the_end_is_survived() {
    let mill = Mill::default();
    let app = TestApp::new().service(mill.clone()).start().await.unwrap();
    let client: MillClient = app.client();
    let error = client.panics_when_told_to_stop().await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Timeout));
    eventually("the panic", || async { mill.0.load(Ordering::SeqCst) == 1 }).await;
    client.grind(0).await.unwrap();
}

/// Keeps the client of its start.
#[derive(Default)]
struct Front(OnceLock<Client>);

#[aegis::service(name = "front", version = "1.0.0")]
impl Front {
    #[on_start]
    async fn begin(&self, ctx: &Context) -> Result<(), Failure> {
        let _ = self.0.set(ctx.client());
        Ok(())
    }

    #[rpc]
    async fn ask(&self) -> Result<u64, Failure> {
        let client = self.0.get().ok_or_else(|| Failure::internal("no client"))?;
        let call = client.call("front", "left", &json!({}));
        Ok(call.returning().await?)
    }

    #[rpc]
    async fn left(&self, ctx: &Context) -> Result<u64, Failure> {
        Ok(u64::try_from(
            ctx.remaining().unwrap_or_default().as_millis(),
        )?)
    }
}

#[tokio::test]
async fn a_client_kept_from_the_start_inherits_from_each_call() {
    let app = TestApp::new()
        .service(Front::default())
        .start()
        .await
        .unwrap();
    let call = app.client::<FrontClient>().ask();
    let left = call.within(Duration::from_millis(900)).await.unwrap();
    assert!((1..=900).contains(&left), "{left} ms");
}

/// Passes on what another service answers.
#[derive(Clone, Default)]
struct Orders(Arc<AtomicUsize>);

#[aegis::service(name = "orders", version = "1.0.0")]
impl Orders {
    #[rpc]
    async fn place(&self, ctx: &Context, code: String) -> Result<(), Failure> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let call = ctx.client().call("risk", "check", &json!({"code": code}));
        match call.await {
            Ok(_) => Ok(()),
            Err(CallError::Service(failure)) => Err(failure),
            Err(CallError::Failed(error)) => {
                let answered = error.failure().cloned();
                Err(answered.unwrap_or_else(|| Failure::internal(error.to_string())))
            }
        }
    }
}

struct Risk;

#[aegis::service(name = "risk", version = "1.0.0")]
impl Risk {
    /// Any code may come back in a body: this one pretends to be the framework.
    #[rpc]
    async fn check(&self, code: String) -> Result<(), Failure> {
        let body = json!({"code": code, "message": "", "details": null, "retryable": true});
        Err(serde_json::from_value(body)?)
    }
}

#[tokio::test]
async fn a_failure_passed_on_never_says_that_nothing_ran() {
    let orders = Orders::default();
    let app = TestApp::new().service(orders.clone()).service(Risk);
    let app = app.start().await.unwrap();
    let client: OrdersClient = app.client();
    for code in ["OVERLOADED", "NOT_ACTIVE", "UNKNOWN_METHOD", "TIMEOUT"] {
        orders.0.store(0, Ordering::SeqCst);
        let retry = RetryPolicy::default().initial_delay(Duration::from_millis(1));
        let error = client.place(code.to_owned()).retry(retry).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Internal), "{error}");
        assert!(error.to_string().contains(code), "{error}");
        assert_eq!(orders.0.load(Ordering::SeqCst), 1, "{code}: one effect");
    }
}
