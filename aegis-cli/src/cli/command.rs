//! The words of `aegis command`.

use std::time::Duration;

use aegis::{JobState, Priority};
use clap::{Args, Subcommand};

use super::time;

const COMMAND_HELP: &str = "\
A command is work that waits in a queue until an instance of its service takes it. What becomes of it is
a job: it has an id, by which everybody finds it, for 24 h after its end.

States: QUEUED, RUNNING, RETRYING, and at the end SUCCEEDED, FAILED or CANCELLED.

Exit codes: 1 the job failed or was cancelled, there is no such job, or what is asked cannot be done
with it; 2 it could not be asked; 64 the command line is wrong, or nobody ever served such a command;
130 Ctrl-C: the job goes on.

Examples:
  aegis command send importer import '{\"url\":\"https://example.com\"}' --wait
  id=$(aegis command send importer import - --key load-7 --priority high < params.json)
  aegis command watch $id
  aegis command list --state failed
  aegis command retry $id";

/// `aegis command`.
#[derive(Debug, Args)]
#[command(after_help = COMMAND_HELP)]
pub(crate) struct Job {
    #[command(subcommand)]
    pub(crate) command: JobCommand,
    /// Print JSON; of what is followed an object on a line for each change
    #[arg(long, global = true, display_order = 899)]
    pub(crate) json: bool,
}

/// What to do with commands and their jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// Send a command and print the id of its job; with --wait follow it, and print its result
    Send(JobSend),
    /// Follow a job to its end, and print its result
    Watch(JobNamed),
    /// List jobs, newest first
    List(JobList),
    /// Show everything that is known of a job, and what can be done
    Show(JobNamed),
    /// End a job before its time
    Cancel(JobNamed),
    /// Bring a job back that has failed
    Retry(JobNamed),
}

const SEND_HELP: &str = "\
It ends when the queue holds the command; with --wait when the job has ended: with its result, or with
exit code 1. Ctrl-C ends the waiting, and not the job.

With --key this work is done once: who sends the command again with the same key gets the first job.";

/// `aegis command send`.
#[derive(Debug, Args)]
#[command(after_help = SEND_HELP)]
pub(crate) struct JobSend {
    /// The service's name
    pub(crate) service: String,
    /// The command's name
    pub(crate) name: String,
    /// The arguments by name, as a JSON object; `-` reads them from standard input
    #[arg(value_name = "JSON", default_value = "{}")]
    pub(crate) params: String,
    /// How urgent it is: low, normal, high or critical
    #[arg(long, value_name = "PRIORITY", default_value_t = Priority::Normal)]
    pub(crate) priority: Priority,
    /// The idempotency key: what names this piece of work
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// What it belongs to, as log lines and all that follows from it will say
    #[arg(long, value_name = "ID")]
    pub(crate) correlation_id: Option<String>,
    /// Begin so long after it was sent, such as 5m or 2h; 30 days at most
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) delay: Option<Duration>,
    /// Follow the job to its end, and print its result
    #[arg(long)]
    pub(crate) wait: bool,
    /// Send it also if nobody ever served such a command: it waits for the first who does
    #[arg(long)]
    pub(crate) unchecked: bool,
    /// How long the queue may take to hold it; default: the configuration's, else 5s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) within: Option<Duration>,
}

/// One job.
#[derive(Debug, Args)]
pub(crate) struct JobNamed {
    /// The id of the job, as `aegis command send` prints it
    pub(crate) id: String,
}

/// `aegis command list`.
#[derive(Debug, Args)]
pub(crate) struct JobList {
    /// Only those in this state: queued, running, retrying, succeeded, failed or cancelled
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<JobState>,
    /// Only those of this service
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Only those of this command
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// How many, 1 to 100000
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
}
