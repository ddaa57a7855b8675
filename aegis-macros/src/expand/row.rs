//! One row of the handler table: a static that the linker collects.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned as _;

use super::{Aegis, at, fields, option, subject, timeout};
use crate::model::{Argument, Handler, Service};

/// The row of a handler.
pub(super) fn row(handler: &Handler, service: &Service, aegis: &Aegis) -> TokenStream {
    let Handler {
        method,
        name,
        docs,
        cfgs,
        idempotent,
        ..
    } = handler;
    let ty = &service.ty;
    let span = at(method.span());
    let path = aegis.path(span);
    let (name, function) = (&name.value, method.unraw().to_string());
    let subject = subject(&service.name.value, handler);
    let (fields, timeout) = (fields(handler), timeout(handler.timeout));
    let concurrency = limit(handler.concurrency);
    let queue = limit(handler.queue);
    let exclusive = handler.is_exclusive();
    // With the place of the macro it would be the line of the attribute.
    let line = quote_spanned!(method.span()=> ::core::line!());
    let call = call(handler, service, aegis);
    let signature = signature(&handler.arguments, &handler.output);
    quote_spanned! {span=>
        #(#cfgs)*
        #path::__private::inventory::submit! {
            #path::HandlerDescriptor {
                service: ::core::any::TypeId::of::<#ty>,
                name: #name,
                docs: #docs,
                signature: #signature,
                source: #path::Source { function: #function, file: ::core::file!(), line: #line },
                kind: #path::HandlerKind::Rpc(#path::RpcHandler {
                    subject: #path::Subject::literal(#subject),
                    arguments: #fields,
                    timeout: #timeout,
                    idempotent: #idempotent,
                    exclusive: #exclusive,
                    concurrency: #concurrency,
                    queue: #queue,
                    call: #call,
                }),
            }
        }
    }
}

/// What a caller has to know, as it stands in the source: `(a: i64, b: i64) -> Result<i64, Failure>`.
pub(super) fn signature(arguments: &[Argument], output: &TokenStream) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Owned { ident, ty } => Some(format!("{}: {}", ident.unraw(), tidy(ty))),
            Argument::Borrowed { .. } => None,
        })
        .collect();
    format!("({}) -> {}", arguments.join(", "), tidy(output))
}

/// A type without the spaces that tokens get between them.
pub(super) fn tidy(ty: &TokenStream) -> String {
    let mut text = ty.to_string().replace('\n', " ");
    for (spaced, tight) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" ;", ";"),
        ("& ", "&"),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

pub(super) fn limit(limit: Option<usize>) -> TokenStream {
    option(limit.map(|limit| Literal::usize_unsuffixed(limit).into_token_stream()))
}

/// Decode, call, encode: each a function of the framework.
fn call(handler: &Handler, service: &Service, aegis: &Aegis) -> TokenStream {
    let Handler {
        method,
        arguments,
        output,
        ..
    } = handler;
    let ty = &service.ty;
    let span = at(method.span());
    let path = aegis.path(span);
    let replied = aegis.path(at(output.span()));
    let reply =
        quote_spanned!(at(output.span())=> <#output as #replied::__private::Outcome>::reply);
    let decoded = decoded(handler, aegis);
    let borrowed = if handler.is_exclusive() {
        "borrowed_by_leader"
    } else {
        "borrowed"
    };
    let mut index = 0..;
    let passed = arguments.iter().map(|argument| match argument {
        Argument::Owned { ident, .. } => {
            let at_field = index.next().map(Literal::usize_unsuffixed);
            quote_spanned!(at(ident.span())=> arguments.#at_field)
        }
        Argument::Borrowed { ty } => {
            let span = at(ty.span());
            let path = aegis.path(span);
            let borrowed = Ident::new(borrowed, span);
            quote_spanned!(span=> #path::__private::#borrowed::<#ty>(&request))
        }
    });
    quote_spanned! {span=>
        |service, request| ::std::boxed::Box::pin(async move {
            let service = #path::__private::service::<#ty>(&service);
            #decoded
            #reply(#ty::#method(service, #(#passed),*).await, &request)
        })
    }
}

fn decoded(handler: &Handler, aegis: &Aegis) -> TokenStream {
    let span = at(handler.method.span());
    let path = aegis.path(span);
    let fields = fields(handler);
    let types: Vec<&TokenStream> = handler.owned().map(|(_, ty)| ty).collect();
    // What does not fit is shown at its type; of several the client's tuple shows which.
    let place = match types.as_slice() {
        [lone] => at(lone.span()),
        _ => span,
    };
    let tuple = quote_spanned!(place=> (#(#types,)*));
    let pattern = if handler.owned().next().is_some() {
        quote_spanned!(span=> arguments)
    } else {
        quote_spanned!(span=> ())
    };
    quote_spanned! {span=>
        let #pattern = match #path::__private::arguments::<#tuple>(&request, #fields) {
            ::core::result::Result::Ok(arguments) => arguments,
            ::core::result::Result::Err(reply) => return reply,
        };
    }
}
