//! An event comes again, and its effect happens once.
//!
//! ```text
//! cargo run -p aegis-examples --bin 10_effects_once
//! ```
//!
//! It runs on the server that `AEGIS_NATS_URL` names, or without any server if that is not set.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::{Arc, Mutex, PoisonError};

use aegis::prelude::*;
use aegis::{Checkpoint, Config, Inbox, Once};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("trades.settled")]
struct TradeSettled {
    cents: i64,
}

/// The state of the leader. It is written together with the position of the last event in it.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Book {
    trades: u64,
    cents: i64,
}

struct Ledger {
    book: Checkpoint<Book>,
    /// A permit for each handler that is done with the event.
    done: Arc<Semaphore>,
}

#[aegis::service(name = "ledger", version = "1.0.0", failover = "aggressive")]
impl Ledger {
    /// State and position are one write: what comes again is behind the position.
    #[subscribe("trades.settled", mode = "exclusive", backoff = "10ms")]
    async fn book(&self, leader: &Leadership, event: AnyEvent) -> Result<(), Failure> {
        let trade: TradeSettled = event.decode()?;
        let applied = self
            .book
            .apply(event.sequence(), leader, |book| {
                book.trades += 1;
                book.cents += trade.cents;
                Ok(())
            })
            .await?; // Applied::Now or Applied::Before
        println!("ledger, attempt {}: {applied:?}", event.attempt());
        if event.attempt() == 1 {
            return Err(Failure::internal("as if it died after the write"));
        }
        self.done.add_permits(1);
        Ok(())
    }
}

/// Somebody else's, behind a network that loses answers.
#[derive(Clone, Default)]
struct Bank {
    payments: Arc<Mutex<Vec<String>>>,
}

impl Bank {
    fn payments(&self) -> Vec<String> {
        let payments = self.payments.lock();
        payments.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn find(&self, id: &str) -> bool {
        self.payments().iter().any(|payment| payment == id)
    }

    fn pay(&self, id: &str) -> Result<(), Failure> {
        let payments = self.payments.lock();
        let mut payments = payments.unwrap_or_else(PoisonError::into_inner);
        payments.push(id.to_owned());
        // It is paid, and nobody hears of that.
        Err(Failure::internal("the answer was lost"))
    }
}

struct Payments {
    inbox: Inbox,
    bank: Bank,
    done: Arc<Semaphore>,
}

#[aegis::service(name = "payments", version = "1.0.0")]
impl Payments {
    /// The inbox notes that it begins and that it is done; in between it asks the bank.
    #[subscribe(mode = "compete", backoff = "10ms")]
    async fn pay(&self, ctx: &Context, event: TradeSettled) -> Result<(), Failure> {
        let (Some(id), bank) = (ctx.event().map(AnyEvent::key), &self.bank) else {
            return Ok(());
        };
        let paid = self
            .inbox
            .once(&id)
            .resolve(|| async { Ok(bank.find(&id)) }) // Has it happened?
            .run(|| async { bank.pay(&id) })
            .await;
        let told = match &paid {
            Ok(Once::Done(())) => "done now".to_owned(),
            Ok(Once::Before) => "was done before".to_owned(),
            Err(failure) => format!("failed: {failure}"),
        };
        println!("payments of {} cents: {told}", event.cents);
        paid?;
        self.done.add_permits(1);
        Ok(())
    }
}

#[aegis::main]
async fn main(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let client = Client::connect(config.clone()).await?;
    let book: Checkpoint<Book> = client.checkpoint("ledger", "main").await?;
    let inbox = client.inbox("payments").open().await?;

    let (bank, done) = (Bank::default(), Arc::new(Semaphore::new(0)));
    let payments = Payments {
        inbox,
        bank: bank.clone(),
        done: done.clone(),
    };
    let before = read(&book).await?;
    let ledger = Ledger {
        book: book.clone(),
        done: done.clone(),
    };
    let app = App::new(config).service(ledger).service(payments);
    let app = app.start().await?;
    client.publish(&TradeSettled { cents: 500 }).await?;

    let _ = done.acquire_many(2).await;
    let after = read(&book).await?;
    println!(
        "{} trade of {} cents is booked, {} payment made",
        after.trades - before.trades,
        after.cents - before.cents,
        bank.payments().len()
    );
    app.stop().await
}

/// What stands in the book; any instance may ask.
async fn read(book: &Checkpoint<Book>) -> Result<Book> {
    Ok(book
        .read()
        .await?
        .map_or_else(Book::default, |found| found.value))
}
