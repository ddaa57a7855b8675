//! Options of an attribute: `key = "text"`, `key = 8`, `key` alone, `key(..)`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, Lit, LitStr, Meta, Token};

use super::value;
use crate::diag::Diag;
use crate::model::Text;

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `key = ".."`
    Text,
    /// `key = 8`
    Number,
    /// `key`
    Flag,
    /// `key(..)`
    List,
    /// `key = ".."` or `key(..)`
    TextOrList,
    /// Known, but it belongs elsewhere: the example is the reason.
    Refused,
}

/// One option that an attribute knows.
pub(super) struct Rule {
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) example: &'static str,
}

impl Rule {
    pub(super) const fn new(key: &'static str, kind: Kind, example: &'static str) -> Self {
        Self { key, kind, example }
    }
}

/// The options of one attribute. Wrong ones have been reported, and count as given.
#[derive(Default)]
pub(super) struct Args {
    entries: Vec<Entry>,
}

struct Entry {
    key: Ident,
    value: Value,
}

enum Value {
    None,
    Text(Text),
    Number { digits: String, span: Span },
    List(TokenStream),
    Broken,
}

impl Args {
    /// Whether the option was given, even wrongly.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Where the option was named.
    pub(super) fn place(&self, key: &str) -> Option<Span> {
        let mut entries = self.entries.iter();
        entries
            .find(|entry| entry.key == key)
            .map(|entry| entry.key.span())
    }

    /// The text of an option.
    pub(super) fn text(&self, key: &str) -> Option<Text> {
        match self.find(key) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// The digits of an option, and their place.
    pub(super) fn number(&self, key: &str) -> Option<(&str, Span)> {
        match self.find(key) {
            Some(Value::Number { digits, span }) => Some((digits, *span)),
            _ => None,
        }
    }

    /// The inside of an option's parentheses.
    pub(super) fn list(&self, key: &str) -> Option<TokenStream> {
        match self.find(key) {
            Some(Value::List(tokens)) => Some(tokens.clone()),
            _ => None,
        }
    }

    fn find(&self, key: &str) -> Option<&Value> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }
}

/// The tokens inside `#[marker(..)]`; nothing for `#[marker]`.
pub(super) fn inside(attribute: &Attribute, diag: &mut Diag) -> TokenStream {
    match &attribute.meta {
        Meta::Path(_) => TokenStream::new(),
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(pair) => {
            let name = pair.path.to_token_stream();
            diag.at(
                pair,
                format_args!("options go into parentheses: `#[{name}(..)]`"),
            );
            TokenStream::new()
        }
    }
}

