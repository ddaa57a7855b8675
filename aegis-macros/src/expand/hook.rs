//! A hook: one method of `impl Service`, which calls the user's.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::{Aegis, at};
use crate::model::{Hook, Stage};

/// The method of the trait.
pub(super) fn method(hook: &Hook, aegis: &Aegis) -> TokenStream {
    let Hook {
        stage,
        method,
        lent,
        output,
        cfgs,
    } = hook;
    let path = aegis.path(Span::call_site());
    let future = match stage {
        Stage::Start | Stage::Leader => quote!(#path::__private::HookFuture<'a>),
        Stage::Stop | Stage::Standby => quote!(#path::__private::BoxFuture<'a, ()>),
        Stage::Health => quote!(#path::__private::BoxFuture<'a, #path::Health>),
    };
    let passed = lent.iter().map(|ty| passed(*stage, ty, aegis));
    let call = quote_spanned!(at(method.span())=> Self::#method(self, #(#passed),*).await);
    let call = match stage {
        Stage::Start => outcome("Started", &call, at(*output), aegis),
        Stage::Leader => outcome("Promoted", &call, at(*output), aegis),
        Stage::Stop | Stage::Standby => call,
        // A `Result` is a health as well.
        Stage::Health => {
            let span = at(*output);
            let path = aegis.path(span);
            quote_spanned!(span=> <#path::Health as ::core::convert::From<_>>::from(#call))
        }
    };
    let body = quote_spanned! {at(method.span())=>
        ::std::boxed::Box::pin(async move { #call })
    };
    let name = Ident::new(stage.marker(), Span::call_site());
    let arguments = arguments(*stage, lent.is_empty(), &path);
    quote! {
        #(#cfgs)*
        fn #name<'a>(&'a self, #arguments) -> #future {
            #body
        }
    }
}

/// Says at the type what a hook cannot borrow, beside other mistakes.
pub(super) fn lent(hook: &Hook, aegis: &Aegis) -> impl Iterator<Item = TokenStream> {
    let cfgs = &hook.cfgs;
    let check = match hook.stage {
        Stage::Leader => "assert_lent",
        _ => "assert_lent_to_hook",
    };
    hook.lent.iter().map(move |ty| {
        let span = at(ty.span());
        let path = aegis.path(span);
        let check = Ident::new(check, span);
        quote_spanned! {span=>
            #(#cfgs)*
            const _: () = #path::__private::#check::<#ty>();
        }
    })
}

fn arguments(stage: Stage, unused: bool, path: &TokenStream) -> TokenStream {
    let (context, leader) = if unused {
        (quote!(_context), quote!(_leader))
    } else {
        (quote!(context), quote!(leader))
    };
    let leader = (stage == Stage::Leader).then(|| quote!(#leader: &'a #path::Leadership));
    quote!(#context: &'a #path::Context, #leader)
}

fn passed(stage: Stage, ty: &TokenStream, aegis: &Aegis) -> TokenStream {
    let span = at(ty.span());
    let path = aegis.path(span);
    if stage == Stage::Leader {
        quote_spanned!(span=> #path::__private::lent::<#ty>(context, leader))
    } else {
        quote_spanned!(span=> #path::__private::lent_to_hook::<#ty>(context))
    }
}

/// Whatever error it is, to a `Failure`; what cannot become one is shown at the return type.
pub(super) fn outcome(wrapper: &str, call: &TokenStream, span: Span, aegis: &Aegis) -> TokenStream {
    let path = aegis.path(span);
    let otherwise = Ident::new(&format!("{wrapper}Otherwise"), span);
    let wrapper = Ident::new(wrapper, span);
    quote_spanned! {span=> {
        use #path::__private::#otherwise as _;
        #path::__private::#wrapper(#call).outcome()
    }}
}
