//! An order processor: one leader writes the orders, and a payment that is asked for twice is made
//! once, also if the leader dies between its write and its answer.
//!
//! ```text
//! cargo run -p aegis-examples --bin 07_orders
//! ```
//!
//! It runs on the server that `AEGIS_NATS_URL` names, or without any server if that is not set.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aegis::prelude::*;
use aegis::{Bucket, Config};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

/// So many payments of an order are remembered: a caller that repeats one does so soon.
const REMEMBERED: usize = 32;

/// One line of an order; the price is that of one piece, in cents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    sku: String,
    pieces: u64,
    price: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Status {
    Placed,
    Paid,
}

/// What the bucket keeps of an order: in one value, so that one write says all of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order {
    lines: Vec<Line>,
    status: Status,
    paid: u64,
    /// The newest payments, by the key of the call that made them.
    payments: VecDeque<(String, Receipt)>,
}

/// What is said of a payment: the same, however often it is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Receipt {
    paid: u64,
    status: Status,
    /// Who took it, as which epoch.
    by: String,
    epoch: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Statistics {
    orders: usize,
    paid: usize,
    cents: u64,
}

#[derive(Debug, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
enum OrderError {
    #[error("there is no order {0}")]
    #[failure(code = "UNKNOWN_ORDER", status = 404)]
    Unknown(String),
    #[error("order {0} is another one already")]
    #[failure(code = "NUMBER_TAKEN", status = 409)]
    Taken(String),
    #[error("{due} cents are due, not {cents}")]
    #[failure(code = "OVERPAID", status = 422)]
    Overpaid { due: u64, cents: u64 },
    #[error("a payment needs an idempotency key")]
    #[failure(code = "NO_KEY", status = 422)]
    NoKey,
    /// Perhaps it was written: ask again with the same key.
    #[error("the orders cannot be reached: {0}")]
    #[failure(code = "NO_STORE", status = 503, retryable)]
    NoStore(String),
}

impl From<aegis::Error> for OrderError {
    fn from(error: aegis::Error) -> Self {
        Self::NoStore(error.to_string())
    }
}

/// What may happen to an order, decided without waiting for anything.
impl Order {
    fn new(lines: Vec<Line>) -> Self {
        Self {
            lines,
            status: Status::Placed,
            paid: 0,
            payments: VecDeque::new(),
        }
    }

    fn due(&self) -> u64 {
        let all: u64 = self.lines.iter().map(|line| line.pieces * line.price).sum();
        all - self.paid
    }

    fn receipt(&self, key: &str) -> Option<&Receipt> {
        let mut payments = self.payments.iter();
        payments.find_map(|(of, receipt)| (of == key).then_some(receipt))
    }

    fn pay(&mut self, key: &str, cents: u64, leader: &Leadership) -> Result<Receipt, OrderError> {
        let due = self.due();
        if cents > due {
            return Err(OrderError::Overpaid { due, cents });
        }
        self.paid += cents;
        if cents == due {
            self.status = Status::Paid;
        }
        let receipt = Receipt {
            paid: self.paid,
            status: self.status,
            by: leader.instance().to_owned(),
            epoch: leader.epoch(),
        };
        self.payments.push_back((key.to_owned(), receipt.clone()));
        if self.payments.len() > REMEMBERED {
            self.payments.pop_front();
        }
        Ok(receipt)
    }
}

struct Orders {
    book: Bucket<Order>,
    /// The leader is the only writer, and writes one thing after the other.
    turn: Mutex<()>,
    /// For the show: it says that it has written, and never answers.
    dies: Option<Arc<Notify>>,
}

#[aegis::service(name = "orders", version = "1.0.0", failover = "aggressive")]
impl Orders {
    /// Places an order under a number of the caller's choice: again the same one is no mistake.
    #[exclusive_rpc(idempotent)]
    async fn place(
        &self,
        leader: &Leadership,
        number: String,
        lines: Vec<Line>,
    ) -> Result<(), OrderError> {
        let _turn = self.turn.lock().await;
        match self.book.get(&number).await? {
            Some(order) if order.lines == lines => return Ok(()),
            Some(_) => return Err(OrderError::Taken(number)),
            None => {}
        }
        let put = self.book.put(&number, &Order::new(lines));
        put.fenced(leader).await?;
        Ok(())
    }

