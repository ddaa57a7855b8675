//! What leaders cost: renewals, bytes and processor time per leader, and whether one process holds
//! the leases of 500 groups, while a second one with the same groups stands by.
//!
//! `cargo bench -p aegis --features testing --bench leaders -- --seconds 20`

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for the terminal"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, Failover, Running, Service};
use serde_json::Value;

const MOST: usize = 500;

/// `g000` to `g499`.
const NAMES: [[u8; 4]; MOST] = {
    const DIGITS: &[u8; 10] = b"0123456789";
    let mut names = [[b'g'; 4]; MOST];
    let mut number = 0;
    while number < MOST {
        let mut rest = number;
        let mut at = 3;
        while at > 0 {
            names[number][at] = DIGITS[rest % 10];
            rest /= 10;
            at -= 1;
        }
        number += 1;
    }
    names
};

/// One of many services that do nothing but lead.
struct Led<const N: usize>;

impl<const N: usize> Service for Led<N> {
    const NAME: &'static str = match std::str::from_utf8(&NAMES[N]) {
        Ok(name) => name,
        Err(_) => "",
    };
    const VERSION: &'static str = "1.0.0";
    const HANDLERS: usize = 0;
    const GROUP: Option<&'static str> = Some("main");
    const FAILOVER: Failover = Failover::balanced();
}

macro_rules! mount {
    ($app:ident, $upto:ident, $base:expr; $($n:literal)*) => {
        $(if $base + $n < $upto { $app = $app.service(Led::<{ $base + $n }>); })*
    };
    ($app:ident, $upto:ident; $($ten:literal)*) => {
        $(mount!($app, $upto, $ten * 10; 0 1 2 3 4 5 6 7 8 9);)*
    };
}

async fn start(config: &Config, groups: usize) -> Running {
    let mut app = App::new(config.clone());
    mount!(app, groups; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27
        28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49);
    app.start().await.unwrap()
}

/// Groups, with the epoch of their leaders.
async fn epochs(client: &Client, groups: usize) -> BTreeMap<String, u64> {
    let records = client.bucket("sticky_active").find::<Value>().await;
    let Ok(Some(records)) = records else {
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for entry in records.entries("").await.unwrap() {
        if entry.key.ends_with(".leader") && entry.value["state"] == "held" {
            // The first record of a term does not know its epoch yet.
            let epoch = entry.value["epoch"].as_u64().unwrap_or(entry.revision);
            found.insert(entry.key, epoch);
        }
    }
    assert!(found.len() <= groups);
    found
}

/// Processor time of a process so far, in seconds (ticks of 10 ms).
fn cpu(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

async fn measure(groups: usize, seconds: u64) {
    let server = NatsServer::start().await.unwrap();
    let config = Config::default().url(&server.url()).registry(false);
    let client = Client::connect(config.clone()).await.unwrap();
    let leads = start(&config, groups).await;
    let began = std::time::Instant::now();
    while epochs(&client, groups).await.len() < groups {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let all = began.elapsed();
    let stands_by = start(&config, groups).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let nats = async_nats::connect(server.url()).await.unwrap();
    let mut writes = nats.subscribe("$KV.sticky_active.>").await.unwrap();
    nats.flush().await.unwrap();
    let before = epochs(&client, groups).await;
    let (own, its) = (cpu(std::process::id()), cpu(server.pid().unwrap()));
    let (mut count, mut bytes) = (0_u64, 0_u64);
    let _ = tokio::time::timeout(Duration::from_secs(seconds), async {
        use futures_util::StreamExt;
        while let Some(write) = writes.next().await {
            count += 1;
            bytes += write.length as u64;
        }
    })
    .await;
    let (own, its) = (
        cpu(std::process::id()) - own,
        cpu(server.pid().unwrap()) - its,
    );
    let after = epochs(&client, groups).await;
    let changes = before
        .iter()
        .filter(|(key, epoch)| after.get(*key) != Some(epoch))
        .count();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (per_second, size) = (
        count as f64 / seconds as f64,
        bytes as f64 / count.max(1) as f64,
    );
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let each = |seconds: f64| seconds * 1e6 / count.max(1) as f64;
    println!(
        "{groups:>6} {:>10.2?} {per_second:>10.1} {size:>8.0} {:>12.1} {:>12.1} {changes:>8}",
        all,
        each(its),
        each(own),
    );
    stands_by.stop().await.unwrap();
    leads.stop().await.unwrap();
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().position(|word| word == "--seconds");
    let seconds = given
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(20);
    println!(
        "{:>6} {:>10} {:>10} {:>8} {:>12} {:>12} {:>8}",
        "groups", "all led", "writes/s", "bytes", "server us", "both us", "changes"
    );
    for groups in [1, 10, 100, MOST] {
        measure(groups, seconds).await;
    }
}
