//! Methods with a marker: handlers and hooks.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, FnArg, Ident, Meta, Path, ReturnType, Signature, Token, Type};

use super::args::{self, Args, Kind, Rule};
use super::signature::{self, Side};
use super::value;
use crate::diag::Diag;
use crate::model::{Handler, Hook, Stage, Text};

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
    /// `#[rpc]`
    Rpc,
    /// `#[on_start]`, `#[on_stop]` and `#[health]`
    Hook(Stage),
}

impl Marker {
    const ALL: [Self; 4] = [
        Self::Rpc,
        Self::Hook(Stage::Start),
        Self::Hook(Stage::Stop),
        Self::Hook(Stage::Health),
    ];

    /// As it is written.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Hook(stage) => stage.marker(),
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let last = &path.segments.last()?.ident;
        Self::ALL.into_iter().find(|marker| last == marker.name())
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
    attributes: &[Attribute],
    signature: &Signature,
    options: TokenStream,
    side: &Side<'_>,
    diag: &mut Diag,
) -> Handler {
    let rules = match side {
        Side::Service(_) => &RPC,
        Side::Client => &RPC_OF_CLIENT,
    };
    let options = args::read("#[rpc]", options, rules, diag);
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
        concurrency: limit(&options, "concurrency", 1, diag),
        queue: limit(&options, "queue", 0, diag),
        usable,
        generic: !signature.generics.params.is_empty(),
    }
}

fn wire_name(options: &Args, method: &Ident) -> Text {
    let own = || Text {
        value: value::plain(method),
        span: method.span(),
    };
    options.text("name").unwrap_or_else(own)
}

fn limit(options: &Args, key: &str, least: usize, diag: &mut Diag) -> Option<usize> {
    value::number(
        options,
        key,
        (least, usize::MAX),
        format_args!("{least} or more"),
        diag,
    )
}

/// A method that runs at a stage of the service's life.
pub(super) fn hook(
    stage: Stage,
    attribute: &Attribute,
    attributes: &[Attribute],
    signature: &Signature,
    diag: &mut Diag,
) -> Hook {
    let marker = format!("#[{}]", stage.marker());
    let options = args::inside(attribute, diag);
    args::refuse(&marker, &options, diag);
    signature::head(signature, diag);
    signature::receiver(signature, diag);
    ending(stage, signature, diag);
    Hook {
        stage,
        method: signature.ident.clone(),
        context: context(&marker, signature, diag),
        output: match &signature.output {
            ReturnType::Type(_, ty) => ty.span(),
            ReturnType::Default => signature.ident.span(),
        },
        cfgs: value::select(attributes, &["cfg"]),
    }
}

fn ending(stage: Stage, signature: &Signature, diag: &mut Diag) {
    let name = &signature.ident;
    match (stage, &signature.output) {
        (Stage::Start, ReturnType::Default) => {
            let way = "add the return type `-> Result<(), Failure>`";
            diag.at(
                name,
                format_args!("`{name}` must say whether the service may start: {way}"),
            );
        }
        (Stage::Health, ReturnType::Default) => {
            let way = "add the return type `-> Health`";
            diag.at(
                name,
                format_args!("`{name}` must say how the service is: {way}"),
            );
        }
        (Stage::Stop, ReturnType::Type(_, ty)) if !is_unit(ty) => {
            let way = "log what went wrong and remove the return type";
            diag.at(
                ty,
                format_args!("nobody is left to hear the result of `{name}`: {way}"),
            );
        }
        _ => {}
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(signature::bare(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// The one argument a hook may have; the compiler checks that it is the context.
fn context(marker: &str, signature: &Signature, diag: &mut Diag) -> Option<Span> {
    let mut found = None;
    for input in &signature.inputs {
        let FnArg::Typed(input) = input else { continue };
        let shared = matches!(
            signature::bare(&input.ty),
            Type::Reference(reference) if reference.mutability.is_none()
        );
        if !shared || found.is_some() {
            let text = format!("`{marker}` hands over `&Context` and nothing else: remove this");
            diag.at(input.to_token_stream(), text);
        } else {
            found = Some(input.ty.span());
        }
    }
    found
}
