//! Methods with `#[subscribe(..)]`: they are called with events.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, FnArg, Ident, Pat, PatType, Path, ReturnType, Signature, Type};

use super::args::{self, Args, Kind, Rule};
use super::handler;
use super::redelivery::{self, Noun};
use super::signature::{self, Side, bare};
use super::value;
use crate::diag::Diag;
use crate::model::{Argument, Mode, Start, Subscription, Text};

const OWNER: &str = "#[subscribe]";

const PATTERN: &str = "#[subscribe(\"orders.*\", mode = \"compete\")]";

const SUBSCRIBE: [Rule; 10] = [
    Rule::new("mode", Kind::Text, "mode = \"compete\""),
    Rule::new("name", Kind::Text, "name = \"bill\""),
    Rule::new("start", Kind::Text, "start = \"all\""),
    Rule::new("retries", Kind::Number, "retries = 5"),
    Rule::new("backoff", Kind::TextOrList, "backoff = \"1s\""),
    Rule::new("ack_wait", Kind::Text, "ack_wait = \"30s\""),
    Rule::new("timeout", Kind::Text, "timeout = \"10s\""),
    Rule::new("concurrency", Kind::Number, "concurrency = 64"),
    Rule::new("durable", Kind::Flag, "durable"),
    Rule::new("exactly", Kind::Flag, "exactly"),
];

const NOUN: Noun = Noun {
    one: "an event",
    many: "events",
};

const HOUR: Duration = Duration::from_secs(3600);
const TIMEOUT_RULE: &str =
    "from `1ms` to `1h`: whatever takes longer is better split into steps, each an event";

/// Reads the method; `marker` is the path of its attribute.
pub(super) fn subscription(
    marker: &Path,
    options: TokenStream,
    attributes: &[Attribute],
    signature: &Signature,
    side: &Side<'_>,
    diag: &mut Diag,
) -> Subscription {
    let (pattern, options) = args::text_first(OWNER, "pattern", PATTERN, options, diag);
    let options = args::read(OWNER, options, &SUBSCRIBE, diag);
    let mode = mode(marker, &options, diag);
    if let Some(mode) = mode {
        misplaced(mode, &options, diag);
    }
    signature::head(signature, diag);
    signature::receiver(signature, diag);
    let (arguments, event) = arguments(signature, side, diag);
    let name = options.text("name");
    Subscription {
        method: signature.ident.clone(),
        name: name.unwrap_or_else(|| handler::own_name(&signature.ident)),
        docs: value::docs(attributes),
        cfgs: value::select(attributes, &["cfg"]),
        arguments,
        event,
        output: output(signature, side, diag),
        pattern,
        mode: mode.unwrap_or(Mode::Compete),
        start: start(&options, diag),
        redelivery: redelivery::redelivery(&options, NOUN, diag),
        timeout: redelivery::timeout(&options, HOUR, TIMEOUT_RULE, diag),
        concurrency: handler::limit(&options, "concurrency", 1, diag),
        durable: options.has("durable"),
        exactly: options.has("exactly"),
        generic: !signature.generics.params.is_empty(),
    }
}

fn mode(marker: &Path, options: &Args, diag: &mut Diag) -> Option<Mode> {
    if !options.has("mode") {
        let all = Mode::ALL.map(|mode| {
            let [word, meaning, _] = mode.words();
            format!("`mode = \"{word}\"` ({meaning})")
        });
        let all = either(&all);
        diag.at(
            marker,
            format_args!("say which instances get an event: add {all}"),
        );
        return None;
    }
    chosen("mode", &Mode::ALL, Mode::words, options, diag)
}

fn start(options: &Args, diag: &mut Diag) -> Start {
    chosen("start", &Start::ALL, Start::words, options, diag).unwrap_or(Start::New)
}

