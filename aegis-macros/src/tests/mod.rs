//! Tests of the macros as functions from text to text.

mod golden;
mod messages;
mod messages_of_commands;
mod messages_of_event_types;
mod messages_of_events;
mod messages_of_leaders;
mod messages_of_others;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, File, Item, Meta};

use crate::expand::Aegis;
use crate::run;

/// A source file after the macros of aegis have run on its items.
fn expanded(source: &str) -> File {
    let file: File = syn::parse_str(source).expect("the input is Rust");
    let tokens: TokenStream = file.items.into_iter().map(expanded_item).collect();
    syn::parse2(tokens).expect("the output is Rust")
}

fn expanded_item(mut item: Item) -> TokenStream {
    let aegis = Aegis::named("aegis");
    let Some(attribute) = attributes(&mut item).and_then(take) else {
        return item.into_token_stream();
    };
    let args = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let item = item.into_token_stream();
    match last(&attribute).as_str() {
        "service" => run::service(args, &item, &aegis),
        "client" => run::client(args, &item, &aegis),
        "main" => run::main(&args, &item, &aegis),
        "derive" => {
            let derive = match last_word(&args).as_str() {
                "Event" => run::event,
                "Events" => run::events,
                _ => run::failure,
            };
            let code = derive(item.clone(), &aegis);
            quote!(#item #code)
        }
        marker => run::outside(marker, &item),
    }
}

fn attributes(item: &mut Item) -> Option<&mut Vec<Attribute>> {
    match item {
        Item::Impl(item) => Some(&mut item.attrs),
        Item::Trait(item) => Some(&mut item.attrs),
        Item::Fn(item) => Some(&mut item.attrs),
        Item::Struct(item) => Some(&mut item.attrs),
        Item::Enum(item) => Some(&mut item.attrs),
        Item::Union(item) => Some(&mut item.attrs),
        _ => None,
    }
}

/// Takes away the first attribute that is ours; of `derive` we are the only one in tests.
fn take(attributes: &mut Vec<Attribute>) -> Option<Attribute> {
    let ours = [
        "service",
        "client",
        "main",
        "derive",
        "rpc",
        "exclusive_rpc",
        "command",
        "subscribe",
        "on_start",
        "on_stop",
        "on_leader",
        "on_standby",
        "health",
    ];
    let at = attributes
        .iter()
        .position(|attribute| ours.contains(&last(attribute).as_str()))?;
    Some(attributes.remove(at))
}

fn last_word(tokens: &TokenStream) -> String {
    let last = tokens.clone().into_iter().last();
    last.map(|word| word.to_string()).unwrap_or_default()
}

fn last(attribute: &Attribute) -> String {
    let segment = attribute.path().segments.last();
    segment
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default()
}

/// The texts of the `compile_error!`s, in order.
fn errors(file: &File) -> Vec<String> {
    let texts = file.items.iter().filter_map(|item| match item {
        Item::Macro(item) => item.mac.parse_body::<syn::LitStr>().ok(),
        _ => None,
    });
    texts.map(|text| text.value()).collect()
}
