//! The user's block, `impl Service`, the rows, and the client.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::client::{Face, face};
use super::leadership::leadership;
use super::{Aegis, at, hook, row};
use crate::model::{Argument, Handler, Hook, Service};

/// Everything for a service without mistakes.
pub(crate) fn service(service: &Service, aegis: &Aegis) -> TokenStream {
    let item = &service.item;
    let registered = registered(service, &service.handlers, &service.hooks, aegis);
    let client = face(&Face::of_service(service), aegis);
    // The client first: what does not fit shows best there.
    quote!(#item #client #registered)
}

/// A service without handlers and hooks, for the fallback.
pub(crate) fn empty_service(service: &Service, aegis: &Aegis) -> TokenStream {
    registered(service, &[], &[], aegis)
}

/// Says at the type what cannot be borrowed, beside other mistakes.
pub(crate) fn borrows(service: &Service, aegis: &Aegis) -> Option<TokenStream> {
    let sound = service.handlers.iter().filter(|handler| !handler.generic);
    let handlers = sound.flat_map(|handler| borrowed(handler, aegis));
    let hooks = service
        .hooks
        .iter()
        .flat_map(|hook| hook::lent(hook, aegis));
    let checks: TokenStream = handlers.chain(hooks).collect();
    let cfgs = &service.cfgs;
    (!checks.is_empty()).then(|| quote!(#(#cfgs)* const _: () = { #checks };))
}

fn borrowed(handler: &Handler, aegis: &Aegis) -> impl Iterator<Item = TokenStream> {
    let cfgs = &handler.cfgs;
    let check = if handler.is_exclusive() {
        "assert_borrowed_by_leader"
    } else {
        "assert_borrowed"
    };
    let types = handler
        .arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Borrowed { ty } => Some(ty),
            Argument::Owned { .. } => None,
        });
    types.map(move |ty| {
        let span = at(ty.span());
        let path = aegis.path(span);
        let check = Ident::new(check, span);
        quote_spanned! {span=>
            #(#cfgs)*
            const _: () = #path::__private::#check::<#ty>();
        }
    })
}

fn registered(
    service: &Service,
    handlers: &[Handler],
    hooks: &[Hook],
    aegis: &Aegis,
) -> TokenStream {
    let Service { ty, cfgs, .. } = service;
    let path = aegis.path(at(ty.span()));
    let rows = handlers
        .iter()
        .map(|handler| row::row(handler, service, aegis));
    let hooks = hooks.iter().map(|hook| hook::method(hook, aegis));
    let constants = constants(service, handlers);
    let leadership = leadership(service, aegis);
    quote! {
        #(#cfgs)*
        #[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
        const _: () = {
            impl #path::Service for #ty {
                #constants
                #leadership
                #(#hooks)*
            }
            #(#rows)*
        };
    }
}

fn constants(service: &Service, handlers: &[Handler]) -> TokenStream {
    let Service {
        name,
        version,
        description,
        metadata,
        ..
    } = service;
    let (name, version) = (&name.value, &version.value);
    let pairs = metadata.iter().map(|(key, value)| quote!((#key, #value)));
    let rows = handlers.iter().map(|handler| {
        let cfgs = &handler.cfgs;
        quote!(#(#cfgs)* ())
    });
    quote! {
        const NAME: &'static str = #name;
        const VERSION: &'static str = #version;
        const DESCRIPTION: &'static str = #description;
        const METADATA: &'static [(&'static str, &'static str)] = &[#(#pairs),*];
        const HANDLERS: usize = {
            const ROWS: &[()] = &[#(#rows),*];
            ROWS.len()
        };
    }
}
