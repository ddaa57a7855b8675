//! Starting is all or nothing, stopping loses nothing, and hooks run in their order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::TestApp;
use aegis::{Config, Lifecycle};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use tokio::sync::Semaphore;

/// Writes down what happens to a service.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct First(Diary);

#[aegis::service(name = "first", version = "1.0.0")]
impl First {
    #[on_start]
    async fn begin(&self, ctx: &Context) -> Result<(), Failure> {
        self.0.note("first starts");
        assert!(ctx.deadline().is_none() && ctx.service() == "first");
        Ok(())
    }

    #[on_stop]
    async fn end(&self) {
        self.0.note("first stops");
    }

    #[rpc]
    async fn ping(&self) -> Result<(), Failure> {
        Ok(())
    }
}

struct Second {
    diary: Diary,
    fate: &'static str,
}

#[aegis::service(name = "second", version = "1.0.0")]
impl Second {
    #[on_start]
    async fn begin(&self) -> Result<(), Failure> {
        self.diary.note("second starts");
        match self.fate {
            "fails" => Err(Failure::new("NO_DATABASE", "connection refused")),
            "panics" => panic!("on purpose"),
            _ => Ok(()),
        }
    }

    #[on_stop]
    async fn end(&self) {
        self.diary.note("second stops");
    }
}

#[tokio::test]
async fn hook_order() {
    let diary = Diary::default();
    let app = TestApp::new().service(First(diary.clone()));
    let app = app
        .service(Second {
            diary: diary.clone(),
            fate: "lives",
        })
        .start()
        .await
        .unwrap();
    assert_eq!(diary.take(), ["first starts", "second starts"]);
    let mut state = app.running().lifecycle();
    assert_eq!(*state.borrow_and_update(), Lifecycle::Started);
    app.stop().await.unwrap();
    assert_eq!(diary.take(), ["second stops", "first stops"]);
    assert_eq!(*state.borrow(), Lifecycle::Stopped);
}

#[tokio::test]
async fn failed_start_is_undone() {
    let url = shared_server().await;
    for fate in ["fails", "panics"] {
        let prefix = unique_prefix();
        let config = Config::default().url(&url).subject_prefix(&prefix);
        let watcher = Client::connect(config.clone()).await.unwrap();
        let diary = Diary::default();
        let app = App::new(config).service(First(diary.clone()));
        let app = app.service(Second {
            diary: diary.clone(),
            fate,
        });
        let error = app.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lifecycle);
        let text = error.to_string();
        assert!(text.contains("`#[on_start]` of second failed"), "{text}");
        assert_eq!(
            diary.take(),
            ["first starts", "second starts", "first stops"]
        );
        let error = FirstClient::new(&watcher).ping().await.unwrap_err();
        assert_eq!(
            error.kind(),
            Some(ErrorKind::NoService),
            "nothing stays subscribed"
        );
    }
}

#[tokio::test]
async fn call_right_after_start_succeeds() {
    let url = shared_server().await;
    for _ in 0..20 {
        let config = Config::default().url(&url).subject_prefix(&unique_prefix());
        let caller = Client::connect(config.clone()).await.unwrap();
        let running = App::new(config)
            .service(First(Diary::default()))
            .start()
            .await
            .unwrap();
        FirstClient::new(&caller).ping().await.unwrap();
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn stopped_service_does_not_answer_and_a_restart_serves_once() {
    let config = Config::default()
        .url(&shared_server().await)
        .subject_prefix(&unique_prefix());
    let caller = Client::connect(config.clone()).await.unwrap();
    let client = FirstClient::new(&caller);
    for _ in 0..3 {
        let app = App::new(config.clone()).service(First(Diary::default()));
        let running = app.start().await.unwrap();
        client.ping().await.unwrap();
        running.stop().await.unwrap();
        let error = client.ping().await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NoService));
    }
}

#[tokio::test]
async fn one_type_is_mounted_once() {
    let app = TestApp::new()
        .service(First(Diary::default()))
        .service(First(Diary::default()));
    let error = app.start().await.unwrap_err();
    assert!(error.to_string().contains("mounted twice"), "{error}");
}

/// Counts what it does, and takes its time.
#[derive(Clone)]
struct Counter {
    done: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
}

