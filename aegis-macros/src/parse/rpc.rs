//! The options of `#[rpc(..)]` and `#[exclusive_rpc(..)]`.

use proc_macro2::TokenStream;

use super::args::{self, Kind, Rule};
use super::handler;
use super::signature::Side;
use super::value;
use crate::diag::Diag;
use crate::model::{Rpc, Runs, Text, Work};

const RPC: [Rule; 6] = [
    Rule::new("name", Kind::Text, "name = \"sum\""),
    Rule::new("timeout", Kind::Text, "timeout = \"2s\""),
    Rule::new("idempotent", Kind::Flag, "idempotent"),
    value::GUARD,
    Rule::new("concurrency", Kind::Number, "concurrency = 8"),
    Rule::new("queue", Kind::Number, "queue = 16"),
];

const RPC_OF_CLIENT: [Rule; 6] = [
    Rule::new("name", Kind::Text, "name = \"sum\""),
    Rule::new("timeout", Kind::Text, "timeout = \"2s\""),
    Rule::new("idempotent", Kind::Flag, "idempotent"),
    Rule::new("guard", Kind::Refused, GUARD_OF_SERVICE),
    Rule::new("concurrency", Kind::Refused, OF_SERVICE),
    Rule::new("queue", Kind::Refused, OF_SERVICE),
];

const OF_SERVICE: &str = "is a limit of the service: set it there, not here";
const GUARD_OF_SERVICE: &str = "stands in front of the method: set it at the service, not here";

/// Reads them: the name, if one was given, and the rest.
pub(super) fn rpc(
    runs: Runs,
    options: TokenStream,
    side: &Side<'_>,
    diag: &mut Diag,
) -> (Option<Text>, Work) {
    let rules = match side {
        Side::Service(_) => &RPC,
        Side::Client => &RPC_OF_CLIENT,
    };
    let owner = format!("#[{}]", runs.marker());
    let options = args::read(&owner, options, rules, diag);
    let rpc = Rpc {
        runs,
        timeout: value::duration(&options, "timeout", diag),
        idempotent: options.has("idempotent"),
        guard: value::guard(&options, diag),
        concurrency: handler::limit(&options, "concurrency", 1, diag),
        queue: handler::limit(&options, "queue", 0, diag),
    };
    (options.text("name"), Work::Rpc(rpc))
}
