//! What the commands of `aegis` need that look after others; `doctor` by itself, as it looks at everything.

use super::client::{cancel, discover, observe};
use super::list::List;
use super::service::known_jobs;
use super::store::{Reader, api, listed, opened};
use crate::model::layout::{Layout, STEP_DOWN};

pub(super) fn tool(list: &mut List, layout: &Layout) {
    discover(list, layout);
    leaders(list, layout);
    observe(list, layout, ">");
    look_at_jobs(list, layout);
    dead_letters(list, layout);
    list.may_publish("`aegis kv ls`", [api("STREAM.NAMES")]);
}

fn leaders(list: &mut List, layout: &Layout) {
    let bucket = layout.bucket("sticky_active");
    let why = "`aegis leader`";
    list.may_publish(why, opened(&bucket));
    listed(list, &bucket, why);
    let step_down = format!("{}rpc.*.{STEP_DOWN}.*", layout.before());
    list.may_publish("`aegis leader` that asks to hand over", [step_down]);
}

fn look_at_jobs(list: &mut List, layout: &Layout) {
    let before = layout.before();
    let why = "`aegis command list, show, watch`";
    list.may_subscribe(why, [format!("{before}jobs.*.*")]);
    let bucket = layout.bucket("aegis_jobs");
    listed(list, &bucket, why);
    list.may_publish(why, [format!("$JS.FC.KV_{bucket}.>")]);
    known_jobs(list, layout);
    cancel(list, layout);
    list.may_publish(
        "`aegis command retry`, and `aegis dead retry` of a command",
        [format!("{before}commands.>")],
    );
}

/// What `aegis doctor` asks. It makes nothing but consumers that read, and removes those.
pub(super) fn doctor(list: &mut List, layout: &Layout) {
    let why = "`aegis doctor`: who it is, and the server's clock";
    list.may_publish(why, ["$SYS.REQ.USER.INFO"]);
    let why = "`aegis doctor`: JetStream, and all streams and buckets";
    list.may_publish(why, ["INFO", "STREAM.LIST"].map(api));
    let why = "`aegis doctor`: the streams of the framework, and the places of handlers in them";
    let (events, commands) = (layout.stream("EVENTS"), layout.stream("COMMANDS"));
    for stream in [&events, &commands, &layout.stream("DEAD")] {
        list.may_publish(why, [api(&format!("STREAM.INFO.{stream}"))]);
    }
    let lists = [&events, &commands].map(|stream| api(&format!("CONSUMER.LIST.{stream}")));
    list.may_publish(why, lists);
    for (bucket, why) in [
        ("service_registry", "`aegis doctor`: records of instances"),
        ("sticky_active", "`aegis doctor`: who leads"),
        ("aegis_jobs", "`aegis doctor`: records of jobs"),
    ] {
        let bucket = layout.bucket(bucket);
        list.may_publish(why, opened(&bucket));
        listed(list, &bucket, why);
        list.may_publish(why, [format!("$JS.FC.KV_{bucket}.>")]);
    }
    let dead = layout.stream("DEAD");
    let reader = Reader {
        stream: &dead,
        consumer: "*",
        filters: &[layout.dead_letters().to_string()],
        why: "`aegis doctor`: dead letters",
    };
    reader.reads(list);
    reader.ends(list);
    let ask = format!("{}.INFO", layout.micro_root());
    list.may_publish(
        "`aegis doctor`: whether instances answer (NATS micro)",
        [ask],
    );
}

fn dead_letters(list: &mut List, layout: &Layout) {
    let dead = layout.stream("DEAD");
    let why = "`aegis dead`";
    let look = ["STREAM.INFO", "STREAM.MSG.GET", "STREAM.MSG.DELETE"];
    list.may_publish(why, look.map(|what| api(&format!("{what}.{dead}"))));
    let reader = Reader {
        stream: &dead,
        consumer: "*",
        filters: &[layout.dead_letters().to_string()],
        why,
    };
    reader.reads(list);
    reader.ends(list);
    let events = layout.stream("EVENTS");
    let back = "`aegis dead retry` of an event";
    list.may_publish(back, [format!("{}events.>", layout.before())]);
    let look = ["STREAM.MSG.GET", "CONSUMER.LIST"];
    list.may_publish(back, look.map(|what| api(&format!("{what}.{events}"))));
}
