//! `#[aegis::service(..)]` on an `impl` block.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Ident, ImplItem, ImplItemFn, Item, ItemImpl, PathArguments, Type, parse_quote,
};

use super::args::{self, Args, Kind, Rule};
use super::command;
use super::failover::failover;
use super::handler::{self, Marker};
use super::hook;
use super::rpc;
use super::signature::{Side, bare};
use super::subscribe;
use super::value;
use crate::diag::Diag;
use crate::model::{Handler, Hook, Service, Subscription, Text};

const OWNER: &str = "#[aegis::service]";

const SERVICE: [Rule; 6] = [
    Rule::new("name", Kind::Text, "name = \"calculator\""),
    Rule::new("version", Kind::Text, "version = \"1.0.0\""),
    Rule::new("description", Kind::Text, "description = \"Adds numbers.\""),
    Rule::new("metadata", Kind::List, "metadata(team = \"core\")"),
    Rule::new("group", Kind::Text, "group = \"main\""),
    Rule::new("failover", Kind::TextOrList, "failover = \"aggressive\""),
];

/// Reads the block; `None` when the item is no `impl` block at all.
pub(crate) fn service(args: TokenStream, item: TokenStream, diag: &mut Diag) -> Option<Service> {
    let options = args::read(OWNER, args, &SERVICE, diag);
    let mut block = block(item, diag)?;
    let place = place(&block, diag);
    let mut members = Members::default();
    for item in &mut block.items {
        members.read(item, &place.ty, diag);
    }
    let suggestion = place.suggestion();
    Some(Service {
        name: required(&options, "name", suggestion.to_lowercase(), diag),
        version: required(&options, "version", "1.0.0".to_owned(), diag),
        description: match options.text("description") {
            Some(text) => text.value,
            None => value::docs(&block.attrs),
        },
        metadata: options
            .list("metadata")
            .map(|list| args::pairs("metadata", list, diag))
            .unwrap_or_default(),
        cfgs: value::select(&block.attrs, &["cfg"]),
        client: format_ident!("{suggestion}Client", span = place.span),
        ty: place.ty,
        nameable: place.nameable,
        handlers: members.handlers,
        subscriptions: members.subscriptions,
        hooks: members.hooks,
        group: options.text("group"),
        failover: failover(&options, diag),
        item: block.into_token_stream(),
    })
}

fn block(item: TokenStream, diag: &mut Diag) -> Option<ItemImpl> {
    match syn::parse2(item) {
        Ok(Item::Impl(block)) => Some(block),
        Ok(Item::Struct(_) | Item::Enum(_)) => {
            let way = "on the `impl` block with the handlers, not on the type";
            diag.at_span(Span::call_site(), format_args!("`{OWNER}` belongs {way}"));
            None
        }
        Ok(Item::Trait(_)) => {
            let way = "for a service written elsewhere use `#[aegis::client]`";
            diag.at_span(
                Span::call_site(),
                format_args!("`{OWNER}` belongs on an `impl` block: {way}"),
            );
            None
        }
        Ok(_) => {
            let way = "on an `impl` block, whose methods with `#[rpc]` are the handlers";
            diag.at_span(Span::call_site(), format_args!("`{OWNER}` belongs {way}"));
            None
        }
        Err(error) => {
            diag.push(error);
            None
        }
    }
}

/// The type of the block.
struct Place {
    ty: TokenStream,
    last: Option<Ident>,
    span: Span,
    nameable: bool,
}

impl Place {
    fn suggestion(&self) -> String {
        self.last
            .as_ref()
            .map_or_else(|| "Service".to_owned(), value::plain)
    }
}

