//! One instance: a process, and the way it has to the server.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use super::counter::SETTINGS;
use super::fork::Fork;
use super::*;

/// An instance of the counter, behind a proxy of its own. Dropping it kills it.
pub(super) struct Node {
    pub(super) id: String,
    // Before the proxy: whoever is gone is not disturbed.
    process: Option<Process>,
    pub(super) proxy: Proxy,
    fork: Option<Fork>,
    folder: PathBuf,
    fenced: bool,
}

struct Process {
    child: Child,
    input: ChildStdin,
    /// One for each held call.
    holding: mpsc::UnboundedReceiver<()>,
}

impl Node {
    pub(super) fn new(number: usize, port: u16, folder: &Path, fenced: bool) -> Self {
        Self {
            id: format!("counter-{number}"),
            process: None,
            proxy: Proxy::start(([127, 0, 0, 1], port).into()),
            fork: None,
            folder: folder.to_owned(),
            fenced,
        }
    }

    /// Where its process connects from its next start on.
    pub(super) fn goes_through(&mut self, fork: Fork) {
        self.fork = Some(fork);
    }

    /// Starts its process; that is not to wait until it serves.
    pub(super) fn start(&mut self) {
        let module = module_path!().split_once("::").unwrap().1;
        let module = module.strip_suffix("node").unwrap();
        let folder = self.folder.to_str().unwrap();
        let unfenced = if self.fenced { "" } else { "unfenced" };
        let url = match &self.fork {
            Some(fork) => fork.url(),
            None => self.proxy.url(),
        };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg(format!("{module}counter::counts"))
            .envs(SETTINGS.into_iter().zip([&url, &self.id, folder, unfenced]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (holds, holding) = mpsc::unbounded_channel();
        // Ends with the process.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if line.ends_with("holding") {
                    let _ = holds.send(());
                }
            }
        });
        let input = child.stdin.take().unwrap();
        self.process = Some(Process {
            child,
            input,
            holding,
        });
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a process")
    }

    pub(super) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.process().child), signal).unwrap();
    }

    /// As kill -9 does.
    pub(super) fn kill(&mut self) {
        drop(self.process.take());
    }

    /// SIGTERM, and the end of the process.
    pub(super) async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let mut process = self.process.take().unwrap();
        let ended = async {
            while process.child.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("the end of a process", ended).await;
    }

    /// Waits for a call that stands between its decision and its write.
    pub(super) async fn holding(&mut self) {
        let holding = self.process().holding.recv();
        soon("a held call", holding).await.expect("a process");
    }

    /// Lets a held call go on.
    pub(super) fn goes_on(&mut self) {
        self.process().input.write_all(b"go on\n").unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
