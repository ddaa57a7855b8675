//! A `nats-server` of one's own, for development and tests: free port, own store, loopback only.
//! `NatsServer` is one that runs, `NatsServerBuilder` says how, `Launch` knows how to start it again.
//! `process` keeps it from outliving this process; `port` keeps parallel tests apart; `cluster` is
//! several of them.

mod cluster;
mod port;
mod process;

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::binary::{ServerError, find, find_version};
pub use cluster::NatsCluster;
use port::Port;
use process::{Process, Signal};

const READY_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const PAUSE_LIMIT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_millis(250);
const POLL: Duration = Duration::from_millis(5);
/// How many lines of its log an error or [`NatsServer::log`] shows.
const LOG_LINES: usize = 50;
/// How often another port is tried when a foreign program takes the chosen one meanwhile.
const PORT_ATTEMPTS: u32 = 10;

/// A running `nats-server`. Dropping it kills the server and removes its temporary folder; if this
/// process is killed, a small helper process does the same.
///
/// ```no_run
/// # async fn example() -> Result<(), aegis::testing::ServerError> {
/// use aegis::testing::NatsServer;
///
/// let mut server = NatsServer::start().await?;
/// println!("listening on {}", server.url());
/// server.kill().await;
/// server.restart().await?; // Same port, same store.
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NatsServer {
    // Before `launch`: the process must be gone when the temporary folder is removed.
    process: Option<Process>,
    launch: Launch,
}

impl NatsServer {
    /// Starts a server on a free port, with JetStream and a temporary store folder of its own.
    pub async fn start() -> Result<Self, ServerError> {
        Self::builder().start().await
    }

    /// Describes a server other than the default one.
    pub fn builder() -> NatsServerBuilder {
        NatsServerBuilder {
            port: None,
            store_dir: None,
            config: String::new(),
            version: None,
            jetstream: true,
            log: None,
        }
    }

    /// The address for clients: `nats://127.0.0.1:PORT`. It stays the same over restarts.
    pub fn url(&self) -> String {
        format!("nats://{}:{}", Ipv4Addr::LOCALHOST, self.port())
    }

    /// The port for clients. It stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.launch.port.number()
    }

    /// The process id of the server itself; `None` while it is stopped or killed.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Whether the server's process runs: not while it is stopped or killed, nor after a crash.
    pub fn is_running(&mut self) -> bool {
        let process = self.process.as_mut();
        process.is_some_and(|process| matches!(process.status(), Ok(None)))
    }

    /// The file to which the server's output is appended.
    pub fn log_file(&self) -> &Path {
        &self.launch.log
    }

    /// The folder of the JetStream store.
    pub fn store_dir(&self) -> &Path {
        &self.launch.store
    }

    /// The last lines that the server logged since its last start.
    pub fn log(&self) -> String {
        self.launch.log_lines()
    }

    /// Kills the server at once (SIGKILL), as a crash does. [`restart`](Self::restart) revives it.
    pub async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
            process.exited(STOP_LIMIT).await;
        }
    }

    /// Freezes the server (SIGSTOP) and waits until it stands still: connections stay open and
    /// nothing answers. Unix only.
    pub async fn pause(&mut self) -> Result<(), ServerError> {
        self.signal(Signal::Freeze)?;
        let frozen = match &self.process {
            Some(process) => process.frozen(PAUSE_LIMIT).await,
            None => false,
        };
        let text = format!("the nats-server did not freeze within {PAUSE_LIMIT:?}");
        if frozen {
            Ok(())
        } else {
            Err(ServerError::new(self.launch.with_log(&text)))
        }
    }

    /// Lets a paused server go on (SIGCONT).
    pub fn resume(&mut self) -> Result<(), ServerError> {
        self.signal(Signal::Continue)
    }

    /// Ends the server gracefully (SIGTERM) and waits for it, at most ten seconds.
    ///
    /// A server that does not end in time is killed, and the error says so.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        // A frozen process would see the request only when it goes on.
        for signal in [Signal::Continue, Signal::Terminate] {
            let _ended_already = process.signal(signal);
        }
        if process.exited(STOP_LIMIT).await {
            return Ok(());
        }
        let text = format!("the nats-server did not stop within {STOP_LIMIT:?} and was killed");
        Err(ServerError::new(self.launch.with_log(&text)))
    }

    /// Starts the server again on the same port and store; stops it first if it still runs.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.stop().await?;
        self.process = Some(self.launch.run().await?);
        Ok(())
    }

    fn signal(&mut self, signal: Signal) -> Result<(), ServerError> {
        let process = self.process.as_mut().ok_or_else(|| {
            ServerError::new("the nats-server is not running: call `restart` first")
        })?;
        process.signal(signal).map_err(signal_failed)
    }
}

fn signal_failed(cause: std::io::Error) -> ServerError {
    ServerError::new("cannot send a signal to the nats-server: see its log").because(cause)
}

/// How a [`NatsServer`] is to be started. Without any word it is as [`NatsServer::start`] has it.
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `.start().await`"]
pub struct NatsServerBuilder {
    port: Option<u16>,
    store_dir: Option<PathBuf>,
    config: String,
    version: Option<String>,
    jetstream: bool,
    log: Option<PathBuf>,
}

