//! What can be said on the command line; `command`, `doctor`, `event`, `kv`, `leader` and `permissions`
//! the words of those commands.

mod command;
mod doctor;
mod event;
mod kv;
mod leader;
mod permissions;

use std::path::PathBuf;
use std::time::Duration;

use aegis::Config;
use clap::{Args, Parser, Subcommand};

pub(crate) use command::{Job, JobCommand, JobList, JobSend};
pub(crate) use doctor::Doctor;
pub(crate) use event::{
    Dead, DeadChoice, DeadCommand, DeadDrop, DeadList, DeadRetry, Events, Publish, Shown,
};
pub(crate) use kv::{Kv, KvCommand, KvDel, KvGet, KvHistory, KvLs, KvPut, KvWatch};
pub(crate) use leader::{Failover, FailoverInstance, Fault, Leader};
pub(crate) use permissions::Permitted;

/// How long a connection may take: who waits at a terminal wants to know soon.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

const URL: &str = "\
The NATS server: nats://host:4222, tls://.., several with commas between them, or auto to look for one
[default: AEGIS_NATS_URL, then aegis.toml, then nats://127.0.0.1:4222]";

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the answer is no: the service answered with an error, a job failed or was cancelled, there is
       no such key, bucket, job or dead letter, nobody leads, a promise of a failover was broken,
       the doctor found a problem
  2    it could not be done: no connection, no instance, no answer in time, calls of the demo failed
  3    conflict: another revision of the key is there than the one expected; nothing was written
  64   the command line or its JSON is wrong
  130  ended by Ctrl-C or SIGTERM before it was done (a job goes on); what has no end by itself (dev,
       --watch, kv watch, events) ends with 0

The configuration is that of every aegis program: aegis.toml (or the file that AEGIS_CONFIG names),
then the environment (AEGIS_NATS_URL, AEGIS_NATS_USER, AEGIS_SUBJECT_PREFIX ..), then these options.";

/// The tool of the aegis service framework: try it, run a NATS server, call services, see who is
/// there and who leads, publish and follow events, send commands, look into buckets, measure
/// failovers, and find out what is wrong.
#[derive(Debug, Parser)]
#[command(name = "aegis", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
pub(crate) struct Common {
    // Behind the options that a command has for itself.
    #[arg(long, global = true, value_name = "URL", help = URL, display_order = 900)]
    pub(crate) url: Option<String>,
}

impl Common {
    /// The configuration of this run.
    pub(crate) fn config(&self) -> aegis::Result<Config> {
        let defaults = Config::default()
            .log("warn")
            .connect_timeout(CONNECT_WITHIN);
        // A collector in the environment is that of services.
        let config = Config::load_over(defaults)?.otel_endpoint("off");
        Ok(match &self.url {
            Some(url) => config.url(url),
            None => config,
        })
    }

    /// The server that was named, other than in a file.
    pub(crate) fn given(&self) -> Option<String> {
        let variable = |name: &str| std::env::var(name).ok();
        let url = self.url.clone();
        url.or_else(|| variable("AEGIS_NATS_URL"))
            .or_else(|| variable("NATS_URL"))
    }

    /// The same for a run that may take so long in all: so may the connection.
    pub(crate) fn config_within(&self, timeout: Option<Duration>) -> aegis::Result<Config> {
        let config = self.config()?;
        Ok(match timeout.filter(|timeout| *timeout < CONNECT_WITHIN) {
            Some(timeout) => config.connect_timeout(timeout),
            None => config,
        })
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it work: three instances share calls, survive a kill -9 and a stop, and lose nothing
    Demo(Demo),
    /// Run a NATS server with JetStream for development, until Ctrl-C
    Dev(Dev),
    /// Call a method of a service and print its result
    Call(Call),
    /// Show which services are there, and how they are
    Services(Services),
    /// Publish an event, and wait until the stream holds it
    Publish(Publish),
    /// Follow events as they are published, or look at those that were
    Events(Events),
    /// Send work to a queue, follow it to its result, list, show, cancel and bring back jobs
    #[command(name = "command")]
    Job(Job),
    /// Look at events and commands that were given up, bring them back, or remove them
    Dead(Dead),
    /// Read, write and follow key-value buckets
    Kv(Kv),
    /// Show who leads a service, follow it, or ask it to hand over
    Leader(Leader),
    /// Look for what is wrong: server, streams, consumers, instances, leaders; and say what mends it
    Doctor(Doctor),
    /// Measure failovers: do something to the leader, under load, and see what it costs
    Failover(Failover),
    /// Print the least NATS permissions that a service or a client needs, and why
    Permissions(Permitted),
    #[command(hide = true)]
    DemoInstance(DemoInstance),
    #[command(hide = true)]
    FailoverInstance(FailoverInstance),
}

/// `aegis demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
It uses the server of --url or AEGIS_NATS_URL if that answers, else one of its own.
Nothing is left running however it ends.")]
pub(crate) struct Demo {
    /// Without a server and in one process
    #[arg(long)]
    pub(crate) memory: bool,
    /// How many instances of the service to start, 3 to 20
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(3..=20))]
    pub(crate) instances: u16,
    /// How many calls to make in each step, 50 to 1000000
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    pub(crate) calls: u32,
}

