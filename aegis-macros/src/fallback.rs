//! Beside mistakes: the user's item and what keeps the rest of the program free of further errors.

use proc_macro2::TokenStream;
use quote::quote;

use crate::diag::Diag;
use crate::expand::{self, Aegis, Face};
use crate::model::{Choice, Client, Event, Failure, Main, Service};

/// The item as it was written.
pub(crate) fn item(item: &TokenStream, diag: Diag) -> TokenStream {
    let errors = diag.into_tokens();
    quote!(#item #errors)
}

/// A function that is not fit to be `main`; under that name, the program still has one.
pub(crate) fn main(main: &Main, diag: Diag) -> TokenStream {
    let errors = diag.into_tokens();
    let Main {
        item,
        cfgs,
        visibility,
        ident,
        ..
    } = main;
    if ident != "main" {
        return quote!(#(#cfgs)* #visibility #item #errors);
    }
    quote! {
        #(#cfgs)*
        #visibility fn main() {
            #[allow(dead_code, reason = "there are errors in it")]
            #item
        }
        #errors
    }
}

/// A failure that never travels, since the program does not compile.
pub(crate) fn failure(failure: &Failure, aegis: &Aegis, diag: Diag) -> TokenStream {
    let errors = diag.into_tokens();
    let empty = failure
        .usable
        .then(|| expand::empty_failure(failure, aegis));
    quote!(#errors #empty)
}

/// An event that is never published, since the program does not compile.
pub(crate) fn event(event: &Event, aegis: &Aegis, diag: Diag) -> TokenStream {
    let errors = diag.into_tokens();
    let empty = event.usable.then(|| expand::empty_event(event, aegis));
    quote!(#errors #empty)
}

/// A choice that never arrives, since the program does not compile.
pub(crate) fn events(choice: &Choice, aegis: &Aegis, diag: Diag) -> TokenStream {
    let errors = diag.into_tokens();
    let empty = choice.usable.then(|| expand::empty_events(choice, aegis));
    quote!(#errors #empty)
}

/// A service without rows, so that `app.service(..)` and calls still have their types.
pub(crate) fn service(service: &Service, aegis: &Aegis, diag: Diag) -> TokenStream {
    let item = &service.item;
    let errors = diag.into_tokens();
    let rest = service.nameable.then(|| {
        let empty = expand::empty_service(service, aegis);
        let borrows = expand::borrows(service, aegis);
        let client = expand::face(&Face::of_service(service).unsound(), aegis);
        quote!(#borrows #empty #client)
    });
    quote!(#item #errors #rest)
}

/// A client with the methods that have no mistake.
pub(crate) fn client(client: &Client, aegis: &Aegis, diag: Diag) -> TokenStream {
    let item = &client.item;
    let errors = diag.into_tokens();
    let face = expand::face(&Face::of_client(client).unsound(), aegis);
    quote!(#item #errors #face)
}
