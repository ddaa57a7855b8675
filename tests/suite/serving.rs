//! The server side: panics, deadlines, cancellation, concurrency, overload, oversized replies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Barrier, Notify, Semaphore};

/// A service that does what a test tells it to.
#[derive(Clone)]
struct Workshop {
    open: Arc<Semaphore>,
    started: Arc<AtomicUsize>,
    told: Arc<Notify>,
    dropped: Arc<Notify>,
    together: Arc<Barrier>,
}

/// Calls that meet.
const TOGETHER: usize = 10;

impl Default for Workshop {
    fn default() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            started: Arc::default(),
            told: Arc::default(),
            dropped: Arc::default(),
            together: Arc::new(Barrier::new(TOGETHER)),
        }
    }
}

/// Tells when a handler is dropped.
struct Trace(Arc<Notify>);

impl Drop for Trace {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[aegis::service(name = "workshop", version = "1.0.0")]
impl Workshop {
    /// Waits until the test opens.
    #[rpc(concurrency = 2, queue = 3)]
    async fn wait(&self) -> Result<(), Failure> {
        self.started.fetch_add(1, Ordering::SeqCst);
        self.open.acquire().await?.forget();
        Ok(())
    }

    /// Waits until as many calls run as the test makes.
    #[rpc]
    async fn meet(&self) -> Result<(), Failure> {
        self.together.wait().await;
        Ok(())
    }

    #[rpc]
    async fn quick(&self) -> Result<String, Failure> {
        Ok("quick".to_owned())
    }

    #[rpc]
    async fn panics(&self, later: bool) -> Result<(), Failure> {
        if later {
            tokio::task::yield_now().await;
        }
        panic!("on purpose, with a secret")
    }

    #[rpc]
    async fn large(&self, bytes: usize) -> Result<String, Failure> {
        Ok("x".repeat(bytes))
    }

    #[rpc]
    async fn runs(&self) -> Result<usize, Failure> {
        Ok(self.started.fetch_add(1, Ordering::SeqCst))
    }

    /// Never ends by itself, but tells when it is told to.
    #[rpc(timeout = "20s")]
    async fn endless(&self, ctx: &Context, tidy: bool) -> Result<(), Failure> {
        let _trace = Trace(self.dropped.clone());
        self.started.fetch_add(1, Ordering::SeqCst);
        ctx.cancelled().await;
        self.told.notify_one();
        if tidy {
            return Ok(());
        }
        std::future::pending().await
    }

    #[rpc(timeout = "50ms")]
    async fn limited(&self) -> Result<(), Failure> {
        let _trace = Trace(self.dropped.clone());
        std::future::pending().await
    }

