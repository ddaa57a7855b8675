//! `aegis services --watch`, as programs read it.

use std::process::{Child, Stdio};

use aegis::testing::NatsServer;
use serde_json::Value;

use super::services::unregistered;
use super::{aegis, read_line_with, read_until, signal, start};

/// A service in a process of its own, which ends with its standard input.
pub(crate) struct Echo(Child);

impl Echo {
    pub(crate) fn start(url: &str, id: &str) -> Self {
        let mut command = aegis(&["demo-instance", "--prefix", "", "--id", id, "--server", url]);
        command.env("AEGIS_REGISTRY_HEARTBEAT", "200ms");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        read_until(&mut child, "ready");
        Self(child)
    }

    pub(crate) fn signal(mut self, name: &str) {
        signal(&self.0, name);
        self.0.wait().unwrap();
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn watch(url: &str, words: &[&str]) -> Child {
    start(&[&["services", "--watch", "--url", url], words].concat())
}

fn end(mut watch: Child) {
    signal(&watch, "-INT");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_for_everything_that_happens() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let one = Echo::start(&url, "one");
    let mut watch = watch(&url, &[]);
    let said = read_until(&mut watch, "what changes follows\n");
    let (first, second) = said.split_once('\n').unwrap();
    assert!(
        first.ends_with("Z  appeared  echo/one  ACTIVE  1.0.0"),
        "{said}"
    );
    assert!(second.contains("Z  live      "), "{said}");
    let two = Echo::start(&url, "two");
    read_until(&mut watch, "appeared  echo/two  ACTIVE  1.0.0\n");
    one.signal("-KILL");
    read_until(&mut watch, "gone      echo/one\n");
    two.signal("-TERM");
    let said = read_until(&mut watch, "gone      echo/two\n");
    assert!(!said.contains("appeared"), "nobody comes back: {said}");
    let py = unregistered(&url, "py").await;
    let line = "appeared  calculator/py  STARTED  1.2.0  not in the registry\n";
    read_until(&mut watch, line);
    py.stop().await.unwrap();
    read_until(&mut watch, "gone      calculator/py\n");
    end(watch);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_on_a_line_for_everything_that_happens() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let one = Echo::start(&url, "one");
    let _other = unregistered(&url, "other").await;
    let mut watch = watch(&url, &["echo", "--json"]);
    let mut said = read_until(&mut watch, "\"live\"}\n");
    one.signal("-KILL");
    said += &read_line_with(&mut watch, "\"gone\"");
    let events: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["appeared", "live", "gone"], "{said}");
    for event in &events {
        assert!(event["time"].as_str().unwrap().ends_with('Z'), "{event}");
    }
    for event in [&events[0], &events[2]] {
        let instance = &event["instance"];
        assert_eq!(
            (&instance["service"], &instance["id"]),
            (&"echo".into(), &"one".into())
        );
    }
    end(watch);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_after_a_restart_of_the_server() {
    let mut server = NatsServer::start().await.unwrap();
    let url = server.url();
    let one = Echo::start(&url, "one");
    let mut watch = watch(&url, &[]);
    read_until(&mut watch, "what changes follows\n");
    server.kill().await;
    let said = read_until(&mut watch, "  stale     ");
    assert!(
        !said.contains("gone"),
        "an outage makes nobody dead: {said}"
    );
    server.restart().await.unwrap();
    let said = read_until(&mut watch, "  live      ");
    assert!(
        !said.contains("gone"),
        "an outage makes nobody dead: {said}"
    );
    one.signal("-KILL");
    read_until(&mut watch, "gone      echo/one\n");
    end(watch);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_registry_the_answers_are_followed() {
    let builder = NatsServer::builder().without_jetstream();
    let server = builder.start().await.unwrap();
    let url = server.url();
    let one = Echo::start(&url, "one");
    let mut watch = watch(&url, &[]);
    let said = read_until(&mut watch, "these are the instances that answer.\n");
    assert!(
        said.contains("appeared  echo/one  STARTED  1.0.0\n"),
        "{said}"
    );
    one.signal("-KILL");
    read_until(&mut watch, "gone      echo/one\n");
    end(watch);
}
