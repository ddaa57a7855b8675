//! The calling side: a struct with one method for each call and each command.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Attribute;
use syn::spanned::Spanned as _;

use super::{Aegis, at, fields, subject, timeout};
use crate::model::{Client, Handler, Service, Work};

/// What a generated client shows.
pub(crate) struct Face<'a> {
    ident: &'a Ident,
    visibility: TokenStream,
    docs: String,
    service: &'a str,
    /// The service is not known here: only what a trait says of it.
    elsewhere: bool,
    envelope: bool,
    cfgs: &'a [Attribute],
    handlers: Vec<&'a Handler>,
    sound: bool,
}

impl<'a> Face<'a> {
    /// The client beside a service.
    pub(crate) fn of_service(service: &'a Service) -> Self {
        let (name, version) = (&service.name.value, &service.version.value);
        let head = format!("Calls the service `{name}`, version {version}.");
        let docs = match service.description.as_str() {
            "" => head,
            description => format!("{head}\n\n{description}"),
        };
        Self {
            ident: &service.client,
            visibility: quote!(pub),
            docs,
            service: name,
            elsewhere: false,
            envelope: false,
            cfgs: &service.cfgs,
            handlers: service.handlers.iter().collect(),
            sound: true,
        }
    }

    /// The client of a trait.
    pub(crate) fn of_client(client: &'a Client) -> Self {
        let (name, source) = (&client.service.value, &client.source);
        Self {
            ident: &client.ident,
            visibility: client.visibility.to_token_stream(),
            docs: format!("Calls the service `{name}`, as [`{source}`] says."),
            service: name,
            elsewhere: true,
            envelope: client.envelope,
            cfgs: &client.cfgs,
            handlers: client.handlers.iter().collect(),
            sound: true,
        }
    }

    /// The same beside mistakes: only what has none, and nothing that is checked again.
    pub(crate) fn unsound(mut self) -> Self {
        self.handlers
            .retain(|handler| handler.usable && handler.fits_a_client());
        self.sound = false;
        self
    }
}

/// Everything for a client without mistakes.
pub(crate) fn client(client: &Client, aegis: &Aegis) -> TokenStream {
    let item = &client.item;
    let face = face(&Face::of_client(client), aegis);
    quote!(#item #face)
}

/// The struct and its methods.
pub(crate) fn face(face: &Face<'_>, aegis: &Aegis) -> TokenStream {
    let Face {
        ident,
        visibility,
        docs,
        service,
        elsewhere,
        envelope,
        cfgs,
        handlers,
        sound,
    } = face;
    let path = aegis.path(at(ident.span()));
    let doc = docs.lines().map(|line| format!(" {line}"));
    let rows = handlers
        .iter()
        .filter(|_| *sound)
        .filter_map(|handler| row(handler, service, aegis));
    let methods = handlers
        .iter()
        .map(|handler| method(handler, service, aegis));
    let elsewhere = elsewhere.then(|| quote!(.elsewhere()));
    let envelope = envelope.then(|| quote!(.envelope()));
    let quiet = quiet();
    quote! {
        #(#cfgs)*
        #(#[doc = #doc])*
        #quiet
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #ident {
            stub: #path::__private::Stub,
        }

        #(#cfgs)*
        #quiet
        impl #ident {
            /// Calls over the connection of `client`.
            pub fn new(client: &#path::Client) -> Self {
                const METHODS: &[#path::__private::Method] = &[#(#rows),*];
                Self { stub: #path::__private::Stub::new(client, #service, METHODS)#elsewhere #envelope }
            }
            #(#methods)*
        }

        #(#cfgs)*
        impl ::core::convert::From<&#path::Client> for #ident {
            fn from(client: &#path::Client) -> Self {
                Self::new(client)
            }
        }
    }
}

/// The visibility of the types it shows is not known to a macro.
fn quiet() -> TokenStream {
    quote! {
        #[allow(
            dead_code,
            deprecated,
            private_bounds,
            private_interfaces,
            unreachable_pub,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            rustdoc::broken_intra_doc_links,
            rustdoc::private_intra_doc_links,
            reason = "generated from the handlers, whose surroundings the macro cannot see"
        )]
    }
}

/// What the client knows of a method before it calls it; a command is sent without.
fn row(handler: &Handler, service: &str, aegis: &Aegis) -> Option<TokenStream> {
    let Work::Rpc(rpc) = &handler.work else {
        return None;
    };
    let Handler { name, cfgs, .. } = handler;
    let path = aegis.path(at(handler.method.span()));
    let name = &name.value;
    let subject = subject(service, handler);
    let (timeout, idempotent) = (timeout(rpc.timeout), rpc.idempotent);
    let exclusive = rpc.is_exclusive();
    Some(quote! {
        #(#cfgs)*
        #path::__private::Method {
            name: #name,
            subject: #path::Subject::literal(#subject),
            timeout: #timeout,
            idempotent: #idempotent,
            exclusive: #exclusive,
        }
    })
}

fn method(handler: &Handler, service: &str, aegis: &Aegis) -> TokenStream {
    let Handler {
        method,
        name,
        cfgs,
        shown,
        docs,
        work,
        ..
    } = handler;
    let span = at(method.span());
    let name = &name.value;
    let doc = docs.is_empty().then(|| {
        let doc = match work {
            Work::Rpc(_) => format!(" Calls `{name}` of the service `{service}`."),
            Work::Command(_) => format!(
                " Sends the command `{name}` to the service `{service}`: `.send().await` returns \
                 when it is queued."
            ),
        };
        quote!(#[doc = #doc])
    });
    let arguments = handler.owned().map(|(ident, ty)| quote!(#ident: #ty));
    let body = body(handler, service);
    let asked = asked(handler, aegis);
    quote_spanned! {span=>
        #(#cfgs)*
        #(#shown)*
        #doc
        pub fn #method(&self, #(#arguments),*) -> #asked #body
    }
}

/// What the method returns. It stands where the handler's result does, from end to end: what is
/// wrong with that is said there by the row of the handler too, and what is said twice at one
/// place is shown once.
fn asked(handler: &Handler, aegis: &Aegis) -> TokenStream {
    let output = &handler.output;
    let first = output.span();
    let last = output.clone().into_iter().last();
    let last = last.map_or(first, |token| token.span());
    let path = aegis.path(first);
    let half = |name| {
        let half = Ident::new(name, last);
        let open = quote_spanned!(first=> <#output as #path::__private::Outcome);
        quote_spanned!(last=> #open>::#half)
    };
    let (ok, err) = (half("Ok"), half("Err"));
    let builder = match handler.work {
        Work::Rpc(_) => Ident::new("Call", first),
        Work::Command(_) => Ident::new("Command", first),
    };
    let open = quote_spanned!(first=> #path::#builder<#ok, #err);
    quote_spanned!(last=> #open>)
}

/// An argument that cannot travel is shown at its type.
fn body(handler: &Handler, service: &str) -> TokenStream {
    let name = &handler.name.value;
    let fields = fields(handler);
    let values = handler.owned().map(|(ident, ty)| {
        let mut value = ident.clone();
        value.set_span(at(ty.span()));
        value
    });
    let span = at(handler.output.span());
    match handler.work {
        Work::Rpc(_) => quote_spanned! {span=>
            { self.stub.call(#name, #fields, (#(#values,)*)) }
        },
        Work::Command(_) => quote_spanned! {span=>
            { self.stub.command(#service, #name, #fields, (#(#values,)*)) }
        },
    }
}