/// One instance of the demo's service, as a process of its own.
#[derive(Debug, Args)]
pub(crate) struct DemoInstance {
    #[arg(long, env = "AEGIS_INSTANCE_ID")]
    pub(crate) id: String,
    #[arg(long)]
    pub(crate) prefix: String,
    /// Takes nothing but the URL from the configuration: the server is the demo's own.
    #[arg(long)]
    pub(crate) own_server: bool,
    #[arg(long, env = "AEGIS_NATS_URL", hide_env_values = true)]
    pub(crate) server: String,
}

/// `aegis dev`.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 4222)]
    pub(crate) port: u16,
    /// Keep the JetStream store in this folder; without it, the store goes when the server ends
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Show the server's log
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Stands before the option that all commands have: this one starts a server, and asks none
    #[arg(long, value_name = "URL", hide = true)]
    pub(crate) url: Option<String>,
}

/// `aegis call`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aegis call calculator add '{\"a\":1,\"b\":2}'
  echo '{\"a\":1,\"b\":2}' | aegis call calculator add - --timeout 500ms
  aegis call orders create '{\"sku\":\"chair\"}' --key order-7 --retry 3")]
pub(crate) struct Call {
    /// The service's name
    pub(crate) service: String,
    /// The method's name
    pub(crate) method: String,
    /// The arguments by name, as a JSON object; `-` reads them from standard input
    #[arg(value_name = "JSON", default_value = "{}")]
    pub(crate) params: String,
    /// How long all of it may take, such as 500ms or 2s; default: the configuration's, else 5s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<Duration>,
    /// Ask this instance instead of any
    #[arg(long, value_name = "INSTANCE")]
    pub(crate) to: Option<String>,
    /// Add a header (may be repeated)
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// What it belongs to, as log lines and all that follows from it will say
    #[arg(long, value_name = "ID")]
    pub(crate) correlation_id: Option<String>,
    /// The idempotency key: with it a call may be repeated after a timeout
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Try again up to N times where that is safe
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retry: u32,
    /// Speak the envelope of AegisSDK 1.0
    #[arg(long)]
    pub(crate) envelope: bool,
    /// Print the result on one line; so it is anyway when the output is no terminal
    #[arg(long)]
    pub(crate) raw: bool,
}

/// `aegis services`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line: instance (* leads), status, version, when it was heard, load, and why it is unhealthy.
'not in the registry': it answers, but keeps no record, as programs in other languages do.
'does not answer': it has a record, and is about to be gone, or hangs.

Examples:
  aegis services calculator
  aegis services --watch
  aegis services --watch --json | jq -r 'select(.event==\"gone\").instance.id'")]
pub(crate) struct Services {
    /// Show this service only, with its methods and all that its instances tell
    pub(crate) service: Option<String>,
    /// Follow what changes until Ctrl-C: a table on a terminal, else a line for each event
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print JSON; with --watch an object on a line for each event
    #[arg(long)]
    pub(crate) json: bool,
    /// How long the instances may take to answer
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = time)]
    pub(crate) wait: Duration,
}

fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ if text.parse::<u64>().is_ok_and(|number| number > 0) => {
            Err(format!("a time needs a unit: {text}s or {text}ms"))
        }
        _ => Err("it is a time above 0, such as 500ms, 2s or 5m".to_owned()),
    }
}

/// A header of the user's own. What has an option of its own is said there: the library's text names
/// a word of Rust.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = pair(text)?;
    if name.eq_ignore_ascii_case("Aegis-Correlation-Id") {
        return Err(format!("it is said with `--correlation-id {value}`"));
    }
    Ok((name, value))
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("it is a name and a value, such as Tenant=acme".to_owned()),
    }
}
