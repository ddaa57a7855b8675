//! The permissions that `docs/configuration.md` lists for commands are enough, and none is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, JobState, Permissions};
use aegis_tests::{PATIENCE, eventually, soon};

use super::{says, users};

/// Values books; the account of one is missing until it is told.
#[derive(Clone, Default)]
struct Risk {
    heals: Arc<AtomicBool>,
}

#[aegis::service(name = "risk", version = "1.0.0")]
impl Risk {
    #[command]
    async fn value(&self, ctx: &Context, p: &Progress, book: String) -> Result<String, Failure> {
        p.report(50.0, "half").await?;
        if book == "unlucky" && !self.heals.load(Ordering::SeqCst) {
            return Err(Failure::new("UNLUCKY", "13").terminal());
        }
        if book == "slow" {
            ctx.cancelled().await;
        }
        ctx.once("note", async || Ok(book)).await
    }

    #[command(backoff = "1ms")]
    async fn again(&self, ctx: &Context) -> Result<u32, Failure> {
        match ctx.attempt() {
            Some(2) => Ok(2),
            _ => Err(Failure::new("BUSY", "later")),
        }
    }
}

/// What is printed for the three: the page shows it.
pub(super) fn printed() -> [(&'static str, Permissions); 3] {
    let own = Config::default().inbox_prefix("_INBOX.risk");
    let risk = App::new(own).service(Risk::default()).manifest().unwrap();
    let trader = Permissions::new().inbox_prefix("_INBOX.trader").unwrap();
    let ops = Permissions::new().inbox_prefix("_INBOX.ops").unwrap();
    [
        ("risk", Permissions::of(&risk).unwrap()),
        ("trader", trader.sends("risk").unwrap()),
        ("ops", ops.tool()),
    ]
}

fn user(server: &NatsServer, name: &str) -> Config {
    let config = super::config(server).user_and_password(name, "pw");
    let config = config.inbox_prefix(&format!("_INBOX.{name}"));
    if name == "risk" {
        return config.instance_id("risk-1");
    }
    config
}

async fn connected(config: Config) -> Client {
    let connecting = Client::connect(config);
    soon("the connection", connecting).await.unwrap()
}

/// What a sender does.
async fn send(desk: &Client) -> String {
    let risk = RiskClient::new(desk);
    let value = |book: &str| risk.value(book.to_owned());
    let job = value("equities").priority(Priority::High).send().await;
    let job = job.unwrap();
    let mut updates = job.progress();
    while let Some(status) = soon("an update", updates.next()).await {
        status.unwrap();
    }
    let result = job.result().within(PATIENCE).await;
    assert_eq!(result.unwrap(), "equities");
    let first = value("fx").idempotency_key("fx-7").send().await.unwrap();
    let again = value("fx").idempotency_key("fx-7").send().await.unwrap();
    assert_eq!(first.id(), again.id());
    let again = risk.again().send().await.unwrap();
    assert_eq!(again.result().within(PATIENCE).await.unwrap(), 2);
    let nothing = serde_json::json!({"book": "fx"});
    let named = desk.new_command("risk", "value", &nothing).send().await;
    let named = named.unwrap().result().within(PATIENCE).await;
    assert_eq!(named.unwrap(), "fx");

    let slow = value("slow").send().await.unwrap();
    let mut updates = slow.progress();
    while let Some(status) = soon("an update", updates.next()).await {
        if status.unwrap().state == JobState::Running {
            break;
        }
    }
    let status = soon("the end", slow.cancel()).await.unwrap();
    assert_eq!(status.state, JobState::Cancelled);
    let late = value("late").delay(PATIENCE).send().await.unwrap();
    let status = soon("the end", late.cancel()).await.unwrap();
    assert_eq!(status.state, JobState::Cancelled);

    let unlucky = value("unlucky").send().await.unwrap();
    let error = unlucky.result().within(PATIENCE).await.unwrap_err();
    assert!(error.to_string().contains("UNLUCKY"), "{error}");
    unlucky.id().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_permissions_for_commands_are_enough_and_nothing_else_is_tried() {
    let server = NatsServer::builder().config(users(&printed()));
    let server = server.start().await.unwrap();
    let desk = connected(user(&server, "trader")).await;
    // The first one makes the queue.
    let early = RiskClient::new(&desk).value("early".to_owned()).send();
    let early = early.await.unwrap();
    let risk = Risk::default();
    let app = App::new(user(&server, "risk")).service(risk.clone());
    let running = soon("the start", app.start()).await.unwrap();
    assert_eq!(early.result().within(PATIENCE).await.unwrap(), "early");
    let failed = send(&desk).await;

    let ops = connected(user(&server, "ops")).await;
    let jobs = ops.jobs().state(JobState::Failed).list(10).await.unwrap();
    assert_eq!(jobs.len(), 1);
    risk.heals.store(true, Ordering::SeqCst);
    let job = ops.command(&failed);
    let dead = ops.dead_letters();
    let letters = async || dead.list(10).await.unwrap().len() == 1;
    eventually("its dead letter is noted", letters).await;
    let brought = async || job.retry().await.is_ok();
    eventually("its number too, and it is brought back", brought).await;
    assert_eq!(job.result().within(PATIENCE).await.unwrap(), "unlucky");
    assert!(dead.list(10).await.unwrap().is_empty());
    soon("the end", running.stop()).await.unwrap();
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    let refused: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("Violation"))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");

    // And what is not allowed is told.
    let other = desk.new_command("other", "value", &()).unchecked().send();
    let error = other.await.unwrap_err();
    says(&error, ErrorKind::Denied, &["commands.other.value.normal"]);
    assert!(!error.was_sent());
}
