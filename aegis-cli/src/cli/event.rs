//! The words of `aegis publish`, `aegis events` and `aegis dead`.

use std::time::Duration;

use aegis::{MethodName, ServiceName};
use clap::{Args, Subcommand, ValueEnum};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{header, pair, time};

const PUBLISH_HELP: &str = "\
It ends when the stream holds the event, and prints its number there and its id. Who publishes an id
again, inside the window of the stream (2 minutes by default), stores nothing: with --id a command
that was not answered can be repeated.

Examples:
  aegis publish orders.created '{\"id\":\"7\"}'
  aegis publish orders.created - --id order-7 < order.json
  aegis publish orders.created '{\"id\":\"7\"}' --header Tenant=acme --count 100";

/// `aegis publish`.
#[derive(Debug, Args)]
#[command(after_help = PUBLISH_HELP)]
pub(crate) struct Publish {
    /// The name of the event, `domain.type`, such as orders.created
    #[arg(value_name = "DOMAIN.TYPE")]
    pub(crate) event: String,
    /// The payload; `-` reads it from standard input
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    pub(crate) payload: String,
    /// The id of the event; with --count, what stands before -1, -2 and so on
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Add a header (may be repeated)
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// What it belongs to, as log lines and all that follows from it will say
    #[arg(long, value_name = "ID")]
    pub(crate) correlation_id: Option<String>,
    /// Publish it so many times, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// How long each may take, such as 500ms or 2s; default: the configuration's, else 5s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<Duration>,
    /// Put it into the envelope of AegisSDK 1.0
    #[arg(long)]
    pub(crate) envelope: bool,
    /// Print JSON: an object on a line for each event
    #[arg(long)]
    pub(crate) json: bool,
}

const EVENTS_HELP: &str = "\
Each line: when the stream took it, its number there, name, source, trace, id (- for what was not
said) and payload, as far as it fits. It looks on and handles nothing; what the stream does not
hold any more is not shown. It ends with Ctrl-C, after --count, or when nobody reads its output any more.

A pattern may have * for one word of a name and > for one or more at the end. --where compares a
field of the payload with a text: numbers, true, false and null are as in JSON, a dot goes one level
deeper, several must all hold.

Examples:
  aegis events
  aegis events 'orders.*' --since 5m --where customer.country=CH
  aegis events --all --count 1 --where id=7 --body full
  aegis events --json | jq -r 'select(.source==\"shop\").payload.id'";

/// `aegis events`.
#[derive(Debug, Args)]
#[command(after_help = EVENTS_HELP)]
pub(crate) struct Events {
    /// Which events, by their names, such as orders.created or 'orders.>'
    #[arg(default_value = ">")]
    pub(crate) pattern: String,
    /// From the oldest event that the stream holds; without a word, what is published from now on
    #[arg(long, group = "start")]
    pub(crate) all: bool,
    /// From a time on: 5m ago, or 2026-01-31T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since, group = "start")]
    pub(crate) since: Option<OffsetDateTime>,
    /// From this number in the stream on
    #[arg(long, value_name = "SEQUENCE", value_parser = clap::value_parser!(u64).range(1..), group = "start")]
    pub(crate) from: Option<u64>,
    /// End after so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Only what this service or program published
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Only with this field in the payload (may be repeated)
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = pair)]
    pub(crate) fields: Vec<(String, String)>,
    /// How much of the payload to show; in JSON it is whole
    #[arg(long, value_enum, default_value_t = Shown::Short)]
    pub(crate) body: Shown,
    /// Print JSON: an object on a line for each event
    #[arg(long)]
    pub(crate) json: bool,
}

/// How much of a payload is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shown {
    /// All of it, on one line
    Full,
    /// What fits on the line
    Short,
    /// Nothing
    None,
}

const DEAD_HELP: &str = "\
A dead letter is an event or a command that a handler gave up: after its last attempt, or at once if
no attempt can help. It keeps what was sent as it was, who gave it up, and why.

