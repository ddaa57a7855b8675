//! Signals to a real process: the first one drains, the second one ends at any stage.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper that fails is a test that fails; processes talk over their output"
)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use aegis::prelude::*;
use aegis_tests::{eventually, soon};
use rustix::process::{Pid, Signal, kill_process};

/// Waits where it is told to.
struct Slow {
    stage: String,
}

#[aegis::service(name = "slow", version = "1.0.0")]
impl Slow {
    #[on_stop]
    async fn on_stop(&self) {
        println!("stopping");
        if self.stage.ends_with("stop") {
            std::future::pending::<()>().await;
        }
    }

    /// Anything.
    #[rpc]
    async fn nothing(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Never starts.
struct Never;

#[aegis::service(name = "never", version = "1.0.0")]
impl Never {
    #[on_start]
    async fn on_start(&self) -> Result<(), Failure> {
        println!("starting");
        std::future::pending().await
    }
}

#[tokio::test]
#[ignore = "the process that the tests below start and send signals"]
async fn serves_until_a_signal() {
    let stage = std::env::var("AEGIS_TEST_STAGE").unwrap();
    let config = aegis::Config::default().url("memory://signals");
    let client = SlowClient::new(&Client::connect(config.clone()).await.unwrap());
    let ready = tokio::spawn(async move {
        eventually("an answer", async || client.nothing().await.is_ok()).await;
        println!("ready");
    });
    let starts = stage == "none" || stage == "stop";
    let app = App::new(config).service(Slow { stage });
    let app = if starts { app } else { app.service(Never) };
    let ended = soon("the end of the app", app.run()).await;
    ready.abort();
    let end = ended.map_or_else(|error| error.to_string(), |()| "drained".to_owned());
    println!("end: {end}");
}

/// Sends a SIGTERM at each of these words; returns how the process said that it ended.
fn signalled(stage: &str, at: &[&str]) -> String {
    let module = module_path!().split_once("::").unwrap().1;
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg(format!("{module}::serves_until_a_signal"))
        .env("AEGIS_TEST_STAGE", stage)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&process);
    let mut last = String::new();
    for line in BufReader::new(process.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The first line of the process stands behind the name of the test.
        let word = line.rsplit(' ').next().unwrap();
        if at.contains(&word) {
            kill_process(pid, Signal::TERM).unwrap();
        }
        if let Some(end) = line.strip_prefix("end: ") {
            end.clone_into(&mut last);
        }
    }
    assert!(process.wait().unwrap().success(), "{stage}");
    last
}

#[tokio::test]
async fn the_first_signal_drains_and_the_second_ends_at_any_stage() {
    let second = "ended by a second signal before it was drained";
    let early = "a signal came before the start was complete";
    for (stage, at, end) in [
        ("none", &["ready"][..], "drained"),
        ("start", &["starting"], early),
        ("stop", &["ready", "stopping"], second),
        ("start, stop", &["starting", "stopping"], second),
    ] {
        let run = tokio::task::spawn_blocking(move || {
            // It answers a moment before its start is complete, and nothing tells that from outside.
            let mut ends = (0..5).map(|_| signalled(stage, at));
            ends.find(|found| found != early || end == early)
        });
        assert_eq!(run.await.unwrap().as_deref(), Some(end), "{stage} {at:?}");
    }
}
