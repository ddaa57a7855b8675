//! Judges the model: names, versions, and what must not be there twice.

use std::collections::HashMap;

use crate::diag::Diag;
use crate::grammar;
use crate::model::{Client, Failure, Handler, Service, Stage, Text};

/// Judges a service.
pub(crate) fn service(service: &Service, diag: &mut Diag) {
    service_name(&service.name, diag);
    let version = &service.version;
    if grammar::version(&version.value).is_err() {
        let way = "write MAJOR.MINOR.PATCH as on semver.org, such as `1.0.0`";
        diag.at_span(
            version.span,
            format_args!("`{}` is not a version: {way}", version.value),
        );
    }
    handlers(&service.handlers, diag);
    for stage in Stage::ALL {
        one_hook(service, stage, diag);
    }
    leadership(service, diag);
}

/// Judges a client.
pub(crate) fn client(client: &Client, diag: &mut Diag) {
    service_name(&client.service, diag);
    handlers(&client.handlers, diag);
}

/// Judges a failure.
pub(crate) fn failure(failure: &Failure, diag: &mut Diag) {
    let mut known: HashMap<&str, String> = HashMap::new();
    for case in &failure.cases {
        let code = case.code.value.as_str();
        let span = case.code.span;
        let name = case.variant.as_ref().unwrap_or(&failure.ident).to_string();
        if grammar::code(code).is_err() {
            let way = "a capital letter, then up to 63 of `A-Z`, `0-9` and `_`";
            diag.at_span(span, format_args!("`{code}` is not a code: use {way}"));
        } else if grammar::RESERVED_CODES.contains(&code) {
            let way = "choose one of your own, such as `ORDER_";
            diag.at_span(
                span,
                format_args!("`{code}` is a code of the framework: {way}{code}`"),
            );
        }
        match known.get(code) {
            Some(first) => {
                let way = "a caller could not tell them apart, give each its own";
                diag.at_span(
                    span,
                    format_args!("`{first}` has the code `{code}` too: {way}"),
                );
            }
            None => {
                known.insert(code, name);
            }
        }
    }
}

fn service_name(name: &Text, diag: &mut Diag) {
    if let Err(fault) = grammar::service(&name.value) {
        let (fault, rule) = (fault.text(), grammar::SERVICE_RULE);
        diag.at_span(
            name.span,
            format_args!("the service name `{}` {fault}: use {rule}", name.value),
        );
    }
}

fn leadership(service: &Service, diag: &mut Diag) {
    if let Some(Text { value, span }) = &service.group
        && let Err(fault) = grammar::service(value)
    {
        let (fault, rule) = (fault.text(), grammar::SERVICE_RULE);
        diag.at_span(
            *span,
            format_args!("the group `{value}` {fault}: use {rule}"),
        );
    }
    if let Some(failover) = &service.failover
        && service.group.is_none()
        && service.exclusive().next().is_none()
    {
        let way = "mark a handler with `#[exclusive_rpc]` or a hook with `#[on_leader]`, or add \
                   `group = \"main\"`";
        diag.at_span(
            failover.place,
            format_args!("nothing here needs a leader, so none is replaced: {way}"),
        );
    }
}

fn handlers(handlers: &[Handler], diag: &mut Diag) {
    for (at, handler) in handlers.iter().enumerate() {
        wire_name(handler, diag);
        if handler.method == "new" {
            let marker = handler.runs.marker();
            let way = format!("keep it on the wire with `#[{marker}(name = \"new\")]`");
            diag.at(
                &handler.method,
                format_args!("`new` makes the generated client: choose another, and {way}"),
            );
        }
        if let Some((thirteenth, _)) = handler.owned().nth(Handler::MOST_ARGUMENTS) {
            let way = "put them into a struct and take `Params<TheStruct>`";
            diag.at(
                thirteenth,
                format_args!(
                    "at most {} arguments can travel: {way}",
                    Handler::MOST_ARGUMENTS
                ),
            );
        }
        looks_like_an_envelope(handler, diag);
        let first = handlers[..at]
            .iter()
            .find(|earlier| clash(earlier, handler));
        if let Some(first) = first {
            let name = &handler.name.value;
            let marker = handler.runs.marker();
            let way = format!("give one of them another with `#[{marker}(name = \"..\")]`");
            diag.at_span(
                handler.name.span,
                format_args!(
                    "`{}` is called `{name}` on the wire too: {way}",
                    first.method
                ),
            );
        }
    }
}

/// A body with these two is an envelope of `AegisSDK`.
fn looks_like_an_envelope(handler: &Handler, diag: &mut Diag) {
    let named = |name: &str| handler.owned().find(|(ident, _)| *ident == name);
    if let (Some(_), Some((params, _))) = (named("method"), named("params")) {
        let way = "rename one of them";
        diag.at(
            params,
            format_args!("a body with `method` and `params` is an envelope on the wire: {way}"),
        );
    }
}

fn wire_name(handler: &Handler, diag: &mut Diag) {
    let Text { value, span } = &handler.name;
    if let Err(fault) = grammar::method(value) {
        let (fault, rule) = (fault.text(), grammar::METHOD_RULE);
        diag.at_span(
            *span,
            format_args!("the method name `{value}` {fault}: use {rule}"),
        );
    }
}

/// Two conditional handlers may exclude each other; the start of the service finds out.
fn clash(first: &Handler, second: &Handler) -> bool {
    let both_conditional = !first.cfgs.is_empty() && !second.cfgs.is_empty();
    first.name.value == second.name.value && !both_conditional
}

fn one_hook(service: &Service, stage: Stage, diag: &mut Diag) {
    let mut hooks = service.hooks.iter().filter(|hook| hook.stage == stage);
    let Some(first) = hooks.next() else { return };
    for hook in hooks.filter(|hook| first.cfgs.is_empty() || hook.cfgs.is_empty()) {
        let (name, marker) = (&first.method, stage.marker());
        let way = format!("call this from `{name}`");
        diag.at(
            &hook.method,
            format_args!("`{name}` is the `#[{marker}]` of this service: {way}"),
        );
    }
}
