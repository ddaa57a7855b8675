//! What a service needs.

use super::list::List;
use super::manifest::{HandlerManifest, ServiceManifest};
use super::store::{Reader, api, listed, made, opened, stream};
use crate::model::Priority;
use crate::model::event::handler_place;
use crate::model::layout::Layout;

/// Built-in methods of every service.
const BUILT_IN: [&str; 2] = ["health", "metrics"];

pub(super) fn serve(list: &mut List, layout: &Layout, service: &ServiceManifest) {
    let of_kind = |kind: &str| {
        let handlers = service.handlers.iter();
        handlers
            .filter(|one| one.kind == kind)
            .collect::<Vec<&HandlerManifest>>()
    };
    let [rpc, exclusive] = ["rpc", "exclusive_rpc"].map(of_kind);
    calls(list, layout, &service.name, rpc.iter().chain(&exclusive));
    if let Some(group) = &service.group {
        lead(list, layout, &service.name, group);
    }
    if !exclusive.is_empty() {
        results(list, layout);
    }
    let (events, commands) = (of_kind("subscribe"), of_kind("command"));
    if !events.is_empty() || !commands.is_empty() {
        list.may_publish("to ask what this JetStream can do", [api("INFO")]);
    }
    handle_events(list, layout, &service.name, &events);
    handle_commands(list, layout, &service.name, &commands);
}

fn calls<'a>(
    list: &mut List,
    layout: &Layout,
    name: &str,
    methods: impl Iterator<Item = &'a &'a HandlerManifest>,
) {
    let before = layout.before();
    let subjects = methods.map(|method| format!("{before}rpc.{name}.{}", method.name));
    list.may_subscribe("calls of its methods", subjects);
    list.may_subscribe(
        "calls to one instance, and to let another one lead",
        [format!("{before}rpc.{name}.*.*")],
    );
    let cancels = format!("{before}cancel.{name}.*");
    list.may_subscribe("to hear that a caller gave up", [cancels]);
    let micro = layout.micro_root();
    let asked = ["*", &format!("*.{name}"), &format!("*.{name}.*")];
    let asked = asked.map(|rest| format!("{micro}.{rest}"));
    list.may_subscribe("to tell who it is (NATS micro)", asked);
}

/// The built-in methods.
pub(super) fn tell(list: &mut List, layout: &Layout, name: &str) {
    let before = layout.before();
    let subjects = BUILT_IN.map(|method| format!("{before}rpc.{name}.{method}"));
    let why = "how it is, asked by anybody (else `builtin_rpcs = false`)";
    list.may_subscribe(why, subjects);
}

/// Its place in the registry.
pub(super) fn announce(list: &mut List, layout: &Layout, name: &str) {
    let taken = format!("{}rpc.{name}.-.*", layout.before());
    list.may_publish(
        "to ask whether its `instance_id` is taken, if one is set",
        [taken],
    );
    let bucket = layout.bucket("service_registry");
    let why = "to announce itself (else `registry.enabled = false`)";
    list.may_publish(why, opened(&bucket));
    list.may_publish(why, [format!("$KV.{bucket}.service-instances.{name}.*")]);
    let make = "to make the bucket of the registry if it is missing";
    list.may_publish(make, [made(&bucket)]);
}

fn lead(list: &mut List, layout: &Layout, name: &str, group: &str) {
    let told = format!("{}leaders.{name}.{group}", layout.before());
    list.may_subscribe("to hear of its leader", [told.clone()]);
    list.may_publish("to tell that it leads", [told]);
    let bucket = layout.bucket("sticky_active");
    let why = "to take part in the election of its leader";
    list.may_publish(why, opened(&bucket));
    list.may_publish(why, [format!("$KV.{bucket}.{name}.{group}.*")]);
    let make = "to make the bucket of leaders if it is missing";
    list.may_publish(make, [made(&bucket)]);
    let look = "to look for other groups of this service, which would both lead";
    listed(list, &bucket, look);
}

