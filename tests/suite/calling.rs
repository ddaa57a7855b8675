//! The client side: retries only where they are safe, the circuit, inheritance, mistakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aegis::prelude::*;
use aegis::testing::TestApp;
use aegis::{BreakerPolicy, BreakerState, Config, TraceContext};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use serde_json::json;

/// A service whose answers a test counts.
#[derive(Clone, Default)]
struct Flaky {
    tries: Arc<AtomicUsize>,
}

impl Flaky {
    fn tried(&self) -> usize {
        self.tries.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[aegis::service(name = "flaky", version = "1.0.0")]
impl Flaky {
    #[rpc(concurrency = 1, queue = 0)]
    async fn one_at_a_time(&self, millis: u64) -> Result<usize, Failure> {
        let tried = self.tried();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Ok(tried)
    }

    /// Answers from the given try on.
    #[rpc]
    async fn silent_until(&self, answer_at: usize) -> Result<usize, Failure> {
        let tried = self.tried();
        if tried < answer_at {
            std::future::pending::<()>().await;
        }
        Ok(tried)
    }

    /// The same, and running it twice does no harm.
    #[rpc(idempotent)]
    async fn repeatable_until(&self, answer_at: usize) -> Result<usize, Failure> {
        let tried = self.tried();
        if tried < answer_at {
            std::future::pending::<()>().await;
        }
        Ok(tried)
    }

    #[rpc]
    async fn fails(&self) -> Result<(), Failure> {
        self.tried();
        Err(Failure::new("NO", "not today").retryable())
    }

    #[rpc]
    async fn remaining(&self, ctx: &Context) -> Result<(u64, Option<String>), Failure> {
        let left = ctx.remaining().map_or(0, |left| left.as_millis());
        Ok((
            u64::try_from(left)?,
            ctx.trace().map(|trace| trace.trace_id()),
        ))
    }

    /// Calls another method, once through its context and once through a task of its own.
    #[rpc]
    async fn nested(&self, ctx: &Context) -> Result<Vec<(u64, Option<String>)>, Failure> {
        let client = ctx.client();
        let direct = FlakyClient::new(&client)
            .remaining()
            .within(Duration::from_secs(60))
            .await?;
        let spawned = tokio::spawn(FlakyClient::new(&client).remaining().into_future()).await??;
        Ok(vec![direct, spawned])
    }
}

async fn on_nats() -> TestApp {
    let url = shared_server().await;
    TestApp::new()
        .on_nats(&url)
        .configure(|config| config.subject_prefix(&unique_prefix()))
}

fn quick_retry(attempts: u32) -> RetryPolicy {
    RetryPolicy::default()
        .max_attempts(attempts)
        .initial_delay(Duration::from_millis(5))
}

#[tokio::test]
async fn no_service_is_retried_and_a_late_service_is_found() {
    let prefix = unique_prefix();
    let url = shared_server().await;
    let config = Config::default().url(&url).subject_prefix(&prefix);
    let client = Client::connect(config.clone()).await.unwrap();
    let error = client.call("flaky", "fails", &json!({})).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::NoService));
    let waiting = client
        .call("flaky", "remaining", &json!({}))
        .within(Duration::from_secs(20))
        .retry(quick_retry(10_000).max_delay(Duration::from_millis(20)));
    let waiting = tokio::spawn(waiting.into_future());
    let running = App::new(config)
        .service(Flaky::default())
        .start()
        .await
        .unwrap();
    soon("the late service's answer", waiting)
        .await
        .unwrap()
        .unwrap();
    running.stop().await.unwrap();
}

#[tokio::test]
async fn overload_is_retried_until_there_is_room() {
    let flaky = Flaky::default();
    let app = on_nats()
        .await
        .service(flaky.clone())
        .start()
        .await
        .unwrap();
    let client: FlakyClient = app.client();
    let first = tokio::spawn(client.one_at_a_time(100).into_future());
    eventually("the first runs", || async {
        flaky.tries.load(Ordering::SeqCst) == 1
    })
    .await;
    let error = client.one_at_a_time(0).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Overloaded));
    let second = client
        .one_at_a_time(0)
        .retry(quick_retry(1000).max_delay(Duration::from_millis(10)));
    assert_eq!(second.await.unwrap(), 2, "what was refused did not run");
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_timeout_is_retried_only_where_repeating_is_safe() {
    let flaky = Flaky::default();
    let app = on_nats()
        .await
        .service(flaky.clone())
        .start()
        .await
        .unwrap();
    let client: FlakyClient = app.client();
    let within = Duration::from_millis(600);
    let error = client
        .silent_until(2)
        .within(within)
        .retry(quick_retry(3))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Timeout));
    assert_eq!(
        flaky.tries.swap(0, Ordering::SeqCst),
        1,
        "one try: its effect is unknown"
    );
    let within = Duration::from_secs(3);
    let call = client
        .repeatable_until(2)
        .within(within)
        .retry(quick_retry(3));
    assert_eq!(call.await.unwrap(), 2, "the method is idempotent");
    flaky.tries.store(0, Ordering::SeqCst);
    let call = client
        .silent_until(2)
        .within(within)
        .retry(quick_retry(3))
        .idempotency_key("k");
    assert_eq!(call.await.unwrap(), 2, "the call has a key");
    flaky.tries.store(0, Ordering::SeqCst);
    let error = client
        .repeatable_until(2)
        .within(Duration::from_millis(200))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Timeout));
    assert_eq!(
        flaky.tries.load(Ordering::SeqCst),
        1,
        "no retry without a policy"
    );
}

