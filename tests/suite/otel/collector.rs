//! A collector that is there, is away, or hangs.

use std::collections::BTreeMap;

use aegis_tests::collector::{Metric, metric, number_data_point, pairs};
use aegis_tests::turn;

use super::*;

fn named<'a>(metrics: &'a [Metric], name: &str) -> &'a Metric {
    let found = metrics.iter().find(|metric| metric.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {metrics:#?}"))
}

#[tokio::test]
async fn metrics_arrive_with_their_names_kinds_and_values() {
    let collector = Collector::start(Mood::Takes).await;
    let folder = Folder::new("otel");
    let settings = [("AEGIS_OTEL_SAMPLE", "0"), ("AEGIS_TEST_ORDER", "order-7")];
    let mut process = Process::sending_to(&collector.url(), folder.path(), "all", &settings);
    process.done().await;
    assert_eq!(collector.spans(), []);
    let metrics = collector.metrics("desk");
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let fails = BTreeMap::from([text("service", "desk"), text("method", "fails")]);

    let requests = named(&metrics, "aegis.server.requests");
    let Some(metric::Data::Sum(sum)) = &requests.data else {
        panic!("a sum: {requests:#?}")
    };
    assert!(
        sum.is_monotonic && sum.aggregation_temporality == 2,
        "since the start"
    );
    let mut points = sum.data_points.iter();
    let point = points
        .find(|point| pairs(&point.attributes) == fails)
        .unwrap();
    assert_eq!(point.value, Some(number_data_point::Value::AsInt(1)));
    assert!(0 < point.start_time_unix_nano && point.start_time_unix_nano < point.time_unix_nano);

    let duration = named(&metrics, "rpc.server.call.duration");
    let Some(metric::Data::Histogram(histogram)) = &duration.data else {
        panic!("a histogram: {duration:#?}")
    };
    assert_eq!(duration.unit, "s");
    let of_quick = |name: &str| name == "quick";
    let mut points = histogram.data_points.iter();
    let point = points.find(|point| of_quick(&pairs(&point.attributes)["rpc.method"]));
    let point = point.unwrap();
    assert_eq!((point.count, point.bucket_counts.iter().sum()), (2, 2));
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert!(point.sum > Some(0.0) && point.min <= point.max);

    let connected = named(&metrics, "aegis.connected");
    let Some(metric::Data::Gauge(gauge)) = &connected.data else {
        panic!("a gauge: {connected:#?}")
    };
    // The last figures are those of a program that has ended.
    let ended = Some(number_data_point::Value::AsDouble(0.0));
    assert_eq!(gauge.data_points[0].value, ended);
}

#[tokio::test]
async fn while_the_collector_is_away_calls_are_answered_and_spans_beyond_a_bound_are_dropped() {
    let _turn = turn().await;
    for mood in [Mood::Hangs, Mood::Refuses(503)] {
        let collector = Collector::start(mood).await;
        let folder = Folder::new("otel");
        let settings = [
            ("AEGIS_OTEL_METRICS", "false"),
            ("AEGIS_OTEL_PER_SECOND", "off"),
        ];
        let mut process = Process::sending_to(&collector.url(), folder.path(), "busy", &settings);
        process.says("drops").await;
        collector.change(Mood::Takes);
        collector.span("desk/quick").await;
        std::fs::write(folder.path().join("go on"), "").unwrap();
        process.done().await;
        collector.span("after the outage").await;
        let said = process.said();
        assert!(
            said.contains("the collector does not take spans: "),
            "{said}"
        );
        assert!(said.contains("the collector takes spans again"), "{said}");
        let complaints = said.matches("spans were dropped").count();
        assert!((1..=2).contains(&complaints), "{complaints} in {said}");
        assert!(
            said.contains("ends the process") || !said.contains("panicked"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_up_the_end_for_its_bound_only() {
    let folder = Folder::new("otel");
    let settings = [
        ("AEGIS_OTEL_HEADERS", "authorization=Bearer%20s3cret"),
        ("AEGIS_LOG", "trace"),
    ];
    let nobody = "http://127.0.0.1:9";
    let mut process = Process::sending_to(nobody, folder.path(), "all", &settings);
    process.done().await;
    let said = process.said();
    let lost = "the collector has not taken the last spans and metrics";
    assert_eq!(said.matches(lost).count(), 1, "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn a_collector_that_takes_no_metrics_is_asked_once() {
    let collector = Collector::start(Mood::Refuses(404)).await;
    let folder = Folder::new("otel");
    let settings = [("AEGIS_OTEL_SAMPLE", "0")];
    let mut process = Process::sending_to(&collector.url(), folder.path(), "all", &settings);
    process.done().await;
    assert_eq!(collector.requests(), 1);
    let said = process.said();
    assert!(
        said.contains("the collector takes no metrics: it is asked again"),
        "{said}"
    );
}