/// What came of exclusive calls is kept for those that are repeated.
fn results(list: &mut List, layout: &Layout) {
    let bucket = layout.bucket("exclusive_results");
    let why = "to run an exclusive call with an idempotency key once";
    list.may_publish(why, opened(&bucket));
    list.may_publish(why, [format!("$KV.{bucket}.>")]);
    let make = "to make the bucket of results if it is missing";
    list.may_publish(make, [made(&bucket)]);
}

fn give_up(list: &mut List, layout: &Layout, subjects: impl Iterator<Item = String>) {
    stream(list, &layout.stream("DEAD"), ("dead letters", true));
    let dead = subjects.map(|subject| layout.dead(&subject).to_string());
    list.may_publish("to keep what it gives up", dead);
}

fn handle_events(list: &mut List, layout: &Layout, name: &str, handlers: &[&HandlerManifest]) {
    if handlers.is_empty() {
        return;
    }
    let events = layout.stream("EVENTS");
    stream(list, &events, ("events", true));
    let look = "to warn before the stream forgets events that are not handled yet";
    list.may_publish(look, [api(&format!("STREAM.MSG.GET.{events}"))]);
    for handler in handlers {
        let place = handler_place(name, &handler.name);
        let mode = handler.mode.as_deref().unwrap_or("compete");
        let filters: Vec<String> = handler.subjects().map(str::to_owned).collect();
        let why = format!("to handle events with `{}` ({mode})", handler.name);
        let reader = |consumer| Reader {
            stream: &events,
            consumer,
            filters: &filters,
            why: &why,
        };
        if mode == "compete" {
            reader(&place).reads(list);
            reader(&place).ends(list);
            continue;
        }
        // The places of instances and of leaders have names of their own, and NATS has no
        // wildcard for a part of one.
        reader("*").reads(list);
        reader("*").ends(list);
        if mode == "exclusive" {
            let where_to = "to go on where the leader before ended";
            list.may_publish(where_to, [api(&format!("CONSUMER.LIST.{events}"))]);
        }
    }
    let subjects = handlers.iter().flat_map(|one| one.subjects());
    give_up(list, layout, subjects.map(str::to_owned));
}

fn handle_commands(list: &mut List, layout: &Layout, name: &str, handlers: &[&HandlerManifest]) {
    if handlers.is_empty() {
        return;
    }
    let commands = layout.stream("COMMANDS");
    stream(list, &commands, ("commands", true));
    let before = layout.before();
    for handler in handlers {
        let command = &handler.name;
        let why = format!("to take commands with `{command}`");
        for priority in Priority::ALL {
            Reader {
                stream: &commands,
                consumer: &format!("{}__{priority}", handler_place(name, command)),
                filters: &[format!("{before}commands.{name}.{command}.{priority}")],
                why: &why,
            }
            .reads(list);
        }
    }
    let other = "to see whether a job stands under another message";
    list.may_publish(other, [api(&format!("STREAM.MSG.GET.{commands}"))]);
    let cancel = format!("{before}jobs.*.cancel");
    list.may_subscribe("to hear that a job is to be cancelled", [cancel]);
    jobs(list, layout);
    let news = ["state", "progress"].map(|about| format!("{before}jobs.*.{about}"));
    list.may_publish("to tell what becomes of jobs", news);
    let subjects = handlers
        .iter()
        .map(|one| format!("{before}commands.{name}.{}.*", one.name));
    give_up(list, layout, subjects);
}

/// The records of jobs, read and written, and made.
pub(super) fn jobs(list: &mut List, layout: &Layout) {
    known_jobs(list, layout);
    let make = "to make the bucket of jobs if it is missing";
    list.may_publish(make, [made(&layout.bucket("aegis_jobs"))]);
}

/// The same where somebody else makes them.
pub(super) fn known_jobs(list: &mut List, layout: &Layout) {
    let bucket = layout.bucket("aegis_jobs");
    let why = "to note and to know what becomes of jobs";
    list.may_publish(why, opened(&bucket));
    list.may_publish(why, [format!("$KV.{bucket}.*")]);
}
