//! The user's block, `impl Service`, the rows, and the client.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::Attribute;
use syn::spanned::Spanned as _;

use super::client::{Face, face};
use super::leadership::leadership;
use super::{Aegis, at, hook, row, subscribe};
use crate::model::{Argument, Hook, Service, Work};

/// Everything for a service without mistakes.
pub(crate) fn service(service: &Service, aegis: &Aegis) -> TokenStream {
    let item = &service.item;
    let registered = registered(service, Rows::of(service, aegis), &service.hooks, aegis);
    let client = face(&Face::of_service(service), aegis);
    // The client first: what does not fit shows best there.
    quote!(#item #client #registered)
}

/// A service without handlers and hooks, for the fallback.
pub(crate) fn empty_service(service: &Service, aegis: &Aegis) -> TokenStream {
    registered(service, Rows::default(), &[], aegis)
}

/// Says at the type what cannot be borrowed, beside other mistakes.
pub(crate) fn borrows(service: &Service, aegis: &Aegis) -> Option<TokenStream> {
    let handlers = service.handlers.iter().filter(|handler| !handler.generic);
    let handlers = handlers.flat_map(|handler| {
        let check = match &handler.work {
            Work::Rpc(rpc) if rpc.is_exclusive() => "assert_borrowed_by_leader",
            Work::Rpc(_) => "assert_borrowed",
            Work::Command(_) => "assert_borrowed_by_command",
        };
        borrowed(check, &handler.arguments, &handler.cfgs, aegis)
    });
    let subscriptions = service.subscriptions.iter();
    let subscriptions = subscriptions.filter(|subscription| !subscription.generic);
    let subscriptions = subscriptions.flat_map(|subscription| {
        let check = if subscription.is_exclusive() {
            "assert_borrowed_by_leader"
        } else {
            "assert_borrowed_by_event"
        };
        borrowed(check, &subscription.arguments, &subscription.cfgs, aegis)
    });
    let hooks = service
        .hooks
        .iter()
        .flat_map(|hook| hook::lent(hook, aegis));
    let checks: TokenStream = handlers.chain(subscriptions).chain(hooks).collect();
    let cfgs = &service.cfgs;
    (!checks.is_empty()).then(|| quote!(#(#cfgs)* const _: () = { #checks };))
}

fn borrowed(
    check: &'static str,
    arguments: &[Argument],
    cfgs: &[Attribute],
    aegis: &Aegis,
) -> impl Iterator<Item = TokenStream> {
    let types = arguments.iter().filter_map(|argument| match argument {
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

/// The lines of the handler table.
#[derive(Default)]
struct Rows<'a> {
    rows: Vec<TokenStream>,
    /// The `#[cfg]`s of each.
    cfgs: Vec<&'a [Attribute]>,
}

impl<'a> Rows<'a> {
    fn of(service: &'a Service, aegis: &Aegis) -> Self {
        let mut all = Self::default();
        for handler in &service.handlers {
            all.rows.push(row::row(handler, service, aegis));
            all.cfgs.push(&handler.cfgs);
        }
        for subscription in &service.subscriptions {
            all.rows.push(subscribe::row(subscription, service, aegis));
            all.cfgs.push(&subscription.cfgs);
        }
        all
    }
}

fn registered(service: &Service, rows: Rows<'_>, hooks: &[Hook], aegis: &Aegis) -> TokenStream {
    let Service { ty, cfgs, .. } = service;
    let path = aegis.path(at(ty.span()));
    let constants = constants(service, &rows.cfgs);
    let rows = rows.rows;
    let hooks = hooks.iter().map(|hook| hook::method(hook, aegis));
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

fn constants(service: &Service, cfgs: &[&[Attribute]]) -> TokenStream {
    let Service {
        name,
        version,
        description,
        metadata,
        ..
    } = service;
    let (name, version) = (&name.value, &version.value);
    let pairs = metadata.iter().map(|(key, value)| quote!((#key, #value)));
    let rows = cfgs.iter().map(|cfgs| quote!(#(#cfgs)* ()));
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
