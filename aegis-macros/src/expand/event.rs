//! `impl Event` for a type of event, `impl FromEvent` for a choice of several.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::{Aegis, at, subscribe};
use crate::model::{Choice, Event, Variant};

/// The `impl` for a type of event.
pub(crate) fn event(event: &Event, aegis: &Aegis) -> TokenStream {
    named(event, &event.name.value, aegis)
}

/// The same without a name, for the fallback: no pattern is held against it.
pub(crate) fn empty_event(event: &Event, aegis: &Aegis) -> TokenStream {
    named(event, "", aegis)
}

fn named(event: &Event, name: &str, aegis: &Aegis) -> TokenStream {
    let Event { ident, version, .. } = event;
    let version = &version.value;
    let span = at(ident.span());
    let path = aegis.path(span);
    quote_spanned! {span=>
        const _: () = {
            impl #path::Event for #ident {
                const NAME: &'static str = #name;
                const VERSION: &'static str = #version;
            }
        };
    }
}

/// The `impl` for a choice of events.
pub(crate) fn events(choice: &Choice, aegis: &Aegis) -> TokenStream {
    let Choice {
        ident,
        variants,
        other,
        ..
    } = choice;
    let span = at(ident.span());
    let path = aegis.path(span);
    // With a variant for all others it can be any.
    let names = variants.iter().filter(|_| other.is_none());
    let names = names.map(|variant| of_type(variant, "NAME", aegis));
    let arms = variants.iter().map(|variant| arm(variant, aegis));
    let rest = rest(other.as_ref(), span, aegis);
    let distinct = distinct(variants, aegis);
    quote_spanned! {span=>
        const _: () = {
            impl #path::FromEvent for #ident {
                const NAMES: &'static [&'static str] = &[#(#names),*];

                fn from_event(
                    event: &#path::AnyEvent,
                ) -> ::core::result::Result<Self, #path::Failure> {
                    #(#arms)*
                    #rest
                }
            }
            #distinct
        };
    }
}

/// The same beside mistakes: it can be something, and no pattern is held against it.
pub(crate) fn empty_events(choice: &Choice, aegis: &Aegis) -> TokenStream {
    let ident = &choice.ident;
    let path = aegis.path(at(ident.span()));
    quote! {
        const _: () = {
            impl #path::FromEvent for #ident {
                const NAMES: &'static [&'static str] = &[""];

                fn from_event(
                    _event: &#path::AnyEvent,
                ) -> ::core::result::Result<Self, #path::Failure> {
                    ::core::unreachable!()
                }
            }
        };
    }
}

fn arm(variant: &Variant, aegis: &Aegis) -> TokenStream {
    let ident = &variant.ident;
    let read = of_type(variant, "READ", aegis);
    quote! {
        if let ::core::option::Option::Some(read) = #read(event) {
            return read.map(Self::#ident);
        }
    }
}

/// What no variant with a type has taken.
fn rest(other: Option<&Variant>, span: Span, aegis: &Aegis) -> TokenStream {
    let Some(Variant { ident, ty }) = other else {
        let path = aegis.path(span);
        return quote_spanned! {span=>
            ::core::result::Result::Err(#path::__private::unexpected_event(
                event,
                <Self as #path::FromEvent>::NAMES,
            ))
        };
    };
    let span = at(ty.span());
    let path = aegis.path(span);
    let take = quote_spanned!(span=> <#ty as #path::__private::TheRest>::TAKE);
    quote!(::core::result::Result::Ok(Self::#ident(#take(event))))
}

/// What the type of a variant is asked. A type that is no event gives one answer to all of it, at
/// one place, which is shown once.
fn of_type(Variant { ty, .. }: &Variant, asked: &str, aegis: &Aegis) -> TokenStream {
    let span = at(ty.span());
    let path = aegis.path(span);
    let asked = Ident::new(asked, span);
    quote_spanned!(span=> <#ty as #path::__private::OneOfSeveral>::#asked)
}

/// Says at a variant that an earlier one holds the same event.
fn distinct(variants: &[Variant], aegis: &Aegis) -> TokenStream {
    let pairs = variants
        .iter()
        .enumerate()
        .flat_map(|(at, later)| variants[..at].iter().map(move |earlier| (earlier, later)));
    let checks = pairs.map(|(earlier, later)| {
        let span = at(later.ident.span());
        let path = aegis.path(span);
        let [first, second] = [earlier, later].map(|variant| of_type(variant, "NAME", aegis));
        let holds = quote_spanned!(span=> !#path::__private::same_name(#first, #second));
        let text = format!(
            "`{}` holds the event of `{}`, which is tried first: keep one of the two variants, or \
             give their types names of their own",
            later.ident, earlier.ident
        );
        subscribe::assertion(&holds, &text, span, &[])
    });
    checks.collect()
}
