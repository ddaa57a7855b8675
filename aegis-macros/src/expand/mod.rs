//! `model` to tokens. Cannot fail; what it writes is data and one call, with absolute paths.
//!
//! `service` writes the trait, `hook` and `leadership` what is in it, `row` and `subscribe` one line
//! of the handler table, `work` what stands in `row` for calls and commands, `client` the calling
//! side, `message` a failure, `event` a type of event and a choice of several, `main` the entry of a
//! program.

mod client;
mod event;
mod hook;
mod leadership;
mod main;
mod message;
mod row;
mod service;
mod subscribe;
mod work;

use std::time::Duration;

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;

use crate::model::{Handler, Redelivery};

pub(crate) use client::{Face, client, face};
pub(crate) use event::{empty_event, empty_events, event, events};
pub(crate) use main::main;
pub(crate) use message::{empty_failure, failure};
pub(crate) use service::{borrows, empty_service, service};

/// The name under which the user's crate knows aegis.
pub(crate) struct Aegis {
    name: String,
}

impl Aegis {
    /// A known name.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }

    /// The name from the user's `Cargo.toml`.
    pub(crate) fn find() -> Self {
        match crate_name("aegis") {
            Ok(FoundCrate::Name(name)) => Self::named(&name),
            Ok(FoundCrate::Itself) | Err(_) => Self::named("aegis"),
        }
    }

    /// The path, all of it at one place.
    fn path(&self, span: Span) -> TokenStream {
        let name = Ident::new(&self.name, span);
        quote_spanned!(span=> ::#name)
    }
}

/// Points at the user's token, but stays code of the macro, for lints and for names.
fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// The texts of a list, such as `&["a", "b"]`.
fn fields(handler: &Handler) -> TokenStream {
    let names = handler.owned().map(|(ident, _)| ident.unraw().to_string());
    quote!(&[#(#names),*])
}

fn subject(service: &str, handler: &Handler) -> String {
    format!("rpc.{service}.{}", handler.name.value)
}

fn option(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

fn timeout(timeout: Option<Duration>) -> TokenStream {
    option(timeout.map(duration))
}

fn duration(duration: Duration) -> TokenStream {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    quote!(::core::time::Duration::from_nanos(#nanos))
}

/// The fields of a row that say how it is delivered again.
fn redelivery(redelivery: &Redelivery) -> TokenStream {
    let retries = redelivery.retries.map(Literal::u32_unsuffixed);
    let retries = option(retries.map(ToTokens::into_token_stream));
    let backoff = option(redelivery.backoff.map(|(first, max)| {
        let (first, max) = (duration(first), duration(max));
        quote!((#first, #max))
    }));
    let ack_wait = timeout(redelivery.ack_wait);
    quote! {
        retries: #retries,
        backoff: #backoff,
        ack_wait: #ack_wait,
    }
}
