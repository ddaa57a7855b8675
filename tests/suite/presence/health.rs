//! The status in the record: what the service says, and what is seen from outside.

use super::*;

async fn status(discovery: &Discovery, expected: InstanceStatus) -> Arc<Instance> {
    let found = std::sync::Mutex::new(None);
    eventually(&format!("{expected}"), async || {
        let all = discovery.all("desk").await.unwrap();
        let one = all.iter().find(|one| one.status == expected).cloned();
        let there = one.is_some();
        *found.lock().unwrap() = one;
        there
    })
    .await;
    found.into_inner().unwrap().unwrap()
}

#[tokio::test]
async fn what_the_hook_says_stands_in_the_record_and_passes() {
    for config in configs().await {
        let watched = discovery(&config, DiscoveryMode::Watched).await;
        let desk = Desk::default();
        let running = serve(&config, "desk-1", &desk).await;
        status(&watched, InstanceStatus::Active).await;
        *desk.sick.lock().unwrap() = Some("the disk is full".to_owned());
        let sick = status(&watched, InstanceStatus::Unhealthy).await;
        assert_eq!(sick.reason(), Some("the disk is full"));
        assert!(ids(&watched).await.is_empty(), "it is not chosen");
        let client = DeskClient::new(running.client());
        assert_eq!(
            client.who().await.unwrap(),
            "desk-1",
            "it serves nevertheless"
        );
        *desk.sick.lock().unwrap() = None;
        let well = status(&watched, InstanceStatus::Active).await;
        assert_eq!(well.reason(), None);
        running.stop().await.unwrap();
    }
}

async fn fail_all_the_time(client: DeskClient) {
    loop {
        assert!(client.fail().await.is_err());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_instance_whose_calls_fail_says_so_and_recovers() {
    for config in configs().await {
        let watched = discovery(&config, DiscoveryMode::Watched).await;
        let running = serve(&config, "desk-1", &Desk::default()).await;
        let client = DeskClient::new(running.client());
        status(&watched, InstanceStatus::Active).await;
        let failing = tokio::spawn(fail_all_the_time(client.clone()));
        let sick = status(&watched, InstanceStatus::Unhealthy).await;
        assert!(sick.reason().unwrap().contains("calls failed"), "{sick:?}");
        failing.abort();
        status(&watched, InstanceStatus::Active).await;
        running.stop().await.unwrap();
    }
}

async fn tell(config: &Config, told: &std::sync::mpsc::Sender<InstanceEvent>) {
    let watched = discovery(config, DiscoveryMode::Watched).await;
    let mut events = watched.events().unwrap();
    while let Some(event) = events.next().await {
        let _ = told.send(event);
    }
}

/// One thread for everything that users write; heartbeats have their own.
#[tokio::test]
async fn a_busy_instance_is_busy_and_not_dead() {
    let config = quick(&shared_server().await, &unique_prefix());
    let (told, events) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watched_by = config.clone();
    let watching = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                () = tell(&watched_by, &told) => {}
                _ = stopped => {}
            }
        });
    });
    let running = serve(&config, "desk-1", &Desk::default()).await;
    let first = events.recv().unwrap();
    assert!(matches!(first, InstanceEvent::Appeared(_)), "{first:?}");
    let client = DeskClient::new(running.client());
    // Five times as long as its record lives without a heartbeat.
    client.block(5_000).await.unwrap();
    let InstanceEvent::Changed(busy) = events.recv().unwrap() else {
        panic!("it is busy, not gone");
    };
    assert_eq!(busy.status, InstanceStatus::Unhealthy);
    assert!(busy.reason().unwrap().starts_with("busy: "), "{busy:?}");
    assert_eq!(client.who().await.unwrap(), "desk-1");
    // The test waits elsewhere, so that its own thread is free.
    let well = tokio::task::spawn_blocking(move || {
        loop {
            let next = events.recv_timeout(Duration::from_secs(20)).unwrap();
            let InstanceEvent::Changed(one) = next else {
                panic!("{next:?}");
            };
            if one.status == InstanceStatus::Active {
                break;
            }
        }
    });
    well.await.unwrap();
    stop.send(()).unwrap();
    watching.join().unwrap();
    running.stop().await.unwrap();
}

#[tokio::test]
async fn the_hook_that_hangs_or_panics_is_a_reason() {
    struct Odd(&'static str);

    #[aegis::service(name = "odd", version = "1.0.0")]
    impl Odd {
        #[rpc]
        async fn nothing(&self) -> Result<(), Failure> {
            Ok(())
        }

        #[health]
        async fn health(&self, ctx: &Context) -> Result<(), String> {
            match self.0 {
                "hangs" => std::future::pending().await,
                "panics" => panic!("on purpose"),
                _ => Err(format!("{} is ill", ctx.instance())),
            }
        }
    }

    for (way, reason) in [
        ("hangs", "its `#[health]` hook does not end"),
        ("panics", "its `#[health]` hook panicked"),
        ("says so", "is ill"),
    ] {
        let app = TestApp::new().service(Odd(way)).start().await.unwrap();
        let watched = app.running().client().discovery(DiscoveryMode::Watched);
        let all = watched.all("odd").await.unwrap();
        let [one] = &*all else { panic!("{all:?}") };
        assert_eq!(one.status, InstanceStatus::Unhealthy, "{way}");
        assert!(one.reason().unwrap().contains(reason), "{way}: {one:?}");
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn callers_in_a_hurry_make_nobody_unhealthy() {
    let app = TestApp::new().configure(|config| config.heartbeat(Duration::from_millis(100)));
    let app = app.service(Desk::default()).start().await.unwrap();
    let watched = app.running().client().discovery(DiscoveryMode::Watched);
    let before = status(&watched, InstanceStatus::Active).await;
    for _ in 0..100 {
        let headers = [("Aegis-Deadline-Ms", "0")];
        let answer = app.request("desk", "who", &headers, b"").await.unwrap();
        assert_eq!(answer.headers.get("Nats-Service-Error-Code"), Some("408"));
    }
    eventually("a heartbeat that has counted them", async || {
        let all = watched.all("desk").await.unwrap();
        assert_eq!(all[0].status, InstanceStatus::Active);
        all[0].load().errors_per_second > 0.0 && all[0].last_heartbeat != before.last_heartbeat
    })
    .await;
    app.stop().await.unwrap();
}
