//! What the commands of `aegis` need that look after others.

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
