//! How soon a watcher hears of an instance that starts, stops and crashes, on a real server.
//!
//! `cargo bench -p aegis --features testing --bench presence -- --rounds 20`

#![allow(
    missing_docs,
    clippy::print_stdout,
    reason = "a program for the terminal"
)]

use std::time::{Duration, Instant};

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, DiscoveryMode, InstanceEvent, InstanceEvents};

struct Echo;

#[aegis::service(name = "echo", version = "1.0.0")]
impl Echo {
    #[rpc]
    async fn echo(&self, text: String) -> Result<String, Failure> {
        Ok(text)
    }
}

/// Waits for an event, and tells when it came.
async fn heard(events: &mut InstanceEvents, is_it: fn(&InstanceEvent) -> bool) -> Instant {
    while let Some(event) = events.next().await {
        if is_it(&event) {
            return Instant::now();
        }
    }
    unreachable!("the watch ended");
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what:>32} {median:>12.1?} {most:>12.1?}");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().position(|word| word == "--rounds");
    let rounds = given
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(20);
    let server = NatsServer::start().await?;
    let config = Config::default().url(&server.url());
    let watcher = Client::connect(config.clone()).await?;
    let discovery = watcher.discovery(DiscoveryMode::Watched);
    let mut events = discovery.events()?;
    let (mut appears, mut leaves, mut crashes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..2 * rounds {
        let app = App::new(config.clone()).service(Echo);
        let (running, heard_at) = tokio::join!(
            async { app.start().await.map(|running| (running, Instant::now())) },
            heard(&mut events, |event| matches!(
                event,
                InstanceEvent::Appeared(_)
            ))
        );
        let (running, started) = running?;
        appears.push(heard_at.saturating_duration_since(started));
        let gone: fn(&InstanceEvent) -> bool = |event| matches!(event, InstanceEvent::Gone(_));
        if round % 2 == 0 {
            let (stopped, heard_at) = tokio::join!(
                async { running.stop().await.map(|()| Instant::now()) },
                heard(&mut events, gone)
            );
            leaves.push(heard_at.saturating_duration_since(stopped?));
        } else {
            let dropped = Instant::now();
            drop(running);
            crashes.push(heard(&mut events, gone).await - dropped);
        }
    }
    println!("{:>32} {:>12} {:>12}", "", "median", "longest");
    told("start returned to appeared", appears);
    told("stop returned to gone", leaves);
    told("crash to gone (TTL 6 s)", crashes);
    Ok(())
}
