//! Events: said once by whoever knows, handled by all who want to know, kept until they were.
//!
//! ```text
//! cargo run -p aegis-examples --bin 09_events              # a publisher and its subscribers, in one process
//! cargo run -p aegis-examples --bin 09_events subscriber   # one instance, until Ctrl-C
//! cargo run -p aegis-examples --bin 09_events publisher    # publishes some events
//! ```
//!
//! `subscriber` and `publisher` need a NATS server: `cargo run -p aegis-cli -- dev`. Without an
//! argument it runs on the server that `AEGIS_NATS_URL` names; if that is not set, without any
//! server.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aegis::prelude::*;
use aegis::{Config, Running};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;

/// Somebody has placed an order.
#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("orders.placed")]
struct OrderPlaced {
    id: u64,
    customer: String,
    pieces: u32,
}

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("orders.cancelled")]
struct OrderCancelled {
    id: u64,
}

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("trades.executed", version = "1.1")]
struct TradeExecuted {
    order: u64,
    cents: u64,
}

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("prices.changed")]
struct PriceChanged {
    symbol: String,
    cents: u64,
}

/// What the book is made of: three kinds of event for one handler, in the order of the stream.
#[derive(Debug, aegis::Events)]
enum BookEvent {
    Placed(OrderPlaced),
    Cancelled(OrderCancelled),
    Executed(TradeExecuted),
}

/// What handlers did, in order. A service of yours has a database, or sends mails.
#[derive(Clone, Default)]
struct Journal(Arc<watch::Sender<Vec<String>>>);

impl Journal {
    fn note(&self, line: String) {
        self.0.send_modify(|lines| lines.push(line));
    }

    /// What stands behind `who` in its lines, once there are so many of them.
    async fn until(&self, who: &str, count: usize) -> Vec<String> {
        let own = |lines: &Vec<String>| -> Vec<String> {
            let own = lines.iter().filter_map(|line| line.strip_prefix(who));
            own.map(str::to_owned).collect()
        };
        let mut lines = self.0.subscribe();
        match lines.wait_for(|lines| own(lines).len() >= count).await {
            Ok(lines) => own(&lines),
            Err(_) => Vec::new(), // Its sender is this journal's own.
        }
    }
}

#[derive(Clone, Default)]
struct Desk {
    journal: Journal,
    /// Whether Zoe is a customer. As long as she is not, an order of hers cannot be confirmed.
    knows_zoe: Arc<AtomicBool>,
}

#[aegis::service(name = "desk", version = "1.0.0", failover = "aggressive")]
impl Desk {
    /// Any one instance handles an event: the more instances, the more is done at a time.
    #[subscribe(mode = "compete", retries = 2, backoff = "20ms")]
    async fn confirm(&self, ctx: &Context, event: OrderPlaced) -> Result<(), Failure> {
        if event.customer == "Zoe" && !self.knows_zoe.load(Ordering::Relaxed) {
            let text = format!("nobody knows {}", event.customer);
            return Err(Failure::new("UNKNOWN_CUSTOMER", text));
        }
        let line = format!("confirms {} on {}", event.id, ctx.instance());
        self.journal.note(line);
        Ok(())
    }

    /// Each instance handles each event: here to know the prices.
    #[subscribe(mode = "broadcast")]
    async fn quote(&self, ctx: &Context, event: PriceChanged) -> Result<(), Failure> {
        let (instance, PriceChanged { symbol, cents }) = (ctx.instance(), event);
        self.journal
            .note(format!("{instance} quotes {symbol} at {cents}"));
        Ok(())
    }

    /// The leader alone handles them, one after the other, in order.
    #[subscribe(mode = "exclusive")]
    async fn book(&self, leader: &Leadership, event: BookEvent) -> Result<(), Failure> {
        let entry = match event {
            BookEvent::Placed(order) => format!("{} placed", order.id),
            BookEvent::Cancelled(order) => format!("{} cancelled", order.id),
            BookEvent::Executed(trade) => format!("{} executed", trade.order),
        };
        tokio::time::sleep(Duration::from_millis(10)).await; // It takes its time.
        leader.ensure()?;
        self.journal.note(format!("books {entry}"));
        Ok(())
    }

    /// Whatever happens to orders, of whatever type. It is a handler of its own, and so gets every
    /// event, whoever else does.
    #[subscribe("orders.*", mode = "compete")]
    async fn audit(&self, event: AnyEvent) -> Result<(), Failure> {
        let (name, body) = (event.name(), event.payload()?);
        self.journal.note(format!("audits {name} {body}"));
        Ok(())
    }

    #[on_leader]
    async fn promoted(&self, leader: &Leadership) -> Result<(), Failure> {
        self.journal.note(format!("{} leads", leader.instance()));
        Ok(())
    }
}

#[aegis::main]
async fn main(config: Config) -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("subscriber") => {
            let desk = Desk::default();
            tokio::spawn(tell(desk.journal.clone()));
            App::new(config).service(desk).run().await
        }
        Some("publisher") => publish(&Client::connect(config).await?, 1).await,
        _ => both(config).await,
    }
}

