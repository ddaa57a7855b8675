//! Who is there: records, heartbeats, discovery, health and the choice of an instance.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod crash;
mod health;
mod outage;
mod select;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{NatsServer, TestApp};
use aegis::{
    Config, Discovery, DiscoveryMode, Instance, InstanceEvent, InstanceEvents, InstanceStatus,
    Running,
};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};

/// A service that says who it is, as slowly as it is told.
#[derive(Clone, Default)]
pub(crate) struct Desk {
    slow: Duration,
    calls: Arc<AtomicU64>,
    sick: Arc<std::sync::Mutex<Option<String>>>,
}

#[aegis::service(name = "desk", version = "1.2.3", metadata(team = "core"))]
impl Desk {
    /// Who answers.
    #[rpc]
    async fn who(&self, ctx: &Context) -> Result<String, Failure> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.slow).await;
        Ok(ctx.instance().to_owned())
    }

    /// Keeps the thread busy.
    #[rpc(timeout = "30s")]
    async fn block(&self, millis: u64) -> Result<(), Failure> {
        std::thread::sleep(Duration::from_millis(millis));
        Ok(())
    }

    #[rpc]
    async fn fail(&self) -> Result<(), Failure> {
        Err(Failure::internal("on purpose"))
    }

    #[rpc]
    async fn say(&self, ctx: &Context, key: String, value: u64) -> Result<(), Failure> {
        Ok(ctx.metadata().set(&key, value)?)
    }

    #[health]
    async fn health(&self) -> Health {
        match &*self.sick.lock().unwrap() {
            Some(reason) => Health::unhealthy(reason.clone()),
            None => Health::healthy(),
        }
    }
}

/// A heartbeat that tests can wait for; the shortest life of a record is a second.
fn quick(url: &str, prefix: &str) -> Config {
    let config = Config::default().url(url).subject_prefix(prefix);
    config.heartbeat(Duration::from_millis(300))
}

async fn serve(config: &Config, id: &str, desk: &Desk) -> Running {
    let app = App::new(config.clone().instance_id(id)).service(desk.clone());
    app.start().await.unwrap()
}

/// Two adapters, one behaviour.
async fn configs() -> [Config; 2] {
    let prefix = unique_prefix();
    let memory = format!("memory://{}", prefix.replace('.', "-"));
    [quick(&shared_server().await, &prefix), quick(&memory, "")]
}

async fn discovery(config: &Config, mode: DiscoveryMode) -> Discovery {
    let client = Client::connect(config.clone()).await.unwrap();
    client.discovery(mode)
}

async fn event(events: &mut InstanceEvents) -> InstanceEvent {
    soon("an event", events.next()).await.unwrap()
}

async fn ids(discovery: &Discovery) -> Vec<String> {
    let found = discovery.instances("desk").await.unwrap();
    found.iter().map(|one| one.id.clone()).collect()
}

/// Waits until exactly these can be chosen.
async fn until(discovery: &Discovery, expected: &[&str]) {
    eventually(&format!("{expected:?}"), async || {
        ids(discovery).await == expected
    })
    .await;
}

/// Whether records have a time of their own on the server of this run.
async fn server_has_key_ttl() -> bool {
    let nats = async_nats::connect(shared_server().await).await.unwrap();
    !nats.server_info().version.starts_with("2.10.")
}

#[tokio::test]
async fn appears_and_disappears() {
    for config in configs().await {
        let watcher = discovery(&config, DiscoveryMode::Watched).await;
        let mut events = watcher.events().unwrap();
        let desk = Desk::default();
        for round in 0..3 {
            let running = serve(&config, "desk-1", &desk).await;
            let InstanceEvent::Appeared(instance) = event(&mut events).await else {
                panic!("it appears in round {round}");
            };
            assert_eq!(instance.status, InstanceStatus::Active);
            running.stop().await.unwrap();
            // That it stops is told first, unless it has stopped before anybody looked.
            let mut next = event(&mut events).await;
            if let InstanceEvent::Changed(instance) = &next {
                assert_eq!(instance.status, InstanceStatus::Shutdown);
                next = event(&mut events).await;
            }
            assert!(matches!(next, InstanceEvent::Gone(_)), "{round}: {next:?}");
        }
    }
}

