use std::sync::atomic::{AtomicU64, Ordering};

use aegis::prelude::*;

const FILE: &str = "counter.txt";

/// Counts, also across restarts.
#[derive(Default)]
struct Counter {
    count: AtomicU64,
}

#[aegis::service(name = "counter", version = "0.1.0")]
impl Counter {
    /// Runs before the first call comes. An error ends the start.
    #[on_start]
    async fn load(&self) -> Result<(), Failure> {
        if let Ok(text) = std::fs::read_to_string(FILE) {
            self.count.store(text.trim().parse()?, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Runs after the last call has been answered. Nobody is left to hear of an error: log it.
    #[on_stop]
    async fn save(&self, ctx: &Context) {
        let count = self.count.load(Ordering::Relaxed);
        if let Err(error) = std::fs::write(FILE, count.to_string()) {
            eprintln!("{} loses its count {count}: {error}", ctx.instance());
        }
    }

    /// The next number.
    #[rpc]
    async fn next(&self) -> Result<u64, Failure> {
        Ok(self.count.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

#[aegis::main]
async fn main(app: App) -> Result<()> {
    app.service(Counter::default()).run().await
}
