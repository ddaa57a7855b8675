//! Taking events from a stream that is full of them, each acknowledged by itself.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aegis::Config;
use aegis::prelude::*;
use async_nats::jetstream;
use futures_util::StreamExt;
use jetstream::consumer::{AckPolicy, pull};
use tokio::sync::Notify;

use super::figures::{Figure, heading, processor_time, tell};
use super::{Counted, Plan};

/// What Aegis sets, for both.
const MOST_PENDING: i64 = 10_000;
/// How many are on their way or worked on at once: what a handler has without a word, and more.
const WINDOWS: [usize; 2] = [64, 256];

/// When, and how much processor time the server and this process had used by then.
type Begun = (Instant, [f64; 2]);

/// Takes the time from the first event to the last one.
#[derive(Clone)]
struct Meter {
    all: usize,
    taken: Arc<AtomicUsize>,
    first: Arc<Mutex<Option<Begun>>>,
    pids: [u32; 2],
    done: Arc<Notify>,
}

impl Meter {
    fn take(&self, event: &Counted) {
        assert!(event.number >= 1_000_000_000);
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            let used = self.pids.map(processor_time);
            *self.first.lock().unwrap() = Some((Instant::now(), used));
        }
        if before + 1 == self.all {
            self.done.notify_one();
        }
    }

    async fn done(&self) -> Figure {
        self.done.notified().await;
        let after = self.pids.map(processor_time);
        let (first, before) = self.first.lock().unwrap().unwrap();
        let rate = self.all as f64 / first.elapsed().as_secs_f64();
        let used = [0, 1].map(|at| (after[at] - before[at]) / self.all as f64);
        (rate, used)
    }
}

struct Taker(Meter);

#[aegis::service(name = "taker", version = "1.0.0")]
impl Taker {
    #[subscribe(mode = "compete", start = "all")]
    async fn take(&self, event: Counted) -> Result<(), Failure> {
        self.0.take(&event);
        Ok(())
    }
}

struct WideTaker(Meter);

#[aegis::service(name = "wide", version = "1.0.0")]
impl WideTaker {
    #[subscribe(mode = "compete", start = "all", concurrency = 256)]
    async fn take(&self, event: Counted) -> Result<(), Failure> {
        self.0.take(&event);
        Ok(())
    }
}

/// The process that takes them: `raw` or `aegis`, how many at once, how many in all, the server's
/// address and process.
pub(crate) async fn take(words: &[&str]) {
    let [kind, window, all, url, server] = words else {
        panic!("started by hand?");
    };
    let window: usize = window.parse().unwrap();
    let meter = Meter {
        all: all.parse().unwrap(),
        taken: Arc::default(),
        first: Arc::default(),
        pids: [server.parse().unwrap(), std::process::id()],
        done: Arc::default(),
    };
    let (rate, [nats, own]) = if *kind == "raw" {
        let reading = tokio::spawn(take_raw(url.to_string(), window, meter.clone()));
        let figure = meter.done().await;
        reading.abort();
        figure
    } else {
        let app = App::new(Config::default().url(url).registry(false));
        let app = match window {
            64 => app.service(Taker(meter.clone())),
            _ => app.service(WideTaker(meter.clone())),
        };
        let running = app.start().await.unwrap();
        let figure = meter.done().await;
        running.stop().await.unwrap();
        figure
    };
    println!("{rate} {nats} {own}");
}

async fn take_raw(url: String, window: usize, meter: Meter) {
    let nats = async_nats::connect(url).await.unwrap();
    let stream = jetstream::new(nats).get_stream("EVENTS").await.unwrap();
    let config = pull::Config {
        durable_name: Some("raw".to_owned()),
        filter_subject: "events.bench.counted".to_owned(),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: MOST_PENDING,
        ..Default::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let messages = consumer.stream().max_messages_per_batch(window);
    let mut messages = messages.messages().await.unwrap();
    while let Some(message) = messages.next().await {
        let message = message.unwrap();
        let event = serde_json::from_slice(&message.payload).unwrap();
        // Before it is counted: whoever has counted the last one ends this.
        message.ack().await.unwrap();
        meter.take(&event);
    }
}

pub(crate) async fn measure(plan: &Plan) {
    // Each run reads the whole stream, and the next one begins anew.
    let all = fill(plan).await;
    heading("consume", "consumer");
    for window in WINDOWS {
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..plan.rounds {
            for (kind, figures) in ["raw", "aegis"].iter().zip(&mut figures) {
                figures.push(run(plan, kind, window, all).await);
            }
        }
        let what = format!("{window} at once");
        tell(&what, "Raw", &figures[0], &figures[0]);
        tell(&what, "Aegis", &figures[1], &figures[0]);
    }
}

/// Fills the stream with what is to be taken, beside what is there already; tells how many it are.
async fn fill(plan: &Plan) -> usize {
    let events: Vec<Counted> = (0..4 * plan.events).map(Counted::new).collect();
    plan.client.publish_all(&events).await.all().unwrap();
    let mut stream = plan.raw.get_stream("EVENTS").await.unwrap();
    stream.info().await.unwrap().state.messages as usize
}

async fn run(plan: &Plan, kind: &str, window: usize, all: usize) -> Figure {
    let numbers = [window, all, plan.server as usize].map(|number| number.to_string());
    let [window, all, server] = numbers.each_ref().map(String::as_str);
    let taking = Command::new(std::env::current_exe().unwrap())
        .args(["take", kind, window, all, &plan.url, server])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = tokio::task::spawn_blocking(|| taking.wait_with_output());
    let output = output.await.unwrap().unwrap();
    let stream = plan.raw.get_stream("EVENTS").await.unwrap();
    for consumer in ["raw", "taker__take", "wide__take"] {
        // One of them is there.
        let _ = stream.delete_consumer(consumer).await;
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<f64> = text
        .split(' ')
        .map(|it| it.trim().parse().unwrap())
        .collect();
    (figures[0], [figures[1], figures[2]])
}
