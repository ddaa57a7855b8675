use std::sync::OnceLock;

use aegis::Checkpoint;
use aegis::prelude::*;
use serde::{Deserialize, Serialize};
use shop::OrderPlaced;

/// A running sum. It is written together with the position of the last event in it.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Sums {
    orders: u64,
    cents: u64,
}

#[derive(Default)]
struct Report {
    /// Opened before the first event comes.
    sums: OnceLock<Checkpoint<Sums>>,
}

impl Report {
    fn sums(&self) -> Result<&Checkpoint<Sums>, Failure> {
        self.sums.get().ok_or(Failure::internal("not started"))
    }
}

#[aegis::service(name = "report", version = "0.1.0")]
impl Report {
    #[on_start]
    async fn open(&self, ctx: &Context) -> Result<(), Failure> {
        let sums = ctx.client().checkpoint("report", "main").await?;
        self.sums.get_or_init(|| sums);
        Ok(())
    }

    /// The leader alone adds, one event after the other; what comes again is behind the position.
    #[subscribe("orders.placed", mode = "exclusive", start = "all")]
    async fn add(&self, leader: &Leadership, event: AnyEvent) -> Result<(), Failure> {
        let placed: OrderPlaced = event.decode()?;
        let change = |sums: &mut Sums| {
            sums.orders += 1;
            sums.cents += placed.cents;
            Ok(())
        };
        let sums = self.sums()?;
        sums.apply(event.sequence(), leader, change).await?;
        Ok(())
    }

    /// Any instance tells it.
    #[rpc(idempotent)]
    async fn read(&self) -> Result<Sums, Failure> {
        let found = self.sums()?.read().await?;
        Ok(found.map_or_else(Sums::default, |found| found.value))
    }
}

#[aegis::main]
async fn main(app: App) -> Result<()> {
    app.service(Report::default()).run().await
}
