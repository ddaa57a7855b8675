//! Methods with a marker that run at a stage of the service's life.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::spanned::Spanned as _;
use syn::{Attribute, FnArg, ReturnType, Signature, Type, TypeReference};

use super::signature::{self, Side, bare};
use super::{args, value};
use crate::diag::Diag;
use crate::model::{Hook, Stage};

/// Reads a hook.
pub(super) fn hook(
    stage: Stage,
    options: &TokenStream,
    attributes: &[Attribute],
    signature: &Signature,
    side: &Side<'_>,
    diag: &mut Diag,
) -> Hook {
    args::refuse(&format!("#[{}]", stage.marker()), options, diag);
    signature::head(signature, diag);
    signature::receiver(signature, diag);
    ending(stage, signature, diag);
    Hook {
        stage,
        method: signature.ident.clone(),
        lent: lent(stage, signature, side, diag),
        output: match &signature.output {
            ReturnType::Type(_, ty) => ty.span(),
            ReturnType::Default => signature.ident.span(),
        },
        cfgs: value::select(attributes, &["cfg"]),
    }
}

fn ending(stage: Stage, signature: &Signature, diag: &mut Diag) {
    let name = &signature.ident;
    match &signature.output {
        ReturnType::Default => {
            let (what, ty) = match stage {
                Stage::Start => ("whether the service may start", "Result<(), Failure>"),
                Stage::Leader => ("whether the instance can lead", "Result<(), Failure>"),
                Stage::Health => ("how the service is", "Health"),
                Stage::Stop | Stage::Standby => return,
            };
            let way = format!("add the return type `-> {ty}`");
            diag.at(name, format_args!("`{name}` must say {what}: {way}"));
        }
        ReturnType::Type(_, ty) if !is_unit(ty) => {
            let nobody = match stage {
                Stage::Stop => "nobody is left to hear",
                Stage::Standby => "nobody waits for",
                Stage::Start | Stage::Leader | Stage::Health => return,
            };
            let way = "log what went wrong and remove the return type";
            diag.at(ty, format_args!("{nobody} the result of `{name}`: {way}"));
        }
        ReturnType::Type(..) => {}
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(bare(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// What a hook borrows, each once; the compiler checks that the framework has it.
fn lent(stage: Stage, signature: &Signature, side: &Side<'_>, diag: &mut Diag) -> Vec<TokenStream> {
    let marker = stage.marker();
    let mut known: Vec<String> = Vec::new();
    let mut lent = Vec::new();
    for input in &signature.inputs {
        let FnArg::Typed(input) = input else { continue };
        let Type::Reference(TypeReference {
            mutability: None,
            elem,
            ..
        }) = bare(&input.ty)
        else {
            let offer = match stage {
                Stage::Leader => "`&Context` and `&Leadership`",
                _ => "`&Context`",
            };
            let text = format!("`#[{marker}]` hands over {offer} and nothing else: remove this");
            diag.at(input, text);
            continue;
        };
        let name = name(elem);
        if known.contains(&name) {
            let text = format!("`#[{marker}]` hands over `&{name}` once: remove this");
            diag.at(input, text);
        } else {
            known.push(name);
            lent.push(signature::named(elem, side));
        }
    }
    if !signature.generics.params.is_empty() {
        // A mistake, and its types mean nothing outside of it.
        lent.clear();
    }
    lent
}

/// As a type is told from another, wherever it was imported from.
fn name(ty: &Type) -> String {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    }
    .unwrap_or_else(|| ty.to_token_stream().to_string())
}
