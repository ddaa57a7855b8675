//! How much memory an echo service holds: idle, and after a million calls (Linux).
//!
//! `cargo bench -p aegis --features testing --bench memory [-- --calls 1000000]`
//!
//! Fails above 12 MB idle, or if it grows by more than 2 MB.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for the terminal"
)]

use std::io::BufRead;
use std::process::{Command, Stdio};

use aegis::prelude::*;
use aegis::testing::NatsServer;

struct Echo;

#[aegis::service(name = "echo", version = "1.0.0")]
impl Echo {
    #[rpc]
    async fn echo(&self, text: String) -> Result<String, Failure> {
        Ok(text)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Some(at) = arguments.iter().position(|argument| argument == "serve") {
        return runtime.block_on(serve(&arguments[at + 1]));
    }
    let at = arguments.iter().position(|argument| argument == "--calls");
    let calls = at
        .and_then(|at| arguments[at + 1].parse().ok())
        .unwrap_or(1_000_000);
    runtime.block_on(measure(calls));
}

async fn serve(url: &str) {
    let config = aegis::Config::default().url(url);
    let running = App::new(config).service(Echo).start().await.unwrap();
    println!("ready");
    std::future::pending::<()>().await;
    drop(running);
}

/// Resident memory of a process, in kilobytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn measure(calls: u64) {
    let server = NatsServer::start().await.unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["serve", &server.url()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let client = Client::connect(aegis::Config::default().url(&server.url()))
        .await
        .unwrap();
    let idle = resident(child.id());
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let echo = EchoClient::new(&client);
            tokio::spawn(async move {
                for _ in 0..calls / 64 {
                    echo.echo("hello".to_owned()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let after = resident(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    println!("resident: {idle} kB idle, {after} kB after {calls} calls");
    assert!(idle <= 12 * 1024, "more than 12 MB idle");
    assert!(after <= idle + 2 * 1024, "more than 2 MB growth");
}
