//! The entry of a program: the user's function inside, the framework's around it.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use super::{Aegis, at};
use crate::model::Main;

/// The outer `fn main`.
pub(crate) fn main(main: &Main, aegis: &Aegis) -> TokenStream {
    let Main {
        item,
        cfgs,
        visibility,
        argument,
        ..
    } = main;
    let path = aegis.path(at(*argument));
    let entry = quote_spanned!(at(*argument)=> #path::__private::main(main));
    // The name of the outer function is the macro's: the inner one is the user's.
    let name = syn::Ident::new("main", Span::call_site());
    quote! {
        #(#cfgs)*
        #visibility fn #name() -> ::std::process::ExitCode {
            #item
            #entry
        }
    }
}
