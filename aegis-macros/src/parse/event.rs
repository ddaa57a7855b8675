//! Types of events: `#[derive(Event)]` on one, `#[derive(Events)]` on an enum of several.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Data, DeriveInput, Fields, Generics, Ident, Meta};

use super::args::{self, Kind, Rule};
use super::value;
use crate::diag::Diag;
use crate::grammar;
use crate::model::{Choice, Event, Text, Variant};

const EVENT: &str = "#[event]";
const EVENTS: &str = "#[events]";

const VERSION: [Rule; 1] = [Rule::new("version", Kind::Text, "version = \"1.1\"")];
const OTHER: [Rule; 1] = [Rule::new("other", Kind::Flag, "other")];

/// Reads a type of event; `None` when the tokens are no type.
pub(crate) fn event(item: TokenStream, diag: &mut Diag) -> Option<Event> {
    let input = input(item, diag)?;
    let before = diag.count();
    concrete(
        &input.generics,
        "an event",
        "its name stands for one body",
        diag,
    );
    let fields: Vec<&Fields> = match &input.data {
        Data::Struct(data) => vec![&data.fields],
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| &variant.fields)
            .collect(),
        Data::Union(_) => {
            let text = "an event is a struct or an enum, not a union";
            diag.at(&input.ident, text);
            Vec::new()
        }
    };
    let usable = diag.count() == before;
    let variants = match &input.data {
        Data::Enum(data) => data.variants.iter().map(|variant| &variant.attrs).collect(),
        Data::Struct(_) | Data::Union(_) => Vec::new(),
    };
    let fields = fields.iter().copied().flatten().map(|field| &field.attrs);
    for attribute in variants
        .into_iter()
        .chain(fields)
        .flat_map(|inside| value::select(inside, &["event"]))
    {
        let way = "put it above the type";
        diag.at(
            attribute,
            format_args!("`{EVENT}` names the whole type: {way}"),
        );
    }
    let (name, version) = said(&input, diag);
    Some(Event {
        ident: input.ident,
        name,
        version,
        usable,
    })
}

/// What `#[event(..)]` says: the name and the version.
fn said(input: &DeriveInput, diag: &mut Diag) -> (Text, Text) {
    let suggestion = suggestion(&input.ident);
    let placeholder = |value: &str| Text {
        value: value.to_owned(),
        span: Span::call_site(),
    };
    let example = format!("#[event(\"{suggestion}\")]");
    let Some(attribute) = once(&input.attrs, "event", EVENT, diag) else {
        diag.at(
            &input.ident,
            format_args!("an event needs a name: add `{example}`"),
        );
        return (placeholder(&suggestion), placeholder("1.0"));
    };
    let tokens = args::inside(&attribute, diag);
    let (name, options) = args::text_first(EVENT, "name", &example, tokens, diag);
    if name.is_none() && !matches!(attribute.meta, Meta::NameValue(_)) {
        let way = format!("write it first, as in `{example}`");
        diag.at(
            attribute.path(),
            format_args!("an event needs a name: {way}"),
        );
    }
    let options = args::read(EVENT, options, &VERSION, diag);
    (
        name.unwrap_or_else(|| placeholder(&suggestion)),
        options
            .text("version")
            .unwrap_or_else(|| placeholder("1.0")),
    )
}

/// `OrderCreated` as `order.created`.
fn suggestion(ident: &Ident) -> String {
    let words = value::screaming(&value::plain(ident)).to_lowercase();
    let name = words.replacen('_', ".", 1);
    if grammar::event(&name).is_ok() {
        name
    } else {
        "domain.type".to_owned()
    }
}

