//! One writer for one thing: what is reserved is never more than there is, though many ask at once
//! and the leader changes twice meanwhile.
//!
//! ```text
//! cargo run -p aegis-examples --bin 08_inventory
//! ```
//!
//! It runs on the server that `AEGIS_NATS_URL` names, or without any server if that is not set.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aegis::prelude::*;
use aegis::{Bucket, Config};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

const PIECES: usize = 45;
const CUSTOMERS: usize = 60;
/// There is one article here: its record.
const CHAIR: &str = "chair";

/// What is there, and who has reserved one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stock {
    pieces: usize,
    reserved: BTreeSet<String>,
}

#[derive(Debug, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
enum StockError {
    #[error("all {0} are reserved")]
    #[failure(code = "SOLD_OUT", status = 409)]
    SoldOut(usize),
    #[error("the stock cannot be reached: {0}")]
    #[failure(code = "NO_STORE", status = 503, retryable)]
    NoStore(String),
}

impl From<aegis::Error> for StockError {
    fn from(error: aegis::Error) -> Self {
        Self::NoStore(error.to_string())
    }
}

impl Stock {
    /// The stock after a reservation. A customer who has one keeps it: to ask twice does no harm.
    fn reserve(&self, customer: String) -> Result<Self, StockError> {
        let mut next = self.clone();
        next.reserved.insert(customer);
        if next.reserved.len() > self.pieces {
            return Err(StockError::SoldOut(self.pieces));
        }
        Ok(next)
    }
}

struct Inventory {
    bucket: Bucket<Stock>,
    /// What the leader knows, so that it need not read; none if it is not sure.
    known: Mutex<Option<Stock>>,
}

impl Inventory {
    /// Reads the stock and writes it back: from here on no leader of the past can change it.
    async fn take_over(&self, leader: &Leadership) -> Result<Stock> {
        let found = self.bucket.get(CHAIR).await?;
        let stock = found.unwrap_or_else(|| Stock {
            pieces: PIECES,
            reserved: BTreeSet::new(),
        });
        self.bucket.put(CHAIR, &stock).fenced(leader).await?;
        Ok(stock)
    }
}

#[aegis::service(name = "inventory", version = "1.0.0", failover = "aggressive")]
impl Inventory {
    #[on_leader]
    async fn load(&self, leader: &Leadership) -> Result<(), aegis::Error> {
        let stock = self.take_over(leader).await?;
        *self.known.lock().await = Some(stock);
        Ok(())
    }

    #[on_standby]
    async fn forget(&self) {
        *self.known.lock().await = None;
    }

    /// Reserves one; the result is how many are left.
    #[exclusive_rpc(idempotent)]
    async fn reserve(&self, leader: &Leadership, customer: String) -> Result<usize, StockError> {
        let mut known = self.known.lock().await; // One after the other.
        let stock = match &*known {
            Some(stock) => stock.clone(),
            None => self.take_over(leader).await?,
        };
        let next = stock.reserve(customer)?;
        let left = next.pieces - next.reserved.len();
        *known = None; // Until the write is answered nobody knows what stands there.
        self.bucket.put(CHAIR, &next).fenced(leader).await?;
        *known = Some(next);
        Ok(left)
    }

    /// Who leads, as which epoch.
    #[exclusive_rpc(idempotent)]
    async fn leads(&self, leader: &Leadership) -> Result<(String, u64), Failure> {
        Ok((leader.instance().to_owned(), leader.epoch()))
    }
}

fn patiently() -> RetryPolicy {
    RetryPolicy::default().max_attempts(10)
}

/// One customer: tells whether there was one left.
async fn reserve(client: Client, number: usize) -> Result<bool> {
    let call = InventoryClient::new(&client).reserve(format!("customer {number}"));
    let call = call.within(Duration::from_secs(20)).retry(patiently());
    match call.await {
        Ok(_) => Ok(true),
        Err(CallError::Service(StockError::SoldOut(_))) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits for a leader after that epoch.
async fn leader_after(client: &Client, epoch: u64) -> Result<(String, u64)> {
    loop {
        let call = InventoryClient::new(client).leads();
        let call = call.within(Duration::from_secs(20)).retry(patiently());
        let leader = call.await?;
        if leader.1 > epoch {
            return Ok(leader);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[aegis::main]
async fn main(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let client = Client::connect(config.clone()).await?;
    client.bucket("example-inventory").remove().await?; // Left by an earlier run.
    let bucket: Bucket<Stock> = client.bucket("example-inventory").open().await?;
    let mut apps = BTreeMap::new();
    for id in ["inventory-1", "inventory-2", "inventory-3"] {
        let (bucket, known) = (bucket.clone(), Mutex::default());
        let app = App::new(config.clone().instance_id(id));
        let app = app.service(Inventory { bucket, known });
        apps.insert(id.to_owned(), app.start().await?);
    }

    let mut customers = JoinSet::new();
    let mut numbers = 0..CUSTOMERS;
    let mut some = |customers: &mut JoinSet<_>| {
        for number in numbers.by_ref().take(CUSTOMERS / 3) {
            customers.spawn(reserve(client.clone(), number));
        }
    };
    let (first, epoch) = leader_after(&client, 0).await?;
    some(&mut customers);
    client.step_down("inventory", &first).await?; // It finishes what runs.
    some(&mut customers);
    let (second, epoch) = leader_after(&client, epoch).await?;
    drop(apps.remove(&second)); // As if it crashed.
    some(&mut customers);
    let (third, _) = leader_after(&client, epoch).await?;
    println!(
        "the leader changed twice: {}",
        first != second && second != third
    );

    let (mut reserved, mut sold_out) = (0, 0);
    for outcome in customers.join_all().await {
        let counted = if outcome? {
            &mut reserved
        } else {
            &mut sold_out
        };
        *counted += 1;
    }
    println!("{CUSTOMERS} asked: {reserved} have one, {sold_out} were told that it is sold out");
    let stock = bucket.get(CHAIR).await?;
    let written = stock.map_or(0, |stock| stock.reserved.len());
    println!("{written} of {PIECES} are reserved");
    for app in apps.into_values() {
        app.stop().await?;
    }
    Ok(())
}
