//! Commands, from a sender to a worker in another process, in one run on one machine.
//!
//! `cargo bench -p aegis --features testing --bench commands [-- --commands 5000 --rounds 5]`
//!
//! `latency` sends one empty command after the other, and waits for its result. `throughput` sends
//! many at once, and waits for all results; beside it stands the raw client, which does the operations
//! of JetStream that they need: one message into a work queue and out of it, and three writes and one
//! read of a record. `crowd` has a thousand in flight on one worker, which wait (Linux).

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a program for the terminal"
)]

use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aegis::Config;
use aegis::prelude::*;
use aegis::testing::NatsServer;
use async_nats::jetstream::{self, consumer, stream};
use futures_util::stream::{self as futures, StreamExt};

/// So many are in flight at once.
const WINDOW: usize = 64;
/// A crowd.
const CROWD: usize = 1000;

struct Worker;

#[aegis::service(name = "worker", version = "1.0.0")]
impl Worker {
    #[command(concurrency = 64)]
    async fn nothing(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[command(concurrency = 1000)]
    async fn wait(&self, ctx: &Context, seconds: u64) -> Result<(), Failure> {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            () = ctx.cancelled() => {}
        }
        Ok(())
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
        ["work", url] => runtime.block_on(work(url)),
        words => runtime.block_on(measure(words)),
    }
}

fn number(words: &[&str], name: &str) -> Option<usize> {
    let at = words.iter().position(|word| *word == name)?;
    words.get(at + 1)?.parse().ok()
}

async fn work(url: &str) {
    let config = Config::default().url(url);
    let running = App::new(config).service(Worker).start().await.unwrap();
    println!("ready");
    std::future::pending::<()>().await;
    drop(running);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure(words: &[&str]) {
    let commands = number(words, "--commands").unwrap_or(5000);
    let rounds = number(words, "--rounds").unwrap_or(5);
    let server = NatsServer::start().await.unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["work", &server.url()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let config = Config::default().url(&server.url());
    let client = Client::connect(config).await.unwrap();
    let worker = WorkerClient::new(&client);
    let raw = Raw::open(&server.url()).await;
    let parts = ["latency", "throughput", "crowd"];
    let all = !words.iter().any(|word| parts.contains(word));
    let wanted = |part| all || words.contains(&part);
    if wanted("latency") {
        latency(&worker, commands / 5, rounds).await;
    }
    if wanted("throughput") {
        throughput(&worker, &raw, commands, rounds).await;
    }
    if wanted("crowd") {
        crowd(&worker, &child).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn latency(worker: &WorkerClient, commands: usize, rounds: usize) {
    println!("from sending an empty command to its result, ms");
    for round in 0..rounds {
        let mut times = Vec::with_capacity(commands);
        for _ in 0..commands {
            let begun = Instant::now();
            let job = worker.nothing().send().await.unwrap();
            job.result().await.unwrap();
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!(
            "  round {round}: p50 {:.2}  p99 {:.2}  max {:.2}",
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}

async fn throughput(worker: &WorkerClient, raw: &Raw, commands: usize, rounds: usize) {
    println!(
        "commands a second, {WINDOW} in flight; the raw client does what they need of JetStream"
    );
    let mut ratios = Vec::new();
    for round in 0..rounds {
        let begun = Instant::now();
        let sent = futures::iter(0..commands).map(async |_| {
            let job = worker.nothing().send().await.unwrap();
            job.result().await.unwrap();
        });
        sent.buffer_unordered(WINDOW).collect::<Vec<_>>().await;
        let own = commands as f64 / begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let done = futures::iter(0..commands).map(async |number| {
            raw.one(&format!("{round}-{number}")).await;
        });
        done.buffer_unordered(WINDOW).collect::<Vec<_>>().await;
        let bare = commands as f64 / begun.elapsed().as_secs_f64();
        ratios.push(own / bare);
        println!(
            "  round {round}: {own:.0}, raw {bare:.0}, ratio {:.2}",
            own / bare
        );
    }
    println!("  median ratio {:.2}", median(ratios));
}

/// What a command needs, on the raw client.
struct Raw {
    jetstream: jetstream::Context,
    records: stream::Stream,
    messages: tokio::sync::Mutex<consumer::pull::Stream>,
}

impl Raw {
    async fn open(url: &str) -> Self {
        let jetstream = jetstream::new(async_nats::connect(url).await.unwrap());
        let queue = stream::Config {
            name: "RAW".to_owned(),
            subjects: vec!["raw.>".to_owned()],
            retention: stream::RetentionPolicy::WorkQueue,
            max_bytes: 64 << 20,
            ..Default::default()
        };
        let queue = jetstream.create_stream(queue).await.unwrap();
        let worker = consumer::pull::Config {
            durable_name: Some("worker".to_owned()),
            ..Default::default()
        };
        let worker = queue.create_consumer(worker).await.unwrap();
        let records = stream::Config {
            name: "RECORDS".to_owned(),
            subjects: vec!["records.>".to_owned()],
            max_messages_per_subject: 1,
            max_bytes: 64 << 20,
            ..Default::default()
        };
        let messages = worker.messages().await.unwrap();
        Self {
            records: jetstream.create_stream(records).await.unwrap(),
            messages: tokio::sync::Mutex::new(messages),
            jetstream,
        }
    }

    async fn one(&self, key: &str) {
        self.store("raw.work", ("Nats-Msg-Id", key), "{}".to_owned())
            .await;
        let subject = format!("records.{key}");
        let first = self.write(&subject, 0).await;
        let message = self.messages.lock().await.next().await.unwrap().unwrap();
        let read = self.records.get_last_raw_message_by_subject(&subject);
        read.await.unwrap();
        let second = self.write(&subject, first).await;
        self.write(&subject, second).await;
        message.ack().await.unwrap();
    }

    /// Writes a record over exactly that revision.
    async fn write(&self, subject: &str, over: u64) -> u64 {
        let expect = ("Nats-Expected-Last-Subject-Sequence", &*over.to_string());
        self.store(subject, expect, "x".repeat(400)).await
    }

    async fn store(&self, subject: &str, header: (&str, &str), body: String) -> u64 {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert(header.0, header.1);
        let subject = subject.to_owned();
        let stored = self
            .jetstream
            .publish_with_headers(subject, headers, body.into());
        stored.await.unwrap().await.unwrap().sequence
    }
}

async fn crowd(worker: &WorkerClient, child: &Child) {
    let before = resident(child.id());
    let jobs: Vec<_> = futures::iter(0..CROWD)
        .map(async |_| worker.wait(20).send().await.unwrap())
        .buffer_unordered(WINDOW)
        .collect()
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (begun, used) = (Instant::now(), cpu(child.id()));
    tokio::time::sleep(Duration::from_secs(10)).await;
    let used = (cpu(child.id()) - used) as f64 / begun.elapsed().as_secs_f64();
    let held = resident(child.id());
    println!(
        "{CROWD} in flight on one worker: {:.1} MB more than the {:.1} MB before, {used:.1} % of a core",
        (held - before) as f64 / 1024.0,
        before as f64 / 1024.0,
    );
    for job in jobs {
        job.result().await.unwrap();
    }
}

/// Resident memory of a process, in kilobytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let mut lines = status.lines();
    let line = lines.find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Processor time of a process, in hundredths of a second.
fn cpu(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("Linux");
    let rest = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