/// Reads a choice of events; `None` when the tokens are no type.
pub(crate) fn events(item: TokenStream, diag: &mut Diag) -> Option<Choice> {
    let input = input(item, diag)?;
    let before = diag.count();
    concrete(
        &input.generics,
        "a choice of events",
        "what arrives has a type",
        diag,
    );
    for attribute in value::select(&input.attrs, &["event"]) {
        let way = "derive `aegis::Event` or `aegis::Events`";
        diag.at(
            attribute,
            format_args!("an enum is either one event or a choice of several: {way}"),
        );
    }
    for attribute in value::select(&input.attrs, &["events"]) {
        let way = "put it on a variant";
        diag.at(
            attribute,
            format_args!("`{EVENTS}` says what one variant takes: {way}"),
        );
    }
    let mut choice = Choice {
        variants: Vec::new(),
        other: None,
        usable: diag.count() == before,
        ident: input.ident,
    };
    let Data::Enum(data) = input.data else {
        let text = "a choice of events is an enum, each variant of which holds one of them";
        diag.at(&choice.ident, text);
        choice.usable = false;
        return Some(choice);
    };
    if data.variants.is_empty() {
        diag.at(
            &choice.ident,
            "a choice of events needs a variant: each one holds an event",
        );
    }
    for variant in data.variants {
        choice.add(variant, diag);
    }
    Some(choice)
}

impl Choice {
    fn add(&mut self, variant: syn::Variant, diag: &mut Diag) {
        let other = is_other(&variant, diag);
        let ident = variant.ident;
        let held = match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed.first(),
            _ => None,
        };
        let Some(held) = held else {
            let example = if other { "AnyEvent" } else { "OrderCreated" };
            let way = format!("write `{ident}({example})`, with the type of your event");
            let way = if other {
                format!("write `{ident}(AnyEvent)`")
            } else {
                way
            };
            diag.at(
                &ident,
                format_args!("`{ident}` must hold one event and nothing else: {way}"),
            );
            return;
        };
        let ty = held.ty.to_token_stream();
        if !other {
            self.variants.push(Variant { ident, ty });
        } else if let Some(first) = &self.other {
            let first = &first.ident;
            diag.at(
                &ident,
                format_args!("`{first}` takes whatever else comes: keep one of the two"),
            );
        } else {
            self.other = Some(Variant { ident, ty });
        }
    }
}

/// Whether the variant takes whatever else comes.
fn is_other(variant: &syn::Variant, diag: &mut Diag) -> bool {
    for field in &variant.fields {
        for attribute in value::select(&field.attrs, &["events"]) {
            let way = "put it on the variant";
            diag.at(
                attribute,
                format_args!("`{EVENTS}` says nothing about a field: {way}"),
            );
        }
    }
    let Some(attribute) = once(&variant.attrs, "events", EVENTS, diag) else {
        return false;
    };
    let before = diag.count();
    let tokens = args::inside(&attribute, diag);
    let options = args::read(EVENTS, tokens, &OTHER, diag);
    if !options.has("other") && diag.count() == before {
        let way = "write `#[events(other)]` for the variant that takes whatever else comes";
        diag.at(attribute, format_args!("`{EVENTS}` says nothing: {way}"));
    }
    options.has("other")
}

fn input(item: TokenStream, diag: &mut Diag) -> Option<DeriveInput> {
    match syn::parse2(item) {
        Ok(input) => Some(input),
        Err(error) => {
            diag.push(error);
            None
        }
    }
}

fn concrete(generics: &Generics, what: &str, why: &str, diag: &mut Diag) {
    let params = &generics.params;
    if generics.lifetimes().next().is_some() {
        let way = "write `String` for `&str`, `Vec<T>` for `&[T]`";
        diag.at(params, format_args!("{what} owns what it says: {way}"));
    } else if !params.is_empty() {
        let way = "so name the types here";
        diag.at(
            params,
            format_args!("{what} cannot be generic: {why}, {way}"),
        );
    }
}

/// The attribute of this name; a second one is a mistake.
fn once(attributes: &[Attribute], name: &str, owner: &str, diag: &mut Diag) -> Option<Attribute> {
    let mut all = value::select(attributes, &[name]).into_iter();
    let first = all.next();
    for attribute in all {
        diag.at(
            attribute,
            format_args!("`{owner}` is given twice: keep one"),
        );
    }
    first
}
