//! Methods with a marker, and those of them that a client can have.

use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, Meta, Path, Signature, Token};

use super::args::Args;
use super::signature::{self, Side};
use super::value;
use crate::diag::Diag;
use crate::model::{Command, Handler, Runs, Stage, Subscription, Text, Work};

/// What a marker makes of a method.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// `#[rpc]` and `#[exclusive_rpc]`
    Rpc(Runs),
    /// `#[command]`
    Command,
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
            Self::Command => Command::MARKER,
            Self::Subscribe => Subscription::MARKER,
            Self::Hook(stage) => stage.marker(),
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let last = &path.segments.last()?.ident;
        let handlers = Runs::ALL.into_iter().map(Self::Rpc);
        let hooks = Stage::ALL.into_iter().map(Self::Hook);
        let mut markers = handlers
            .chain([Self::Command, Self::Subscribe])
            .chain(hooks);
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

/// A method that a client can have: under this name, to do this work.
pub(super) fn handler(
    (name, work): (Option<Text>, Work),
    attributes: &[Attribute],
    signature: &Signature,
    side: &Side<'_>,
    diag: &mut Diag,
) -> Handler {
    let before = diag.count();
    let (arguments, output) = signature::read(signature, side, diag);
    let usable = diag.count() == before;
    Handler {
        name: name.unwrap_or_else(|| own_name(&signature.ident)),
        method: signature.ident.clone(),
        docs: value::docs(attributes),
        cfgs: value::select(attributes, &["cfg"]),
        shown: value::select(attributes, &["doc", "deprecated"]),
        arguments,
        output,
        work,
        usable,
        generic: !signature.generics.params.is_empty(),
    }
}

/// The name of a method that was given no other.
pub(super) fn own_name(method: &Ident) -> Text {
    Text {
        value: value::plain(method),
        span: method.span(),
    }
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