    /// Takes a payment, once for each idempotency key: idempotent, as the order knows its keys.
    #[exclusive_rpc(idempotent)]
    async fn pay(
        &self,
        ctx: &Context,
        leader: &Leadership,
        number: String,
        cents: u64,
    ) -> Result<Receipt, OrderError> {
        let key = ctx.idempotency_key().ok_or(OrderError::NoKey)?;
        let _turn = self.turn.lock().await;
        let Some(mut order) = self.book.get(&number).await? else {
            return Err(OrderError::Unknown(number));
        };
        if let Some(receipt) = order.receipt(key) {
            return Ok(receipt.clone()); // A leader before us made it, and died.
        }
        let receipt = order.pay(key, cents, leader)?;
        // The money and the key in one write, and none of it after a newer leader has written.
        self.book.put(&number, &order).fenced(leader).await?;
        if let Some(dies) = &self.dies {
            dies.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(receipt)
    }

    /// Counts. Every instance can: it reads what the leader has written.
    #[rpc(idempotent)]
    async fn statistics(&self) -> Result<Statistics, OrderError> {
        let mut statistics = Statistics::default();
        for entry in self.book.entries("").await? {
            statistics.orders += 1;
            statistics.paid += usize::from(entry.value.status == Status::Paid);
            statistics.cents += entry.value.paid;
        }
        Ok(statistics)
    }
}

/// A payment that waits for a leader, and is asked for again, with its key, if no answer comes.
async fn pay(client: &Client, key: &str, cents: u64) -> Result<Receipt> {
    let call = OrdersClient::new(client).pay("A-7".to_owned(), cents);
    let call = call.idempotency_key(key).within(Duration::from_secs(20));
    Ok(call.retry(RetryPolicy::default().max_attempts(10)).await?)
}

/// Places an order, and what is refused.
async fn place(client: &Client) -> Result<()> {
    let orders = OrdersClient::new(client);
    let line = |sku: &str, pieces, price| {
        let sku = sku.to_owned();
        Line { sku, pieces, price }
    };
    let lines = vec![line("chair", 2, 4_000), line("table", 1, 12_000)];
    for _ in 0..2 {
        let place = orders.place("A-7".to_owned(), lines.clone());
        place.within(Duration::from_secs(20)).await?;
    }
    let other = orders.place("A-7".to_owned(), Vec::new()).await.err();
    let keyless = orders.pay("A-7".to_owned(), 5_000).await.err();
    let too_much = orders.pay("A-7".to_owned(), 50_000).idempotency_key("x");
    let too_much = too_much.await.err();
    for error in [other, keyless, too_much].into_iter().flatten() {
        println!("refused: {error}");
    }
    Ok(())
}

#[aegis::main]
async fn main(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let client = Client::connect(config.clone()).await?;
    client.bucket("example-orders").remove().await?; // Left by an earlier run.
    let book: Bucket<Order> = client.bucket("example-orders").open().await?;
    let start = |id, dies| {
        let (book, turn) = (book.clone(), Mutex::default());
        let app = App::new(config.clone().instance_id(id));
        app.service(Orders { book, turn, dies }).start()
    };
    let wrote = Arc::new(Notify::new());
    let one = start("orders-1", Some(wrote.clone())).await?;
    place(&client).await?;

    let two = start("orders-2", None).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let today = now.unwrap_or_default().as_millis(); // A key names one piece of work, for ever.
    let (key, other) = (format!("{today} first"), format!("{today} rest"));
    let crash = async {
        wrote.notified().await;
        drop(one); // As if it crashed: it has written, and nobody heard of it.
    };
    let (first, ()) = tokio::join!(pay(&client, &key, 5_000), crash);
    let first = first?;
    println!("paid: {} cents, taken by {}", first.paid, first.by);
    let again = pay(&client, &key, 5_000).await?;
    println!("asked again: {} cents, taken by {}", again.paid, again.by);
    let rest = pay(&client, &other, 15_000).await?;
    println!(
        "paid: {} cents, taken by {}, {:?}",
        rest.paid, rest.by, rest.status
    );
    println!("epoch grown: {}", rest.epoch > first.epoch);
    println!("{:?}", OrdersClient::new(&client).statistics().await?);
    two.stop().await
}
