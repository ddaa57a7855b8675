//! The options of `#[command(..)]`.

use std::time::Duration;

use proc_macro2::TokenStream;

use super::args::{self, Kind, Rule};
use super::handler;
use super::redelivery::{self, Noun};
use super::signature::Side;
use super::value;
use crate::diag::Diag;
use crate::model::{Command, Text, Work};

const OWNER: &str = "#[command]";

const COMMAND: [Rule; 7] = [
    Rule::new("name", Kind::Text, "name = \"import\""),
    Rule::new("retries", Kind::Number, "retries = 3"),
    Rule::new("backoff", Kind::TextOrList, "backoff = \"1s\""),
    Rule::new("ack_wait", Kind::Text, "ack_wait = \"30s\""),
    Rule::new("timeout", Kind::Text, "timeout = \"5m\""),
    value::GUARD,
    Rule::new("concurrency", Kind::Number, "concurrency = 8"),
];

const COMMAND_OF_CLIENT: [Rule; 7] = [
    Rule::new("name", Kind::Text, "name = \"import\""),
    Rule::new("retries", Kind::Refused, OF_SERVICE),
    Rule::new("backoff", Kind::Refused, OF_SERVICE),
    Rule::new("ack_wait", Kind::Refused, OF_SERVICE),
    Rule::new("timeout", Kind::Refused, OF_SERVICE),
    Rule::new("guard", Kind::Refused, OF_SERVICE),
    Rule::new("concurrency", Kind::Refused, OF_SERVICE),
];

const OF_SERVICE: &str = "is up to the service that does the work: set it there, not here";

const NOUN: Noun = Noun {
    one: "a command",
    many: "commands",
};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const TIMEOUT_RULE: &str =
    "from `1ms` to `7d`: whatever takes longer is better split into several commands";

/// Reads them: the name, if one was given, and the rest.
pub(super) fn command(
    options: TokenStream,
    side: &Side<'_>,
    diag: &mut Diag,
) -> (Option<Text>, Work) {
    let rules = match side {
        Side::Service(_) => &COMMAND,
        Side::Client => &COMMAND_OF_CLIENT,
    };
    let options = args::read(OWNER, options, rules, diag);
    let command = Command {
        redelivery: redelivery::redelivery(&options, NOUN, diag),
        timeout: redelivery::timeout(&options, WEEK, TIMEOUT_RULE, diag),
        guard: value::guard(&options, diag),
        concurrency: handler::limit(&options, "concurrency", 1, diag),
    };
    (options.text("name"), Work::Command(command))
}
