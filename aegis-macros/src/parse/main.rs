//! `#[aegis::main]` on `async fn main`.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned as _;
use syn::{FnArg, Item, ItemFn, Visibility};

use super::{args, signature, value};
use crate::diag::Diag;
use crate::model::Main;

const OWNER: &str = "#[aegis::main]";

/// Reads the function; `None` when the item is no function at all.
pub(crate) fn main(args: &TokenStream, item: TokenStream, diag: &mut Diag) -> Option<Main> {
    args::refuse(OWNER, args, diag);
    let mut function = function(item, diag)?;
    let name = &function.sig.ident;
    if name != "main" {
        let way = "a program starts there";
        diag.at(
            name,
            format_args!("`{OWNER}` goes on `async fn main`, not on `{name}`: {way}"),
        );
    }
    signature::head(&function.sig, diag);
    let argument = argument(&function, diag);
    let cfgs = value::select(&function.attrs, &["cfg"]);
    function
        .attrs
        .retain(|attribute| !attribute.path().is_ident("cfg"));
    let visibility = std::mem::replace(&mut function.vis, Visibility::Inherited);
    Some(Main {
        ident: function.sig.ident.clone(),
        item: function.into_token_stream(),
        cfgs,
        visibility,
        argument,
    })
}

fn function(item: TokenStream, diag: &mut Diag) -> Option<ItemFn> {
    match syn::parse2(item) {
        Ok(Item::Fn(function)) => Some(function),
        Ok(_) => {
            diag.at_span(
                Span::call_site(),
                format_args!("`{OWNER}` goes on `async fn main`"),
            );
            None
        }
        Err(error) => {
            diag.push(error);
            None
        }
    }
}

/// Exactly one argument, whose type the compiler judges.
fn argument(function: &ItemFn, diag: &mut Diag) -> Span {
    let inputs = &function.sig.inputs;
    let way = "`async fn main(app: App)`, or with a `Client` or a `Config`";
    if let Some(second) = inputs.iter().nth(1) {
        diag.at(second, format_args!("`main` takes one argument: {way}"));
    }
    match inputs.first() {
        Some(FnArg::Typed(input)) => input.ty.span(),
        Some(FnArg::Receiver(receiver)) => {
            diag.at(receiver, format_args!("`main` has no `self`: write {way}"));
            receiver.span()
        }
        None => {
            let ident = &function.sig.ident;
            diag.at(ident, format_args!("`main` needs an argument: write {way}"));
            ident.span()
        }
    }
}
