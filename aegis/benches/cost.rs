//! What one call costs the service: counted instructions and allocations, not time.
//!
//! `.ci/cost` runs this under valgrind with two numbers of calls; the difference, divided, is the
//! cost of one call without the start and the end of the program. The bus is the one in memory and
//! the caller is the bare bus, so what is counted is the way of a request through the service.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for valgrind"
)]

use std::time::Duration;

use aegis::port::Outgoing;
use aegis::prelude::*;
use aegis::{Config, Subject};
use tokio::time::Instant;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
}

fn main() {
    // `cargo bench` passes `--bench`; without a number this only shows that it works.
    let calls = std::env::args().find_map(|argument| argument.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(calls.unwrap_or(10_u32)));
}

async fn run(calls: u32) {
    let config = Config::default().url("memory://cost");
    let running = App::new(config.clone())
        .service(Calculator)
        .start()
        .await
        .unwrap();
    let bus = aegis::testing::bus(&config).await.unwrap();
    let subject = Subject::literal("rpc.calculator.add");
    let until = Instant::now() + Duration::from_secs(3600);
    for _ in 0..calls {
        let message = Outgoing::new(subject.clone(), &br#"{"a":41,"b":1}"#[..]);
        let answer = bus.request(message, &bus.new_call(), until).await.unwrap();
        assert_eq!(answer.payload, &b"42"[..]);
    }
    running.stop().await.unwrap();
}
