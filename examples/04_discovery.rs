//! Who is there: a service that calls another one, and a program that only calls.
//!
//! ```text
//! cargo run -p aegis-examples --bin 04_discovery
//! ```
//!
//! It runs on the server that `AEGIS_NATS_URL` names, or without any server if that is not set.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aegis::prelude::*;
use aegis::{Config, DiscoveryMode, InstanceEvent, InstanceEvents, Select};

#[derive(Default)]
struct Pricing {
    outdated: AtomicBool,
}

#[aegis::service(name = "pricing", version = "1.0.0", metadata(market = "XETR"))]
impl Pricing {
    /// What an article costs. Here: who would say so.
    #[rpc(idempotent)]
    async fn quote(&self, ctx: &Context) -> Result<String, Failure> {
        if ctx.instance() == "pricing-3" {
            tokio::time::sleep(Duration::from_millis(200)).await; // A slow machine.
        }
        Ok(ctx.instance().to_owned())
    }

    #[rpc]
    async fn lose_feed(&self) -> Result<(), Failure> {
        self.outdated.store(true, Ordering::Relaxed);
        Ok(())
    }

    #[health]
    async fn health(&self) -> Result<(), &'static str> {
        let outdated = self.outdated.load(Ordering::Relaxed);
        (!outdated).then_some(()).ok_or("its prices are outdated")
    }
}

struct Shop;

#[aegis::service(name = "shop", version = "1.0.0")]
impl Shop {
    /// Asks for a customer: always the same instance for the same one, while it serves.
    #[rpc(idempotent)]
    async fn ask(&self, ctx: &Context, customer: String) -> Result<String, Failure> {
        let quote = PricingClient::new(&ctx.client()).quote();
        Ok(quote.select(Select::key(customer)).await?)
    }
}

/// Tells which instances answer 12 calls.
async fn spread(client: &Client, select: Select) -> Result<()> {
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..12 {
        let quote = PricingClient::new(client).quote().select(select.clone());
        *answers.entry(quote.await?).or_default() += 1;
    }
    println!("{select:?}: {answers:?}");
    Ok(())
}

/// Tells what happens to instances, up to what is waited for.
async fn follow(events: &mut InstanceEvents, last: fn(&InstanceEvent) -> bool) {
    while let Some(event) = events.next().await {
        match &event {
            InstanceEvent::Appeared(one) => println!("{} is there", one.id),
            InstanceEvent::Gone(one) => println!("{} is gone", one.id),
            InstanceEvent::Changed(one) if one.reason().is_some() => println!("{} is ill", one.id),
            InstanceEvent::Changed(_) => {} // Its metadata, or that it stops.
        }
        if last(&event) {
            return;
        }
    }
}

#[aegis::main]
async fn main(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    config = config.heartbeat(Duration::from_millis(500)); // So that it ends soon.
    let mut apps = vec![App::new(config.clone()).service(Shop).start().await?];
    for id in ["pricing-1", "pricing-2", "pricing-3"] {
        let app = App::new(config.clone().instance_id(id)).service(Pricing::default());
        apps.push(app.start().await?);
    }

    let client = Client::connect(config).await?; // From here on: a program that only calls.
    let discovery = client.discovery(DiscoveryMode::Watched);
    for one in discovery.instances("pricing").await?.iter() {
        println!("{} {} {}", one.id, one.status, one.metadata["market"]);
    }
    spread(&client, Select::RoundRobin).await?;
    let asked = ShopClient::new(&client).ask("Ann".to_owned()).await?;
    println!("for Ann the shop asks {asked}, each time");

    let mut events = discovery.events()?;
    follow(&mut events, |event| event.instance().service == "shop").await;
    let lose_feed = PricingClient::new(&client).lose_feed();
    lose_feed.to_instance("pricing-2").await?;
    follow(&mut events, |event| event.instance().reason().is_some()).await;
    tokio::time::sleep(Duration::from_secs(1)).await; // Heartbeats tell how busy they are.
    spread(&client, Select::LeastLoaded).await?;
    apps.remove(3).stop().await?;
    follow(&mut events, |event| matches!(event, InstanceEvent::Gone(_))).await;
    for app in apps {
        app.stop().await?;
    }
    Ok(())
}
