//! The words of `aegis permissions`.

use clap::Args;

/// `aegis permissions`.
#[derive(Debug, Args)]
#[command(after_help = "\
It prints a block for a user in the configuration of a nats-server, with the reason of each line;
with --json what stands in the JWT of a user. Every option may be repeated.

Examples:
  aegis permissions --service orders --calls pricing.quote --publishes orders.created
  ./orders --manifest | aegis permissions --manifest - --inbox-prefix _INBOX.orders
  aegis permissions --calls orders --sends importer.import --inbox-prefix _INBOX.desk --json
  aegis permissions --tool --bucket users:ro
  aegis permissions --doctor --inbox-prefix _INBOX.doctor")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Permitted {
    /// A service that runs: its newest record in the registry says what it serves
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Vec<String>,
    /// What a program serves, from a file or `-`: as `App::manifest` prints it, or a record of the registry
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Vec<String>,
    /// It calls this method, or all methods of a service
    #[arg(long, value_name = "SERVICE[.METHOD]")]
    pub(crate) calls: Vec<String>,
    /// It publishes these events, such as orders.created or 'orders.*'
    #[arg(long, value_name = "EVENTS")]
    pub(crate) publishes: Vec<String>,
    /// It sends this command, or all commands of a service
    #[arg(long, value_name = "SERVICE[.COMMAND]")]
    pub(crate) sends: Vec<String>,
    /// It reads and writes this bucket; with :ro it only reads, with :rm it removes it as well. An inbox is `inbox_..`, a checkpoint `checkpoint_..`
    #[arg(long, value_name = "BUCKET[:ro|:rm]")]
    pub(crate) bucket: Vec<String>,
    /// It looks at these events without handling them, such as 'orders.*'
    #[arg(long, value_name = "EVENTS")]
    pub(crate) observes: Vec<String>,
    /// It finds out who is there, or chooses instances for its calls
    #[arg(long)]
    pub(crate) discovers: bool,
    /// It is the command-line tool: services, leader, events, command, dead, kv ls
    #[arg(long)]
    pub(crate) tool: bool,
    /// It runs `aegis doctor`; with --clean also `--bucket service_registry`
    #[arg(long)]
    pub(crate) doctor: bool,
    /// Its `subject_prefix` [default: that of the manifest or the configuration]
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
    /// Its `nats.inbox_prefix` [default: that of the manifest or the configuration]
    #[arg(long, value_name = "PREFIX")]
    pub(crate) inbox_prefix: Option<String>,
    /// Its `nats.micro_prefix` [default: that of the manifest or the configuration]
    #[arg(long, value_name = "PREFIX")]
    pub(crate) micro_prefix: Option<String>,
    /// Print JSON: the permissions in the JWT of a user
    #[arg(long)]
    pub(crate) json: bool,
}

impl Permitted {
    /// Nothing is said that needs a permission.
    pub(crate) fn does_nothing(&self) -> bool {
        let lists = [
            &self.service,
            &self.manifest,
            &self.calls,
            &self.publishes,
            &self.sends,
            &self.bucket,
            &self.observes,
        ];
        let flags = [self.discovers, self.tool, self.doctor];
        lists.iter().all(|list| list.is_empty()) && !flags.contains(&true)
    }
}
