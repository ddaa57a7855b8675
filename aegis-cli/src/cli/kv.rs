//! The words of `aegis kv`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::time;

const HELP: &str = "\
Keys are any texts; in lines for people control characters in them are escaped, in JSON never.
Buckets have the prefix of the configuration (AEGIS_SUBJECT_PREFIX) on the server, as in services.
Values are bytes. In JSON they are \"text\", or \"base64\" of what is no text; and \"value\" besides if
the text is itself JSON, as that of typed buckets is.

Exit codes: 1 no such key or bucket, 2 it could not be asked, 3 conflict (nothing was written),
64 the command line is wrong.";

const PUT_HELP: &str = "\
It prints the new revision. The bytes are stored as they are. Typed buckets of services hold JSON: a
text there is '\"Ann\"', with its quotes.

Examples:
  aegis kv put users user:1 '{\"name\":\"Ann\"}'
  aegis kv put images logo - < logo.png
  aegis kv put locks job-7 me --create --ttl 30s
  aegis kv put users user:1 '{\"name\":\"Anna\"}' --revision 7";

/// `aegis kv`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Kv {
    #[command(subcommand)]
    pub(crate) command: KvCommand,
    /// Print JSON
    #[arg(long, global = true, display_order = 899)]
    pub(crate) json: bool,
}

/// What to do with a bucket.
#[derive(Debug, Subcommand)]
pub(crate) enum KvCommand {
    /// List the buckets, or the keys of one
    Ls(KvLs),
    /// Print the value of a key, byte for byte
    Get(KvGet),
    /// Write a value, and print its revision
    Put(KvPut),
    /// Remove the value of a key
    Del(KvDel),
    /// Follow what changes, until Ctrl-C
    Watch(KvWatch),
    /// Print what is kept of a key, oldest first
    History(KvHistory),
}

/// `aegis kv ls`.
#[derive(Debug, Args)]
pub(crate) struct KvLs {
    /// The bucket whose keys to list; without one, the buckets
    pub(crate) bucket: Option<String>,
    /// Only the keys that start so
    pub(crate) prefix: Option<String>,
}

/// `aegis kv get`.
#[derive(Debug, Args)]
#[command(after_help = "\
A terminal gets text only. For other bytes: aegis kv get images logo > logo.png")]
pub(crate) struct KvGet {
    /// The bucket's name
    pub(crate) bucket: String,
    /// The key; any text
    pub(crate) key: String,
}

/// `aegis kv put`.
#[derive(Debug, Args)]
#[command(after_help = PUT_HELP)]
pub(crate) struct KvPut {
    /// The bucket's name
    pub(crate) bucket: String,
    /// The key; any text
    pub(crate) key: String,
    /// The value; `-` reads it from standard input
    #[arg(allow_negative_numbers = true)]
    pub(crate) value: String,
    /// How long it lives, such as 5m; in whole seconds, at least 1s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) ttl: Option<Duration>,
    /// Only if the key has no value
    #[arg(long, conflicts_with = "revision")]
    pub(crate) create: bool,
    /// Only if this is its newest revision
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) revision: Option<u64>,
    /// Make the bucket first, with the usual settings, if it is missing
    #[arg(long)]
    pub(crate) make_bucket: bool,
}

/// `aegis kv del`.
#[derive(Debug, Args)]
#[command(after_help = "\
A key without a value is exit code 1, and nothing is written. With --revision the server decides: 3.")]
pub(crate) struct KvDel {
    /// The bucket's name
    pub(crate) bucket: String,
    /// The key; any text
    pub(crate) key: String,
    /// Only if this is its newest revision
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) revision: Option<u64>,
    /// Remove its history as well
    #[arg(long)]
    pub(crate) purge: bool,
}

/// `aegis kv watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
First comes what is there, then 'live', then what changes: put, deleted, purged, expired. 'stale' and
'heard' tell of the server; 'reset' says to forget what was told, because the bucket was made anew.")]
pub(crate) struct KvWatch {
    /// The bucket's name
    pub(crate) bucket: String,
    /// This key only
    pub(crate) key: Option<String>,
    /// The keys that start so
    #[arg(long, value_name = "TEXT", conflicts_with = "key")]
    pub(crate) prefix: Option<String>,
}

/// `aegis kv history`.
#[derive(Debug, Args)]
pub(crate) struct KvHistory {
    /// The bucket's name
    pub(crate) bucket: String,
    /// The key; any text
    pub(crate) key: String,
}
