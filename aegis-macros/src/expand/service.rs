//! The user's block, `impl Service`, the rows, and the client.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::client::{Face, face};
use super::{Aegis, at, row};
use crate::model::{Handler, Hook, Service, Stage};

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
    let hooks = hooks.iter().map(|hook| method(hook, aegis));
    let constants = constants(service, handlers);
    quote! {
        #(#cfgs)*
        #[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
        const _: () = {
            impl #path::Service for #ty {
                #constants
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

fn method(hook: &Hook, aegis: &Aegis) -> TokenStream {
    let Hook {
        stage,
        method,
        context,
        cfgs,
    } = hook;
    let path = aegis.path(Span::call_site());
    let (name, future) = match stage {
        Stage::Start => (quote!(on_start), quote!(#path::__private::HookFuture<'a>)),
        Stage::Stop => (quote!(on_stop), quote!(#path::__private::BoxFuture<'a, ()>)),
        Stage::Health => {
            let health = quote!(#path::__private::BoxFuture<'a, #path::Health>);
            (quote!(health), health)
        }
    };
    let argument = if context.is_some() {
        quote!(context)
    } else {
        quote!(_context)
    };
    let passed = context.map(|span| quote_spanned!(at(span)=> , context));
    let run = quote_spanned!(at(method.span())=> Self::#method(self #passed).await);
    let outcome = match stage {
        Stage::Start | Stage::Stop => run,
        // A `Result` is a health as well.
        Stage::Health => quote_spanned!(at(method.span())=> #path::Health::from(#run)),
    };
    let body = quote_spanned! {at(method.span())=>
        ::std::boxed::Box::pin(async move { #outcome })
    };
    quote! {
        #(#cfgs)*
        fn #name<'a>(&'a self, #argument: &'a #path::Context) -> #future {
            #body
        }
    }
}
