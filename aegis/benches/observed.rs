//! What it costs to watch: the same calls with nothing, with metrics, and with everything switched
//! on, in one run on one machine.
//!
//! `cargo bench -p aegis --features testing,http,otel --bench observed [-- --seconds 2 --rounds 5]`
//!
//! The server, and a service and a caller of each kind, are processes of their own. The kinds take turns
//! within each round; what counts is the median of the ratios to `metrics`.

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

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use aegis::Config;
use aegis::prelude::*;
use aegis::testing::NatsServer;

fn anybody(call: &Context) -> Result<(), Failure> {
    match call.header("Refused") {
        None => Ok(()),
        Some(_) => Err(Failure::forbidden("it said so")),
    }
}

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }

    #[rpc(guard = "anybody")]
    async fn guarded(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
}

struct Around;

impl aegis::Layer for Around {
    async fn around(
        &self,
        operation: &mut aegis::Operation,
        next: aegis::Next<'_>,
    ) -> aegis::Outcome {
        next.run(operation).await
    }
}

/// What is switched on: a name, variables, whether there is a layer and a guard.
struct Kind {
    name: &'static str,
    set: &'static [(&'static str, &'static str)],
    inside: bool,
}

const PAGES: (&str, &str) = ("AEGIS_HTTP_ADDRESS", "127.0.0.1:0");
const JSON: (&str, &str) = ("AEGIS_LOG_FORMAT", "json");
const METRICS_TOO: (&str, &str) = ("AEGIS_OTEL_METRICS", "true");

const KINDS: [Kind; 8] = [
    Kind {
        name: "nothing",
        set: &[("AEGIS_METRICS", "false")],
        inside: false,
    },
    Kind {
        name: "metrics",
        set: &[],
        inside: false,
    },
    Kind {
        name: "pages, logs",
        set: &[PAGES, JSON],
        inside: false,
    },
    Kind {
        name: "traces 1 %",
        set: &[("AEGIS_OTEL_SAMPLE", "0.01"), METRICS_TOO],
        inside: false,
    },
    Kind {
        name: "everything, 1 %",
        set: &[PAGES, JSON, ("AEGIS_OTEL_SAMPLE", "0.01"), METRICS_TOO],
        inside: false,
    },
    Kind {
        name: "everything",
        set: &[PAGES, JSON, METRICS_TOO],
        inside: false,
    },
    Kind {
        name: "layer and guard",
        set: &[],
        inside: true,
    },
    Kind {
        name: "traces 100 %",
        set: &[("AEGIS_OTEL_PER_SECOND", "off"), METRICS_TOO],
        inside: false,
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => runtime.block_on(serve(&arguments[2])),
        Some("call") => runtime.block_on(call(&arguments[2])),
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

async fn serve(inside: &str) {
    let config = Config::load().unwrap();
    config.start_log();
    let app = App::new(config);
    let app = if inside == "true" {
        app.layer(Around)
    } else {
        app
    };
    let running = app.service(Calculator).start().await.unwrap();
    println!("ready");
    if let Some(address) = running.http_address() {
        // Prometheus asks every 15 s; this is fifteen times as often.
        std::thread::spawn(move || {
            loop {
                let mut stream = TcpStream::connect(address).unwrap();
                write!(stream, "GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n").unwrap();
                let mut page = String::new();
                stream.read_to_string(&mut page).unwrap();
                assert!(page.contains("rpc_server_call_duration_seconds"));
                std::thread::sleep(Duration::from_secs(1));
            }
        });
    }
    std::future::pending::<()>().await;
}

/// Calls for as long as each line says, and tells the rate.
async fn call(inside: &str) {
    let config = Config::load().unwrap();
    config.start_log();
    let client = Client::connect(config).await.unwrap();
    let inside = inside == "true";
    let client = if inside { client.layer(Around) } else { client };
    println!("ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (in_flight, seconds) = line.split_once(' ').unwrap();
        let in_flight: usize = in_flight.parse().unwrap();
        let time = Duration::from_secs_f64(seconds.parse().unwrap());
        let (start, end) = (Instant::now(), Instant::now() + time);
        let tasks = (0..in_flight).map(|_| {
            let calculator = CalculatorClient::new(&client);
            tokio::spawn(async move {
                let mut calls = 0_u64;
                while Instant::now() < end {
                    let sum = sum(&calculator, inside).await;
                    assert_eq!(sum.unwrap(), 42);
                    calls += 1;
                }
                calls
            })
        });
        let mut calls = 0;
        for task in tasks.collect::<Vec<_>>() {
            calls += task.await.unwrap();
        }
        println!("{}", calls as f64 / start.elapsed().as_secs_f64());
    }
}

async fn sum(calculator: &CalculatorClient, inside: bool) -> Result<i64, CallError<Failure>> {
    if inside {
        return calculator.guarded(41, 1).await;
    }
    calculator.add(41, 1).await
}

/// A service or a caller.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, kind: &Kind, number: usize, url: &str, collector: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([role, if kind.inside { "true" } else { "false" }])
            .env("AEGIS_NATS_URL", url)
            .env("AEGIS_SUBJECT_PREFIX", format!("kind{number}"))
            .envs(kind.set.iter().copied());
        if kind
            .set
            .iter()
            .any(|(name, _)| name.starts_with("AEGIS_OTEL"))
        {
            command.env("AEGIS_OTEL_ENDPOINT", collector);
        }
        // A caller has no pages.
        if role == "call" {
            command.env_remove("AEGIS_HTTP_ADDRESS");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        assert_eq!(process.line(), "ready", "{role} {}", kind.name);
        process
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn rate(&mut self, in_flight: usize, seconds: f64) -> f64 {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{in_flight} {seconds}").unwrap();
        self.line().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes what is exported, and throws it away.
fn collector() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || swallow(stream));
        }
    });
    format!("http://{address}")
}

fn swallow(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(said) = line.strip_prefix("content-length:") {
                length = said.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err()
            || write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err()
        {
            return;
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure(seconds: f64, rounds: usize) {
    let server = NatsServer::start().await.unwrap();
    let (url, collector) = (server.url(), collector());
    let started = |role: &'static str| {
        let kinds = KINDS.iter().enumerate();
        let processes = kinds.map(|(at, kind)| Process::start(role, kind, at, &url, &collector));
        processes.collect::<Vec<_>>()
    };
    let services = started("serve");
    let mut callers = started("call");
    println!(
        "{:>9} {:>16} {:>11} {:>16}",
        "in flight", "kind", "calls/s", "to metrics"
    );
    for in_flight in [1, 64, 256] {
        for caller in &mut callers {
            caller.rate(in_flight, 0.3);
        }
        let mut rates = KINDS.map(|_| Vec::new());
        for _ in 0..rounds {
            for (caller, rates) in callers.iter_mut().zip(&mut rates) {
                rates.push(caller.rate(in_flight, seconds));
            }
        }
        for (kind, own) in KINDS.iter().zip(&rates) {
            let ratios = own
                .iter()
                .zip(&rates[1])
                .map(|(own, metrics)| own / metrics);
            let (rate, ratio) = (median(own.clone()), median(ratios.collect()));
            println!(
                "{in_flight:>9} {:>16} {rate:>11.0} {ratio:>16.2}",
                kind.name
            );
        }
    }
    drop(services);
}