/// Prints what handlers note.
async fn tell(journal: Journal) {
    let mut told = 0;
    loop {
        let lines = journal.until("", told + 1).await;
        for line in &lines[told..] {
            println!("{line}");
        }
        told = lines.len();
    }
}

fn placed(id: u64, customer: &str) -> OrderPlaced {
    let customer = customer.to_owned();
    OrderPlaced {
        id,
        customer,
        pieces: 10,
    }
}

/// Ten events: six orders of which one is cancelled, and what comes of them.
async fn publish(client: &Client, first: u64) -> Result<()> {
    let orders: Vec<OrderPlaced> = (first..first + 6).map(|id| placed(id, "Ann")).collect();
    let run = std::process::id(); // The orders of each run are other ones.
    // Many at once. With ids of one's own all may be published again if something goes wrong.
    let all = client
        .publish_all(&orders)
        .id_of(|order| format!("{run}-order-{}-placed", order.id));
    let published = all.await.all()?;
    println!("the stream holds {} orders", published.len());

    // One that returns has been stored. `.await` waits for that.
    client.publish(&OrderCancelled { id: first }).await?;
    for (order, cents) in [(first + 1, 990), (first + 2, 1010)] {
        client.publish(&TradeExecuted { order, cents }).await?;
    }
    let symbol = "ACME".to_owned();
    let price = PriceChanged {
        symbol,
        cents: 1010,
    };
    client
        .publish(&price)
        .within(Duration::from_secs(2))
        .await?;
    Ok(())
}

async fn start(config: &Config, desk: &Desk, id: &str) -> Result<Running> {
    let app = App::new(config.clone().instance_id(id));
    app.service(desk.clone()).start().await
}

async fn both(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let client = Client::connect(config.clone()).await?;
    let desk = Desk::default();
    let one = start(&config, &desk, "desk-1").await?;
    desk.journal.until("desk-1 leads", 1).await;
    let two = start(&config, &desk, "desk-2").await?;

    publish(&client, 1).await?;
    three_modes(&desk.journal).await;

    publish(&client, 7).await?;
    desk.journal.until("books ", 11).await;
    one.stop().await?; // It ends what runs, and the next leader goes on behind it.
    desk.journal.until("books ", 18).await;
    let three = start(&config, &desk, "desk-3").await?;
    drop(two); // As if it crashed.
    publish(&client, 13).await?;
    desk.journal.until("books 15 executed", 1).await;
    let mut booked = desk.journal.until("books ", 27).await;
    booked.dedup(); // The one that was under way at the crash may have been booked twice.
    println!("by three leaders, in order: {}", booked.join(", "));

    given_up(&client, &desk).await?;
    three.stop().await
}

/// What came of ten events.
async fn three_modes(journal: &Journal) {
    let mut by: BTreeMap<String, u32> = BTreeMap::new();
    for line in journal.until("confirms ", 6).await {
        let instance = line.rsplit(' ').next().unwrap_or_default();
        *by.entry(instance.to_owned()).or_default() += 1;
    }
    println!("compete: 6 orders are confirmed, each once, by {by:?}");
    for id in ["desk-1", "desk-2"] {
        let quotes = journal.until(&format!("{id} quotes "), 1).await;
        // One that crashed in a run before may be told of more.
        let newest = quotes.last().map_or("", |quote| quote);
        println!("broadcast: {id} quotes {newest}");
    }
    let booked = journal.until("books ", 9).await;
    println!("exclusive: the leader books {}", booked.join(", "));
    for line in journal.until("audits orders.cancelled ", 1).await {
        println!("a pattern: audits orders.cancelled {line}");
    }
}

/// What cannot be handled becomes a dead letter, with the reason, and can be brought back.
async fn given_up(client: &Client, desk: &Desk) -> Result<()> {
    // Nobody can read this one, so nobody tries it again.
    let wrong = json!({"id": "nineteen"});
    client.publish_as("orders.placed", &wrong).await?;
    // This one is tried three times.
    client.publish(&placed(20, "Zoe")).await?;

    let dead = client.dead_letters();
    let mut letters = dead.list(100).await?;
    while letters.len() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        letters = dead.list(100).await?;
    }
    letters.sort_by_key(|letter| (letter.attempts, letter.handler.clone()));
    for letter in &letters {
        let (handler, times) = (&letter.handler, letter.attempts);
        let (code, reason) = (&letter.code, &letter.reason);
        println!("{handler} gives up after {times}: {code}: {reason}");
    }

    desk.knows_zoe.store(true, Ordering::Relaxed); // The reason is gone.
    for letter in letters {
        if letter.code == "UNKNOWN_CUSTOMER" {
            dead.retry(letter.sequence).await?; // For the handler that gave it up, and no other.
        } else {
            dead.remove(letter.sequence).await?;
        }
    }
    for line in desk.journal.until("confirms 20 ", 1).await {
        println!("brought back: confirms 20 {line}");
    }
    println!("dead letters: {}", dead.list(100).await?.len());
    Ok(())
}
