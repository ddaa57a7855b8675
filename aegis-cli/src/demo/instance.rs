//! One instance of the demo's service: a process that ends with its parent, or a part of this one.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use aegis::{App, Config, Running};
use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;

use super::echo::Echo;
use crate::cli::DemoInstance;
use crate::out::Out;
use crate::signals::Signals;

/// What a child says when it serves.
const READY: &str = "ready";
/// The longest wait for a child to start or to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a child is told on systems that cannot be told by a signal.
#[cfg(not(unix))]
const STOP: &[u8] = b"stop\n";

/// An instance that was started.
pub(super) struct Instance {
    pub(super) name: String,
    state: State,
}

enum State {
    Process(Process),
    Here(Running),
    Stopping(JoinHandle<anyhow::Result<Duration>>),
    Ended(&'static str),
}

/// A child process. Dropping it kills it; should this process die, its input ends, and so does it.
struct Process {
    child: Child,
    _stdin: ChildStdin,
}

/// What a child needs to know.
pub(super) struct Plan<'a> {
    pub(super) url: &'a str,
    pub(super) prefix: &'a str,
    pub(super) own_server: bool,
}

impl Instance {
    /// Starts a process, and waits until it serves.
    pub(super) async fn spawn(name: String, plan: &Plan<'_>) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["demo-instance", "--prefix", plan.prefix])
            .args(plan.own_server.then_some("--own-server"))
            // Not as an argument, which everybody on this computer could read: it may hold a login.
            .env("AEGIS_NATS_URL", plan.url)
            .env("AEGIS_INSTANCE_ID", &name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let pipes = stdin.zip(stdout);
        let (stdin, stdout) = pipes.with_context(|| format!("{name} has no pipes"))?;
        let mut lines = BufReader::new(stdout).lines();
        let said = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        match said {
            Ok(Ok(Some(line))) if line == READY => {}
            Ok(_) => anyhow::bail!("{name} ended before it served; it says why above"),
            Err(_) => anyhow::bail!("{name} did not serve within {PATIENCE:?}"),
        }
        let process = Process {
            child,
            _stdin: stdin,
        };
        Ok(Self {
            name,
            state: State::Process(process),
        })
    }

    /// Starts one inside this process.
    pub(super) async fn here(name: String, config: Config) -> anyhow::Result<Self> {
        let app = App::new(config.instance_id(&name)).service(Echo);
        let state = State::Here(app.start().await?);
        Ok(Self { name, state })
    }

    /// Its process, if it has one of its own.
    pub(super) fn pid(&self) -> Option<u32> {
        match &self.state {
            State::Process(process) => process.child.id(),
            _ => None,
        }
    }

    /// Where it stands, for people.
    pub(super) fn standing(&self) -> &'static str {
        match self.state {
            State::Process(_) | State::Here(_) => "",
            State::Stopping(_) => "stopping",
            State::Ended(how) => how,
        }
    }

    /// Ends it at once, as a crash does.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        match std::mem::replace(&mut self.state, State::Ended("killed")) {
            State::Process(mut process) => {
                let killed = process.child.start_kill();
                killed.with_context(|| format!("{} cannot be killed", self.name))
            }
            // Dropping a program ends it at once.
            _ => Ok(()),
        }
    }

    /// Tells it to end in order.
    pub(super) fn stop(&mut self) {
        let ending = match std::mem::replace(&mut self.state, State::Ended("stopped")) {
            State::Process(process) => tokio::spawn(timed(process.stop())),
            State::Here(running) => tokio::spawn(timed(async { Ok(running.stop().await?) })),
            other => return self.state = other,
        };
        self.state = State::Stopping(ending);
    }

    /// Waits until it has ended in order, and says how long that took.
    pub(super) async fn stopped(&mut self) -> anyhow::Result<Duration> {
        let State::Stopping(ending) = &mut self.state else {
            return Ok(Duration::ZERO);
        };
        let ended = tokio::time::timeout(PATIENCE, ending).await;
        self.state = State::Ended("stopped");
        let name = &self.name;
        ended
            .with_context(|| format!("{name} did not end within {PATIENCE:?}"))??
            .with_context(|| format!("{name} did not end in order"))
    }
}

impl Process {
    #[cfg(unix)]
    async fn stop(mut self) -> anyhow::Result<()> {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        let pid = pid.and_then(Pid::from_raw).context("it has ended before")?;
        kill_process(pid, Signal::TERM)?;
        in_order(self.child.wait().await?)
    }

    #[cfg(not(unix))]
    async fn stop(mut self) -> anyhow::Result<()> {
        use tokio::io::AsyncWriteExt as _;
        self._stdin.write_all(STOP).await?;
        in_order(self.child.wait().await?)
    }
}

/// Waits for an end, and says how long it took.
async fn timed(ending: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    ending.await.map(|()| start.elapsed())
}

fn in_order(status: ExitStatus) -> anyhow::Result<()> {
    anyhow::ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// The child: serves until SIGTERM, or until its parent is gone.
pub(crate) async fn serve(wish: &DemoInstance, out: &Out) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let config = if wish.own_server {
        Config::default()
    } else {
        Config::load()?
    };
    let config = config
        .url(&wish.server)
        .instance_id(&wish.id)
        .subject_prefix(&wish.prefix)
        .log("warn");
    config.start_log();
    let mut parent = std::pin::pin!(parent());
    let running = tokio::select! {
        running = App::new(config).service(Echo).start() => running?,
        _ = &mut parent => return Ok(()),
    };
    out.line(READY)?;
    let stop = tokio::select! {
        () = signals.terminate() => true,
        stop = &mut parent => stop,
    };
    if stop {
        running.stop().await?;
    }
    Ok(())
}

/// Waits for a word of the parent, which means to stop in order, or for its end.
async fn parent() -> bool {
    let mut words = BufReader::new(tokio::io::stdin()).lines();
    matches!(words.next_line().await, Ok(Some(_)))
}
