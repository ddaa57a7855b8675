//! A service for commands, which works as a test lets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use tokio::sync::Semaphore;

#[derive(Clone)]
pub(crate) struct Importer {
    /// A permit lets one import go on.
    pub(crate) pace: Arc<Semaphore>,
    pub(crate) works: Arc<AtomicBool>,
}

impl Default for Importer {
    fn default() -> Self {
        Self {
            pace: Arc::new(Semaphore::new(0)),
            works: Arc::default(),
        }
    }
}

#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    /// Imports rows, of which the last ones wait for a permit.
    #[command]
    async fn import(
        &self,
        ctx: &Context,
        progress: &Progress,
        rows: u32,
    ) -> Result<String, Failure> {
        progress.report(42.5, &format!("row 8 of\n{rows}")).await?;
        tokio::select! {
            permit = self.pace.acquire() => permit?.forget(),
            () = ctx.cancelled() => return Err(Failure::new("STOPPED", "it was told to stop")),
        }
        Ok(format!("{rows} rows"))
    }

    /// Fails for good as long as it is broken, with a step begun.
    #[command]
    async fn order(&self, ctx: &Context, sku: String) -> Result<String, Failure> {
        let asked = ctx.once("ask", async || Ok::<_, Failure>(1u32)).await?;
        if self.works.load(Ordering::SeqCst) {
            return Ok(format!("{asked} {sku}"));
        }
        Err(Failure::new("NO_STOCK", format!("there is\nno {sku}")).terminal())
    }

    /// Fails, and is tried again much later.
    #[command(retries = 3, backoff = "1h")]
    async fn upload(&self) -> Result<(), Failure> {
        Err(Failure::new("AWAY", "nobody is there"))
    }
}

pub(crate) async fn importer(url: &str, service: Importer) -> RunningTest {
    let app = TestApp::new().on_nats(url);
    let app = app.configure(|config| config.instance_id("one"));
    app.service(service).start().await.unwrap()
}
