//! What a trace is made of.

use aegis::testing::NatsServer;
use aegis_tests::turn;

use super::*;

const SERVER: i32 = 2;
pub(super) const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

/// The one span of that name and kind in a trace.
fn one(spans: &[Span], name: &str, kind: i32) -> Span {
    let mut found = spans
        .iter()
        .filter(|span| span.name == name && span.kind == kind);
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(found.next().is_none(), "two of {name}");
    one.clone()
}

#[tokio::test]
async fn a_call_its_event_and_the_command_after_it_are_one_trace_of_four_processes() {
    let _turn = turn().await;
    let server = NatsServer::start().await.unwrap();
    let collector = Collector::start(Mood::Takes).await;
    let folder = Folder::new("otel");
    let (url, endpoint) = (server.url(), collector.url());
    let settings = [
        ("AEGIS_NATS_URL", url.as_str()),
        ("AEGIS_OTEL_ENDPOINT", endpoint.as_str()),
        ("AEGIS_OTEL_HEADERS", "x-tenant=a%20desk"),
        ("AEGIS_LOG_FORMAT", "json"),
        ("AEGIS_TEST_ORDER", "again-7"),
    ];
    let start = |role| Process::start(folder.path(), role, &settings);
    let mut services = [start("desk"), start("back"), start("mill")];
    for service in &services {
        service.says("\"serves\"").await;
    }
    let mut caller = start("caller");
    caller.done().await;
    services[2].says("grinds an order").await;
    for service in &mut services {
        service.terminate();
        service.done().await;
    }
    // Every process has ended: nothing has to be waited for.
    let trace = is_one_trace(&collector.spans());
    lines::stand_in_spans(&caller, &trace);
    let headers = collector.headers();
    assert!(
        headers
            .iter()
            .any(|line| line.eq_ignore_ascii_case("x-tenant: a desk"))
    );
    lines::belong_together(&services, &trace);
}

/// Judges parents, links and senders; tells the id of the trace.
fn is_one_trace(all: &[Span]) -> String {
    let visit = one(all, "visit", 1);
    let trace: Vec<Span> = all
        .iter()
        .filter(|span| span.trace == visit.trace)
        .cloned()
        .collect();
    let place = one(&trace, "desk/place", CLIENT);
    let placed = one(&trace, "desk/place", SERVER);
    let shelf = one(&trace, "looks at the shelf", 1);
    let publish = one(&trace, "publish otel.placed", PRODUCER);
    let mut bills: Vec<&Span> = trace
        .iter()
        .filter(|span| span.name == "process otel.placed")
        .collect();
    bills.sort_by_key(|span| span.attribute("aegis.attempt"));
    let send = one(&trace, "send mill.grind", PRODUCER);
    let grind = one(&trace, "process mill.grind", CONSUMER);
    assert_eq!(bills.len(), 2, "{bills:#?}");
    for (child, parent) in [
        (&place, &visit),
        (&placed, &place),
        (&shelf, &placed),
        (&publish, &shelf),
        (bills[0], &publish),
        (bills[1], &publish),
        (&send, bills[1]),
        (&grind, &send),
    ] {
        assert_eq!(child.parent, parent.id, "{child:#?} below {parent:#?}");
    }
    assert_eq!((trace.len(), visit.parent.as_str()), (9, ""), "{trace:#?}");
    let names = [&visit, &placed, bills[0], &grind].map(Span::service);
    assert_eq!(names, ["aegis-client", "desk", "back", "mill"]);
    assert_eq!(placed.sender["service.version"], "1.2.3");
    assert_eq!(
        placed.sender["service.instance.id"],
        placed.attribute("service.instance.id")
    );
    // What comes again is linked to its publication, and says why it came again.
    let link = vec![(publish.trace.clone(), publish.id.clone())];
    assert_eq!((&bills[0].links, &bills[1].links), (&vec![], &link));
    assert_eq!((bills[0].status, bills[1].status), (2, 0));
    assert_eq!(bills[0].attribute("error.type"), "NOT_NOW");
    attributes_are_those_of_the_conventions(&[place, placed, publish, bills[1].clone(), grind]);
    visit.trace
}

fn attributes_are_those_of_the_conventions(spans: &[Span]) {
    let expected: [&[(&str, &str)]; 5] = [
        &[("rpc.system.name", "aegis"), ("rpc.method", "desk/place")],
        &[("rpc.system.name", "aegis"), ("rpc.method", "desk/place")],
        &[
            ("messaging.system", "nats"),
            ("messaging.operation.name", "publish"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "otel.placed"),
            ("messaging.message.id", "again-7"),
        ],
        &[
            ("messaging.system", "nats"),
            ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"),
            ("messaging.destination.name", "otel.placed"),
            ("messaging.consumer.group.name", "back__bill"),
            ("messaging.message.id", "again-7"),
            ("messaging.message.conversation_id", "again-7"),
            ("aegis.attempt", "2"),
        ],
        &[
            ("messaging.destination.name", "mill.grind"),
            ("messaging.consumer.group.name", "mill__grind"),
            ("messaging.message.conversation_id", "again-7"),
            ("aegis.attempt", "1"),
        ],
    ];
    for (span, expected) in spans.iter().zip(expected) {
        for (name, value) in expected {
            assert_eq!(span.attribute(name), *value, "{name} of {span:#?}");
        }
        assert_eq!(
            (span.status, span.attribute("error.type")),
            (0, ""),
            "{span:#?}"
        );
    }
}

#[tokio::test]
async fn the_spans_of_a_call_that_fails_say_so() {
    let collector = Collector::start(Mood::Takes).await;
    let folder = Folder::new("otel");
    let endpoint = collector.url();
    let settings = [
        ("AEGIS_NATS_URL", "memory://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_SERVICE_NAME", "named by its environment"),
    ];
    Process::start(folder.path(), "all", &settings).done().await;
    let spans = collector.spans();
    for (name, code) in [("desk/fails", "NO_STOCK"), ("desk/panics", "INTERNAL")] {
        for kind in [CLIENT, SERVER] {
            let span = one(&spans, name, kind);
            assert_eq!(
                (span.status, span.attribute("error.type")),
                (2, code),
                "{span:#?}"
            );
        }
    }
    let nobody = one(&spans, "nobody/there", CLIENT);
    assert_eq!(
        (nobody.status, nobody.attribute("error.type")),
        (2, "no_service")
    );
    // What the program records by itself, inside a handler.
    let server = spans
        .iter()
        .find(|span| span.name == "desk/quick" && span.kind == SERVER);
    let inside = one(&spans, "inside", 1);
    assert_eq!(inside.parent, server.unwrap().id);
    assert!(
        spans
            .iter()
            .all(|span| span.service() == "named by its environment")
    );
}