/// Takes away the text that stands before the options: the `what` of `owner`.
pub(super) fn text_first(
    owner: &str,
    what: &str,
    example: &str,
    tokens: TokenStream,
    diag: &mut Diag,
) -> (Option<Text>, TokenStream) {
    let mut first: Option<Text> = None;
    let mut rest = TokenStream::new();
    for (at, chunk) in chunks(tokens, diag).into_iter().enumerate() {
        let Ok(text) = syn::parse2::<LitStr>(chunk.clone()) else {
            rest.extend(quote!(#chunk,));
            continue;
        };
        if first.is_some() {
            diag.at(chunk, format_args!("`{owner}` takes one {what}: keep one"));
            continue;
        }
        if at > 0 {
            let way = format!("as in `{example}`");
            diag.at(
                chunk,
                format_args!("the {what} stands before the options: {way}"),
            );
        }
        first = Some(Text {
            value: text.value(),
            span: text.span(),
        });
    }
    (first, rest)
}

/// Reads the options of `owner`, an attribute such as `#[rpc]`.
pub(super) fn read(owner: &str, tokens: TokenStream, rules: &[Rule], diag: &mut Diag) -> Args {
    let mut args = Args::default();
    for chunk in chunks(tokens, diag) {
        let Some(mut entry) = entry(owner, chunk.clone(), rules, diag) else {
            continue;
        };
        let Some(rule) = rules.iter().find(|rule| entry.key == rule.key) else {
            diag.at(&entry.key, unknown(owner, &entry.key, rules));
            continue;
        };
        if args.has(rule.key) {
            diag.at(
                &entry.key,
                format_args!("`{}` is given twice: keep one", rule.key),
            );
            continue;
        }
        let fits = matches!(
            (rule.kind, &entry.value),
            (Kind::Text | Kind::TextOrList, Value::Text(_))
                | (Kind::Number, Value::Number { .. })
                | (Kind::Flag, Value::None)
                | (Kind::List | Kind::TextOrList, Value::List(_))
        );
        if !fits {
            diag.at(chunk, misfit(rule));
            entry.value = Value::Broken;
        }
        args.entries.push(entry);
    }
    args
}

/// Reads `key = "text"` pairs with free keys.
pub(super) fn pairs(owner: &str, tokens: TokenStream, diag: &mut Diag) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for chunk in chunks(tokens, diag) {
        let Some(Entry {
            key,
            value: Value::Text(text),
        }) = parsed(chunk.clone())
        else {
            diag.at(
                chunk,
                format_args!("`{owner}` takes pairs, as in `{owner}(team = \"core\")`"),
            );
            continue;
        };
        let name = value::plain(&key);
        if pairs.iter().any(|(known, _)| *known == name) {
            diag.at(&key, format_args!("`{name}` is given twice: keep one"));
        } else {
            pairs.push((name, text.value));
        }
    }
    pairs
}

/// Reports options where none is taken.
pub(super) fn refuse(owner: &str, tokens: &TokenStream, diag: &mut Diag) {
    if !tokens.is_empty() {
        diag.at(
            tokens,
            format_args!("`{owner}` takes no options: write `{owner}` alone"),
        );
    }
}

fn entry(owner: &str, chunk: TokenStream, rules: &[Rule], diag: &mut Diag) -> Option<Entry> {
    let entry = parsed(chunk.clone());
    if entry.is_none() {
        diag.at(
            chunk,
            format_args!("`{owner}` takes options by name: {}", names(rules)),
        );
    }
    entry
}

/// Cuts at the commas; a comma without an option before it is a mistake.
fn chunks(tokens: TokenStream, diag: &mut Diag) -> Vec<TokenStream> {
    let mut chunks = Vec::new();
    let mut chunk = TokenStream::new();
    for token in tokens {
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => {
                if chunk.is_empty() {
                    diag.at_span(
                        comma.span(),
                        "there is no option before this comma: remove it",
                    );
                } else {
                    chunks.push(std::mem::take(&mut chunk));
                }
            }
            token => chunk.extend([token]),
        }
    }
    if !chunk.is_empty() {
        chunks.push(chunk);
    }
    chunks
}

/// An option, if the chunk starts with a name.
fn parsed(chunk: TokenStream) -> Option<Entry> {
    let parser = |input: ParseStream<'_>| {
        let key = input.call(Ident::parse_any)?;
        let rest: TokenStream = input.parse()?;
        Ok(Entry {
            key,
            value: assigned.parse2(rest).unwrap_or(Value::Broken),
        })
    };
    parser.parse2(chunk).ok()
}

fn assigned(input: ParseStream<'_>) -> syn::Result<Value> {
    if input.is_empty() {
        return Ok(Value::None);
    }
    if input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in input);
        return Ok(Value::List(content.parse()?));
    }
    input.parse::<Token![=]>()?;
    Ok(match input.parse::<Lit>()? {
        Lit::Str(text) => Value::Text(Text {
            value: text.value(),
            span: text.span(),
        }),
        Lit::Int(number) => Value::Number {
            digits: number.base10_digits().to_owned(),
            span: number.span(),
        },
        _ => Value::Broken,
    })
}

fn misfit(rule: &Rule) -> String {
    let Rule { key, kind, example } = rule;
    match kind {
        Kind::Text => format!("`{key}` takes a text, as in `{example}`"),
        Kind::Number => format!("`{key}` takes a whole number, as in `{example}`"),
        Kind::Flag => format!("`{key}` takes no value: write `{key}` alone, or leave it out"),
        Kind::List => format!("`{key}` takes a list, as in `{example}`"),
        Kind::TextOrList => format!("`{key}` takes a text or a list, as in `{example}`"),
        Kind::Refused => format!("`{key}` {example}"),
    }
}

fn unknown(owner: &str, key: &Ident, rules: &[Rule]) -> String {
    let key = key.to_string();
    let known = rules
        .iter()
        .filter(|rule| rule.kind != Kind::Refused)
        .map(|rule| rule.key);
    let names = names(rules);
    match value::nearest(&key, known) {
        Some(near) => {
            format!("`{owner}` has no option `{key}`: did you mean `{near}`? It takes {names}")
        }
        None => format!("`{owner}` has no option `{key}`: it takes {names}"),
    }
}

fn names(rules: &[Rule]) -> String {
    let known = rules.iter().filter(|rule| rule.kind != Kind::Refused);
    let names: Vec<String> = known.map(|rule| format!("`{}`", rule.key)).collect();
    names.join(", ")
}
