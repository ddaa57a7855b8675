//! A child process of the tool's own: it says when it serves, and ends when its parent does.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use aegis::{Config, Running};
use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{ChildStdin, Command};

use crate::out::Out;
use crate::signals::Signals;

/// What is logged: this binary holds several services, and each process serves one of them.
pub(crate) const LOG: &str = "warn,aegis::app::start=error";
/// What a child says when it serves.
const READY: &str = "ready";
/// The longest wait for a child to start or to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// What a child is told on systems that cannot be told by a signal.
#[cfg(not(unix))]
const STOP: &[u8] = b"stop\n";

/// A child process. Dropping it kills it; should this process die, its input ends, and so does it.
pub(crate) struct Child {
    child: tokio::process::Child,
    _stdin: ChildStdin,
}

/// What a child needs to know.
pub(crate) struct Plan<'a> {
    /// The hidden command that it runs.
    pub(crate) command: &'a str,
    pub(crate) url: &'a str,
    pub(crate) prefix: &'a str,
    /// Whether the server is the tool's own, so that the configuration has nothing to say.
    pub(crate) own_server: bool,
    /// Further words of the command.
    pub(crate) words: &'a [String],
}

impl Child {
    /// Starts a process, and waits until it serves.
    pub(crate) async fn spawn(name: &str, plan: &Plan<'_>) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args([plan.command, "--prefix", plan.prefix])
            .args(plan.own_server.then_some("--own-server"))
            .args(plan.words)
            // Not as an argument, which everybody on this computer could read: it may hold a login.
            .env("AEGIS_NATS_URL", plan.url)
            .env("AEGIS_INSTANCE_ID", name)
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
        Ok(Self {
            child,
            _stdin: stdin,
        })
    }

    /// The number of the process, as long as it was not seen to end.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) -> std::io::Result<()> {
        self.child.start_kill()
    }

    /// Waits for its end, whatever kind of end it is.
    pub(crate) async fn ended(mut self) -> anyhow::Result<()> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.context("a process that was ended is still there")??;
        Ok(())
    }

    /// Tells it to end in order, and waits for that.
    #[cfg(unix)]
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        use crate::signals::{Signal, send};
        let pid = self.pid().context("it has ended before")?;
        send(pid, Signal::TERM)?;
        in_order(self.child.wait().await?)
    }

    /// Tells it to end in order, and waits for that.
    #[cfg(not(unix))]
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        use tokio::io::AsyncWriteExt as _;
        self._stdin.write_all(STOP).await?;
        in_order(self.child.wait().await?)
    }
}

fn in_order(status: ExitStatus) -> anyhow::Result<()> {
    anyhow::ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// What a child was told of its place.
pub(crate) struct Place<'a> {
    pub(crate) id: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) own_server: bool,
    pub(crate) server: &'a str,
}

impl Place<'_> {
    /// The configuration of a child.
    pub(crate) fn config(&self) -> aegis::Result<Config> {
        let config = if self.own_server {
            Config::default()
        } else {
            Config::load()?
        };
        let config = config.url(self.server).instance_id(self.id);
        Ok(config.subject_prefix(self.prefix).log(LOG))
    }
}

/// The child: serves until SIGTERM, or until its parent is gone.
pub(crate) async fn serve(
    start: impl Future<Output = aegis::Result<Running>>,
    out: &Out,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    crate::signals::die_with_parent();
    let mut parent = std::pin::pin!(parent());
    let running = tokio::select! {
        running = start => running?,
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
