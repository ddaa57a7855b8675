//! Log lines of handlers.

use serde_json::Value;

use super::*;

/// The lines of one chain of work bear the same ids in every process.
pub(super) fn belong_together(services: &[Process; 3], trace: &str) {
    let [desk, back, mill] = services;
    let place = desk.lines("takes an order");
    let (bills, grinds) = (back.lines("bills an order"), mill.lines("grinds an order"));
    assert_eq!((place.len(), bills.len(), grinds.len()), (1, 2, 1));
    for (line, service, handler) in [
        (&place[0], "desk", "place"),
        (&bills[0], "back", "bill"),
        (&bills[1], "back", "bill"),
        (&grinds[0], "mill", "grind"),
    ] {
        assert_eq!(
            (&line["service"], &line["handler"]),
            (&service.into(), &handler.into())
        );
        assert_eq!(line["trace_id"], trace, "{line}");
        let instance = line["instance"].as_str().unwrap();
        assert!(instance.starts_with(&format!("{service}-")), "{line}");
    }
    // The chain began with the event, whose id names it from there on.
    for line in [&bills[0], &bills[1], &grinds[0]] {
        assert_eq!(line["correlation_id"], "again-7", "{line}");
    }
    assert_eq!(place[0]["correlation_id"], trace);
    assert_ne!(bills[0]["span_id"], bills[1]["span_id"]);
    outside_of_handlers_there_is_none(&desk.lines("is there"));
    for service in services {
        assert!(service.lines("answered").is_empty(), "only at debug");
    }
}

/// A line inside a recorded span of the program's own says which trace that is, also outside of
/// handlers.
pub(super) fn stand_in_spans(caller: &Process, trace: &str) {
    let (visits, after) = (caller.lines("visits"), caller.lines("has ordered"));
    assert_eq!((visits.len(), after.len()), (1, 1));
    assert_eq!(visits[0]["trace_id"], trace, "{}", visits[0]);
    assert_eq!(visits[0]["span_id"].as_str().map(str::len), Some(16));
    assert_eq!(visits[0]["service"], Value::Null);
    assert_eq!(after[0]["trace_id"], Value::Null);
}

fn outside_of_handlers_there_is_none(lines: &[Value]) {
    assert_eq!(lines.len(), 1);
    for name in [
        "service",
        "handler",
        "instance",
        "correlation_id",
        "trace_id",
        "span_id",
    ] {
        assert_eq!(lines[0][name], Value::Null, "{name} in {}", lines[0]);
    }
}

#[tokio::test]
async fn lines_for_people_say_the_same_without_a_collector() {
    let folder = Folder::new("otel");
    let settings = [
        ("AEGIS_NATS_URL", "memory://"),
        ("AEGIS_LOG", "info,aegis=debug"),
        ("AEGIS_TEST_ORDER", "order-7"),
    ];
    let mut process = Process::start(folder.path(), "all", &settings);
    process.done().await;
    let said = process.said();
    let line = |text: &str| {
        said.lines()
            .find(|line| line.contains(text))
            .unwrap()
            .to_owned()
    };
    for (text, parts) in [
        (
            "takes an order",
            [" service=desk ", " handler=place ", " instance=desk-"],
        ),
        (
            "bills an order",
            [
                " service=back ",
                " handler=bill ",
                " correlation_id=order-7",
            ],
        ),
        (
            "grinds an order",
            [
                " service=mill ",
                " handler=grind ",
                " correlation_id=order-7",
            ],
        ),
    ] {
        for part in parts {
            let line = line(text) + " ";
            assert!(line.contains(part), "{part} in {line}");
        }
    }
    let inside = line("looks at the shelf{");
    assert!(inside.contains("looks at the shelf{number=7}"), "{inside}");
    assert!(!said.contains('\u{1b}'), "colours in a file: {said}");
    let last = said.lines().rfind(|line| line.contains("aegis::"));
    let stopped = last.is_some_and(|line| line.contains("stopped in order took="));
    assert!(stopped, "{said}");
    let outside = line("roles: is there");
    assert!(
        !outside.contains("service=") && !outside.contains("correlation_id"),
        "{outside}"
    );
    assert!(line(": answered ").contains("DEBUG"), "{said}");
    assert!(
        said.contains("header without: None"),
        "no trace begins by itself: {said}"
    );
}

#[tokio::test]
async fn lines_of_hooks_say_whose_they_are() {
    let folder = Folder::new("otel");
    let settings = [
        ("AEGIS_NATS_URL", "memory://"),
        ("AEGIS_LOG_FORMAT", "json"),
    ];
    let mut process = Process::start(folder.path(), "watch", &settings);
    process.done().await;
    for (text, hook) in [
        ("begins", "on_start"),
        ("has the lead", "on_leader"),
        ("has the lead no more", "on_standby"),
        ("is asked", "health"),
        ("ends", "on_stop"),
    ] {
        let lines = process.lines(text);
        let line = lines.first().unwrap_or_else(|| panic!("no line {text}"));
        assert_eq!(
            (&line["service"], &line["handler"]),
            (&"watch".into(), &hook.into()),
            "{line}"
        );
        let instance = line["instance"].as_str().unwrap();
        assert!(instance.starts_with("watch-"), "{line}");
    }
}

#[tokio::test]
async fn why_a_start_failed_is_a_line_as_all_others() {
    let wrong = "the configuration is wrong:\n  - \
        `call_timeout` = \"soon\" (from AEGIS_CALL_TIMEOUT): it is a time such as `500ms`, `2s` or `5m`";
    for (setting, text) in [
        (
            ("AEGIS_TEST_REFUSED", "1"),
            "`#[on_start]` of watch failed: TOO_DARK: nothing can be seen\nat night",
        ),
        (("AEGIS_CALL_TIMEOUT", "soon"), wrong),
    ] {
        let folder = Folder::new("otel");
        let settings = [
            ("AEGIS_NATS_URL", "memory://"),
            ("AEGIS_LOG_FORMAT", "json"),
            ("AEGIS_LOG", "off"),
            setting,
        ];
        let mut process = Process::start(folder.path(), "watch", &settings);
        assert!(!process.ended().await.success());
        let lines = process.lines(text);
        assert_eq!(lines.len(), 1, "{}", process.said());
        assert_eq!(lines[0]["level"], "ERROR");
        assert_eq!(lines[0]["fields"]["causes"], serde_json::json!([]));
        assert!(!process.said().contains("error: "), "{}", process.said());
    }
}
