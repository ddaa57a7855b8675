//! Collects mistakes, so that one compile reports all of them, each at the user's token.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Diag {
    errors: Vec<syn::Error>,
}

impl Diag {
    /// Adds a mistake at the given tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, text: impl Display) {
        self.errors.push(syn::Error::new_spanned(tokens, text));
    }

    /// Adds a mistake at the given place.
    pub(crate) fn at_span(&mut self, span: Span, text: impl Display) {
        self.errors.push(syn::Error::new(span, text));
    }

    /// Adds a mistake that `syn` has found.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    /// How many mistakes there are.
    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    /// Whether there is no mistake.
    pub(crate) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// One `compile_error!` for each mistake.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.errors
            .iter()
            .map(syn::Error::to_compile_error)
            .collect()
    }
}
