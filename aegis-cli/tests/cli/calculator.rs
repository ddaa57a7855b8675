//! A service to call, and to look at.

use std::sync::Arc;

use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Calculator {
    pub(crate) called: Arc<Notify>,
    pub(crate) cancelled: Arc<Notify>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, aegis::Failure)]
pub(crate) enum MathError {
    DivisionByZero(i64),
}

impl std::fmt::Display for MathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::DivisionByZero(number) = self;
        write!(f, "{number} cannot be divided by nothing")
    }
}

/// Calculates.
#[aegis::service(name = "calculator", version = "1.2.0", metadata(team = "core"))]
impl Calculator {
    /// Adds two numbers.
    #[rpc(idempotent, timeout = "2s")]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }

    /// What the call belongs to.
    #[rpc]
    async fn belongs(&self, ctx: &Context) -> Result<String, Failure> {
        Ok(ctx.correlation_id().to_owned())
    }

    #[rpc]
    async fn divide(&self, a: i64, by: i64) -> Result<i64, MathError> {
        a.checked_div(by).ok_or(MathError::DivisionByZero(a))
    }

    #[rpc]
    async fn facts(&self, ctx: &Context) -> Result<[String; 3], Failure> {
        let tenant = ctx.header("Tenant").unwrap_or("").to_owned();
        let key = ctx.idempotency_key().unwrap_or("").to_owned();
        Ok([ctx.instance().to_owned(), tenant, key])
    }

    #[rpc]
    async fn never(&self, ctx: &Context) -> Result<(), Failure> {
        self.called.notify_one();
        ctx.cancelled().await;
        self.cancelled.notify_one();
        std::future::pending().await
    }
}

pub(crate) async fn calculator(url: &str, id: &str) -> RunningTest {
    let app = TestApp::new().on_nats(url);
    let app = app.configure(|config| config.instance_id(id));
    app.service(Calculator::default()).start().await.unwrap()
}
