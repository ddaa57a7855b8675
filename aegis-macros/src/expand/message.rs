//! `impl DomainError`: from a variant to what travels, and back.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::{Aegis, at, option};
use crate::model::{Case, Failure};

/// The `impl` for a failure.
pub(crate) fn failure(failure: &Failure, aegis: &Aegis) -> TokenStream {
    let Failure { ident, cases, .. } = failure;
    let span = at(ident.span());
    let path = aegis.path(span);
    let codes = cases.iter().map(|case| &case.code.value);
    let arms = cases.iter().map(arm);
    quote_spanned! {span=>
        const _: () = {
            impl #path::DomainError for #ident {
                const CODES: &'static [&'static str] = &[#(#codes),*];

                fn to_failure(&self) -> #path::Failure {
                    let (code, retryable, status): (
                        &'static str,
                        bool,
                        ::core::option::Option<u16>,
                    ) = match self {
                        #(#arms)*
                    };
                    #path::__private::failure(self, code, retryable, status)
                }

                fn from_failure(failure: &#path::Failure) -> ::core::option::Option<Self> {
                    #path::__private::decode_failure(failure, Self::CODES)
                }
            }
        };
    }
}

/// The same without codes, for the fallback: it asks nothing of the type.
pub(crate) fn empty_failure(failure: &Failure, aegis: &Aegis) -> TokenStream {
    let ident = &failure.ident;
    let path = aegis.path(at(ident.span()));
    quote! {
        const _: () = {
            impl #path::DomainError for #ident {
                const CODES: &'static [&'static str] = &[];

                fn to_failure(&self) -> #path::Failure {
                    ::core::unreachable!()
                }

                fn from_failure(_failure: &#path::Failure) -> ::core::option::Option<Self> {
                    ::core::option::Option::None
                }
            }
        };
    }
}

fn arm(case: &Case) -> TokenStream {
    let Case {
        variant,
        code,
        retryable,
        status,
    } = case;
    let code = &code.value;
    let status = option(status.map(|status| Literal::u16_unsuffixed(status).into_token_stream()));
    let variant = variant.as_ref().map(|variant| quote!(::#variant));
    quote!(Self #variant { .. } => (#code, #retryable, #status),)
}
