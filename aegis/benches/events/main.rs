//! Events against JetStream on the raw client, in one run on one machine.
//! `publish` is many at once and one by one, `consume` takes them from a full stream, `latency` is
//! the way from one process to another, `figures` what is measured of a process.
//!
//! `cargo bench -p aegis --features testing --bench events [-- --events 20000 --rounds 5]`
//! and, for one part only, `-- publish`, `-- consume` or `-- latency`.
//!
//! The server and whoever takes events are processes of their own. The kinds take turns within
//! each round, so that what else the machine does meets them alike; what counts is the median of
//! the ratios, not a single figure.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a program for the terminal"
)]

mod consume;
mod figures;
mod latency;
mod publish;

use aegis::Config;
use aegis::prelude::*;
use aegis::testing::NatsServer;
use async_nats::jetstream;
use serde::{Deserialize, Serialize};

/// Bytes of an event's body.
const SIZE: usize = 128;

/// How much is measured, and of what.
pub(crate) struct Plan {
    pub(crate) events: usize,
    pub(crate) rounds: usize,
    pub(crate) url: String,
    /// The process of the server.
    pub(crate) server: u32,
    pub(crate) client: Client,
    pub(crate) raw: jetstream::Context,
}

/// What fills a body up to its size.
pub(crate) fn filling(rest: usize) -> String {
    "x".repeat(SIZE - rest)
}

/// An event that is published, and perhaps taken.
#[derive(Serialize, Deserialize, aegis::Event)]
#[event("bench.counted")]
pub(crate) struct Counted {
    pub(crate) number: u64,
    pub(crate) filling: String,
}

impl Counted {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            // All of them as long as the others.
            number: 1_000_000_000 + number as u64,
            filling: filling(r#"{"number":1000000000,"filling":""}"#.len()),
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    match words.as_slice() {
        ["take", rest @ ..] => runtime.block_on(consume::take(rest)),
        ["hear", rest @ ..] => runtime.block_on(latency::hear(rest)),
        words => runtime.block_on(measure(words)),
    }
}

fn number(words: &[&str], name: &str) -> Option<usize> {
    let at = words.iter().position(|word| *word == name)?;
    words.get(at + 1)?.parse().ok()
}

async fn measure(words: &[&str]) {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let nats = async_nats::connect(&url).await.unwrap();
    let plan = Plan {
        events: number(words, "--events").unwrap_or(20_000),
        rounds: number(words, "--rounds").unwrap_or(5),
        server: server.pid().unwrap(),
        client: Client::connect(Config::default().url(&url)).await.unwrap(),
        raw: jetstream::new(nats),
        url,
    };
    let parts = ["publish", "consume", "latency"];
    let all = !words.iter().any(|word| parts.contains(word));
    let wanted = |part| all || words.contains(&part);
    if wanted("publish") {
        publish::measure(&plan).await;
    }
    if wanted("consume") {
        consume::measure(&plan).await;
    }
    if wanted("latency") {
        latency::measure(&plan).await;
    }
}
