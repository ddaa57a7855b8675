//! A method's signature: `async`, `&self`, plain arguments, a result. Types are not judged here.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    FnArg, Ident, Lifetime, Pat, PatType, Path, Receiver, ReturnType, Signature, Type,
    TypeImplTrait, TypeReference,
};

use super::value;
use crate::diag::Diag;
use crate::model::Argument;

/// Where a method stands, which decides what it may say.
pub(super) enum Side<'a> {
    /// In a service's `impl` block; holds the block's type, to write it for `Self`.
    Service(&'a TokenStream),
    /// In a client's trait.
    Client,
}

/// The arguments and the return type; mistakes are reported and left out.
pub(super) fn read(
    signature: &Signature,
    side: &Side<'_>,
    diag: &mut Diag,
) -> (Vec<Argument>, TokenStream) {
    head(signature, diag);
    receiver(signature, diag);
    let typed = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(argument),
        FnArg::Receiver(_) => None,
    });
    let arguments = typed
        .filter_map(|input| argument(input, side, diag))
        .collect();
    (arguments, output(signature, side, diag))
}

/// What stands before the arguments: `async` and nothing else. Hooks and handlers share it.
pub(super) fn head(signature: &Signature, diag: &mut Diag) {
    let name = &signature.ident;
    if signature.asyncness.is_none() {
        diag.at(
            signature.fn_token,
            format_args!("`{name}` must be an `async fn`: write `async` before `fn`"),
        );
    }
    let odd: [Option<TokenStream>; 4] = [
        signature.constness.map(ToTokens::into_token_stream),
        signature.unsafety.map(ToTokens::into_token_stream),
        signature.abi.as_ref().map(ToTokens::to_token_stream),
        signature.variadic.as_ref().map(ToTokens::to_token_stream),
    ];
    for tokens in odd.into_iter().flatten() {
        let text = format!("`{name}` must be a plain `async fn`: remove `{tokens}`");
        diag.at(tokens, text);
    }
    let generics = &signature.generics;
    if !generics.params.is_empty() {
        diag.at(
            &generics.params,
            format_args!("`{name}` cannot be generic, the framework calls it: name the types"),
        );
    }
    if let Some(bounds) = &generics.where_clause {
        diag.at(
            bounds,
            format_args!("`{name}` cannot have bounds: remove the `where` clause"),
        );
    }
}

/// `&self`, with the way out for every other receiver.
pub(super) fn receiver(signature: &Signature, diag: &mut Diag) {
    let name = &signature.ident;
    let Some(FnArg::Receiver(receiver)) = signature.inputs.first() else {
        diag.at(
            name,
            format_args!("`{name}` needs the service: make `&self` its first argument"),
        );
        return;
    };
    let Receiver {
        reference,
        mutability,
        colon_token,
        ty,
        ..
    } = receiver;
    if colon_token.is_some() {
        if !is_self_reference(ty) {
            let way = "take `&self`, and keep an `Arc` in a field for what a task must own";
            diag.at(
                receiver,
                format_args!("`{name}` cannot own a pointer to the service: {way}"),
            );
        }
    } else if reference.is_none() {
        let way = "take `&self`";
        diag.at(
            receiver,
            format_args!("`{name}` would consume the service: {way}"),
        );
    } else if mutability.is_some() {
        let way = "take `&self`, and keep what changes in a `Mutex` or an atomic";
        diag.at(
            receiver,
            format_args!("`{name}` cannot have `&mut self`, calls run at the same time: {way}"),
        );
    }
}

fn is_self_reference(ty: &Type) -> bool {
    let Type::Reference(TypeReference {
        mutability: None,
        elem,
        ..
    }) = bare(ty)
    else {
        return false;
    };
    matches!(bare(elem), Type::Path(path) if path.path.is_ident("Self"))
}

fn argument(input: &PatType, side: &Side<'_>, diag: &mut Diag) -> Option<Argument> {
    unconditional(input, diag);
    match (bare(&input.ty), side) {
        (Type::Reference(reference), Side::Service(_)) => borrowed(input, reference, side, diag),
        (Type::Reference(reference), Side::Client) => {
            diag.at(
                reference,
                "a client sends owned values: write `String` for `&str`, `Vec<T>` for `&[T]`",
            );
            None
        }
        (ty, _) => owned(input, ty, side, diag),
    }
}

/// An argument that the framework lends.
pub(super) fn borrowed(
    input: &PatType,
    reference: &TypeReference,
    side: &Side<'_>,
    diag: &mut Diag,
) -> Option<Argument> {
    if reference.mutability.is_some() {
        let text = "what the framework lends is shared between calls: take `&T`, not `&mut T`";
        diag.at(reference, text);
        return None;
    }
    if !matches!(&*input.pat, Pat::Ident(_) | Pat::Wild(_)) {
        diag.at(
            &input.pat,
            "an argument needs a plain name: take it apart inside the method",
        );
        return None;
    }
    Some(Argument::Borrowed {
        ty: named(&reference.elem, side),
    })
}

