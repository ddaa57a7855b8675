//! RPC against the raw client and against `async_nats::service`, in one run on one machine.
//!
//! `cargo bench -p aegis --features testing --bench rpc [-- --seconds 2 --rounds 5]`
//!
//! The server, every service and the caller are processes of their own. The kinds take turns
//! within each round, so that what else the machine does meets them alike; what counts is the
//! median of the ratios, not a single figure.

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

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aegis::prelude::*;
use aegis::testing::NatsServer;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
}

#[derive(Serialize, Deserialize)]
struct Pair {
    a: i64,
    b: i64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// A loop on the raw client that decodes and encodes in place.
    Raw,
    /// `async_nats::service` with a task per request.
    Micro,
    /// Aegis on both sides.
    Aegis,
    /// Aegis serves, the raw client calls.
    AegisServer,
}

const KINDS: [Kind; 4] = [Kind::Raw, Kind::Micro, Kind::Aegis, Kind::AegisServer];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => runtime.block_on(serve(&arguments[2], &arguments[3])),
        _ => runtime.block_on(measure(
            number(&arguments, "--seconds").unwrap_or(2.0),
            number(&arguments, "--rounds").unwrap_or(5.0) as usize,
        )),
    }
}

fn number(arguments: &[String], name: &str) -> Option<f64> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1)?.parse().ok()
}

async fn serve(kind: &str, url: &str) {
    match kind {
        "raw" => {
            let client = async_nats::connect(url).await.unwrap();
            let mut calls = client
                .queue_subscribe("raw.add", "raw".into())
                .await
                .unwrap();
            client.flush().await.unwrap();
            println!("ready");
            while let Some(call) = calls.next().await {
                let pair: Pair = serde_json::from_slice(&call.payload).unwrap();
                let sum = serde_json::to_vec(&(pair.a + pair.b)).unwrap();
                client
                    .publish(call.reply.unwrap(), sum.into())
                    .await
                    .unwrap();
            }
        }
        "micro" => {
            use async_nats::service::ServiceExt;
            let client = async_nats::connect(url).await.unwrap();
            let service = client
                .service_builder()
                .start("micro", "1.0.0")
                .await
                .unwrap();
            let mut calls = service.endpoint("micro.add").await.unwrap();
            println!("ready");
            while let Some(call) = calls.next().await {
                tokio::spawn(async move {
                    let pair: Pair = serde_json::from_slice(&call.message.payload).unwrap();
                    let sum = serde_json::to_vec(&(pair.a + pair.b)).unwrap();
                    call.respond(Ok(sum.into())).await.unwrap();
                });
            }
        }
        _ => {
            let config = aegis::Config::default().url(url);
            let running = App::new(config).service(Calculator).start().await.unwrap();
            println!("ready");
            std::future::pending::<()>().await;
            drop(running);
        }
    }
}

struct Service(Child);

impl Service {
    fn start(kind: &str, url: &str) -> Self {
        use std::io::BufRead;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", kind, url])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), "ready");
        Self(child)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone)]
struct Callers {
    raw: async_nats::Client,
    typed: CalculatorClient,
}

impl Callers {
    async fn call(&self, kind: Kind, a: i64) {
        let subject = match kind {
            Kind::Aegis => {
                assert_eq!(self.typed.add(a, 1).await.unwrap(), a + 1);
                return;
            }
            Kind::Raw => "raw.add",
            Kind::Micro => "micro.add",
            Kind::AegisServer => "rpc.calculator.add",
        };
        let body = serde_json::to_vec(&Pair { a, b: 1 }).unwrap();
        let answer = self.raw.request(subject, body.into()).await.unwrap();
        assert_eq!(
            serde_json::from_slice::<i64>(&answer.payload).unwrap(),
            a + 1
        );
    }
}

/// Processor time a process has used, in microseconds (Linux: ticks of 10 ms).
fn processor_time(pid: u32) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return f64::NAN;
    };
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

/// Calls per second and the median of the times, in microseconds.
async fn load(callers: &Callers, kind: Kind, in_flight: usize, time: Duration) -> (f64, f64) {
    let end = Instant::now() + time;
    let start = Instant::now();
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let callers = callers.clone();
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(100_000);
                let mut before = Instant::now();
                while before < end {
                    callers.call(kind, 41).await;
                    let now = Instant::now();
                    times.push((now - before).as_nanos() as u64);
                    before = now;
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    times.sort_unstable();
    (rate, times[times.len() / 2] as f64 / 1e3)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Rate, median time, and processor time of server, service and caller per call.
type Figure = (f64, f64, [f64; 3]);

fn report(in_flight: usize, figures: &[Vec<Figure>]) {
    for (kind, own) in KINDS.iter().zip(figures) {
        let rate = median(own.iter().map(|figure| figure.0).collect());
        let p50 = median(own.iter().map(|figure| figure.1).collect());
        let ratios = own.iter().zip(&figures[0]);
        let (name, ratio) = match in_flight {
            1 => (
                "p50",
                median(ratios.map(|(own, raw)| own.1 / raw.1).collect()),
            ),
            _ => (
                "rate",
                median(ratios.map(|(own, raw)| own.0 / raw.0).collect()),
            ),
        };
        let used = [0, 1, 2].map(|at| median(own.iter().map(|figure| figure.2[at]).collect()));
        println!(
            "{in_flight:>9} {:>12} {rate:>11.0} {p50:>9.1} {name:>8} {ratio:>5.2} {:>8.2} {:>8.2} {:>8.2}",
            format!("{kind:?}"),
            used[0],
            used[1],
            used[2]
        );
    }
}

async fn measure(seconds: f64, rounds: usize) {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let services = ["raw", "micro", "aegis"].map(|kind| Service::start(kind, &url));
    let pids = |kind| {
        let at = KINDS
            .iter()
            .position(|known| *known == kind)
            .unwrap()
            .min(2);
        [
            server.pid().unwrap(),
            services[at].0.id(),
            std::process::id(),
        ]
    };
    let client = Client::connect(aegis::Config::default().url(&url))
        .await
        .unwrap();
    let raw = async_nats::connect(&url).await.unwrap();
    let callers = Callers {
        raw,
        typed: CalculatorClient::new(&client),
    };
    let time = Duration::from_secs_f64(seconds);
    println!(
        "{:>9} {:>12} {:>11} {:>9} {:>14} {:>8} {:>8} {:>8}  (CPU us per call)",
        "in flight", "kind", "calls/s", "p50 us", "ratio to raw", "nats", "service", "caller"
    );
    for in_flight in [1, 64, 256] {
        for kind in KINDS {
            load(&callers, kind, in_flight, Duration::from_millis(300)).await;
        }
        let mut figures = KINDS.map(|_| Vec::new());
        for _ in 0..rounds {
            for (kind, figures) in KINDS.iter().zip(&mut figures) {
                let before = pids(*kind).map(processor_time);
                let (rate, p50) = load(&callers, *kind, in_flight, time).await;
                let after = pids(*kind).map(processor_time);
                let calls = rate * seconds;
                let used = [0, 1, 2].map(|at| (after[at] - before[at]) / calls);
                figures.push((rate, p50, used));
            }
        }
        report(in_flight, &figures);
        let micro = figures[2]
            .iter()
            .zip(&figures[1])
            .map(|(aegis, micro)| aegis.0 / micro.0);
        println!(
            "{in_flight:>9} Aegis to Micro: {:.2}",
            median(micro.collect())
        );
    }
}