/// One of a few words; a wrong one is answered with all of them.
fn chosen<T: Copy>(
    key: &str,
    all: &[T],
    words: fn(T) -> [&'static str; 3],
    options: &Args,
    diag: &mut Diag,
) -> Option<T> {
    let Text { value, span } = options.text(key)?;
    let known = || all.iter().map(|known| words(*known));
    let found = all.iter().find(|known| words(**known)[0] == value);
    if found.is_none() {
        let near = match value::nearest(&value, known().map(|[word, ..]| word)) {
            Some(near) => format!("did you mean `{near}`? Write"),
            None => "write".to_owned(),
        };
        let words = known().map(|[word, meaning, _]| format!("`{word}` ({meaning})"));
        let words = either(&words.collect::<Vec<_>>());
        let text = format!("there is no {key} `{value}`: {near} {words}");
        diag.at_span(span, text);
    }
    found.copied()
}

/// `a, b or c`
fn either(all: &[String]) -> String {
    match all {
        [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
        all => all.concat(),
    }
}

/// Options that mean nothing in this mode.
fn misplaced(mode: Mode, options: &Args, diag: &mut Diag) {
    if let Some(place) = options.place("concurrency")
        && mode == Mode::Exclusive
    {
        let text = "`mode = \"exclusive\"` handles one event at a time, in order: remove \
                    `concurrency`";
        diag.at_span(place, text);
    }
    if let Some(place) = options.place("durable")
        && mode != Mode::Broadcast
    {
        let [mode, ..] = mode.words();
        diag.at_span(
            place,
            format_args!(
                "`durable` is for `mode = \"broadcast\"`, a handler with `mode = \"{mode}\"` \
                 always is: remove it"
            ),
        );
    }
}

/// What is borrowed, and the one argument that is owned: the event, with its type.
fn arguments(
    signature: &Signature,
    side: &Side<'_>,
    diag: &mut Diag,
) -> (Vec<Argument>, TokenStream) {
    let mut arguments = Vec::new();
    let mut event: Option<TokenStream> = None;
    let inputs = signature.inputs.iter().filter_map(typed);
    let owned = inputs.filter(|input| !matches!(bare(&input.ty), Type::Reference(_)));
    let several = owned.count() > 1;
    for input in signature.inputs.iter().filter_map(typed) {
        signature::unconditional(input, diag);
        if let Type::Reference(reference) = bare(&input.ty) {
            arguments.extend(signature::borrowed(input, reference, side, diag));
        } else if let Some(lent) = lent(&input.ty).filter(|_| several) {
            let way = format!("borrow it: `{}: &{lent}`", name(input, "_"));
            diag.at(input, format_args!("this comes from the framework, {way}"));
        } else if event.is_some() {
            let way = "for one of several types take an enum with `#[derive(aegis::Events)]`, and \
                       borrow what comes from the framework (`&Context`)";
            diag.at(input, format_args!("a handler takes one event: {way}"));
        } else {
            signature::travels(&input.ty, side, diag);
            let ty = signature::named(bare(&input.ty), side);
            event = Some(ty.clone());
            let ident = name(input, "event");
            arguments.push(Argument::Owned { ident, ty });
        }
    }
    if event.is_none() {
        let name = &signature.ident;
        let way = "take one by value, such as `event: AnyEvent`";
        diag.at(name, format_args!("`{name}` takes no event: {way}"));
    }
    (arguments, event.unwrap_or_else(|| quote!(())))
}

fn typed(input: &FnArg) -> Option<&PatType> {
    match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    }
}

/// What is called as the framework calls what it lends. One alone may be an event of this name; of
/// several it is what was meant to be borrowed, and only the text of the mistake depends on that.
fn lent(ty: &Type) -> Option<&Ident> {
    let Type::Path(path) = bare(ty) else {
        return None;
    };
    let last = path.path.segments.last()?;
    let lent = last.ident == "Context" || last.ident == "Leadership";
    lent.then_some(&last.ident)
}

/// The name is for people only: the method may take the event apart where it receives it.
fn name(input: &PatType, otherwise: &str) -> Ident {
    match &*input.pat {
        Pat::Ident(name) => name.ident.clone(),
        _ => Ident::new(otherwise, Span::call_site()),
    }
}

fn output(signature: &Signature, side: &Side<'_>, diag: &mut Diag) -> TokenStream {
    if let ReturnType::Type(_, ty) = &signature.output {
        return signature::named(ty, side);
    }
    let name = &signature.ident;
    let way = "add the return type `-> Result<(), Failure>`";
    diag.at(
        name,
        format_args!("`{name}` must say whether the event is done with: {way}"),
    );
    name.to_token_stream()
}
