//! The binary `aegis` as a user runs it: output, exit codes, and what it leaves behind: nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod billing;
mod calculator;
mod commands;
mod dead;
mod demo;
mod doctor;
mod doctor_permitted;
mod doctor_stored;
mod events;
mod failover;
mod importer;
mod job_views;
mod jobs;
mod kv;
mod kv_watch;
mod leader;
mod locate;
mod permissions;
mod services;
#[cfg(target_os = "linux")]
mod terminal;
mod watch;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The longest a test waits for an event before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a finished run has said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

/// `aegis`, free from whatever the environment of the test says.
fn aegis(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aegis"));
    command.args(words).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if name.starts_with("AEGIS_") && name != "AEGIS_NATS_SERVER" {
            command.env_remove(name);
        }
    }
    for name in ["NATS_URL", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

fn run(words: &[&str]) -> Said {
    said(aegis(words).output().unwrap())
}

fn run_with_input(words: &[&str], input: &str) -> Said {
    said(output_with_input(words, input.as_bytes()))
}

/// What a run that reads this has written, byte for byte.
fn output_with_input(words: &[&str], input: &[u8]) -> std::process::Output {
    let mut command = aegis(words);
    command.stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn said(output: std::process::Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Starts a run whose output can be read while it goes on.
fn start(words: &[&str]) -> Child {
    let mut command = aegis(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Kills a run that keeps a test waiting, so that the test fails instead of hanging.
struct Watchdog {
    _rest: mpsc::Sender<()>,
}

impl Watchdog {
    fn of(child: &Child) -> Self {
        let (rest, rests) = mpsc::channel();
        let id = child.id().to_string();
        std::thread::spawn(move || {
            if rests.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // It may have ended just now.
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        Self { _rest: rest }
    }
}

/// Reads a run's output up to the end of a line after it has said this.
fn read_line_with(child: &mut Child, expected: &str) -> String {
    let mut said = read_until(child, expected);
    if !said.ends_with('\n') {
        said += &read_until(child, "\n");
    }
    said
}

/// Reads a run's output until it has said this.
fn read_until(child: &mut Child, expected: &str) -> String {
    let _watchdog = Watchdog::of(child);
    read_from(child.stdout.as_mut().unwrap(), expected)
}

/// Reads what a run says beside its output until it has said this.
fn read_notes_until(child: &mut Child, expected: &str) -> String {
    let _watchdog = Watchdog::of(child);
    read_from(child.stderr.as_mut().unwrap(), expected)
}

fn read_from(from: &mut impl Read, expected: &str) -> String {
    let (mut said, mut buffer) = (String::new(), [0; 4096]);
    while !said.contains(expected) {
        let length = from.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "ended without {expected:?}: {said}");
        said += &String::from_utf8_lossy(&buffer[..length]);
    }
    said
}

fn signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let status = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(status.success());
}

/// The word after `before`, such as a number or an address.
fn word_after<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    let words = parts.filter_map(|rest| rest.split([' ', ',', '\n']).next());
    words.collect()
}

fn port_of(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether a process runs; one that is dead and only not buried yet does not.
fn is_alive(pid: &str) -> bool {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", pid])
        .output()
        .unwrap();
    let state = String::from_utf8_lossy(&output.stdout);
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "waited in vain for the {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