impl NatsServerBuilder {
    /// Listens on this port instead of a free one; 0 means a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = (port != 0).then_some(port);
        self
    }

    /// Keeps the JetStream store in this folder, which is not removed at the end.
    pub fn store_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.store_dir = Some(path.into());
        self
    }

    /// Adds text to the server's configuration file: `authorization`, `tls`, `max_payload` and so on.
    ///
    /// Client host, client port and store folder are set on the command line, which wins. What
    /// else listens (`cluster`, `websocket`, `leafnodes`) needs its own `127.0.0.1` in the text.
    pub fn config(mut self, text: impl AsRef<str>) -> Self {
        self.config += text.as_ref();
        self.config += "\n";
        self
    }

    /// Runs exactly this version, for example `"2.10.26"`; installs it if need be.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Starts the server without JetStream.
    pub fn without_jetstream(mut self) -> Self {
        self.jetstream = false;
        self
    }

    /// Appends the server's output to this file, which is kept; by default nobody sees it.
    pub fn stdout_log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Finds or installs the binary, starts it and waits until it answers, at most ten seconds.
    pub async fn start(self) -> Result<NatsServer, ServerError> {
        let binary = match &self.version {
            Some(version) => find_version(version).await?,
            None => find().await?,
        };
        let mut launch = self.launch(binary)?;
        for _ in 1..PORT_ATTEMPTS {
            match launch.run().await {
                Ok(process) => {
                    return Ok(NatsServer {
                        process: Some(process),
                        launch,
                    });
                }
                Err(_) if self.port.is_none() && launch.port_was_taken() => {
                    launch.port = Port::free()?;
                }
                Err(error) => return Err(error),
            }
        }
        let process = Some(launch.run().await?);
        Ok(NatsServer { process, launch })
    }

    fn launch(&self, binary: PathBuf) -> Result<Launch, ServerError> {
        let folder = tempfile::Builder::new()
            .prefix("aegis-nats-")
            .tempdir()
            .map_err(|cause| {
                let text =
                    "cannot create a folder for a nats-server: set TMPDIR to a writable folder";
                ServerError::new(text).because(cause)
            })?;
        let inside = |name: &str| folder.path().join(name);
        let config = inside("server.conf");
        fs::write(&config, &self.config).map_err(|cause| {
            ServerError::new(format!(
                "cannot write {}: free some space",
                config.display()
            ))
            .because(cause)
        })?;
        Ok(Launch {
            binary,
            port: self.port.map(Port::fixed).map_or_else(Port::free, Ok)?,
            store: self.store_dir.clone().unwrap_or_else(|| inside("store")),
            config,
            log: self.log.clone().unwrap_or_else(|| inside("server.log")),
            log_start: 0,
            jetstream: self.jetstream,
            folder,
        })
    }
}

/// All that is needed to start a server, and to start it again.
#[derive(Debug)]
struct Launch {
    binary: PathBuf,
    port: Port,
    store: PathBuf,
    config: PathBuf,
    log: PathBuf,
    /// Where the log of the latest run begins: restarts append.
    log_start: u64,
    jetstream: bool,
    folder: TempDir,
}

impl Launch {
    /// Starts the server and waits until it answers; what does not answer is killed.
    async fn run(&mut self) -> Result<Process, ServerError> {
        self.port.check()?;
        let mut process = self.spawn()?;
        let deadline = Instant::now() + READY_LIMIT;
        while Instant::now() < deadline {
            let status = process.status().map_err(|cause| {
                ServerError::new("cannot watch the nats-server: start it again").because(cause)
            })?;
            if let Some(status) = status {
                let text = format!("the nats-server ended before it was ready ({status})");
                return Err(ServerError::new(self.with_log(&text)));
            }
            if self.answers().await {
                return Ok(process);
            }
            sleep(POLL).await;
        }
        let text = format!("the nats-server was not ready within {READY_LIMIT:?}");
        Err(ServerError::new(self.with_log(&text)))
    }

    fn spawn(&mut self) -> Result<Process, ServerError> {
        // A file, not a pipe: a server must not die of a log reader that ended with its runtime.
        let opened = File::options().create(true).append(true).open(&self.log);
        let output = opened.and_then(|file| {
            self.log_start = file.metadata()?.len();
            Ok((file.try_clone()?, file))
        });
        let output = output.map_err(|cause| {
            let text = format!(
                "cannot write the log {}: choose another",
                self.log.display()
            );
            ServerError::new(text).because(cause)
        })?;
        let mut command = Command::new(&self.binary);
        command.args(["--addr", &Ipv4Addr::LOCALHOST.to_string()]);
        command.args(["--port", &self.port.number().to_string()]);
        command.arg("--config").arg(&self.config);
        if self.jetstream {
            command
                .arg("--jetstream")
                .arg("--store_dir")
                .arg(&self.store);
        }
        Process::spawn(&command, output, self.folder.path()).map_err(|cause| {
            ServerError::new(format!(
                "cannot start {}: check that it runs",
                self.binary.display()
            ))
            .because(cause)
        })
    }

    /// Whether the port greets clients. A server that speaks TLS first waits for the client
    /// instead of greeting it; then its log has the word.
    async fn answers(&self) -> bool {
        let address = (Ipv4Addr::LOCALHOST, self.port.number());
        let Ok(mut stream) = TcpStream::connect(address).await else {
            return false;
        };
        let mut greeting = [0; 5];
        match timeout(ANSWER_LIMIT, stream.read_exact(&mut greeting)).await {
            Ok(read) => read.is_ok() && greeting == *b"INFO ",
            Err(_) => self.log_lines().contains("Server is ready"),
        }
    }

    fn port_was_taken(&self) -> bool {
        self.port.check().is_err() || self.log_lines().contains("address already in use")
    }

    fn log_lines(&self) -> String {
        let all = fs::read(&self.log).unwrap_or_default();
        let start = usize::try_from(self.log_start).unwrap_or_default();
        let text = String::from_utf8_lossy(all.get(start..).unwrap_or_default());
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn with_log(&self, text: &str) -> String {
        match self.log_lines() {
            log if log.is_empty() => format!("{text}; it logged nothing"),
            log => format!("{text}; correct what its last log lines say:\n{log}"),
        }
    }
}
