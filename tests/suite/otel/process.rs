//! A process: this test binary once more, as a program with `#[aegis::main]`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use aegis_tests::{eventually, soon};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, ChildStdin, Command};

/// A process, seen by whoever started it. Dropping it kills it.
pub(super) struct Process {
    name: String,
    child: Child,
    /// It ends when this is closed, which waiting for its end would do.
    _input: Option<ChildStdin>,
    said: PathBuf,
}

impl Process {
    /// Starts a role with its settings; what it says goes into a file.
    pub(super) fn start(folder: &Path, role: &str, settings: &[(&str, &str)]) -> Self {
        let said = folder.join(format!("{role}.log"));
        let (_, test) = super::roles::PLAYS.split_once("::").unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", test])
            .env("AEGIS_TEST_WORD", role)
            // As a folder without `aegis.toml`.
            .current_dir(folder)
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&said).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            name: role.to_owned(),
            _input: child.stdin.take(),
            child,
            said,
        }
    }

    /// One without a server, which sends to that collector.
    pub(super) fn sending_to(
        collector: &str,
        folder: &Path,
        role: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let own = [
            ("AEGIS_NATS_URL", "memory://"),
            ("AEGIS_OTEL_ENDPOINT", collector),
        ];
        Self::start(folder, role, &[&own[..], settings].concat())
    }

    /// What it has said so far.
    pub(super) fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }

    /// The lines that are JSON and have this message.
    pub(super) fn lines(&self, message: &str) -> Vec<Value> {
        let said = self.said();
        let lines = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let of_it = |line: &Value| line["fields"]["message"] == message;
        lines.filter(of_it).collect()
    }

    /// Waits until it says that.
    pub(super) async fn says(&self, text: &str) {
        let what = format!("{}: {text}", self.name);
        eventually(&what, async || self.said().contains(text)).await;
    }

    /// Asks it to end in order.
    pub(super) fn terminate(&self) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        soon(&format!("the end of {}", self.name), self.child.wait())
            .await
            .unwrap()
    }

    /// The same of one that ends well.
    pub(super) async fn done(&mut self) {
        let status = self.ended().await;
        assert!(status.success(), "{}: {status}: {}", self.name, self.said());
    }
}
