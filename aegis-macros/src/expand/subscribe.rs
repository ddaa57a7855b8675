//! The row of a handler for events, and what the compiler checks of it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Attribute;
use syn::ext::IdentExt;
use syn::spanned::Spanned as _;

use super::row::{limit, signature, tidy};
use super::{Aegis, at, hook, option, redelivery, timeout};
use crate::model::{Argument, Service, Subscription, Text};

/// The row, and the checks beside it.
pub(super) fn row(subscription: &Subscription, service: &Service, aegis: &Aegis) -> TokenStream {
    let Subscription {
        method,
        name,
        docs,
        cfgs,
        ..
    } = subscription;
    let ty = &service.ty;
    let span = at(method.span());
    let path = aegis.path(span);
    let (name, function) = (&name.value, method.unraw().to_string());
    // With the place of the macro it would be the line of the attribute.
    let line = quote_spanned!(method.span()=> ::core::line!());
    let signature = signature(&subscription.arguments, &subscription.output);
    let handler = handler(subscription, service, aegis);
    let fits = fits(subscription, aegis);
    quote_spanned! {span=>
        #fits
        #(#cfgs)*
        #path::__private::inventory::submit! {
            #path::HandlerDescriptor {
                service: ::core::any::TypeId::of::<#ty>,
                name: #name,
                docs: #docs,
                signature: #signature,
                source: #path::Source { function: #function, file: ::core::file!(), line: #line },
                kind: #path::HandlerKind::Event(#handler),
            }
        }
    }
}

fn handler(subscription: &Subscription, service: &Service, aegis: &Aegis) -> TokenStream {
    let Subscription {
        method,
        durable,
        exactly,
        ..
    } = subscription;
    let span = at(method.span());
    let path = aegis.path(span);
    let service_name = &service.name.value;
    let pattern = subscription.pattern.as_ref();
    let pattern = option(pattern.map(|pattern| pattern.value.to_token_stream()));
    let names = names(subscription, aegis);
    let [_, _, mode] = subscription.mode.words();
    let [_, _, start] = subscription.start.words();
    let (mode, start) = (Ident::new(mode, span), Ident::new(start, span));
    let redelivery = redelivery(&subscription.redelivery);
    let timeout = timeout(subscription.timeout);
    let concurrency = limit(subscription.concurrency);
    let call = call(subscription, service, aegis);
    quote_spanned! {span=>
        #path::EventHandler {
            service: #service_name,
            pattern: #pattern,
            names: #names,
            mode: #path::EventMode::#mode,
            start: #path::EventStart::#start,
            #redelivery
            timeout: #timeout,
            concurrency: #concurrency,
            durable: #durable,
            exactly: #exactly,
            call: #call,
        }
    }
}

/// The names that the argument can have; a type that is no event is shown there.
fn names(subscription: &Subscription, aegis: &Aegis) -> TokenStream {
    let event = &subscription.event;
    let span = at(event.span());
    let path = aegis.path(span);
    quote_spanned!(span=> #path::__private::event_names::<#event>())
}

/// Whether the pattern and the type belong together.
fn fits(subscription: &Subscription, aegis: &Aegis) -> TokenStream {
    let Subscription { event, cfgs, .. } = subscription;
    let names = names(subscription, aegis);
    let shown = tidy(event);
    let Some(Text { value, span }) = &subscription.pattern else {
        let span = at(event.span());
        let holds = quote_spanned!(span=> !#names.is_empty());
        let text = format!(
            "`{shown}` can be any event: say which ones you want with a pattern, as in \
             `#[subscribe(\"orders.*\", ..)]`"
        );
        return assertion(&holds, &text, span, cfgs);
    };
    let span = at(*span);
    let path = aegis.path(span);
    let holds = quote_spanned!(span=> #path::__private::pattern_covers(#value, #names));
    let way = if value.starts_with("events.") {
        "leave out `events.`, which stands before every name and is no part of it"
    } else {
        "widen the pattern, take another type, or leave the pattern out"
    };
    let text =
        format!("the pattern `{value}` does not match every name that `{shown}` can have: {way}");
    assertion(&holds, &text, span, cfgs)
}

/// A check at compile time, shown at the place.
pub(super) fn assertion(
    holds: &TokenStream,
    text: &str,
    span: Span,
    cfgs: &[Attribute],
) -> TokenStream {
    quote_spanned! {span=>
        #(#cfgs)*
        const _: () = ::core::assert!(#holds, "{}", #text);
    }
}

/// Read the event, call, say how it ended: each a function of the framework.
fn call(subscription: &Subscription, service: &Service, aegis: &Aegis) -> TokenStream {
    let Subscription {
        method,
        arguments,
        event,
        output,
        ..
    } = subscription;
    let ty = &service.ty;
    let span = at(method.span());
    let path = aegis.path(span);
    let read = {
        let span = at(event.span());
        let path = aegis.path(span);
        quote_spanned!(span=> #path::__private::event::<#event>)
    };
    let borrowed = if subscription.is_exclusive() {
        "borrowed_by_leader_for_event"
    } else {
        "borrowed_by_event"
    };
    let passed = arguments.iter().map(|argument| match argument {
        Argument::Owned { .. } => quote_spanned!(span=> event),
        Argument::Borrowed { ty } => {
            let span = at(ty.span());
            let path = aegis.path(span);
            let borrowed = Ident::new(borrowed, span);
            quote_spanned!(span=> #path::__private::#borrowed::<#ty>(&delivered))
        }
    });
    let called = quote_spanned!(span=> #ty::#method(service, #(#passed),*).await);
    let outcome = hook::outcome("Handled", &called, at(output.span()), aegis);
    quote_spanned! {span=>
        |service, delivered| ::std::boxed::Box::pin(async move {
            let service = #path::__private::service::<#ty>(&service);
            let event = match #read(&delivered) {
                ::core::result::Result::Ok(event) => event,
                ::core::result::Result::Err(failure) => {
                    return ::core::result::Result::Err(failure);
                }
            };
            #outcome
        })
    }
}