retry publishes an event again for the handler that gave it up, if that is there to take it. After
it was renamed, or its instance of a broadcast is gone, --for names who gets it: all instances of it.
A command goes back to its queue, under the id of its job, as with `aegis command retry`.

Exit codes: 1 there is no such dead letter (any more), what was sent is gone, or nobody is there to
take it; 2 it could not be asked; 64 the command line is wrong.

Examples:
  aegis dead list --handler billing__bill
  aegis dead show 7
  aegis dead retry 7 9
  aegis dead retry --all --handler billing__bill
  aegis dead retry --all --handler billing__bill --for billing.charge
  aegis dead drop --all --yes";

/// `aegis dead`.
#[derive(Debug, Args)]
#[command(after_help = DEAD_HELP)]
pub(crate) struct Dead {
    #[command(subcommand)]
    pub(crate) command: DeadCommand,
    /// Print JSON
    #[arg(long, global = true, display_order = 899)]
    pub(crate) json: bool,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// List them, oldest first
    List(DeadList),
    /// Show everything that is known of one
    Show(DeadShow),
    /// Send events and commands again to the handler that gave them up, and remove their dead letters
    Retry(DeadRetry),
    /// Remove dead letters for good
    Drop(DeadDrop),
}

/// `aegis dead list`.
#[derive(Debug, Args)]
pub(crate) struct DeadList {
    /// Only what this handler gave up
    #[arg(long, value_name = "SERVICE__HANDLER")]
    pub(crate) handler: Option<String>,
    /// How many, 1 to 100000
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
}

/// `aegis dead show`.
#[derive(Debug, Args)]
pub(crate) struct DeadShow {
    /// Its number, as `aegis dead list` shows it
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sequence: u64,
}

/// Which dead letters.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").args(["sequences", "all"]).required(true).multiple(true))]
pub(crate) struct DeadChoice {
    /// Their numbers, as `aegis dead list` shows them
    #[arg(
        value_name = "SEQUENCE",
        value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with = "all"
    )]
    pub(crate) sequences: Vec<u64>,
    /// All that are there now
    #[arg(long)]
    pub(crate) all: bool,
    /// Of all, only what this handler gave up
    #[arg(
        long,
        value_name = "SERVICE__HANDLER",
        requires = "all",
        conflicts_with = "sequences"
    )]
    pub(crate) handler: Option<String>,
}

/// `aegis dead retry`.
#[derive(Debug, Args)]
pub(crate) struct DeadRetry {
    #[command(flatten)]
    pub(crate) choice: DeadChoice,
    /// For this handler in place of the one that gave it up, such as billing.charge
    #[arg(long = "for", value_name = "SERVICE.HANDLER", value_parser = handler)]
    pub(crate) to: Option<(String, String)>,
}

/// `aegis dead drop`.
#[derive(Debug, Args)]
pub(crate) struct DeadDrop {
    #[command(flatten)]
    pub(crate) choice: DeadChoice,
    /// Yes, all of them
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `SERVICE.HANDLER`.
fn handler(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('.');
    let (service, handler) = parts.ok_or("it is SERVICE.HANDLER, such as billing.charge")?;
    let service = ServiceName::parse(service).map_err(|error| error.to_string())?;
    let handler = MethodName::parse(handler).map_err(|error| error.to_string())?;
    Ok((service.to_string(), handler.to_string()))
}

/// A time ago, or a moment.
fn since(text: &str) -> Result<OffsetDateTime, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return OffsetDateTime::now_utc()
            .checked_sub(ago.try_into().unwrap_or(time::Duration::MAX))
            .ok_or_else(|| "that is before all time".to_owned());
    }
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        "it is a time ago with its unit, such as 5m or 2h, or a moment such as \
         2026-01-31T09:00:00Z"
            .to_owned()
    })
}
