//! What `sync_interval: always` costs: events published one by one, and 64 in flight, on one server and
//! on three of which each keeps all, with and without it.
//!
//! `cargo bench -p aegis --features testing --bench sync -- --rounds 5`

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal"
)]

use std::time::{Duration, Instant};

use aegis::testing::{NatsCluster, NatsServer};
use aegis::{Client, Config};
use futures_util::stream::{StreamExt as _, iter};
use serde_json::{Value, json};

/// Events in a round, one by one.
const ALONE: usize = 200;
/// Events in a round, side by side.
const MANY: usize = 2000;
/// So many of those at once.
const AT_ONCE: usize = 64;
const SYNC: &str = "jetstream { sync_interval: always }";

/// A place that is measured, and what it took: milliseconds per event, and events per second.
struct Place {
    name: &'static str,
    client: Client,
    times: Vec<f64>,
    rates: Vec<f64>,
}

impl Place {
    async fn new(name: &'static str, url: &str, replicas: u8) -> Self {
        let config = Config::default().url(url).replicas(replicas);
        let config = config
            .events_max_bytes(256 << 20)
            .call_timeout(Duration::from_secs(30));
        let client = Client::connect(config).await.unwrap();
        let place = Self {
            name,
            client,
            times: Vec::new(),
            rates: Vec::new(),
        };
        place.publish(&body(), 0).await;
        place
    }

    async fn publish(&self, body: &Value, number: usize) {
        let event = self.client.publish_as("bench.sync", body);
        let stored = event.header("Number", &number.to_string()).await;
        stored.unwrap();
    }

    async fn round(&mut self) {
        let body = body();
        for number in 0..ALONE {
            let start = Instant::now();
            self.publish(&body, number).await;
            self.times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        let start = Instant::now();
        let all = iter(0..MANY).map(|number| self.publish(&body, number));
        all.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        self.rates
            .push(f64::from(2000) / start.elapsed().as_secs_f64());
    }

    fn tell(&mut self) {
        let at = |values: &mut Vec<f64>, hundredths: usize| {
            values.sort_by(f64::total_cmp);
            values[(values.len() - 1) * hundredths / 100]
        };
        println!(
            "{:>28}  p50 {:>6.2} ms  p99 {:>6.2} ms  {:>7.0} events/s with {AT_ONCE} in flight",
            self.name,
            at(&mut self.times, 50),
            at(&mut self.times, 99),
            at(&mut self.rates, 50)
        );
    }
}

fn body() -> Value {
    json!({"text": "x".repeat(400)})
}

fn rounds() -> usize {
    let mut words = std::env::args()
        .skip_while(|word| word != "--rounds")
        .skip(1);
    words.next().map_or(5, |word| word.parse().unwrap())
}

#[tokio::main]
async fn main() {
    let lazy = NatsServer::start().await.unwrap();
    let builder = NatsServer::builder().config(SYNC);
    let always = builder.start().await.unwrap();
    let lazy_three = NatsCluster::start(3).await.unwrap();
    let always_three = NatsCluster::start_with(3, SYNC).await.unwrap();
    let mut places = [
        Place::new("one server", &lazy.url(), 1).await,
        Place::new("one server, always", &always.url(), 1).await,
        Place::new("three servers", &lazy_three.url(), 3).await,
        Place::new("three servers, always", &always_three.url(), 3).await,
    ];
    for _ in 0..rounds() {
        for place in &mut places {
            place.round().await;
        }
    }
    for place in &mut places {
        place.tell();
    }
}
