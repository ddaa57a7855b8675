//! One process: this test binary once more, in another role.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use aegis::Config;
use aegis_tests::history::now;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::journal::{Journal, Reader};

/// What a process is told by whoever starts it, as text in the environment.
const SETTINGS: [&str; 4] = [
    "AEGIS_TEST_URL",
    "AEGIS_TEST_FOLDER",
    "AEGIS_TEST_NAME",
    "AEGIS_TEST_WORD",
];

/// A process, seen by whoever started it. Dropping it kills it.
pub(crate) struct Program<N> {
    pub(crate) name: String,
    pub(crate) journal: Reader<N>,
    /// When it was gone, after it was killed.
    pub(crate) killed: Option<u64>,
    child: Child,
    input: ChildStdin,
}

impl<N: DeserializeOwned> Program<N> {
    /// Starts one that is a test, named by its whole path, with a word for it.
    pub(crate) fn start(role: &str, (url, folder): (&str, &Path), name: &str, word: &str) -> Self {
        let journal = Reader::begin(folder, name);
        // A test is not named by its binary.
        let role = role.split_once("::").unwrap().1;
        let settings = [url, folder.to_str().unwrap(), name, word];
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg(role)
            .envs(SETTINGS.into_iter().zip(settings))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        Self {
            name: name.to_owned(),
            journal,
            killed: None,
            child,
            input,
        }
    }

    /// Gives it a number.
    pub(crate) fn tell(&mut self, number: usize) {
        writeln!(self.input, "{number}").unwrap();
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.killed = Some(now());
    }

    /// Asks it to end in order.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it has ended by itself. One that failed fails the test.
    pub(crate) fn has_ended(&mut self) -> bool {
        let Some(status) = self.child.try_wait().unwrap() else {
            return false;
        };
        assert!(
            self.killed.is_some() || status.success(),
            "{}: {status}",
            self.name
        );
        true
    }
}

impl<N> Drop for Program<N> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process, seen by itself.
pub(crate) struct Told<N> {
    pub(crate) config: Config,
    pub(crate) name: String,
    pub(crate) word: String,
    /// The numbers it is given.
    pub(crate) numbers: mpsc::UnboundedReceiver<usize>,
    journal: Journal<N>,
}

impl<N: Serialize> Told<N> {
    /// What this process was told. It ends with its starter, and logs into a file.
    pub(crate) fn read() -> Self {
        let [url, folder, name, word] = SETTINGS.map(|name| std::env::var(name).unwrap());
        let folder = PathBuf::from(folder);
        log_to(&folder.join(format!("{name}.log")));
        let (numbers, received) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                let _ = numbers.send(line.parse().unwrap());
            }
            std::process::exit(1);
        });
        Self {
            config: Config::default().url(&url),
            journal: Journal::open(&folder, &name),
            name,
            word,
            numbers: received,
        }
    }

    pub(crate) fn journal(&self) -> Journal<N> {
        self.journal.clone()
    }

    pub(crate) fn note(&self, note: N) {
        self.journal.write(note);
    }
}

fn log_to(file: &Path) {
    let lines = tracing_subscriber::fmt().with_ansi(false);
    lines
        .with_writer(File::create(file).unwrap())
        .with_max_level(tracing::Level::DEBUG)
        .with_env_filter("info,aegis=debug")
        .init();
}
