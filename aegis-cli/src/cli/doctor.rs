//! The words of `aegis doctor`.

use std::time::Duration;

use clap::Args;

use super::time;

const MONITOR: &str = "\
The server's monitoring page, such as http://host:8222, which tells when it writes to its disk
[default: port 8222 of the server (that of clients and 4000), if that is on this computer]";

/// `aegis doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line: how it is (ok, note, warning, problem), what was looked at, and what was found; below it why
that matters, and what to do. Nothing is changed, unless --clean is said.

Exit code 0: no problem (there may be warnings); 1: a problem; 2: the server cannot be asked at all.

Examples:
  aegis doctor
  aegis doctor --monitor http://nats.example:8222
  aegis doctor --json | jq -r '.groups[].findings[] | select(.level==\"problem\").what'")]
pub(crate) struct Doctor {
    /// Print JSON: one object
    #[arg(long)]
    pub(crate) json: bool,
    /// Remove records of instances that are gone, each only if it is not renewed meanwhile
    #[arg(long)]
    pub(crate) clean: bool,
    #[arg(long, value_name = "URL", help = MONITOR)]
    pub(crate) monitor: Option<String>,
    /// How long one question may take
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time)]
    pub(crate) wait: Duration,
}