#[aegis::service(name = "counter", version = "1.0.0")]
impl Counter {
    #[rpc]
    async fn count(&self) -> Result<(), Failure> {
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[rpc(timeout = "60s")]
    async fn hold(&self) -> Result<(), Failure> {
        self.done.fetch_add(1, Ordering::SeqCst);
        self.open.acquire().await?.forget();
        Ok(())
    }
}

fn counter() -> Counter {
    Counter {
        done: Arc::default(),
        open: Arc::new(Semaphore::new(0)),
    }
}

/// Instances stop and start under load; no call is lost, and none runs twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drain_loses_nothing() {
    let config = Config::default()
        .url(&shared_server().await)
        .subject_prefix(&unique_prefix());
    let service = counter();
    let caller = Client::connect(config.clone()).await.unwrap();
    let client = CounterClient::new(&caller);
    let staying = App::new(config.clone())
        .service(service.clone())
        .start()
        .await
        .unwrap();
    let stopping = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..32)
        .map(|_| {
            let (client, stopping) = (client.clone(), stopping.clone());
            tokio::spawn(async move {
                let mut calls = 0;
                while stopping.load(Ordering::Relaxed) == 0 {
                    client
                        .count()
                        .within(Duration::from_secs(20))
                        .await
                        .expect("no call is lost");
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for _ in 0..15 {
        let passing = App::new(config.clone())
            .service(service.clone())
            .start()
            .await
            .unwrap();
        let before = service.done.load(Ordering::SeqCst);
        eventually("it works", || async {
            service.done.load(Ordering::SeqCst) > before + 20
        })
        .await;
        passing.stop().await.unwrap();
    }
    stopping.store(1, Ordering::Relaxed);
    let mut calls = 0;
    for caller in callers {
        calls += soon("the last call", caller).await.unwrap();
    }
    assert_eq!(
        service.done.load(Ordering::SeqCst),
        calls,
        "each call ran exactly once"
    );
    staying.stop().await.unwrap();
}

#[tokio::test]
async fn a_stop_finishes_what_runs() {
    let service = counter();
    let app = TestApp::new()
        .service(service.clone())
        .start()
        .await
        .unwrap();
    let client: CounterClient = app.client();
    let call = tokio::spawn(client.hold().into_future());
    eventually("it runs", || async {
        service.done.load(Ordering::SeqCst) == 1
    })
    .await;
    let mut state = app.running().lifecycle();
    let stop = tokio::spawn(app.stop());
    soon(
        "draining",
        state.wait_for(|state| *state == Lifecycle::Stopping),
    )
    .await
    .unwrap();
    service.open.add_permits(1);
    soon("the call's answer", call).await.unwrap().unwrap();
    soon("the end", stop).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_ends_what_does_not_end_in_time_and_says_so() {
    let url = shared_server().await;
    let service = counter();
    let app = TestApp::new().on_nats(&url).configure(|config| {
        config
            .subject_prefix(&unique_prefix())
            .drain_timeout(Duration::from_millis(100))
    });
    let app = app.service(service.clone()).start().await.unwrap();
    let client: CounterClient = app.client();
    let call = tokio::spawn(client.hold().into_future());
    eventually("it runs", || async {
        service.done.load(Ordering::SeqCst) == 1
    })
    .await;
    soon("the end", app.stop()).await.unwrap();
    let error = soon("the call's end", call).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Cancelled), "{error}");
}

#[tokio::test]
async fn draining_is_visible() {
    let url = shared_server().await;
    let service = counter();
    let prefix = unique_prefix();
    let config = Config::default()
        .url(&url)
        .subject_prefix(&prefix)
        .instance_id(&prefix);
    let watcher = Client::connect(config.clone()).await.unwrap();
    let running = App::new(config)
        .service(service.clone())
        .start()
        .await
        .unwrap();
    let state = || async {
        let infos = watcher.services(Duration::from_millis(300)).await.unwrap();
        let own = infos.into_iter().find(|info| info.id == prefix);
        own.and_then(|info| info.metadata.get("aegis.state").cloned())
    };
    assert_eq!(state().await.as_deref(), Some("STARTED"));
    let call = tokio::spawn(CounterClient::new(&watcher).hold().into_future());
    eventually("it runs", || async {
        service.done.load(Ordering::SeqCst) == 1
    })
    .await;
    let stop = tokio::spawn(running.stop());
    eventually("draining is announced", || async {
        state().await.as_deref() == Some("STOPPING")
    })
    .await;
    service.open.add_permits(1);
    call.await.unwrap().unwrap();
    stop.await.unwrap().unwrap();
    assert_eq!(state().await, None, "gone");
}
