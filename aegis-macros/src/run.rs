//! The way of each macro through the phases: tokens in, tokens out, so that tests can call it.

use proc_macro2::{Span, TokenStream};

use crate::diag::Diag;
use crate::expand::Aegis;
use crate::{expand, fallback, parse, validate};

/// `#[aegis::service(..)]`.
pub(crate) fn service(args: TokenStream, item: &TokenStream, aegis: &Aegis) -> TokenStream {
    let mut diag = Diag::default();
    let Some(service) = parse::service(args, item.clone(), &mut diag) else {
        return fallback::item(item, diag);
    };
    validate::service(&service, &mut diag);
    if diag.is_clean() {
        expand::service(&service, aegis)
    } else {
        fallback::service(&service, aegis, diag)
    }
}

/// `#[aegis::client(..)]`.
pub(crate) fn client(args: TokenStream, item: &TokenStream, aegis: &Aegis) -> TokenStream {
    let mut diag = Diag::default();
    let Some(client) = parse::client(args, item.clone(), &mut diag) else {
        return fallback::item(item, diag);
    };
    validate::client(&client, &mut diag);
    if diag.is_clean() {
        expand::client(&client, aegis)
    } else {
        fallback::client(&client, aegis, diag)
    }
}

/// `#[aegis::main]`.
pub(crate) fn main(args: &TokenStream, item: &TokenStream, aegis: &Aegis) -> TokenStream {
    let mut diag = Diag::default();
    let Some(main) = parse::main(args, item.clone(), &mut diag) else {
        return fallback::item(item, diag);
    };
    if diag.is_clean() {
        expand::main(&main, aegis)
    } else {
        fallback::main(&main, diag)
    }
}

/// `#[derive(Failure)]`.
pub(crate) fn failure(item: TokenStream, aegis: &Aegis) -> TokenStream {
    let mut diag = Diag::default();
    let Some(failure) = parse::failure(item, &mut diag) else {
        return diag.into_tokens();
    };
    validate::failure(&failure, &mut diag);
    if diag.is_clean() {
        expand::failure(&failure, aegis)
    } else {
        fallback::failure(&failure, aegis, diag)
    }
}

/// `#[derive(Event)]`.
pub(crate) fn event(item: TokenStream, aegis: &Aegis) -> TokenStream {
    let mut diag = Diag::default();
    let Some(event) = parse::event(item, &mut diag) else {
        return diag.into_tokens();
    };
    validate::event(&event, &mut diag);
    if diag.is_clean() {
        expand::event(&event, aegis)
    } else {
        fallback::event(&event, aegis, diag)
    }
}

/// `#[derive(Events)]`.
pub(crate) fn events(item: TokenStream, aegis: &Aegis) -> TokenStream {
    let mut diag = Diag::default();
    let Some(choice) = parse::events(item, &mut diag) else {
        return diag.into_tokens();
    };
    if diag.is_clean() {
        expand::events(&choice, aegis)
    } else {
        fallback::events(&choice, aegis, diag)
    }
}

/// A marker that no `#[aegis::service(..)]` has taken away.
pub(crate) fn outside(marker: &str, item: &TokenStream) -> TokenStream {
    let mut diag = Diag::default();
    diag.at_span(
        Span::call_site(),
        format_args!(
            "`#[{marker}]` marks a method inside an `impl` block that has `#[aegis::service(..)]`: \
             put that attribute on the block"
        ),
    );
    fallback::item(item, diag)
}
