//! Traces that are not recorded: as their beginning decided, or because nothing is.

use std::collections::BTreeSet;

use super::roles::{FLOOD, ORDERS};
use super::traces::CLIENT;
use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What one process did, by itself, with this share of traces; the other settings are its own.
async fn played(share: &str, more: &[(&str, &str)]) -> (Vec<Span>, String, usize) {
    let collector = Collector::start(Mood::Takes).await;
    let folder = Folder::new("otel");
    let endpoint = collector.url();
    let mut settings = vec![
        ("AEGIS_NATS_URL", "memory://"),
        ("AEGIS_OTEL_ENDPOINT", endpoint.as_str()),
        ("AEGIS_OTEL_SAMPLE", share),
        ("AEGIS_OTEL_METRICS", "false"),
        ("AEGIS_TEST_ORDER", "order-7"),
    ];
    settings.extend(more);
    let mut process = Process::start(folder.path(), "all", &settings);
    process.done().await;
    (collector.spans(), process.said(), collector.requests())
}

#[tokio::test]
async fn what_is_left_out_sends_nothing_and_adds_no_header() {
    for share in ["0.0", "0.000000000001"] {
        let (spans, said, requests) = played(share, &[]).await;
        assert_eq!((spans.len(), requests), (0, 0), "{share}: {spans:#?}");
        assert!(said.contains("header without: None"), "{share}: {said}");
    }
}

#[tokio::test]
async fn what_was_left_out_where_it_began_is_left_out_here() {
    let (spans, said, _) = played("1", &[]).await;
    assert!(!spans.is_empty());
    assert!(spans.iter().all(|span| span.trace != TRACE), "{spans:#?}");
    // The program's own span in a handler begins no trace either.
    let inside = spans.iter().filter(|span| span.name == "inside").count();
    assert_eq!(inside, 1, "{spans:#?}");
    for whose in ["of", "behind"] {
        let header = format!("header {whose} one left out: Some(\"00-");
        let (_, header) = said.split_once(&header).unwrap();
        assert!(header.starts_with(TRACE), "{said}");
        let flag = header.get(49..54);
        assert_eq!(flag, Some("-00\")"), "the flag travels on: {said}");
    }
}

#[tokio::test]
async fn what_is_recorded_where_it_began_is_recorded_here() {
    let recorded = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let (spans, _, _) = played("0", &[("AEGIS_TEST_TRACE", &recorded)]).await;
    let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["desk/quick", "desk/quick", "inside"]);
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
}

#[tokio::test]
async fn of_many_traces_only_so_many_begin_in_a_second() {
    for (per_second, is_limited) in [("10", true), ("off", false)] {
        let collector = Collector::start(Mood::Takes).await;
        let folder = Folder::new("otel");
        let settings = [("AEGIS_OTEL_PER_SECOND", per_second)];
        let mut process = Process::sending_to(&collector.url(), folder.path(), "flood", &settings);
        process.done().await;
        let (spans, said) = (collector.spans(), process.said());
        let callers = spans.iter().filter(|span| span.kind == CLIENT);
        let callers: Vec<_> = callers.map(|span| &span.trace).collect();
        let told = said.matches("more traces begin than `otel.per_second` allows");
        assert_eq!(told.count(), usize::from(is_limited), "{said}");
        assert_eq!(!said.contains("left out: 0"), is_limited, "{said}");
        // A slow machine needs some seconds.
        let some = 1..FLOOD / 2;
        let is_right = if is_limited {
            some.contains(&callers.len())
        } else {
            callers.len() == FLOOD
        };
        assert!(is_right, "{per_second}: {} began", callers.len());
        for trace in callers {
            let whole = spans.iter().filter(|span| span.trace == *trace).count();
            assert_eq!(whole, 3, "caller, service, and the span inside it");
        }
    }
}

#[tokio::test]
async fn nothing_begins_inside_of_what_is_left_out() {
    let collector = Collector::start(Mood::Takes).await;
    let folder = Folder::new("otel");
    let settings = [("AEGIS_OTEL_SAMPLE", "0.5")];
    let mut process = Process::sending_to(&collector.url(), folder.path(), "orders", &settings);
    process.done().await;
    let spans = collector.spans();
    let traces = |name: &str| {
        let named = spans.iter().filter(|span| span.name == name);
        named
            .map(|span| span.trace.clone())
            .collect::<BTreeSet<_>>()
    };
    for (sender, sent) in [
        ("desk/place", "publish otel.placed"),
        ("process otel.placed", "send mill.grind"),
    ] {
        let (sender, sent) = (traces(sender), traces(sent));
        assert!((1..ORDERS).contains(&sent.len()), "{}", sent.len());
        assert!(sent.is_subset(&sender), "{spans:#?}");
    }
}
