//! Errors that a caller can match on: an enum of the service's own, typed on both sides.
//!
//! ```text
//! cargo run -p aegis-examples --bin 02_typed_errors
//! ```
//!
//! It runs on the server that `AEGIS_NATS_URL` names, or without any server if that is not set.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aegis::Config;
use aegis::prelude::*;
use serde::{Deserialize, Serialize};

/// What can go wrong with an order. Each variant has a code on the wire, for callers in other
/// languages; a caller in Rust gets the variant itself.
#[derive(Debug, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
enum OrderError {
    #[error("there is no {0}")]
    #[failure(code = "UNKNOWN_SKU", status = 404)]
    UnknownSku(String),
    #[error("only {left} of {sku} are left")]
    OutOfStock { sku: String, left: u32 },
    #[error("the till is busy")]
    #[failure(retryable)]
    Busy,
}

/// A shop whose till is busy now and then.
#[derive(Default)]
struct Shop {
    customers: AtomicU32,
}

#[aegis::service(name = "shop", version = "1.0.0")]
impl Shop {
    /// Orders some pieces of an article; the result is the price.
    #[rpc]
    async fn order(&self, sku: String, pieces: u32) -> Result<u32, OrderError> {
        match (sku.as_str(), pieces) {
            ("chair", 1..=5) => Ok(pieces * 40),
            ("chair", _) => Err(OrderError::OutOfStock { sku, left: 5 }),
            _ => Err(OrderError::UnknownSku(sku)),
        }
    }

    /// Pays: every third customer gets through at once.
    #[rpc]
    async fn pay(&self, amount: u32) -> Result<u32, OrderError> {
        let customer = self.customers.fetch_add(1, Ordering::Relaxed) + 1;
        if customer.is_multiple_of(3) {
            Ok(amount)
        } else {
            Err(OrderError::Busy)
        }
    }

    /// Orders as many pieces as a text says. `?` turns any error into a failure with code INTERNAL.
    #[rpc]
    async fn order_text(&self, pieces: String) -> Result<u32, Failure> {
        let pieces: u32 = pieces.parse()?;
        Ok(pieces * 40)
    }
}

#[aegis::main]
async fn main(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let app = App::new(config).service(Shop::default()).start().await?;
    let shop = ShopClient::new(app.client());

    for (sku, pieces) in [("chair", 2), ("chair", 9), ("throne", 1)] {
        match shop.order(sku.to_owned(), pieces).await {
            Ok(price) => println!("{pieces} x {sku}: {price}"),
            Err(CallError::Service(OrderError::OutOfStock { sku, left })) => {
                println!("{pieces} x {sku}: no, take {left}");
            }
            Err(CallError::Service(other)) => println!("{pieces} x {sku}: no, {other}"),
            Err(CallError::Failed(error)) => return Err(error),
        }
    }

    println!("paid at once: {}", shop.pay(80).await.is_ok());
    println!("paid with patience: {}", pay(&shop, 80).await?);

    // An untyped caller sees codes and texts, as one in another language does.
    let order = serde_json::json!({"sku": "throne", "pieces": 1});
    let answer = app.client().call("shop", "order", &order).await;
    if let Err(CallError::Service(failure)) = answer {
        println!("untyped: {} (status {})", failure, failure.status());
    }
    let answer = shop.order_text("two".to_owned()).await;
    if let Err(CallError::Failed(error)) = answer {
        println!("order_text: {:?}: {error}", error.kind());
    }
    app.stop().await
}

/// Pays, and tries again while the till is busy. The framework itself repeats a call only when
/// nothing ran or nothing was answered: an answer of the service is for the caller to judge.
async fn pay(shop: &ShopClient, amount: u32) -> Result<u32, CallError<OrderError>> {
    let policy = RetryPolicy::default().initial_delay(Duration::from_millis(10));
    let mut attempt = 1;
    loop {
        let outcome = shop.pay(amount).await;
        let busy = matches!(outcome, Err(CallError::Service(OrderError::Busy)));
        match policy.delay(attempt, 0.5) {
            Some(wait) if busy => tokio::time::sleep(wait).await,
            _ => return outcome,
        }
        attempt += 1;
    }
}
