//! `#[aegis::client(..)]` on a trait.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::{Item, ItemTrait, TraitItem, TraitItemFn, parse_quote};

use super::args::{self, Kind, Rule};
use super::command;
use super::handler::{self, Marker};
use super::rpc;
use super::signature::Side;
use super::value;
use crate::diag::Diag;
use crate::model::{Client, Handler, Runs, Text};

const OWNER: &str = "#[aegis::client]";

const CLIENT: [Rule; 2] = [
    Rule::new("service", Kind::Text, "service = \"pricing\""),
    Rule::new("envelope", Kind::Flag, "envelope"),
];

/// Reads the trait; `None` when the item is no trait at all.
pub(crate) fn client(args: TokenStream, item: TokenStream, diag: &mut Diag) -> Option<Client> {
    let options = args::read(OWNER, args, &CLIENT, diag);
    let mut item = declaration(item, diag)?;
    let generics = &item.generics;
    if !generics.params.is_empty() {
        diag.at(
            &generics.params,
            "a client cannot be generic: a message has no types, name them",
        );
    }
    if let Some(bounds) = &generics.where_clause {
        diag.at(
            bounds,
            "a client cannot have bounds: remove the `where` clause",
        );
    }
    let mut handlers = Vec::new();
    for member in &mut item.items {
        handlers.extend(method(member, diag));
    }
    let name = value::plain(&item.ident);
    let service = options.text("service").unwrap_or_else(|| {
        let (value, span) = (name.to_lowercase(), Span::call_site());
        if !options.has("service") {
            let way = format!("add `service = \"{value}\"`");
            diag.at_span(
                span,
                format_args!("a client needs the name of its service: {way}"),
            );
        }
        Text { value, span }
    });
    item.attrs.push(parse_quote! {
        #[allow(async_fn_in_trait, dead_code, reason = "only the generated client is called")]
    });
    Some(Client {
        ident: format_ident!("{name}Client", span = item.ident.span()),
        source: item.ident.clone(),
        visibility: item.vis.clone(),
        service,
        envelope: options.has("envelope"),
        cfgs: value::select(&item.attrs, &["cfg"]),
        handlers,
        item: item.into_token_stream(),
    })
}

fn declaration(item: TokenStream, diag: &mut Diag) -> Option<ItemTrait> {
    match syn::parse2(item) {
        Ok(Item::Trait(item)) => Some(item),
        Ok(_) => {
            let way = "on a trait that lists the methods of a service written elsewhere";
            diag.at_span(Span::call_site(), format_args!("`{OWNER}` belongs {way}"));
            None
        }
        Err(error) => {
            diag.push(error);
            None
        }
    }
}

fn method(member: &mut TraitItem, diag: &mut Diag) -> Option<Handler> {
    let TraitItem::Fn(method) = member else {
        diag.at(
            member,
            "a client's trait has `async fn`s only: move this out",
        );
        return None;
    };
    let TraitItemFn {
        attrs,
        sig,
        default,
        ..
    } = method;
    if let Some(body) = default {
        diag.at(body, "the service has the body: write `;` here");
    }
    let side = Side::Client;
    let plain = (Runs::Everywhere, TokenStream::new());
    let (runs, options) = match handler::take_marker(attrs, diag) {
        Some((Marker::Rpc(runs), attribute)) => (runs, args::inside(&attribute, diag)),
        Some((Marker::Command, attribute)) => {
            let command = command::command(args::inside(&attribute, diag), &side, diag);
            return Some(handler::handler(command, attrs, sig, &side, diag));
        }
        Some((Marker::Subscribe, attribute)) => {
            let way = "move this to an `impl` block with `#[aegis::service(..)]`";
            let text = format!("a client calls, and does not subscribe: {way}");
            diag.at(attribute, text);
            return None;
        }
        Some((marker @ Marker::Hook(_), attribute)) => {
            let text = format!(
                "`#[{}]` belongs to a service, not to a client",
                marker.name()
            );
            diag.at(attribute, text);
            plain
        }
        None => plain,
    };
    let rpc = rpc::rpc(runs, options, &side, diag);
    Some(handler::handler(rpc, attrs, sig, &side, diag))
}
