use std::fs::OpenOptions;
use std::io::Write;
use std::sync::OnceLock;

use aegis::prelude::*;
use aegis::{Inbox, Once};
use shop::OrderPlaced;

/// Somebody else's. Here it is a file, with a line for each order that was paid.
#[derive(Default)]
struct Bank;

impl Bank {
    async fn has_paid(&self, order: u64) -> Result<bool, Failure> {
        let paid = std::fs::read_to_string("payments.txt").unwrap_or_default();
        Ok(paid.lines().any(|line| line == order.to_string()))
    }

    async fn pay(&self, order: u64) -> Result<(), Failure> {
        let mut file = OpenOptions::new();
        let mut file = file.append(true).create(true).open("payments.txt")?;
        writeln!(file, "{order}")?;
        // It is paid. Of order 7 nobody hears that.
        if order == 7 {
            return Err(Failure::new("NO_ANSWER", "the bank does not answer"));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Payments {
    bank: Bank,
    /// Opened before the first event comes.
    inbox: OnceLock<Inbox>,
}

#[aegis::service(name = "payments", version = "0.1.0")]
impl Payments {
    #[on_start]
    async fn open(&self, ctx: &Context) -> Result<(), Failure> {
        let inbox = ctx.client().inbox("payments").open().await?;
        self.inbox.get_or_init(|| inbox);
        Ok(())
    }

    /// Pays an order once, however often its event comes.
    #[subscribe(mode = "compete")]
    async fn pay(&self, event: OrderPlaced) -> Result<(), Failure> {
        let order = event.order;
        let inbox = self.inbox.get().ok_or(Failure::internal("not started"))?;
        let paid = inbox
            .once(&format!("order-{order}"))
            .resolve(|| self.bank.has_paid(order)) // Ok(true): it has happened.
            .run(|| self.bank.pay(order))
            .await;
        match paid {
            Ok(Once::Done(())) => println!("order {order} is paid"),
            Ok(Once::Before) => println!("order {order} was paid before"),
            Err(failure) => {
                println!("order {order}: {failure}");
                return Err(failure); // The event comes again.
            }
        }
        Ok(())
    }
}

#[aegis::main]
async fn main(app: App) -> Result<()> {
    app.service(Payments::default()).run().await
}
