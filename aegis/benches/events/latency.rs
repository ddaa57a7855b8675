//! From before an event is published until its handler begins, in another process, at a rate that
//! leaves the machine idle.

use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aegis::Config;
use aegis::prelude::*;
use async_nats::jetstream;
use futures_util::StreamExt;
use jetstream::consumer::{AckPolicy, pull};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::figures::median;
use super::{Plan, filling};

/// Between two events: 1,000 a second.
const PAUSE: Duration = Duration::from_millis(1);
/// Of the first ones, which are slower, no time is taken.
const FIRST: usize = 500;

/// An event that knows when it was made.
#[derive(Serialize, Deserialize, aegis::Event)]
#[event("bench.timed")]
struct Timed {
    /// Nanoseconds of the host's wall clock, which nobody sets meanwhile.
    at: u64,
    filling: String,
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_nanos() as u64
}

impl Timed {
    fn new() -> Self {
        Self {
            at: now(),
            filling: filling(r#"{"at":1000000000000000000,"filling":""}"#.len()),
        }
    }
}

#[derive(Clone)]
struct Times {
    all: usize,
    nanos: Arc<Mutex<Vec<u64>>>,
    done: Arc<Notify>,
}

impl Times {
    fn note(&self, event: &Timed) {
        let took = now().saturating_sub(event.at);
        self.nanos.lock().unwrap().push(took);
    }

    /// Ends it with the last one.
    fn count(&self) {
        if self.nanos.lock().unwrap().len() == self.all {
            self.done.notify_one();
        }
    }
}

struct Listener(Times);

#[aegis::service(name = "listener", version = "1.0.0")]
impl Listener {
    #[subscribe(mode = "compete")]
    async fn hear(&self, event: Timed) -> Result<(), Failure> {
        self.0.note(&event);
        self.0.count();
        Ok(())
    }
}

/// The process that hears them: `raw` or `aegis`, how many, the server's address.
pub(crate) async fn hear(words: &[&str]) {
    let [kind, all, url] = words else {
        panic!("started by hand?");
    };
    let times = Times {
        all: all.parse().unwrap(),
        nanos: Arc::default(),
        done: Arc::default(),
    };
    if *kind == "raw" {
        let nats = async_nats::connect(*url).await.unwrap();
        let stream = jetstream::new(nats).get_stream("EVENTS").await.unwrap();
        let config = pull::Config {
            durable_name: Some("hears".to_owned()),
            filter_subject: "events.bench.timed".to_owned(),
            deliver_policy: jetstream::consumer::DeliverPolicy::New,
            ack_policy: AckPolicy::Explicit,
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let messages = consumer.stream().max_messages_per_batch(64);
        let mut messages = messages.messages().await.unwrap();
        let heard = times.clone();
        println!("ready");
        tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                let message = message.unwrap();
                let event = serde_json::from_slice(&message.payload).unwrap();
                heard.note(&event);
                message.ack().await.unwrap();
                heard.count();
            }
        });
        times.done.notified().await;
    } else {
        let app = App::new(Config::default().url(url).registry(false));
        let running = app.service(Listener(times.clone())).start().await.unwrap();
        println!("ready");
        times.done.notified().await;
        running.stop().await.unwrap();
    }
    let mut nanos = times.nanos.lock().unwrap().split_off(FIRST);
    nanos.sort_unstable();
    let at = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e6;
    println!("{} {} {}", at(0.5), at(0.99), at(0.999));
}

pub(crate) async fn measure(plan: &Plan) {
    let all = (plan.events / 4).max(2 * FIRST);
    // The stream is there, and its subjects are known.
    plan.client.publish(&Timed::new()).await.unwrap();
    let mut figures = [Vec::new(), Vec::new()];
    for _ in 0..plan.rounds {
        for (kind, figures) in ["raw", "aegis"].iter().zip(&mut figures) {
            figures.push(run(plan, kind, all).await);
        }
    }
    println!(
        "{:>24} {:>16} {:>10} {:>8} {:>8}  (ms, medians over the rounds)",
        "latency", "kind", "p50", "p99", "p99.9"
    );
    for (kind, own) in ["Raw", "Aegis"].iter().zip(&figures) {
        let [p50, p99, p999] = [0, 1, 2].map(|at| median(own.iter().map(|times| times[at])));
        println!(
            "{:>24} {kind:>16} {p50:>10.3} {p99:>8.3} {p999:>8.3}",
            "1,000 events/s"
        );
    }
}

async fn run(plan: &Plan, kind: &str, all: usize) -> [f64; 3] {
    let mut hearing = Command::new(std::env::current_exe().unwrap())
        .args(["hear", kind, &all.to_string(), &plan.url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = lines(&mut hearing);
    assert_eq!(lines.recv().await.unwrap(), "ready");
    let mut ticks = tokio::time::interval(PAUSE);
    for _ in 0..all {
        ticks.tick().await;
        let (client, raw) = (plan.client.clone(), plan.raw.clone());
        if kind == "raw" {
            tokio::spawn(async move {
                let body = serde_json::to_vec(&Timed::new()).unwrap();
                let sent = raw.publish("events.bench.timed", body.into()).await;
                sent.unwrap().await.unwrap();
            });
        } else {
            tokio::spawn(async move { client.publish(&Timed::new()).await.unwrap() });
        }
    }
    let text = lines.recv().await.unwrap();
    hearing.wait().unwrap();
    let stream = plan.raw.get_stream("EVENTS").await.unwrap();
    for consumer in ["hears", "listener__hear"] {
        let _ = stream.delete_consumer(consumer).await;
    }
    let times: Vec<f64> = text.split(' ').map(|it| it.parse().unwrap()).collect();
    times.try_into().unwrap()
}

/// What a process prints, read on a thread of its own.
fn lines(process: &mut Child) -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let output = std::io::BufReader::new(process.stdout.take().unwrap());
    let (lines, received) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    received
}
