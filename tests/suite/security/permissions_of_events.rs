//! The permissions that `docs/configuration.md` lists for events are enough, and none is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, Permissions, Storage};
use aegis_tests::{eventually, soon};
use serde::{Deserialize, Serialize};

use super::{says, users};

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("orders.placed")]
struct Placed {
    id: u32,
}

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("invoices.written")]
struct Written {
    id: u32,
}

/// Counts what its handlers have done.
#[derive(Clone, Default)]
struct Billing {
    shared: Arc<AtomicU32>,
    each: Arc<AtomicU32>,
    led: Arc<AtomicU32>,
    heals: Arc<AtomicU32>,
}

#[aegis::service(name = "billing", version = "1.0.0", failover = "aggressive")]
impl Billing {
    #[subscribe(mode = "compete")]
    async fn share(&self, event: Placed) -> Result<(), Failure> {
        if event.id == 13 && self.heals.load(Ordering::SeqCst) == 0 {
            return Err(Failure::new("UNLUCKY", "13").terminal());
        }
        self.shared.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[subscribe(mode = "broadcast")]
    async fn tell(&self, _event: Placed) -> Result<(), Failure> {
        self.each.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[subscribe("orders.*", mode = "exclusive")]
    async fn write(&self, ctx: &Context, leader: &Leadership, _e: AnyEvent) -> Result<(), Failure> {
        let written = Written { id: 1 };
        ctx.publish(&written).fenced(leader).await?;
        let accounts = ctx.client().bucket("accounts").storage(Storage::Memory);
        let accounts = accounts.max_bytes(1 << 20).open::<u32>().await?;
        accounts.put("main", &1).await?;
        assert_eq!(accounts.entries("").await?.len(), 1);
        self.led.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// What is printed for the three: the page shows it.
pub(super) fn printed() -> [(&'static str, Permissions); 3] {
    let own = Config::default().inbox_prefix("_INBOX.billing");
    let billing = App::new(own)
        .service(Billing::default())
        .manifest()
        .unwrap();
    let billing = Permissions::of(&billing)
        .unwrap()
        .publishes("invoices.written");
    let desk = Permissions::new().inbox_prefix("_INBOX.desk").unwrap();
    let ops = Permissions::new().inbox_prefix("_INBOX.ops").unwrap();
    [
        ("billing", billing.unwrap().bucket("accounts").unwrap()),
        ("desk", desk.publishes("orders.*").unwrap()),
        ("ops", ops.tool()),
    ]
}

fn user(server: &NatsServer, name: &str) -> Config {
    let config = super::config(server).user_and_password(name, "pw");
    let config = config.inbox_prefix(&format!("_INBOX.{name}"));
    if name == "billing" {
        return config.instance_id("billing-1");
    }
    config
}

async fn connected(config: Config) -> Client {
    let connecting = Client::connect(config);
    soon("the connection", connecting).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_permissions_of_the_page_are_enough_and_nothing_else_is_tried() {
    let server = NatsServer::builder().config(users(&printed()));
    let server = server.start().await.unwrap();
    let desk = connected(user(&server, "desk")).await;
    desk.publish(&Placed { id: 1 }).await.unwrap();
    let billing = Billing::default();
    let app = App::new(user(&server, "billing")).service(billing.clone());
    let running = soon("the start", app.start()).await.unwrap();
    desk.publish(&Placed { id: 2 }).await.unwrap();
    desk.publish(&Placed { id: 13 }).await.unwrap();
    eventually("each handler had its events", async || {
        let done = [&billing.shared, &billing.each, &billing.led];
        let done = done.map(|count| count.load(Ordering::SeqCst));
        done[0] >= 1 && done[1] >= 2 && done[2] >= 2
    })
    .await;
    let ops = connected(user(&server, "ops")).await;
    let dead = ops.dead_letters();
    eventually("one is given up", async || {
        dead.list(10).await.unwrap().len() == 1
    })
    .await;
    let before = billing.shared.load(Ordering::SeqCst);
    billing.heals.store(1, Ordering::SeqCst);
    let letter = dead.list(10).await.unwrap().remove(0);
    dead.retry(letter.sequence).await.unwrap();
    eventually("it is handled now", async || {
        billing.shared.load(Ordering::SeqCst) > before
    })
    .await;
    assert!(dead.list(10).await.unwrap().is_empty());
    soon("the end", running.stop()).await.unwrap();
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    let refused: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("Violation"))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");

    // And what is not allowed is told.
    let error = desk.publish(&Written { id: 1 }).await.unwrap_err();
    says(&error, ErrorKind::Denied, &["events.invoices.written"]);
    assert!(!error.was_sent());
}
