//! `aegis kv watch`: what changes, through a restart of the server, until Ctrl-C.

use std::process::Child;

use serde_json::Value;

use super::kv::Kv;
use super::{Watchdog, read_line_with, read_until, signal, start};

fn watch(kv: &mut Kv, words: &[&str]) -> Child {
    let url = kv.server().url();
    start(&[&["kv", "--url", &url, "watch"], words].concat())
}

fn end(mut watch: Child) {
    signal(&watch, "-INT");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_for_every_change() {
    let mut kv = Kv::start().await;
    kv.out(&["put", "box", "a/1", "one", "--make-bucket"]);
    kv.out(&["put", "box", "b", "other"]);
    let mut all = watch(&mut kv, &["box"]);
    let said = read_until(&mut all, "what changes follows\n");
    assert!(said.contains("  put      1  a/1  one\n"), "{said}");
    assert!(said.contains("  put      2  b  other\n"), "{said}");
    let mut some = watch(&mut kv, &["box", "--prefix", "a/"]);
    let mut one = watch(&mut kv, &["box", "b"]);
    for watch in [&mut some, &mut one] {
        read_until(watch, "what changes follows\n");
    }
    kv.out(&["put", "box", "a/2", "line\nbreak"]);
    kv.out(&["del", "box", "b"]);
    kv.out(&["put", "box", "a/3", "soon gone", "--ttl", "1s"]);
    for watch in [&mut all, &mut some] {
        let said = read_until(watch, "  expired  6  a/3\n");
        assert!(said.contains("  put      3  a/2  line\\nbreak\n"), "{said}");
    }
    let said = read_until(&mut one, "  deleted  4  b\n");
    assert!(!said.contains("a/"), "{said}");
    for watch in [all, some, one] {
        end(watch);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_when_nobody_reads_it_any_more() {
    let mut kv = Kv::start().await;
    kv.out(&["put", "box", "a", "one", "--make-bucket"]);
    let mut watch = watch(&mut kv, &["box"]);
    read_until(&mut watch, "what changes follows\n");
    drop(watch.stdout.take());
    let _watchdog = Watchdog::of(&watch);
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_for_every_change_through_a_restart() {
    let mut kv = Kv::start().await;
    kv.out(&["put", "box", "a", "{\"n\":1}", "--make-bucket"]);
    let mut watch = watch(&mut kv, &["box", "--json"]);
    let mut said = read_until(&mut watch, "\"live\"}\n");
    kv.server().kill().await;
    said += &read_until(&mut watch, "\"stale\"}\n");
    kv.server().restart().await.unwrap();
    said += &read_until(&mut watch, "\"heard\"}\n");
    kv.out(&["del", "box", "a"]);
    said += &read_line_with(&mut watch, "\"deleted\"");
    let events: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let first = &events[0];
    assert_eq!(first["event"], "put");
    assert_eq!(
        (&first["key"], &first["revision"]),
        (&"a".into(), &1.into())
    );
    assert_eq!(first["value"]["n"], 1);
    assert_eq!(events.last().unwrap()["key"], "a", "{said}");
    end(watch);
}
