//! A script in another language: started with what it needs to know, ended with the test.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::path::Path;
use std::process::Stdio;

use aegis_tests::{PATIENCE, shared_server, soon};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::install::Language;

fn command(language: &Language, script: &str, arguments: &[(&str, &str)]) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
    let mut command = Command::new(language.program);
    command
        .arg(folder.join(script))
        .env(language.variable, &language.folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(arguments.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a script that checks things, one JSON line each and a summary at the end.
pub(super) async fn run_checks(language: &Language, script: &str, arguments: &[(&str, &str)]) {
    let url = shared_server().await;
    let mut command = command(language, script, arguments);
    let output = command.env("NATS_URL", url).output();
    let output = tokio::time::timeout(PATIENCE * 5, output).await;
    let output = output
        .unwrap_or_else(|_| panic!("{script} does not end"))
        .unwrap();
    let (said, complaint) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into()))
        .collect();
    let failed: Vec<&Value> = lines
        .iter()
        .filter(|line| line["ok"] == false || line.is_string())
        .collect();
    assert!(
        output.status.success() && failed.is_empty(),
        "{script}: {}\n{failed:#?}\n{complaint}",
        output.status
    );
    let summary = lines.last().expect("a summary");
    let checks = summary["checks"].as_u64().unwrap_or_default();
    assert!(checks > 0, "{script} checked nothing: {said}");
    assert_eq!(checks + 1, lines.len() as u64, "{script}: {said}");
}

/// A script that serves until it is dropped, or its standard input ends.
pub(super) struct Responder {
    child: Child,
}

impl Responder {
    /// Starts it and waits until it says that it serves.
    pub(super) async fn start(language: &Language, script: &str, prefix: &str) -> Self {
        let url = shared_server().await;
        let arguments = [("NATS_URL", &*url), ("PREFIX", prefix)];
        let mut child = command(language, script, &arguments).spawn().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let read = soon("the responder", output.read_line(&mut line)).await;
        if read.is_err() || line != "serving\n" {
            let mut complaint = String::new();
            let mut errors = child.stderr.take().expect("a pipe");
            let _ = child.start_kill();
            let _ = errors.read_to_string(&mut complaint).await;
            panic!("{script} does not serve: {line}{complaint}");
        }
        Self { child }
    }

    /// Ends it in order; what it complained about is shown.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        let output = soon("the responder's end", self.child.wait_with_output()).await;
        let output = output.unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        assert!(complaint.is_empty(), "{complaint}");
    }
}
