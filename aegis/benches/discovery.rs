//! What the registry costs: a look into the live table, and the heartbeats of many instances.
//!
//! `cargo bench -p aegis --features testing --bench discovery [-- --seconds 5 --rate 1000]`
//!
//! The server, the instances (all in one process) and a program that watches them are processes of
//! their own. Instances write as often as `--rate` says, all together, in place of every 10 s each;
//! what counts is the processor time per heartbeat (Linux), which other programs disturb least.

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

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aegis::port::{BucketSpec, Expect, KvBucket, KvKey, KvWrite};
use aegis::testing::{NatsServer, store};
use aegis::{Client, Config, DiscoveryMode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long a record lives: three heartbeats of 10 s.
const TTL: Duration = Duration::from_secs(30);
/// How many instances stand in the table, one run after the other.
const COUNTS: [usize; 3] = [250, 500, 1000];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let number = |at: usize| arguments[at].parse::<usize>().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("write") => {
            runtime.block_on(write(&arguments[2], number(3), number(4), number(5)));
        }
        Some("watch") => runtime.block_on(watch(&arguments[2])),
        _ => {
            let seconds = option(&arguments, "--seconds").unwrap_or(5.0);
            let rate = option(&arguments, "--rate").unwrap_or(1000.0) as usize;
            runtime.block_on(look_up());
            runtime.block_on(heartbeats(seconds, rate));
        }
    }
}

fn option(arguments: &[String], name: &str) -> Option<f64> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1)?.parse().ok()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// One of `size` instances of each service.
fn names(at: usize, size: usize) -> (String, String) {
    let service = format!("service-{}", at / size);
    let id = format!("{service}-{:04x}", at % size);
    (service, id)
}

/// A record like that of a service with three methods.
fn record(service: &str, id: &str, beat: u64) -> Vec<u8> {
    let handlers: Vec<Value> = ["place", "cancel", "status"]
        .map(|name| {
            json!({"name": name, "kind": "rpc", "subject": format!("rpc.{service}.{name}"),
                "signature": "(order: Order) -> Result<Receipt, OrderError>",
                "description": "What it does, in a sentence.", "timeout_ms": 2000,
                "idempotent": true})
        })
        .to_vec();
    let load = json!({"in_flight": beat % 7, "requests_per_second": 12.5,
        "errors_per_second": 0.0, "p50_ms": 1.25, "p99_ms": 8.5, "lag_ms": 0.1});
    let record = json!({
        "serviceName": service, "instanceId": id, "version": "1.0.0", "status": "ACTIVE",
        "lastHeartbeat": format!("2026-01-01T00:00:00.{:09}Z", beat),
        "stickyActiveGroup": null,
        "metadata": {"start_time": "2026-01-01T00:00:00Z", "description": "Takes orders.",
            "handlers": handlers, "load": load, "heartbeat_ms": 10_000, "ttl_ms": 30_000,
            "boot": "0123456789abcdef"},
    });
    serde_json::to_vec(&record).unwrap()
}

/// An instance that says that it lives as a service does: on condition that nobody else wrote.
struct Writer {
    bucket: Arc<dyn KvBucket>,
    key: KvKey,
    names: (String, String),
    revision: Option<u64>,
    beat: u64,
    lives: bool,
}

impl Writer {
    async fn all(url: &str, count: usize, size: usize) -> Vec<Self> {
        let store = store(&Config::default().url(url)).await.unwrap();
        let spec = BucketSpec::new("service_registry".to_owned());
        let bucket = store.open(spec, soon()).await.unwrap();
        let lives = store.features().key_ttl;
        let writer = |at| {
            let names = names(at, size);
            let key = format!("service-instances.{}.{}", names.0, names.1);
            Self {
                bucket: bucket.clone(),
                key: KvKey::new(&key).unwrap(),
                names,
                revision: None,
                beat: 0,
                lives,
            }
        };
        (0..count).map(writer).collect()
    }

    async fn beat(&mut self) {
        self.beat += 1;
        let value = record(&self.names.0, &self.names.1, self.beat);
        let expect = self.revision.map_or(Expect::Any, Expect::Revision);
        let mut write = KvWrite::put(self.key.clone(), value).expecting(expect);
        if self.lives {
            write = write.living(TTL);
        }
        self.revision = Some(self.bucket.write(write, soon()).await.unwrap());
    }
}

/// Writes every record once, says so, and goes on at a steady rate.
async fn write(url: &str, count: usize, size: usize, rate: usize) {
    let mut writers = Writer::all(url, count, size).await;
    for some in writers.chunks_mut(50) {
        join_all(some.iter_mut().map(Writer::beat)).await;
    }
    println!("ready");
    // As instances that know nothing of each other: a few at a time, never all at once.
    let together = (rate / 100).max(1);
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(together as f64 / rate as f64));
    loop {
        for some in writers.chunks_mut(together) {
            ticks.tick().await;
            join_all(some.iter_mut().map(Writer::beat)).await;
        }
    }
}