#[tokio::test]
async fn an_error_of_the_service_is_never_retried() {
    let flaky = Flaky::default();
    let app = on_nats()
        .await
        .service(flaky.clone())
        .start()
        .await
        .unwrap();
    let client: FlakyClient = app.client();
    let error = client
        .fails()
        .retry(quick_retry(5))
        .idempotency_key("k")
        .await
        .unwrap_err();
    assert!(
        error.service().unwrap().is_retryable(),
        "the caller may decide otherwise: {error}"
    );
    assert_eq!(flaky.tries.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn calls_inside_a_handler_inherit_the_deadline_and_the_trace() {
    let app = on_nats()
        .await
        .service(Flaky::default())
        .start()
        .await
        .unwrap();
    let client: FlakyClient = app.client();
    let trace = TraceContext::root(77, 1);
    let call = client.nested().within(Duration::from_secs(2));
    for (left, traced) in call.trace(trace).await.unwrap() {
        assert!(
            (1..=2000).contains(&left),
            "{left} ms is what the outer call has left"
        );
        assert_eq!(traced, Some(trace.trace_id()));
    }
    let (left, traced) = client.remaining().await.unwrap();
    assert!(
        (4000..=5000).contains(&left) && traced.is_none(),
        "the default: {left} ms"
    );
}

#[tokio::test]
async fn the_circuit_opens_refuses_at_once_and_closes_again() {
    let flaky = Flaky::default();
    let policy = BreakerPolicy::default()
        .failures(2)
        .open_for(Duration::from_secs(2));
    let app = on_nats().await.configure(|config| config.breaker(policy));
    let app = app.service(flaky.clone()).start().await.unwrap();
    let client: FlakyClient = app.client();
    let circuit = || {
        app.running()
            .client()
            .circuit("flaky", "silent_until")
            .unwrap()
    };
    assert_eq!(circuit(), BreakerState::Closed);
    for _ in 0..2 {
        let error = client
            .silent_until(3)
            .within(Duration::from_millis(30))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Timeout));
    }
    assert_eq!(circuit(), BreakerState::Open);
    let error = client.silent_until(0).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::CircuitOpen));
    assert_eq!(flaky.tries.load(Ordering::SeqCst), 2, "nothing was sent");
    client
        .remaining()
        .await
        .expect("another method's circuit is its own");
    eventually("it lets one through", || async {
        circuit() == BreakerState::HalfOpen
    })
    .await;
    client.silent_until(0).await.unwrap();
    assert_eq!(circuit(), BreakerState::Closed);
}

#[tokio::test]
async fn invalid_names_are_refused_before_the_wire() {
    let app = TestApp::new()
        .service(Flaky::default())
        .start()
        .await
        .unwrap();
    let client = app.running().client();
    for (service, method) in [
        ("", "x"),
        ("flaky", ""),
        ("flaky.x", "x"),
        ("flaky", "x.y"),
        ("*", "x"),
        ("flaky", ">"),
        ("flaky", "x y"),
        ("$SRV", "PING"),
        ("flaky", "remaining\r\nPUB x"),
    ] {
        let error = client.call(service, method, &json!({})).await.unwrap_err();
        assert_eq!(
            error.kind(),
            Some(ErrorKind::Invalid),
            "{service:?} {method:?}"
        );
    }
    let calls: FlakyClient = app.client();
    for instance in ["", "a.b", "*", "a b"] {
        let error = calls.remaining().to_instance(instance).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Invalid), "{instance:?}");
    }
    for (name, value) in [("a b", "x"), ("", "x"), ("a", "x\r\ny")] {
        let error = calls.remaining().header(name, value).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Invalid), "{name:?}");
    }
    let error = calls.remaining().to_instance("nobody").await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::NoService));
}

#[tokio::test]
async fn an_answer_of_another_type_is_an_error_with_its_cause() {
    let app = TestApp::new()
        .service(Flaky::default())
        .start()
        .await
        .unwrap();
    let call = app
        .running()
        .client()
        .call("flaky", "remaining", &json!({}));
    let error = call.returning::<String>().await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Decode));
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .contains("expected a string")
    );
}

#[tokio::test]
async fn load_spread_over_three_instances() {
    #[derive(Clone)]
    struct Who;
    #[aegis::service(name = "who", version = "1.0.0")]
    impl Who {
        #[rpc]
        async fn ami(&self, ctx: &Context) -> Result<String, Failure> {
            Ok(ctx.instance().to_owned())
        }
    }
    let prefix = unique_prefix();
    let config = Config::default()
        .url(&shared_server().await)
        .subject_prefix(&prefix);
    let mut running = Vec::new();
    for id in ["who-1", "who-2", "who-3"] {
        let app = App::new(config.clone().instance_id(id)).service(Who);
        running.push(app.start().await.unwrap());
    }
    let client = WhoClient::new(running[0].client());
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..600 {
        *counts.entry(client.ami().await.unwrap()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 3, "{counts:?}");
    assert!(counts.values().all(|count| *count > 100), "{counts:?}");
    assert_eq!(client.ami().to_instance("who-2").await.unwrap(), "who-2");
    for app in running {
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn default_timeout_5s() {
    let flaky = Flaky::default();
    let app = on_nats().await.service(flaky).start().await.unwrap();
    let client: FlakyClient = app.client();
    let start = Instant::now();
    let error = client.silent_until(usize::MAX).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Timeout));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(4900), "{took:?}");
}
