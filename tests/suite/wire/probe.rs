//! A service with one method for each thing that can cross the wire.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aegis::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;

/// What the tests see of a probe from inside.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Calls of `hold`, `single` and `line` that have started.
    pub(crate) started: watch::Sender<u64>,
    /// Calls of `hold`, `single` and `line` that were told to stop.
    pub(crate) cancelled: watch::Sender<u64>,
    /// Calls of `count` that ran.
    pub(crate) counted: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Probe(pub(crate) Arc<Seen>);

impl Probe {
    pub(crate) fn new() -> (Self, Arc<Seen>) {
        let seen = Arc::new(Seen {
            started: watch::channel(0).0,
            cancelled: watch::channel(0).0,
            counted: AtomicU64::new(0),
        });
        (Self(seen.clone()), seen)
    }

    /// Waits until it is told to stop, and longer: the framework answers for it.
    async fn until_cancelled(&self, ctx: &Context) {
        self.0.started.send_modify(|started| *started += 1);
        ctx.cancelled().await;
        self.0.cancelled.send_modify(|cancelled| *cancelled += 1);
        pending::<()>().await;
    }
}

#[derive(Debug, PartialEq, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
pub(crate) enum MathError {
    #[error("{0} cannot be divided by nothing")]
    #[failure(code = "DIVISION_BY_ZERO", status = 422)]
    DivisionByZero(i64),
}

#[aegis::service(
    name = "probe",
    version = "1.2.3",
    description = "Answers everything that can be asked.",
    metadata(team = "core")
)]
impl Probe {
    /// Adds two numbers.
    #[rpc(idempotent, timeout = "2s")]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }

    #[rpc]
    async fn greet(&self, name: String, title: Option<String>) -> Result<String, Failure> {
        Ok(format!("Hello, {}{name}!", title.unwrap_or_default()))
    }

    #[rpc]
    async fn divide(&self, a: i64, by: i64) -> Result<i64, MathError> {
        a.checked_div(by).ok_or(MathError::DivisionByZero(a))
    }

    #[rpc]
    async fn sell(&self) -> Result<(), Failure> {
        let failure = Failure::new("SOLD_OUT", "no more blue chairs");
        Err(failure.with_details(json!({"left": 0})).retryable())
    }

    #[rpc]
    async fn count(&self) -> Result<u64, Failure> {
        Ok(self.0.counted.fetch_add(1, Ordering::Relaxed) + 1)
    }

    #[rpc]
    async fn blob(&self, size: usize) -> Result<String, Failure> {
        Ok("x".repeat(size))
    }

    #[rpc]
    #[expect(clippy::panic, reason = "this is what it is for")]
    async fn panics(&self) -> Result<(), Failure> {
        panic!("on purpose")
    }

    #[rpc]
    async fn hold(&self, ctx: &Context) -> Result<(), Failure> {
        self.until_cancelled(ctx).await;
        Ok(())
    }

    #[rpc(concurrency = 1, queue = 0)]
    async fn single(&self, ctx: &Context) -> Result<(), Failure> {
        self.until_cancelled(ctx).await;
        Ok(())
    }

    #[rpc(concurrency = 1, queue = 4)]
    async fn line(&self, ctx: &Context) -> Result<(), Failure> {
        self.until_cancelled(ctx).await;
        Ok(())
    }

    #[rpc]
    async fn told(&self, ctx: &Context, name: String) -> Result<Option<String>, Failure> {
        Ok(ctx.header(&name).map(str::to_owned))
    }

    /// Time left in milliseconds, who calls, the trace.
    #[rpc]
    async fn facts(
        &self,
        ctx: &Context,
    ) -> Result<(Option<u128>, Option<String>, Option<String>), Failure> {
        Ok((
            ctx.remaining().map(|left| left.as_millis()),
            ctx.source().map(str::to_owned),
            ctx.trace().map(|trace| trace.trace_id()),
        ))
    }
}
