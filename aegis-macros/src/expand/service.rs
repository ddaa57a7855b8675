//! The user's block, `impl Service`, the rows, and the client.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::client::{Face, face};
use super::{Aegis, at, row};
use crate::model::{Argument, Handler, Hook, Service, Stage};

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
    let checks: TokenStream = sound.flat_map(|handler| borrowed(handler, aegis)).collect();
    let cfgs = &service.cfgs;
    (!checks.is_empty()).then(|| quote!(#(#cfgs)* const _: () = { #checks };))
}

fn borrowed(handler: &Handler, aegis: &Aegis) -> impl Iterator<Item = TokenStream> {
    let cfgs = &handler.cfgs;
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
        quote_spanned! {span=>
            #(#cfgs)*
            const _: () = #path::__private::assert_borrowed::<#ty>();
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

/// Whatever error it is, to a `Failure`; what cannot become one is shown at the return type.
fn started(call: &TokenStream, span: Span, aegis: &Aegis) -> TokenStream {
    let path = aegis.path(span);
    quote_spanned! {span=> {
        use #path::__private::StartedOtherwise as _;
        #path::__private::Started(#call).outcome()
    }}
}

fn method(hook: &Hook, aegis: &Aegis) -> TokenStream {
    let Hook {
        stage,
        method,
        context,
        output,
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
    let call = quote_spanned!(at(method.span())=> Self::#method(self #passed).await);
    let call = match stage {
        Stage::Start => started(&call, at(*output), aegis),
        Stage::Stop => call,
        // A `Result` is a health as well.
        Stage::Health => quote_spanned!(at(method.span())=> #path::Health::from(#call)),
    };
    let body = quote_spanned! {at(method.span())=>
        ::std::boxed::Box::pin(async move { #call })
    };
    quote! {
        #(#cfgs)*
        fn #name<'a>(&'a self, #argument: &'a #path::Context) -> #future {
            #body
        }
    }
}
