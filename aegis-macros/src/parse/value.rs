//! Small readers: docs, names, durations, numbers, and the nearest known word.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use strsim::levenshtein;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Path};

use super::args::{Args, Kind, Rule};
use crate::diag::Diag;
use crate::model::Text;

/// The option that names a guard.
pub(super) const GUARD: Rule = Rule::new("guard", Kind::Text, "guard = \"desks_only\"");

/// The path of a guard, at the place where it was written.
pub(super) fn guard(options: &Args, diag: &mut Diag) -> Option<TokenStream> {
    let Text { value, span } = options.text("guard")?;
    let literal = LitStr::new(&value, span);
    if let Ok(path) = literal.parse_with(Path::parse_mod_style) {
        return Some(path.into_token_stream());
    }
    let text = "a guard is the path of a function, such as `guard = \"rights::desks_only\"`: \
                `fn desks_only(call: &Context) -> Result<(), Failure>`";
    diag.at_span(span, text);
    None
}

/// The name without `r#`.
pub(super) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// The doc comment as one text: without the space after `///`, without blank ends.
pub(super) fn docs(attributes: &[Attribute]) -> String {
    let texts: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    let indented = lines
        .iter()
        .all(|line| line.is_empty() || line.starts_with(' '));
    let cut = |line: &&str| {
        let line = if indented {
            line.strip_prefix(' ').unwrap_or(line)
        } else {
            line
        };
        line.trim_end().to_owned()
    };
    lines
        .iter()
        .map(cut)
        .collect::<Vec<_>>()
        .join("\n")
        .trim_matches('\n')
        .to_owned()
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text),
        ..
    }) = &pair.value
    else {
        return None;
    };
    // `/// ` alone must stay a line of its own.
    let text = text.value();
    pair.path.is_ident("doc").then(|| {
        if text.is_empty() {
            "\n".to_owned()
        } else {
            text
        }
    })
}

/// The attributes of these names.
pub(super) fn select(attributes: &[Attribute], names: &[&str]) -> Vec<Attribute> {
    let wanted = |attribute: &&Attribute| names.iter().any(|name| attribute.path().is_ident(name));
    attributes.iter().filter(wanted).cloned().collect()
}

/// A duration above zero, such as `2s` or `1m 30s`.
pub(super) fn duration(args: &Args, key: &str, diag: &mut Diag) -> Option<Duration> {
    let text = args.text(key)?;
    match humantime::parse_duration(&text.value) {
        Ok(Duration::ZERO) => {
            diag.at_span(
                text.span,
                format_args!("`{key}` must be more than zero, as in `2s`"),
            );
            None
        }
        Ok(duration) if u64::try_from(duration.as_nanos()).is_ok() => Some(duration),
        Ok(_) => {
            diag.at_span(
                text.span,
                format_args!("`{key}` is longer than 500 years: write less"),
            );
            None
        }
        Err(_) => {
            let text_is = format!("`{}` is not a duration", text.value);
            let way = "write a number and a unit, as in `500ms`, `2s` or `1m 30s`";
            diag.at_span(text.span, format_args!("{text_is}: {way}"));
            None
        }
    }
}

/// A whole number inside the range; `range` is the rule for people.
pub(super) fn number<T: FromStr + PartialOrd + Copy>(
    args: &Args,
    key: &str,
    (least, most): (T, T),
    range: impl Display,
    diag: &mut Diag,
) -> Option<T> {
    let (digits, span) = args.number(key)?;
    let number = digits
        .parse()
        .ok()
        .filter(|number| *number >= least && *number <= most);
    if number.is_none() {
        diag.at_span(span, format_args!("`{key}` must be {range}"));
    }
    number
}

/// `OutOfStock` as `OUT_OF_STOCK`.
pub(super) fn screaming(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut text = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_small = at > 0 && !letters[at - 1].is_uppercase() && letters[at - 1] != '_';
        let before_small = at > 0
            && letters[at - 1].is_uppercase()
            && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_small || before_small) {
            text.push('_');
        }
        text.extend(letter.to_uppercase());
    }
    text
}

/// The known word that differs by a slip or two.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|candidate| (levenshtein(word, candidate), candidate));
    let near = near.filter(|(slips, candidate)| *slips <= 2 && *slips < candidate.len());
    near.min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// The tokens with every `Self` written as `ty`, at the place of the `Self`.
pub(super) fn without_self(tokens: TokenStream, ty: &TokenStream) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => at(ty, ident.span()),
        TokenTree::Group(group) => {
            let inside = without_self(group.stream(), ty);
            let mut replaced = proc_macro2::Group::new(group.delimiter(), inside);
            replaced.set_span(group.span());
            replaced.into_token_stream()
        }
        token => token.into_token_stream(),
    });
    replaced.collect()
}

fn at(ty: &TokenStream, span: Span) -> TokenStream {
    let placed = ty.clone().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    placed.collect()
}

#[cfg(test)]
mod tests {
    use super::{docs, nearest, screaming};
    use syn::{ItemStruct, parse_str};

    #[test]
    fn codes_of_variants() {
        let rows = [
            ("NotFound", "NOT_FOUND"),
            ("OutOfStock", "OUT_OF_STOCK"),
            ("HTTPError", "HTTP_ERROR"),
            ("Gone", "GONE"),
            ("E404Found", "E404_FOUND"),
            ("A", "A"),
            ("Already_Split", "ALREADY_SPLIT"),
        ];
        for (name, code) in rows {
            assert_eq!(screaming(name), code);
        }
    }

    #[test]
    fn nearest_word() {
        let known = ["name", "timeout", "queue"];
        let rows = [
            ("timout", Some("timeout")),
            ("nmae", Some("name")),
            ("queues", Some("queue")),
            ("region", None),
            ("x", None),
        ];
        for (word, near) in rows {
            assert_eq!(nearest(word, known.into_iter()), near, "{word}");
        }
    }

    #[test]
    fn doc_comments() {
        let rows = [
            ("", ""),
            ("/// One.", "One."),
            ("/// One.\n///\n/// - a\n///   b", "One.\n\n- a\n  b"),
            ("///One.", "One."),
            ("/** One. */", "One."),
            (
                "#[doc = \"One.\"] #[doc(hidden)] #[doc = include_str!(\"x\")]",
                "One.",
            ),
        ];
        for (written, text) in rows {
            let item: ItemStruct = parse_str(&format!("{written}\nstruct A;")).unwrap();
            assert_eq!(docs(&item.attrs), text, "{written}");
        }
    }
}
