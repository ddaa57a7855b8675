//! Types that travel: `#[derive(Failure)]` on an enum or a struct.

use proc_macro2::TokenStream;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, Ident};

use super::args::{self, Kind, Rule};
use super::value;
use crate::diag::Diag;
use crate::model::{Case, Failure, Text};

const OWNER: &str = "#[failure]";

const FAILURE: [Rule; 3] = [
    Rule::new("code", Kind::Text, "code = \"ORDER_NOT_FOUND\""),
    Rule::new("retryable", Kind::Flag, "retryable"),
    Rule::new("status", Kind::Number, "status = 404"),
];

/// Reads the type; `None` when the tokens are no type.
pub(crate) fn failure(item: TokenStream, diag: &mut Diag) -> Option<Failure> {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => {
            diag.push(error);
            return None;
        }
    };
    let before = diag.count();
    if !input.generics.params.is_empty() {
        let way = "both ends must know it, so name the types here";
        diag.at(
            &input.generics.params,
            format_args!("a failure cannot be generic: {way}"),
        );
    }
    let shape = match &input.data {
        Data::Enum(data) if data.variants.is_empty() => {
            diag.at(
                &input.ident,
                "a failure needs a variant: each one is a way to fail",
            );
            Vec::new()
        }
        Data::Union(_) => {
            diag.at(
                &input.ident,
                "a failure is an enum or a struct, not a union",
            );
            Vec::new()
        }
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| &variant.fields)
            .collect(),
        Data::Struct(data) => vec![&data.fields],
    };
    let usable = diag.count() == before;
    for fields in shape {
        on_fields(fields, diag);
    }
    let cases = match &input.data {
        Data::Enum(data) => variants(&input.attrs, data, diag),
        Data::Struct(_) => vec![case(None, &input.ident, &input.attrs, diag)],
        Data::Union(_) => Vec::new(),
    };
    Some(Failure {
        ident: input.ident,
        cases,
        usable,
    })
}

fn variants(attributes: &[Attribute], data: &DataEnum, diag: &mut Diag) -> Vec<Case> {
    for attribute in value::select(attributes, &["failure"]) {
        let way = "put it on a variant";
        diag.at(
            attribute,
            format_args!("`{OWNER}` says how one variant travels: {way}"),
        );
    }
    let cases = data.variants.iter();
    cases
        .map(|variant| case(Some(&variant.ident), &variant.ident, &variant.attrs, diag))
        .collect()
}

fn on_fields(fields: &Fields, diag: &mut Diag) {
    for field in fields {
        for attribute in value::select(&field.attrs, &["failure"]) {
            let way = "put it on the variant or the struct";
            diag.at(
                attribute,
                format_args!("`{OWNER}` says nothing about a field: {way}"),
            );
        }
    }
}

fn case(variant: Option<&Ident>, name: &Ident, attributes: &[Attribute], diag: &mut Diag) -> Case {
    let mut tokens = TokenStream::new();
    for (at, attribute) in value::select(attributes, &["failure"]).iter().enumerate() {
        if at > 0 {
            diag.at(
                attribute,
                format_args!("`{OWNER}` is given twice: keep one"),
            );
        } else {
            tokens = args::inside(attribute, diag);
        }
    }
    let options = args::read(OWNER, tokens, &FAILURE, diag);
    let default = || Text {
        value: value::screaming(&value::plain(name)),
        span: name.span(),
    };
    Case {
        variant: variant.cloned(),
        code: options.text("code").unwrap_or_else(default),
        retryable: options.has("retryable"),
        status: value::number(&options, "status", (400, 599), "from 400 to 599", diag),
    }
}
