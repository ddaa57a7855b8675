//! The words of `aegis leader` and `aegis failover`.

use std::time::Duration;

use aegis::Failover as Numbers;
use clap::{Args, ValueEnum};

/// `aegis leader`.
#[derive(Debug, Args)]
#[command(after_help = "\
A record says who leads, and is renewed again and again: one that is not renewed for longer than
its lease is of a leader that is gone. How long ago that was is by the clocks of server and
computer; where they seem to disagree, it is waited for one lease and judged by this clock alone.

Exit codes: 0 somebody leads, 1 nobody does, 2 it could not be asked, or nobody took over in time.

Examples:
  aegis leader ledger
  aegis leader ledger --json | jq -r '.leaders[0].instance'
  aegis leader ledger --step-down")]
pub(crate) struct Leader {
    /// The service's name
    pub(crate) service: String,
    /// Show this group only
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
    /// Follow who leads until Ctrl-C: a line for each change
    #[arg(long, conflicts_with = "step_down")]
    pub(crate) watch: bool,
    /// Ask the leader to let another instance lead, and wait for that one
    #[arg(long)]
    pub(crate) step_down: bool,
    /// Print JSON; with --watch an object on a line for each change
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is done to a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// SIGKILL: it crashes
    Kill,
    /// SIGSTOP for longer than the lease, then SIGCONT: it stands still and does not know
    Pause,
    /// SIGTERM: it ends in order
    Stop,
    /// It is asked to let another one lead
    StepDown,
}

/// `aegis failover`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without SERVICE: a counter of its own, every instance a process, on the server of --url or
AEGIS_NATS_URL if that answers, else on one of its own. Nothing is left running however it ends.

With SERVICE: calls --method with {} and does the fault to the process of whoever leads. It starts
none again: with kill and stop there are as many rounds as instances that somebody else starts.

A failover is over with the first answer of the new leader. The promises: after kill and pause
aggressive 0.8 s, balanced 1 s, conservative 3.5 s, ride-through 13 s; after stop and step-down
0.1 s, and no call fails. Always: nothing acknowledged is lost or done twice, epochs grow, and
nobody is answered by a leader of the past.

Exit codes: 0 every promise was kept, 1 one was broken, 2 it could not be measured, also since
this machine was too slow to judge.

Examples:
  aegis failover
  aegis failover --fault pause --preset aggressive --rounds 20
  aegis failover --preset 'lease=600ms margin=100ms renew=120ms' --json
  aegis failover ledger --method touch --pid ledger-1=4711 --pid ledger-2=4712 --fault pause")]
pub(crate) struct Failover {
    /// A service that runs already
    #[arg(requires = "method")]
    pub(crate) service: Option<String>,
    /// The exclusive method of SERVICE to call, with {}: it is called often, and again
    #[arg(long, requires = "service")]
    pub(crate) method: Option<String>,
    /// The process of an instance of SERVICE, on this computer (may be repeated)
    #[arg(long, value_name = "INSTANCE=PID", value_parser = process, requires = "service")]
    pub(crate) pid: Vec<(String, u32)>,
    /// The group of SERVICE
    #[arg(long, default_value = "main", requires = "service")]
    pub(crate) group: String,
    /// What is done to the leader
    #[arg(long, value_enum, default_value_t = Fault::Kill)]
    pub(crate) fault: Fault,
    /// How often, 1 to 200
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) rounds: u32,
    /// How many instances of the own service to start, 2 to 20
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=20))]
    pub(crate) instances: u16,
    /// A preset, or lease, margin and renew; of SERVICE, what it was given
    #[arg(long, value_name = "NAME", default_value = "balanced", value_parser = numbers)]
    pub(crate) preset: Numbers,
    /// Calls per second, 1 to 1000; a late answer holds up no other call
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rate: u32,
    /// How many clients, each with a connection, share the calls, 1 to 32
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(crate) clients: u32,
    /// Print JSON: one object, at the end
    #[arg(long)]
    pub(crate) json: bool,
}

/// One instance of the service of `aegis failover`, as a process of its own.
#[derive(Debug, Args)]
pub(crate) struct FailoverInstance {
    #[arg(long, env = "AEGIS_INSTANCE_ID")]
    pub(crate) id: String,
    #[arg(long)]
    pub(crate) prefix: String,
    #[arg(long)]
    pub(crate) own_server: bool,
    #[arg(long, env = "AEGIS_NATS_URL", hide_env_values = true)]
    pub(crate) server: String,
    #[arg(long, value_parser = numbers)]
    pub(crate) preset: Numbers,
}

impl Fault {
    /// Whether the leader gives its leadership up by itself.
    pub(crate) fn is_graceful(self) -> bool {
        matches!(self, Self::Stop | Self::StepDown)
    }

    /// How it is called, also in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Stop => "stop",
            Self::StepDown => "step-down",
        }
    }

    /// The longest failover that is promised.
    pub(crate) fn promise(self, numbers: &Numbers) -> Duration {
        const PRESETS: [(Numbers, u64); 4] = [
            (Numbers::aggressive(), 800),
            (Numbers::balanced(), 1000),
            (Numbers::conservative(), 3500),
            (Numbers::ride_through(), 13_000),
        ];
        if self.is_graceful() {
            return Duration::from_millis(100);
        }
        let mut presets = PRESETS.iter();
        match presets.find(|(preset, _)| preset == numbers) {
            Some((_, millis)) => Duration::from_millis(*millis),
            None => numbers.lease() + (numbers.lease() / 6).max(Duration::from_millis(200)),
        }
    }
}

fn numbers(text: &str) -> Result<Numbers, String> {
    text.parse()
        .map_err(|error: aegis::FailoverError| error.to_string())
}

fn process(text: &str) -> Result<(String, u32), String> {
    let pair = text.split_once('=');
    let pid = pair.and_then(|(id, pid)| Some((id.to_owned(), pid.parse().ok()?)));
    // 0 would be the group of this process, and 1 everybody's parent.
    pid.filter(|(_, pid)| *pid > 1)
        .ok_or_else(|| "it is an instance and its process, such as ledger-1=4711".to_owned())
}
