//! The service of the demo.

use std::time::Duration;

use aegis::prelude::*;
use serde::{Deserialize, Serialize};

/// Says what it hears.
pub(super) struct Echo;

/// What was said, and by whom.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) instance: String,
}

/// Gives texts back, and tells which instance did.
#[aegis::service(name = "echo", version = "1.0.0")]
impl Echo {
    /// Gives a text back.
    #[rpc(idempotent)]
    async fn say(&self, ctx: &Context, text: String) -> Result<Said, Failure> {
        Ok(Said {
            text,
            instance: ctx.instance().to_owned(),
        })
    }

    /// Gives a text back after some milliseconds of work.
    #[rpc(idempotent)]
    async fn work(&self, ctx: &Context, text: String, millis: u64) -> Result<Said, Failure> {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        self.say(ctx, text).await
    }
}