#[tokio::test]
async fn every_mode_finds_the_same() {
    for config in configs().await {
        let modes = [
            DiscoveryMode::Basic,
            DiscoveryMode::Cached,
            DiscoveryMode::Watched,
        ];
        for mode in modes {
            let none = discovery(&config, mode).await;
            assert!(none.instances("desk").await.unwrap().is_empty(), "{mode:?}");
        }
        let desk = Desk::default();
        let one = serve(&config, "desk-1", &desk).await;
        let two = serve(&config, "desk-2", &desk).await;
        for mode in modes {
            let found = discovery(&config, mode).await;
            until(&found, &["desk-1", "desk-2"]).await;
            assert_eq!(found.all("desk").await.unwrap().len(), 2, "{mode:?}");
            assert_eq!(found.everybody().await.unwrap().len(), 2, "{mode:?}");
            let nobody = found.instances("des").await.unwrap();
            assert!(nobody.is_empty(), "{mode:?}");
            let wrong = found.instances("no name").await.unwrap_err();
            assert_eq!(wrong.kind(), ErrorKind::Invalid);
        }
        one.stop().await.unwrap();
        two.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_record_says_what_it_should() {
    for config in configs().await {
        let basic = discovery(&config, DiscoveryMode::Basic).await;
        let running = serve(&config, "desk-1", &Desk::default()).await;
        let client = DeskClient::new(running.client());
        client.say("zone".to_owned(), 7).await.unwrap();
        let record = async || -> Instance {
            let all = basic.all("desk").await.unwrap();
            (*all[0]).clone()
        };
        eventually("the zone", async || {
            record().await.metadata.get("zone") == Some(&7.into())
        })
        .await;
        for _ in 0..50 {
            client.who().await.unwrap();
        }
        eventually("the load", async || record().await.load().p50_ms > 0.0).await;
        let record = record().await;
        assert_eq!((&*record.service, &*record.id), ("desk", "desk-1"));
        assert_eq!(record.version, "1.2.3");
        assert_eq!(record.heartbeat(), Duration::from_millis(300));
        assert_eq!(record.metadata["team"], "core");
        let handlers = record.metadata["handlers"].as_array().unwrap();
        let who = handlers.iter().find(|row| row["name"] == "who").unwrap();
        assert_eq!(who["signature"], "() -> Result<String, Failure>");
        assert_eq!(who["description"], "Who answers.");
        let block = handlers.iter().find(|row| row["name"] == "block").unwrap();
        assert_eq!(block["signature"], "(millis: u64) -> Result<(), Failure>");
        assert_eq!(block["timeout_ms"], 30_000);
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn one_id_is_one_process() {
    for config in configs().await {
        let desk = Desk::default();
        let first = serve(&config, "desk-1", &desk).await;
        let app = App::new(config.clone().instance_id("desk-1")).service(desk.clone());
        let error = app.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lifecycle);
        let text = error.to_string();
        assert!(
            text.contains("desk-1") && text.contains("AEGIS_INSTANCE_ID"),
            "{text}"
        );
        first.stop().await.unwrap();
        let second = serve(&config, "desk-1", &desk).await;
        second.stop().await.unwrap();
    }
}

#[tokio::test]
async fn without_jetstream_a_service_serves_and_discovery_says_why_not() {
    let server = NatsServer::builder()
        .without_jetstream()
        .start()
        .await
        .unwrap();
    let config = quick(&server.url(), "").call_timeout(Duration::from_secs(2));
    let running = serve(&config, "desk-1", &Desk::default()).await;
    let client = DeskClient::new(running.client());
    assert_eq!(client.who().await.unwrap(), "desk-1");
    for mode in [
        DiscoveryMode::Basic,
        DiscoveryMode::Cached,
        DiscoveryMode::Watched,
    ] {
        let found = running.client().discovery(mode).instances("desk").await;
        let text = found.unwrap_err().to_string();
        assert!(text.contains("JetStream"), "{mode:?}: {text}");
    }
    // Nobody can be chosen, and the call is made nevertheless.
    let call = client.who().select(aegis::Select::RoundRobin);
    assert_eq!(call.await.unwrap(), "desk-1");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn who_does_not_want_to_be_found_is_not() {
    let [config, _] = configs().await;
    let running = serve(&config.clone().registry(false), "desk-1", &Desk::default()).await;
    let basic = running.client().discovery(DiscoveryMode::Basic);
    assert!(basic.everybody().await.unwrap().is_empty());
    assert_eq!(
        DeskClient::new(running.client()).who().await.unwrap(),
        "desk-1"
    );
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_test_app_is_in_its_registry() {
    let app = TestApp::new()
        .service(Desk::default())
        .start()
        .await
        .unwrap();
    let watched = app.running().client().discovery(DiscoveryMode::Watched);
    assert_eq!(watched.instances("desk").await.unwrap().len(), 1);
    app.stop().await.unwrap();
}
