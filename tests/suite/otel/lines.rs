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
