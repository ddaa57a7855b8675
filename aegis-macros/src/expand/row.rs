//! One row of the handler table: a static that the linker collects.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;

use super::{Aegis, at, option, work};
use crate::model::{Argument, Handler, Service};

/// The row of a handler.
pub(super) fn row(handler: &Handler, service: &Service, aegis: &Aegis) -> TokenStream {
    let Handler {
        method,
        name,
        docs,
        cfgs,
        ..
    } = handler;
    let ty = &service.ty;
    let span = at(method.span());
    let path = aegis.path(span);
    let (name, function) = (&name.value, method.unraw().to_string());
    // With the place of the macro it would be the line of the attribute.
    let line = quote_spanned!(method.span()=> ::core::line!());
    let kind = work::kind(handler, service, aegis);
    let signature = signature(&handler.arguments, &handler.output);
    quote_spanned! {span=>
        #(#cfgs)*
        #path::__private::inventory::submit! {
            #path::HandlerDescriptor {
                service: ::core::any::TypeId::of::<#ty>,
                name: #name,
                docs: #docs,
                signature: #signature,
                source: #path::Source { function: #function, file: ::core::file!(), line: #line },
                kind: #kind,
            }
        }
    }
}

/// What a caller has to know, as it stands in the source: `(a: i64, b: i64) -> Result<i64, Failure>`.
pub(super) fn signature(arguments: &[Argument], output: &TokenStream) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Owned { ident, ty } => Some(format!("{}: {}", ident.unraw(), tidy(ty))),
            Argument::Borrowed { .. } => None,
        })
        .collect();
    format!("({}) -> {}", arguments.join(", "), tidy(output))
}

/// A type without the spaces that tokens get between them.
pub(super) fn tidy(ty: &TokenStream) -> String {
    let mut text = ty.to_string().replace('\n', " ");
    for (spaced, tight) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" ;", ";"),
        ("& ", "&"),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

pub(super) fn limit(limit: Option<usize>) -> TokenStream {
    option(limit.map(|limit| Literal::usize_unsuffixed(limit).into_token_stream()))
}
