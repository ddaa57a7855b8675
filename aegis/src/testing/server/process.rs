//! The server's process, which never outlives this one.
//! On Unix a keeper waits on a pipe that closes when this process dies, however it dies.

use std::fs::File;
use std::io::{self, PipeWriter, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use tokio::time::sleep;

const POLL: Duration = Duration::from_millis(2);

/// What a running server can be told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    Freeze,
    Continue,
    Terminate,
}

/// A started server. Dropping it kills the server and waits until it is gone.
#[derive(Debug)]
pub(super) struct Process {
    // Of `std`, not of tokio: a server shared by tests outlives the runtime that started it.
    child: Child,
    /// The keeper strikes when this closes without a word.
    lifeline: Option<PipeWriter>,
}

/// Turns into the server, so that the child's id is the server's own; its fork is the keeper.
///
/// `$1` is the temporary folder, the rest the command. The keeper ignores SIGHUP because the system
/// sends one to a stopped process whose parent died. It gets its pipe as 3, since a shell gives
/// background jobs an empty standard input, and holds no other pipe that somebody may wait for.
#[cfg(unix)]
const KEEPER: &str = r#"
exec 3<&0 </dev/null
(
    trap '' HUP INT TERM
    read -r word <&3 || { kill -9 $$; sleep 1; rm -rf -- "$1"; }
) >/dev/null 2>&1 &
shift
exec "$@" 3<&-
"#;

impl Process {
    /// Starts a command with this output; `folder` is removed should this process be killed.
    #[cfg(unix)]
    pub(super) fn spawn(
        command: &Command,
        (stdout, stderr): (File, File),
        folder: &Path,
    ) -> io::Result<Self> {
        use std::os::unix::process::CommandExt;

        let (keeper, lifeline) = io::pipe()?;
        let child = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(folder)
            .arg(command.get_program())
            .args(command.get_args())
            // Ctrl-C is for this process, which may still need the server to shut down in order.
            .process_group(0)
            .stdin(keeper)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()?;
        Ok(Self {
            child,
            lifeline: Some(lifeline),
        })
    }

    /// Starts a command with this output. Without a keeper: it runs on if this process is killed.
    #[cfg(not(unix))]
    pub(super) fn spawn(
        command: &Command,
        (stdout, stderr): (File, File),
        _: &Path,
    ) -> io::Result<Self> {
        let (stdin, lifeline) = io::pipe()?;
        let child = Command::new(command.get_program())
            .args(command.get_args())
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()?;
        Ok(Self {
            child,
            lifeline: Some(lifeline),
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended, or `None` while it runs.
    pub(super) fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            self.dismiss_keeper();
        }
        Ok(status)
    }

    /// Ends the keeper. Only after the server: it must strike if this process dies in between. And
    /// soon after: the system may give the server's id to another process.
    fn dismiss_keeper(&mut self) {
        if let Some(mut lifeline) = self.lifeline.take() {
            let _keeper_gone = lifeline.write_all(b"\n");
        }
    }

    /// Kills the process; an error means that it has ended already.
    pub(super) fn kill(&mut self) {
        let _ended = self.child.kill();
    }

    #[cfg(unix)]
    pub(super) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        use rustix::process::{Pid, Signal as Unix, kill_process};

        // The id of a process that was waited for may belong to another one by now.
        if let Some(status) = self.status()? {
            return Err(io::Error::other(format!(
                "the nats-server has ended ({status})"
            )));
        }
        let signal = match signal {
            Signal::Freeze => Unix::STOP,
            Signal::Continue => Unix::CONT,
            Signal::Terminate => Unix::TERM,
        };
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    #[cfg(not(unix))]
    pub(super) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        match signal {
            Signal::Continue => Ok(()),
            Signal::Terminate => self.child.kill(),
            Signal::Freeze => Err(io::Error::from(io::ErrorKind::Unsupported)),
        }
    }

    /// Waits until every thread has stopped after [`Signal::Freeze`], which takes effect later than
    /// it is sent; says whether they did within the limit.
    #[cfg(unix)]
    pub(super) async fn frozen(&self, limit: Duration) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

        // Leaves the news in place: an end must stay for `std` to see, a stop for the next pause.
        let look = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let deadline = Instant::now() + limit;
        loop {
            match waitid(WaitId::Pid(Pid::from_child(&self.child)), look) {
                Ok(Some(_)) => return true,
                Ok(None) if Instant::now() < deadline => sleep(POLL).await,
                Ok(None) | Err(_) => return false,
            }
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_async, reason = "the same face as on Unix")]
    pub(super) async fn frozen(&self, _: Duration) -> bool {
        false
    }

    /// Waits until the process has ended; says whether it did within the limit.
    pub(super) async fn exited(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            match self.status() {
                Ok(None) if Instant::now() < deadline => sleep(POLL).await,
                Ok(None) => return false,
                Ok(Some(_)) | Err(_) => return true,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _status = self.child.wait();
        self.dismiss_keeper();
    }
}
