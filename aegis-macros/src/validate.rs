//! Judges the model: names, versions, and what must not be there twice.

use std::collections::HashMap;

use syn::Attribute;

use crate::diag::Diag;
use crate::grammar::{self, Fault};
use crate::model::{Client, Event, Failure, Handler, Service, Stage, Subscription, Text, Work};

/// The longest version of an event, in characters.
const LONGEST_VERSION: usize = 64;

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
    subscriptions(service, diag);
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

/// Judges a type of event.
pub(crate) fn event(event: &Event, diag: &mut Diag) {
    let Text { value, span } = &event.name;
    if let Err(fault) = grammar::event(value) {
        let (fault, rule) = (fault.text(), grammar::EVENT_RULE);
        let text = format!("the event name `{value}` {fault}: use {rule}");
        diag.at_span(*span, text);
    }
    let Text { value, span } = &event.version;
    let length = value.chars().count();
    if length == 0 || length > LONGEST_VERSION || value.chars().any(char::is_control) {
        let way = format!("write 1 to {LONGEST_VERSION} characters on one line, such as `1.1`");
        diag.at_span(*span, format_args!("this is no version of an event: {way}"));
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
        method_name(&handler.name, diag);
        if handler.method == "new" {
            let marker = handler.work.marker();
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
        let first = handlers[..at].iter().find(|earlier| {
            clash(
                (&earlier.name, &earlier.cfgs),
                (&handler.name, &handler.cfgs),
            )
        });
        if let Some(first) = first {
            let name = &handler.name.value;
            let marker = handler.work.marker();
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

fn subscriptions(service: &Service, diag: &mut Diag) {
    let all = &service.subscriptions;
    for (at, subscription) in all.iter().enumerate() {
        method_name(&subscription.name, diag);
        if let Some(pattern) = &subscription.pattern {
            event_pattern(pattern, diag);
        }
        let Text { value: name, span } = &subscription.name;
        let way = "give one of them another name with `#[subscribe(name = \"..\")]`";
        let earlier = all[..at].iter().find(|earlier| {
            clash(
                (&earlier.name, &earlier.cfgs),
                (&subscription.name, &subscription.cfgs),
            )
        });
        let called = service.handlers.iter().find(|handler| {
            clash(
                (&handler.name, &handler.cfgs),
                (&subscription.name, &subscription.cfgs),
            )
        });
        if let Some(Subscription { method, .. }) = earlier {
            let consumer = format!("{}__{name}", service.name.value);
            diag.at_span(
                *span,
                format_args!(
                    "`{method}` is called `{name}` too, and they would share the durable consumer \
                     `{consumer}`: {way}"
                ),
            );
        } else if let Some(Handler { method, .. }) = called {
            let text = format!("`{method}` is called `{name}` on the wire too: {way}");
            diag.at_span(*span, text);
        }
    }
}

fn event_pattern(Text { value, span }: &Text, diag: &mut Diag) {
    if let Err(fault) = grammar::event_pattern(value) {
        let fault = match fault {
            Fault::OneToken => "has one token, and the name of an event has two or more",
            fault => fault.text(),
        };
        let rule = grammar::EVENT_PATTERN_RULE;
        diag.at_span(
            *span,
            format_args!("the pattern `{value}` {fault}: use {rule}"),
        );
    }
}

/// A body with these two is an envelope of `AegisSDK`.
fn looks_like_an_envelope(handler: &Handler, diag: &mut Diag) {
    let [name, body] = match handler.work {
        Work::Rpc(_) => ["method", "params"],
        Work::Command(_) => ["command", "payload"],
    };
    let named = |name: &str| handler.owned().find(|(ident, _)| *ident == name);
    if let (Some(_), Some((argument, _))) = (named(name), named(body)) {
        let way = "rename one of them";
        diag.at(
            argument,
            format_args!("a body with `{name}` and `{body}` is an envelope on the wire: {way}"),
        );
    }
}

fn method_name(Text { value, span }: &Text, diag: &mut Diag) {
    if let Err(fault) = grammar::method(value) {
        let (fault, rule) = (fault.text(), grammar::METHOD_RULE);
        diag.at_span(
            *span,
            format_args!("the method name `{value}` {fault}: use {rule}"),
        );
    }
}

/// Two conditional handlers may exclude each other; the start of the service finds out.
fn clash(first: (&Text, &[Attribute]), second: (&Text, &[Attribute])) -> bool {
    let both_conditional = !first.1.is_empty() && !second.1.is_empty();
    first.0.value == second.0.value && !both_conditional
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