    /// Keeps its thread busy without ever waiting.
    #[rpc]
    async fn busy(&self, millis: u64) -> Result<(), Failure> {
        let end = std::time::Instant::now() + Duration::from_millis(millis);
        while std::time::Instant::now() < end {
            std::hint::spin_loop();
        }
        Ok(())
    }
}

async fn start(workshop: &Workshop) -> Vec<(&'static str, RunningTest)> {
    let url = shared_server().await;
    let on_nats = TestApp::new()
        .on_nats(&url)
        .configure(|c| c.subject_prefix(&unique_prefix()));
    let mut running = Vec::new();
    for (name, app) in [("memory", TestApp::new()), ("nats", on_nats)] {
        running.push((name, app.service(workshop.clone()).start().await.unwrap()));
    }
    running
}

fn failed<T: std::fmt::Debug, E: std::fmt::Debug>(
    outcome: Result<T, CallError<E>>,
) -> aegis::Error {
    match outcome {
        Err(CallError::Failed(error)) => error,
        other => panic!("a failure of the framework, not {other:?}"),
    }
}

#[tokio::test]
async fn panic_is_reported_and_survived() {
    for (name, app) in start(&Workshop::default()).await {
        let client: WorkshopClient = app.client();
        for later in [false, true] {
            let error = failed(client.panics(later).await);
            assert_eq!(error.kind(), ErrorKind::Internal, "{name}");
            let text = error.to_string();
            assert!(
                text.contains("panicked") && !text.contains("secret"),
                "{name}: {text}"
            );
        }
        assert_eq!(client.quick().await.unwrap(), "quick", "{name}");
    }
}

#[tokio::test]
async fn concurrent_requests_do_not_serialise() {
    for (name, app) in start(&Workshop::default()).await {
        let client: WorkshopClient = app.client();
        // None of them ends before all of them run.
        let calls: Vec<_> = (0..TOGETHER)
            .map(|_| tokio::spawn(client.meet().into_future()))
            .collect();
        for call in calls {
            soon(name, call).await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_slow_handler_holds_up_no_other() {
    let workshop = Workshop::default();
    for (name, app) in start(&workshop).await {
        let client: WorkshopClient = app.client();
        let slow: Vec<_> = (0..2)
            .map(|_| tokio::spawn(client.wait().into_future()))
            .collect();
        let quick = soon("the quick one", client.quick().into_future()).await;
        assert_eq!(quick.unwrap(), "quick", "{name}");
        workshop.open.add_permits(2);
        for call in slow {
            call.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn overload_is_refused_at_once_and_the_queue_is_served() {
    let workshop = Workshop::default();
    for (name, app) in start(&workshop).await {
        workshop.started.store(0, Ordering::SeqCst);
        let client: WorkshopClient = app.client();
        // Two run, three wait: the other three are too many, and only they end by themselves.
        let mut calls: FuturesUnordered<_> = (0..8)
            .map(|_| tokio::spawn(client.wait().into_future()))
            .collect();
        for _ in 0..3 {
            let ended = soon("a refusal", calls.next()).await.unwrap().unwrap();
            let error = failed(ended);
            assert_eq!(error.kind(), ErrorKind::Overloaded, "{name}");
            assert!(error.nothing_ran() && error.is_retryable(false), "{name}");
        }
        let started = || workshop.started.load(Ordering::SeqCst);
        eventually("two run", || async { started() == 2 }).await;
        workshop.open.add_permits(5);
        while let Some(ended) = soon("a waiting call's turn", calls.next()).await {
            ended.unwrap().unwrap();
        }
        assert_eq!(started(), 5, "{name}: what was refused never ran");
    }
}

#[tokio::test]
async fn deadline_expired_on_arrival_is_not_run() {
    let workshop = Workshop::default();
    for (name, app) in start(&workshop).await {
        workshop.started.store(0, Ordering::SeqCst);
        let client: WorkshopClient = app.client();
        let expired = [("Aegis-Deadline-Ms", "0")];
        let answer = app.request("workshop", "runs", &expired, b"{}").await;
        let code = answer
            .unwrap()
            .headers
            .get("Nats-Service-Error-Code")
            .map(str::to_owned);
        assert_eq!(code.as_deref(), Some("408"), "{name}");
        assert_eq!(
            workshop.started.load(Ordering::SeqCst),
            0,
            "{name}: it did not run"
        );
        assert_eq!(client.runs().await.unwrap(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_call_that_waits_past_its_deadline_is_not_run() {
    let workshop = Workshop::default();
    for (name, app) in start(&workshop).await {
        workshop.started.store(0, Ordering::SeqCst);
        let client: WorkshopClient = app.client();
        let running: Vec<_> = (0..2)
            .map(|_| tokio::spawn(client.wait().into_future()))
            .collect();
        eventually("both run", || async {
            workshop.started.load(Ordering::SeqCst) == 2
        })
        .await;
        // The caller is patient: it is the service that gives up, and says so.
        let short = [("Aegis-Deadline-Ms", "50")];
        let answer = app.request("workshop", "wait", &short, b"{}").await;
        let code = answer
            .unwrap()
            .headers
            .get("Nats-Service-Error-Code")
            .map(str::to_owned);
        assert_eq!(code.as_deref(), Some("408"), "{name}");
        workshop.open.add_permits(2);
        for call in running {
            call.await.unwrap().unwrap();
        }
        client.quick().await.unwrap();
        assert_eq!(
            workshop.started.load(Ordering::SeqCst),
            2,
            "{name}: the third never ran"
        );
    }
}

#[tokio::test]
async fn cancel_reaches_handler() {
    let workshop = Workshop::default();
    for (name, app) in start(&workshop).await {
        workshop.started.store(0, Ordering::SeqCst);
        let client: WorkshopClient = app.client();
        for tidy in [true, false] {
            let before = workshop.started.load(Ordering::SeqCst);
            let call = tokio::spawn(client.endless(tidy).into_future());
            eventually("it runs", || async {
                workshop.started.load(Ordering::SeqCst) > before
            })
            .await;
            call.abort();
            soon(name, workshop.told.notified()).await;
            // A handler that does not end is dropped after its grace time.
            soon(name, workshop.dropped.notified()).await;
        }
    }
}

#[tokio::test]
async fn the_methods_own_timeout_is_enforced() {
    let workshop = Workshop::default();
    for (name, app) in start(&workshop).await {
        let client: WorkshopClient = app.client();
        let call = client.limited().within(Duration::from_secs(20));
        let error = failed(soon("the service's own answer", call.into_future()).await);
        assert_eq!(error.kind(), ErrorKind::Timeout, "{name}");
        assert!(
            error.failure().is_some(),
            "{name}: the service said so: {error}"
        );
        soon("the handler's end", workshop.dropped.notified()).await;
    }
}

#[tokio::test]
async fn an_oversized_reply_becomes_an_error() {
    for (name, app) in start(&Workshop::default()).await {
        let client: WorkshopClient = app.client();
        let error = failed(client.large(2_000_000).await);
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{name}");
        assert!(error.to_string().contains("1048576"), "{name}: {error}");
        assert_eq!(
            client.large(1_000_000).await.unwrap().len(),
            1_000_000,
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_oversized_request_is_refused_before_the_wire() {
    for (name, app) in start(&Workshop::default()).await {
        let body = serde_json::json!({"x": "x".repeat(2_000_000)});
        let call = app.running().client().call("workshop", "quick", &body);
        assert_eq!(failed(call.await).kind(), ErrorKind::TooLarge, "{name}");
    }
}

/// A handler that never waits is noticed: its next calls get tasks of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_busy_handler_gets_tasks_of_its_own() {
    for (name, app) in start(&Workshop::default()).await {
        let client: WorkshopClient = app.client();
        client.busy(5).await.unwrap();
        let calls: Vec<_> = (0..4)
            .map(|_| tokio::spawn(client.busy(20).into_future()))
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(client.quick().await.unwrap(), "quick", "{name}");
    }
}