fn owned(input: &PatType, ty: &Type, side: &Side<'_>, diag: &mut Diag) -> Option<Argument> {
    let name = match &*input.pat {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Some(&name.ident),
        Pat::Wild(wild) => {
            let way = "the name is the field of the message, so give it one";
            diag.at(wild, format_args!("an argument needs a name: {way}"));
            None
        }
        pattern => {
            let way = "the name is the field of the message; take it apart inside the method";
            diag.at(
                pattern,
                format_args!("an argument needs a plain name: {way}"),
            );
            None
        }
    };
    let travels = travels(ty, side, diag);
    let ident = name.cloned()?;
    travels.then(|| Argument::Owned {
        ident,
        ty: named(ty, side),
    })
}

/// An argument is there or not together with its method.
pub(super) fn unconditional(input: &PatType, diag: &mut Diag) {
    for attribute in value::select(&input.attrs, &["cfg", "cfg_attr"]) {
        diag.at(
            attribute,
            "an argument cannot be conditional: put `#[cfg(..)]` on the method",
        );
    }
}

/// Whether the type of an argument can cross the wire; the rest is up to the compiler.
pub(super) fn travels(ty: &Type, side: &Side<'_>, diag: &mut Diag) -> bool {
    match Obstacle::find(ty, side) {
        Some(obstacle) => {
            diag.at_span(obstacle.span, obstacle.in_argument());
            false
        }
        None => true,
    }
}

fn output(signature: &Signature, side: &Side<'_>, diag: &mut Diag) -> TokenStream {
    let name = &signature.ident;
    let ReturnType::Type(_, ty) = &signature.output else {
        diag.at(
            name,
            format_args!("`{name}` must say how it ends: add a return type `-> Result<T, E>`"),
        );
        return quote!(());
    };
    if let Some(obstacle) = Obstacle::find(ty, side) {
        diag.at_span(obstacle.span, obstacle.in_result());
    }
    named(ty, side)
}

/// The type, with a name that means the same outside of the block.
pub(super) fn named(ty: &Type, side: &Side<'_>) -> TokenStream {
    match side {
        Side::Service(service) => value::without_self(ty.to_token_stream(), service),
        Side::Client => ty.to_token_stream(),
    }
}

/// The type without parentheses and without the invisible groups of `macro_rules!`.
pub(super) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// What keeps a type from crossing the wire.
struct Obstacle {
    what: What,
    span: Span,
}

#[derive(Clone, Copy)]
enum What {
    Borrow,
    Opaque,
    SelfType,
}

impl Obstacle {
    fn find(ty: &Type, side: &Side<'_>) -> Option<Self> {
        let mut search = Search {
            found: None,
            in_trait: matches!(side, Side::Client),
        };
        search.visit_type(ty);
        search.found
    }

    const fn in_argument(&self) -> &'static str {
        match self.what {
            What::Borrow => {
                "what comes from the wire is owned: write `String` for `&str`, `Vec<T>` for `&[T]`"
            }
            What::Opaque => {
                "an argument cannot be `impl Trait`: a message needs a type with a name"
            }
            What::SelfType => NO_SELF,
        }
    }

    const fn in_result(&self) -> &'static str {
        match self.what {
            What::Borrow => {
                "what goes to the wire is owned: write `String` for `&str`, `Vec<T>` for `&[T]`"
            }
            What::Opaque => "a result cannot be `impl Trait`: the client needs a type with a name",
            What::SelfType => NO_SELF,
        }
    }
}

const NO_SELF: &str = "`Self` means nothing to the service: write the type's name";

struct Search {
    found: Option<Obstacle>,
    in_trait: bool,
}

impl Search {
    fn found(&mut self, what: What, span: Span) {
        self.found.get_or_insert(Obstacle { what, span });
    }
}

impl<'ast> Visit<'ast> for Search {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.found(What::Borrow, reference.span());
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.found(What::Borrow, lifetime.span());
        }
    }

    fn visit_type_impl_trait(&mut self, opaque: &'ast TypeImplTrait) {
        self.found(What::Opaque, opaque.span());
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let first = path.segments.first().map(|segment| &segment.ident);
        if let Some(ident) = first.filter(|ident: &&Ident| self.in_trait && *ident == "Self") {
            self.found(What::SelfType, ident.span());
        }
        visit::visit_path(self, path);
    }
}
