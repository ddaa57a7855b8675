//! What a row says of a call or a command: its options, and how it is run.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::row::limit;
use super::{Aegis, at, fields, redelivery, subject, timeout};
use crate::model::{Argument, Command, Handler, Rpc, Service, Work};

/// The handler's kind, with all that is told of it.
pub(super) fn kind(handler: &Handler, service: &Service, aegis: &Aegis) -> TokenStream {
    match &handler.work {
        Work::Rpc(rpc) => rpc_kind(rpc, handler, service, aegis),
        Work::Command(command) => command_kind(command, handler, service, aegis),
    }
}

fn rpc_kind(rpc: &Rpc, handler: &Handler, service: &Service, aegis: &Aegis) -> TokenStream {
    let span = at(handler.method.span());
    let path = aegis.path(span);
    let subject = subject(&service.name.value, handler);
    let (fields, timeout) = (fields(handler), timeout(rpc.timeout));
    let (idempotent, exclusive) = (rpc.idempotent, rpc.is_exclusive());
    let guard = guard(rpc.guard.as_ref());
    let (concurrency, queue) = (limit(rpc.concurrency), limit(rpc.queue));
    let call = call(handler, service, aegis);
    quote_spanned! {span=>
        #path::HandlerKind::Rpc(#path::RpcHandler {
            subject: #path::Subject::literal(#subject),
            arguments: #fields,
            timeout: #timeout,
            idempotent: #idempotent,
            exclusive: #exclusive,
            guard: #guard,
            concurrency: #concurrency,
            queue: #queue,
            call: #call,
        })
    }
}

fn command_kind(
    command: &Command,
    handler: &Handler,
    service: &Service,
    aegis: &Aegis,
) -> TokenStream {
    let span = at(handler.method.span());
    let path = aegis.path(span);
    let service_name = &service.name.value;
    let fields = fields(handler);
    let redelivery = redelivery(&command.redelivery);
    let guard = guard(command.guard.as_ref());
    let (timeout, concurrency) = (timeout(command.timeout), limit(command.concurrency));
    let call = call(handler, service, aegis);
    quote_spanned! {span=>
        #path::HandlerKind::Command(#path::CommandHandler {
            service: #service_name,
            arguments: #fields,
            #redelivery
            timeout: #timeout,
            guard: #guard,
            concurrency: #concurrency,
            call: #call,
        })
    }
}

/// Who may call it.
fn guard(path: Option<&TokenStream>) -> TokenStream {
    let Some(path) = path else {
        return quote!(::core::option::Option::None);
    };
    let span = at(path.span());
    quote_spanned!(span=> ::core::option::Option::Some(#path))
}

/// What the framework hands over, and what its functions are called.
struct Words {
    given: &'static str,
    arguments: &'static str,
    borrowed: &'static str,
    outcome: &'static str,
}

impl Words {
    fn of(work: &Work) -> Self {
        match work {
            Work::Rpc(rpc) => Self {
                given: "request",
                arguments: "arguments",
                borrowed: if rpc.is_exclusive() {
                    "borrowed_by_leader"
                } else {
                    "borrowed"
                },
                outcome: "reply",
            },
            Work::Command(_) => Self {
                given: "assigned",
                arguments: "command_arguments",
                borrowed: "borrowed_by_command",
                outcome: "finish",
            },
        }
    }
}

/// Decode, call, encode: each a function of the framework.
fn call(handler: &Handler, service: &Service, aegis: &Aegis) -> TokenStream {
    let ty = &service.ty;
    let method = &handler.method;
    let span = at(method.span());
    let path = aegis.path(span);
    let words = Words::of(&handler.work);
    let given = Ident::new(words.given, span);
    let decoded = decoded(handler, &words, aegis);
    let passed = passed(handler, &words, aegis);
    let called = quote_spanned!(span=> #ty::#method(service, #(#passed),*).await);
    let outcome = outcome(handler, &words, aegis);
    let outcome = match handler.work {
        Work::Rpc(_) => quote_spanned!(span=> #outcome(#called, &#given)),
        Work::Command(_) => quote_spanned!(span=> #outcome(#called)),
    };
    quote_spanned! {span=>
        |service, #given| ::std::boxed::Box::pin(async move {
            let service = #path::__private::service::<#ty>(&service);
            #decoded
            #outcome
        })
    }
}

fn decoded(handler: &Handler, words: &Words, aegis: &Aegis) -> TokenStream {
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
    let arguments = Ident::new(words.arguments, span);
    let given = Ident::new(words.given, span);
    let unread = match handler.work {
        Work::Rpc(_) => quote_spanned! {span=>
            ::core::result::Result::Err(reply) => return reply,
        },
        Work::Command(_) => quote_spanned! {span=>
            ::core::result::Result::Err(failure) => {
                return ::core::result::Result::Err(failure);
            }
        },
    };
    quote_spanned! {span=>
        let #pattern = match #path::__private::#arguments::<#tuple>(&#given, #fields) {
            ::core::result::Result::Ok(arguments) => arguments,
            #unread
        };
    }
}

/// What the method is called with, after `&self`.
fn passed(handler: &Handler, words: &Words, aegis: &Aegis) -> impl Iterator<Item = TokenStream> {
    let mut index = 0..;
    handler
        .arguments
        .iter()
        .map(move |argument| match argument {
            Argument::Owned { ident, .. } => {
                let at_field = index.next().map(Literal::usize_unsuffixed);
                quote_spanned!(at(ident.span())=> arguments.#at_field)
            }
            Argument::Borrowed { ty } => {
                let span = at(ty.span());
                let path = aegis.path(span);
                let borrowed = Ident::new(words.borrowed, span);
                let given = Ident::new(words.given, span);
                quote_spanned!(span=> #path::__private::#borrowed::<#ty>(&#given))
            }
        })
}

/// What does not fit is shown at the return type.
fn outcome(handler: &Handler, words: &Words, aegis: &Aegis) -> TokenStream {
    let output = &handler.output;
    let span = at(output.span());
    let path = aegis.path(span);
    let outcome = Ident::new(words.outcome, span);
    quote_spanned!(span=> <#output as #path::__private::Outcome>::#outcome)
}
