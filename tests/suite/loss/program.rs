//! One process: this test binary once more, in another role.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use super::journal::{Journal, Note, Reader};
use super::*;

/// What a process is told by whoever starts it, as text in the environment.
const SETTINGS: [&str; 4] = [
    "AEGIS_TEST_URL",
    "AEGIS_TEST_FOLDER",
    "AEGIS_TEST_NAME",
    "AEGIS_TEST_WORD",
];

/// A process, seen by whoever started it. Dropping it kills it.
pub(super) struct Program {
    pub(super) name: String,
    pub(super) journal: Reader,
    /// When it was gone, after it was killed.
    pub(super) killed: Option<u64>,
    child: Child,
    input: ChildStdin,
}

impl Program {
    /// Starts one that is a test, `publisher::publishes` or another, with a word for it.
    pub(super) fn start(role: &str, (url, folder): (&str, &Path), name: &str, word: &str) -> Self {
        let journal = Reader::begin(folder, name);
        let module = module_path!().split_once("::").unwrap().1;
        let module = module.strip_suffix("program").unwrap();
        let settings = [url, folder.to_str().unwrap(), name, word];
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg(format!("{module}{role}"))
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
    pub(super) fn tell(&mut self, number: usize) {
        writeln!(self.input, "{number}").unwrap();
    }

    /// As `kill -9` does.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.killed = Some(now());
    }

    /// Asks it to end in order.
    pub(super) fn terminate(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Whether it has ended by itself. One that failed fails the test.
    pub(super) fn has_ended(&mut self) -> bool {
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

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process, seen by itself.
pub(super) struct Told {
    pub(super) config: Config,
    pub(super) name: String,
    pub(super) word: String,
    /// The numbers it is given.
    pub(super) numbers: mpsc::UnboundedReceiver<usize>,
    journal: Journal,
}

impl Told {
    /// What this process was told. It ends with its starter, and logs into a file.
    pub(super) fn read() -> Self {
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

    pub(super) fn journal(&self) -> Journal {
        self.journal.clone()
    }

    pub(super) fn note(&self, note: Note) {
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