/// Watches the registry, and says how many instances it has seen.
async fn watch(url: &str) {
    let client = Client::connect(Config::default().url(url)).await.unwrap();
    let discovery = client.discovery(DiscoveryMode::Watched);
    let mut seen = usize::MAX;
    loop {
        let now = discovery.everybody().await.unwrap().len();
        if now != seen {
            seen = now;
            println!("{seen}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Time this thread has run, in nanoseconds.
fn thread_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split_whitespace().next().unwrap().parse().unwrap()
}

async fn look_up() {
    const LOOKS: u32 = 1_000_000;
    println!("a look into the live table (`instances`), processor time:");
    for count in [1, 10, 1000] {
        let url = format!("memory://discovery-{count}");
        // They keep the bus in memory alive.
        let mut writers = Writer::all(&url, count, count).await;
        for writer in &mut writers {
            writer.beat().await;
        }
        let client = Client::connect(Config::default().url(&url)).await.unwrap();
        let discovery = client.discovery(DiscoveryMode::Watched);
        assert_eq!(discovery.instances("service-0").await.unwrap().len(), count);
        let mut times: Vec<f64> = Vec::new();
        for _ in 0..5 {
            let before = thread_time();
            for _ in 0..LOOKS {
                black_box(discovery.instances(black_box("service-0")).await.unwrap());
            }
            times.push((thread_time() - before) / f64::from(LOOKS));
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{count:>6} instances: {:>5.0} ns ({:.0} to {:.0})",
            times[2], times[0], times[4]
        );
    }
}

struct Process {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        Self { child, says }
    }

    fn wait_for(&mut self, what: &str) {
        let mut line = String::new();
        while line.trim() != what {
            line.clear();
            assert_ne!(self.says.read_line(&mut line).unwrap(), 0, "no {what}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time a process has used, in microseconds (Linux: ticks of 10 ms).
fn processor_time(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("Linux");
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

/// Resident memory of a process, in kilobytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let mut lines = status.lines();
    let line = lines.find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Messages and bytes from and to the connection that sends most (the instances), and the bytes to
/// all others (who watches), as the server counts them: headers and bodies.
fn traffic(monitor: u16) -> [f64; 3] {
    let mut stream = TcpStream::connect(("127.0.0.1", monitor)).unwrap();
    let request = "GET /connz HTTP/1.0\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let connections: Value =
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let mut all = connections["connections"].as_array().unwrap().clone();
    all.sort_by_key(|one| one["in_msgs"].as_u64());
    let figure = |one: &Value, name: &str| one[name].as_f64().unwrap();
    let writer = all.pop().unwrap();
    let watchers = all.iter().map(|one| figure(one, "out_bytes")).sum();
    [
        figure(&writer, "in_msgs"),
        figure(&writer, "in_bytes"),
        watchers,
    ]
}

async fn heartbeats(seconds: f64, rate: usize) {
    for size in [10, 1000] {
        let monitor = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = format!("http: 127.0.0.1:{monitor}");
        let server = NatsServer::builder().config(config).start().await.unwrap();
        let mut watcher = Process::start(&["watch", &server.url()]);
        watcher.wait_for("0");
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("services of {size} instances at most; processor time and bytes per heartbeat:");
        println!(
            "{:>9} {:>7} {:>10} {:>10} {:>9} {:>9} {:>11}",
            "instances",
            "beats/s",
            "server us",
            "watcher us",
            "bytes in",
            "bytes out",
            "watcher kB"
        );
        println!("{:>9} {:>60} {:>8}", 0, "", resident(watcher.child.id()));
        for count in COUNTS {
            let [n, s, r] = [count, size, rate].map(|number| number.to_string());
            let mut writer = Process::start(&["write", &server.url(), &n, &s, &r]);
            writer.wait_for("ready");
            watcher.wait_for(&n);
            tokio::time::sleep(Duration::from_secs(2)).await;
            let pids = [server.pid().unwrap(), watcher.child.id()];
            let (used, sent, start) = (pids.map(processor_time), traffic(monitor), Instant::now());
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            let (used_then, sent_then) = (pids.map(processor_time), traffic(monitor));
            let beats = sent_then[0] - sent[0];
            println!(
                "{count:>9} {:>7.0} {:>10.1} {:>10.1} {:>9.0} {:>9.0} {:>11}",
                beats / start.elapsed().as_secs_f64(),
                (used_then[0] - used[0]) / beats,
                (used_then[1] - used[1]) / beats,
                (sent_then[1] - sent[1]) / beats,
                (sent_then[2] - sent[2]) / beats,
                resident(watcher.child.id()),
            );
        }
    }
}