fn place(block: &ItemImpl, diag: &mut Diag) -> Place {
    let before = diag.count();
    if let Some((_, path, _)) = &block.trait_ {
        let way = "move the handlers to an `impl` block without a trait";
        diag.at(
            path,
            format_args!("`{OWNER}` cannot stand on a trait's `impl`: {way}"),
        );
    }
    if !block.generics.params.is_empty() {
        let way = "a message has no types: name them, or hold a `Box<dyn Trait>` in a field";
        diag.at(
            &block.generics.params,
            format_args!("a service cannot be generic, {way}"),
        );
    }
    if let Some(bounds) = &block.generics.where_clause {
        diag.at(
            bounds,
            "a service cannot have bounds: remove the `where` clause",
        );
    }
    let ty = bare(&block.self_ty);
    let last = match ty {
        Type::Path(path) if path.qself.is_none() => {
            let generic = path
                .path
                .segments
                .iter()
                .find(|segment| !segment.arguments.is_empty());
            if let Some(PathArguments::AngleBracketed(arguments)) = generic.map(|s| &s.arguments)
                && block.generics.params.is_empty()
            {
                let way = "put a struct of its own around it";
                diag.at(
                    arguments,
                    format_args!("a service's type has no arguments: {way}"),
                );
            }
            path.path
                .segments
                .last()
                .map(|segment| segment.ident.clone())
        }
        other => {
            diag.at(
                other,
                "a service is a struct or an enum of your own: name it here",
            );
            None
        }
    };
    Place {
        ty: ty.to_token_stream(),
        last,
        span: ty.span(),
        nameable: diag.count() == before,
    }
}

fn required(options: &Args, key: &str, placeholder: String, diag: &mut Diag) -> Text {
    let span = Span::call_site();
    options.text(key).unwrap_or_else(|| {
        if !options.has(key) {
            let text = format!("a service needs a `{key}`: add `{key} = \"{placeholder}\"`");
            diag.at_span(span, text);
        }
        Text {
            value: placeholder,
            span,
        }
    })
}

/// The marked methods of the block.
#[derive(Default)]
struct Members {
    handlers: Vec<Handler>,
    subscriptions: Vec<Subscription>,
    hooks: Vec<Hook>,
}

impl Members {
    /// Takes the markers away and keeps what they say.
    fn read(&mut self, item: &mut ImplItem, ty: &TokenStream, diag: &mut Diag) {
        let Some(attributes) = attributes(item) else {
            return;
        };
        let Some((marker, attribute)) = handler::take_marker(attributes, diag) else {
            return;
        };
        let ImplItem::Fn(method) = item else {
            let text = format!(
                "`#[{}]` marks an `async fn`, and this is none",
                marker.name()
            );
            diag.at(attribute, text);
            return;
        };
        let ImplItemFn { attrs, sig, .. } = method;
        let options = args::inside(&attribute, diag);
        let side = Side::Service(ty);
        match marker {
            Marker::Rpc(runs) => {
                let rpc = rpc::rpc(runs, options, &side, diag);
                let handler = handler::handler(rpc, attrs, sig, &side, diag);
                self.handlers.push(handler);
            }
            Marker::Command => {
                let command = command::command(options, &side, diag);
                let handler = handler::handler(command, attrs, sig, &side, diag);
                self.handlers.push(handler);
            }
            Marker::Subscribe => {
                let place = attribute.path();
                let subscription = subscribe::subscription(place, options, attrs, sig, &side, diag);
                self.subscriptions.push(subscription);
            }
            Marker::Hook(stage) => {
                let hook = hook::hook(stage, &options, attrs, sig, &side, diag);
                self.hooks.push(hook);
            }
        }
        // `#[expect]` would complain where a lint does not fire.
        attrs.push(quiet());
    }
}

fn quiet() -> Attribute {
    parse_quote! {
        #[allow(
            clippy::unused_async,
            clippy::unused_self,
            reason = "the framework calls it, and asks for this shape"
        )]
    }
}

fn attributes(item: &mut ImplItem) -> Option<&mut Vec<Attribute>> {
    match item {
        ImplItem::Fn(item) => Some(&mut item.attrs),
        ImplItem::Const(item) => Some(&mut item.attrs),
        ImplItem::Type(item) => Some(&mut item.attrs),
        ImplItem::Macro(item) => Some(&mut item.attrs),
        _ => None,
    }
}
