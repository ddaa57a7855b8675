//! What a program needs that calls, publishes, sends or looks.

use super::list::List;
use super::service::jobs;
use super::store::{Reader, api, listed, opened, stream};
use crate::model::layout::Layout;

pub(super) fn call(list: &mut List, layout: &Layout, service: &str, method: Option<&str>) {
    let before = layout.before();
    let what = match method {
        Some(method) => format!("{service}.{method}"),
        None => format!("{service}.*"),
    };
    let why = match method {
        Some(_) => format!("to call {what}"),
        None => format!("to call any method of {service}"),
    };
    list.may_publish(&why, [format!("{before}rpc.{what}")]);
    let one = format!("{why} on one instance");
    list.may_publish(&one, [format!("{before}rpc.{what}.*")]);
    let cancel = format!("to tell {service} that a call is given up");
    list.may_publish(&cancel, [format!("{before}cancel.{service}.*")]);
}

pub(super) fn publish(list: &mut List, layout: &Layout, events: &str) {
    let subject = layout.event_pattern(events).to_string();
    list.may_publish("to publish events", [subject]);
    stream(list, &layout.stream("EVENTS"), ("events", false));
}

/// What a leader publishes stands behind its fence.
pub(super) fn publish_fenced(list: &mut List, layout: &Layout, service: &str, group: &str) {
    let why = "to publish with `.fenced(leader)`";
    list.may_publish(why, [layout.fence(service, group).to_string()]);
    let look = api(&format!("STREAM.MSG.GET.{}", layout.stream("EVENTS")));
    list.may_publish(why, [look]);
    let find = format!("{why} on NATS before 2.11.7");
    list.may_publish(&find, [api("STREAM.NAMES")]);
}

pub(super) fn send(list: &mut List, layout: &Layout, service: &str, command: Option<&str>) {
    let before = layout.before();
    let command = command.unwrap_or("*");
    list.may_publish(
        "to send commands",
        [format!("{before}commands.{service}.{command}.*")],
    );
    let commands = layout.stream("COMMANDS");
    stream(list, &commands, ("commands", false));
    let known = [api(&format!("CONSUMER.LIST.{commands}")), api("INFO")];
    list.may_publish("to send by name: whether anybody serves that", known);
    jobs(list, layout);
    let news = format!("{before}jobs.*.*");
    list.may_subscribe("to hear what becomes of jobs", [news]);
    cancel(list, layout);
}

/// To end jobs, wherever they are.
pub(super) fn cancel(list: &mut List, layout: &Layout) {
    let (before, commands) = (layout.before(), layout.stream("COMMANDS"));
    let why = "to cancel jobs";
    let tell = ["cancel", "state"].map(|about| format!("{before}jobs.*.{about}"));
    list.may_publish(why, tell);
    let find = ["GET", "DELETE"].map(|what| api(&format!("STREAM.MSG.{what}.{commands}")));
    list.may_publish(why, find);
}

pub(super) fn discover(list: &mut List, layout: &Layout) {
    let bucket = layout.bucket("service_registry");
    let why = "to find out who is there";
    list.may_publish(why, opened(&bucket));
    listed(list, &bucket, why);
    let flow = "to hear of more instances than 1 MiB of records";
    list.may_publish(flow, [format!("$JS.FC.KV_{bucket}.>")]);
    let ask = format!("{}.INFO", layout.micro_root());
    list.may_publish("to ask services who they are (NATS micro)", [ask]);
}

pub(super) fn observe(list: &mut List, layout: &Layout, events: &str) {
    let name = layout.stream("EVENTS");
    let filters = [layout.event_pattern(events).to_string()];
    let why = format!("to look at the events {events}");
    let reader = Reader {
        stream: &name,
        consumer: "*",
        filters: &filters,
        why: &why,
    };
    reader.reads(list);
    reader.ends(list);
    stream(list, &name, ("events", false));
}
