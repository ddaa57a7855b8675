//! Methods with a marker, and those of them that are called over the wire.

use proc_macro2::TokenStream;
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, Meta, Path, Signature, Token};

use super::args::{self, Args, Kind, Rule};
use super::signature::{self, Side};
use super::value;
use crate::diag::Diag;
use crate::model::{Handler, Runs, Stage, Subscription, Text};

const RPC: [Rule; 5] = [
    Rule::new("name", Kind::Text, "name = \"sum\""),
    Rule::new("timeout", Kind::Text, "timeout = \"2s\""),
    Rule::new("idempotent", Kind::Flag, "idempotent"),
    Rule::new("concurrency", Kind::Number, "concurrency = 8"),
    Rule::new("queue", Kind::Number, "queue = 16"),
];

const RPC_OF_CLIENT: [Rule; 5] = [
    Rule::new("name", Kind::Text, "name = \"sum\""),
    Rule::new("timeout", Kind::Text, "timeout = \"2s\""),
    Rule::new("idempotent", Kind::Flag, "idempotent"),
    Rule::new(
        "concurrency",
        Kind::Refused,
        "is a limit of the service: set it there, not here",
    ),
    Rule::new(
        "queue",
        Kind::Refused,
        "is a limit of the service: set it there, not here",
    ),
];

/// What a marker makes of a method.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// `#[rpc]` and `#[exclusive_rpc]`
    Rpc(Runs),
    /// `#[subscribe]`
    Subscribe,
    /// `#[on_start]`, `#[health]` and the like
    Hook(Stage),
}

impl Marker {
    /// As it is written.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rpc(runs) => runs.marker(),
            Self::Subscribe => Subscription::MARKER,
            Self::Hook(stage) => stage.marker(),
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let last = &path.segments.last()?.ident;
        let handlers = Runs::ALL.into_iter().map(Self::Rpc);
        let hooks = Stage::ALL.into_iter().map(Self::Hook);
        let mut markers = handlers.chain([Self::Subscribe]).chain(hooks);
        markers.find(|marker| last == marker.name())
    }
}

/// Takes the markers away from a method; of several the first counts.
pub(super) fn take_marker(
    attributes: &mut Vec<Attribute>,
    diag: &mut Diag,
) -> Option<(Marker, Attribute)> {
    let mut taken: Option<(Marker, Attribute)> = None;
    for attribute in std::mem::take(attributes) {
        let Some(marker) = Marker::of(attribute.path()) else {
            conditional(&attribute, diag);
            attributes.push(attribute);
            continue;
        };
        match &taken {
            None => taken = Some((marker, attribute)),
            Some((first, _)) if *first == marker => {
                let name = marker.name();
                diag.at(
                    &attribute,
                    format_args!("`#[{name}]` is given twice: keep one"),
                );
            }
            Some((first, _)) => {
                let (name, first) = (marker.name(), first.name());
                let way = "make a method of its own for each";
                diag.at(
                    &attribute,
                    format_args!("a method is either `#[{first}]` or `#[{name}]`: {way}"),
                );
            }
        }
    }
    taken
}

/// A marker inside `cfg_attr` would be seen too late.
fn conditional(attribute: &Attribute, diag: &mut Diag) {
    if !attribute.path().is_ident("cfg_attr") {
        return;
    }
    let inner = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let marked = inner
        .iter()
        .flatten()
        .skip(1)
        .find_map(|meta| Marker::of(meta.path()));
    if let Some(marker) = marked {
        let way = "put `#[cfg(..)]` on the whole method";
        diag.at(
            attribute,
            format_args!("`#[{}]` cannot stand in a `cfg_attr`: {way}", marker.name()),
        );
    }
}

/// A method that is called over the wire.
pub(super) fn handler(
    runs: Runs,
    options: TokenStream,
    attributes: &[Attribute],
    signature: &Signature,
    side: &Side<'_>,
    diag: &mut Diag,
) -> Handler {
    let rules = match side {
        Side::Service(_) => &RPC,
        Side::Client => &RPC_OF_CLIENT,
    };
    let owner = format!("#[{}]", runs.marker());
    let options = args::read(&owner, options, rules, diag);
    let before = diag.count();
    let (arguments, output) = signature::read(signature, side, diag);
    let usable = diag.count() == before;
    Handler {
        name: wire_name(&options, &signature.ident),
        method: signature.ident.clone(),
        docs: value::docs(attributes),
        cfgs: value::select(attributes, &["cfg"]),
        shown: value::select(attributes, &["doc", "deprecated"]),
        arguments,
        output,
        timeout: value::duration(&options, "timeout", diag),
        idempotent: options.has("idempotent"),
        runs,
        concurrency: limit(&options, "concurrency", 1, diag),
        queue: limit(&options, "queue", 0, diag),
        usable,
        generic: !signature.generics.params.is_empty(),
    }
}

/// The name that was given, or the method's.
pub(super) fn wire_name(options: &Args, method: &Ident) -> Text {
    let own = || Text {
        value: value::plain(method),
        span: method.span(),
    };
    options.text("name").unwrap_or_else(own)
}

/// A number of things at once.
pub(super) fn limit(options: &Args, key: &str, least: usize, diag: &mut Diag) -> Option<usize> {
    value::number(
        options,
        key,
        (least, usize::MAX),
        format_args!("{least} or more"),
        diag,
    )
}
