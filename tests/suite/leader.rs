//! One leader per group: who serves exclusive calls, what standbys answer, and what happens when
//! the leader goes, in order or not.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod handover;
mod loss;
mod once;
mod telling;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis::prelude::*;
use aegis::{Config, Running};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// What became of an exclusive call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Posted {
    by: String,
    epoch: u64,
}

/// A service with exclusive work.
#[derive(Clone)]
struct Ledger {
    /// What its hooks saw, in order.
    seen: Arc<Mutex<Vec<String>>>,
    /// Slow calls end when they get one of these.
    lets_go: Arc<Semaphore>,
    /// Slow calls that have begun.
    begun: Arc<Semaphore>,
    fails_to_lead: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            seen: Arc::default(),
            lets_go: Arc::new(Semaphore::new(0)),
            begun: Arc::new(Semaphore::new(0)),
            fails_to_lead: false,
        }
    }
}

impl Ledger {
    fn note(&self, what: &str, context: &Context) {
        let line = format!("{} {what}", context.instance());
        self.seen.lock().unwrap().push(line);
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

#[aegis::service(
    name = "ledger",
    version = "1.0.0",
    group = "main",
    failover = "aggressive"
)]
impl Ledger {
    #[exclusive_rpc]
    async fn post(&self, leader: &Leadership) -> Result<Posted, Failure> {
        leader.ensure()?;
        Ok(Posted {
            by: leader.instance().to_owned(),
            epoch: leader.epoch(),
        })
    }

    #[exclusive_rpc(timeout = "30s")]
    async fn post_slowly(&self, leader: &Leadership) -> Result<u64, Failure> {
        self.begun.add_permits(1);
        let _ = self.lets_go.acquire().await;
        Ok(leader.epoch())
    }

    #[exclusive_rpc(timeout = "30s", idempotent)]
    async fn post_again(&self, leader: &Leadership) -> Result<u64, Failure> {
        self.begun.add_permits(1);
        let _ = self.lets_go.acquire().await;
        Ok(leader.epoch())
    }

    /// Ends when the leadership does.
    #[exclusive_rpc(timeout = "30s")]
    async fn watch(&self, ctx: &Context, leader: &Leadership) -> Result<(), Failure> {
        self.begun.add_permits(1);
        leader.lost().await;
        self.note("was told", ctx);
        Ok(())
    }

    #[rpc]
    async fn who(&self, ctx: &Context) -> Result<String, Failure> {
        Ok(ctx.instance().to_owned())
    }

    #[on_leader]
    async fn promoted(&self, ctx: &Context, leader: &Leadership) -> Result<(), Failure> {
        if self.fails_to_lead {
            return Err(Failure::new("NO_DATABASE", "the database is gone"));
        }
        assert!(leader.is_valid());
        self.note("leads", ctx);
        Ok(())
    }

    #[on_standby]
    async fn demoted(&self, ctx: &Context) {
        self.note("stands by", ctx);
    }
}

async fn serve(config: &Config, id: &str, ledger: &Ledger) -> Running {
    let app = App::new(config.clone().instance_id(id)).service(ledger.clone());
    app.start().await.unwrap()
}

/// Two adapters, one behaviour.
async fn configs() -> [Config; 2] {
    let prefix = unique_prefix();
    let memory = format!("memory://{}", prefix.replace('.', "-"));
    let config = |url: &str, prefix| {
        let config = Config::default().url(url).subject_prefix(prefix);
        config.heartbeat(Duration::from_millis(300))
    };
    [
        config(&shared_server().await, prefix.as_str()),
        config(&memory, ""),
    ]
}

async fn client(config: &Config) -> Client {
    Client::connect(config.clone()).await.unwrap()
}

/// The answer of the leader, whoever that is: the call waits for one.
async fn post(client: &Client) -> Posted {
    let call = LedgerClient::new(client).post();
    call.within(Duration::from_secs(20)).await.unwrap()
}

#[tokio::test]
async fn the_leader_alone_answers_and_the_rest_is_shared() {
    for config in configs().await {
        let ledger = Ledger::default();
        let first = serve(&config, "ledger-1", &ledger).await;
        let client = client(&config).await;
        let posted = post(&client).await;
        assert_eq!(posted.by, "ledger-1");
        assert!(posted.epoch > 0);
        let second = serve(&config, "ledger-2", &ledger).await;
        for _ in 0..20 {
            assert_eq!(post(&client).await, posted);
        }
        // What is not exclusive is served by everybody.
        let ledger_client = LedgerClient::new(&client);
        for id in ["ledger-1", "ledger-2"] {
            assert_eq!(ledger_client.who().to_instance(id).await.unwrap(), id);
        }
        assert_eq!(ledger.seen(), ["ledger-1 leads"]);
        second.stop().await.unwrap();
        first.stop().await.unwrap();
        assert_eq!(ledger.seen(), ["ledger-1 leads", "ledger-1 stands by"]);
    }
}

#[tokio::test]
async fn a_program_with_two_led_services_takes_part_in_both() {
    struct Other;

    #[aegis::service(name = "other", version = "1.0.0", failover = "aggressive")]
    impl Other {
        #[exclusive_rpc]
        async fn lead(&self, leader: &Leadership) -> Result<String, Failure> {
            Ok(format!("{} {}", leader.service(), leader.group()))
        }
    }

    for config in configs().await {
        let app = App::new(config.clone()).service(Ledger::default());
        let running = app.service(Other).start().await.unwrap();
        let led = OtherClient::new(running.client()).lead().await.unwrap();
        assert_eq!(led, "other main");
        assert!(post(running.client()).await.epoch > 0);
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn with_nobody_there_a_call_waits_its_time_and_then_says_why() {
    for config in configs().await {
        let client = client(&config).await;
        let call = LedgerClient::new(&client).post();
        let error = call.within(Duration::from_millis(300)).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NoService), "{error}");
        assert!(error.to_string().contains("no instance leads"), "{error}");
    }
}

#[tokio::test]
async fn a_call_that_waits_is_answered_by_the_first_leader() {
    for config in configs().await {
        let client = client(&config).await;
        let call = tokio::spawn({
            let client = client.clone();
            async move { post(&client).await }
        });
        let running = serve(&config, "ledger-1", &Ledger::default()).await;
        assert_eq!(soon("an answer", call).await.unwrap().by, "ledger-1");
        running.stop().await.unwrap();
    }
}

/// Runs something against a leader and a standby on a server.
pub(crate) async fn two_instances(run: impl AsyncFnOnce(&str, &str)) {
    let prefix = unique_prefix();
    let config = Config::default()
        .url(&shared_server().await)
        .subject_prefix(&prefix);
    let ledger = Ledger::default();
    let first = serve(&config, "ledger-1", &ledger).await;
    assert_eq!(post(first.client()).await.by, "ledger-1");
    let second = serve(&config, "ledger-2", &ledger).await;
    run(&prefix, "ledger-2").await;
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn in_memory_the_clock_of_tests_is_obeyed() {
    let app = aegis::testing::TestApp::new().service(Ledger::default());
    let app = app.start().await.unwrap();
    let calls = app.client::<LedgerClient>();
    let first = calls.post().await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(calls.post().await.unwrap(), first);
}
