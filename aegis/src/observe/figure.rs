//! Metrics under the names of OpenTelemetry's conventions: dots, and the unit apart.

use metrics::Key;

use super::names::METRICS;
use super::prometheus;
use super::snapshot::Value;

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure<'a> {
    pub(crate) name: String,
    /// In the code of UCUM; empty if it is not known.
    pub(crate) unit: &'static str,
    pub(crate) help: &'static str,
    pub(crate) labels: Vec<(String, &'a str)>,
    pub(crate) amount: Amount,
}

/// Its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Amount {
    /// Of what only grows: since the start.
    Counter(u64),
    Gauge(f64),
    Histogram(Histogram),
}

/// How values are spread, since the start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    /// Upper bounds; of one bucket less than there are.
    pub(crate) bounds: &'static [f64],
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl<'a> Figure<'a> {
    pub(super) fn of(key: &'a Key, value: &Value) -> Self {
        let known = METRICS.iter().find(|metric| metric.name == key.name());
        let (name, unit) = match known {
            Some(_) => name(key.name()),
            // What the program counts by itself is named by itself.
            None => (key.name().to_owned(), ""),
        };
        let of_ours = |label: &str| known.is_some_and(|known| known.labels.contains(&label));
        let labels = key.labels().map(|one| {
            let key = if of_ours(one.key()) {
                label(one.key())
            } else {
                one.key().to_owned()
            };
            (key, one.value())
        });
        Self {
            name,
            unit,
            help: known.map_or("", |known| known.help),
            labels: labels.collect(),
            amount: amount(key.name(), value),
        }
    }
}

fn amount(name: &str, value: &Value) -> Amount {
    let both = match value {
        Value::Counter(count) => return Amount::Counter(*count),
        Value::Gauge(value) => return Amount::Gauge(*value),
        Value::Histogram(both) => both,
    };
    let (summary, spread) = &**both;
    let bounds = prometheus::bounds(name);
    let mut below = 0;
    let finite = bounds.iter().map(|bound| spread.up_to(*bound));
    let counts = finite.chain([spread.count()]).map(|up_to| {
        let own = up_to - below;
        below = up_to;
        own
    });
    Amount::Histogram(Histogram {
        bounds,
        counts: counts.collect(),
        sum: spread.sum,
        least: summary.min,
        most: summary.max,
    })
}

/// The name of one of our metrics, and its unit.
fn name(prometheus: &str) -> (String, &'static str) {
    let plain = prometheus.strip_suffix("_total").unwrap_or(prometheus);
    let (plain, unit) = match plain.strip_suffix("_seconds") {
        Some(plain) => (plain, "s"),
        None => (plain, "1"),
    };
    (dotted(plain), unit)
}

/// Names of more than one word between two dots.
const WORDS: &[(&str, &str)] = &[
    ("sent.messages", "sent.messages"),
    ("queue.wait", "queue_wait"),
    ("in.flight", "in_flight"),
    ("in.hand", "in_hand"),
    ("dead.letters", "dead_letters"),
    ("slow.consumers", "slow_consumers"),
    ("left.out", "left_out"),
    ("heartbeat.failures", "heartbeat_failures"),
    ("heartbeat.age", "heartbeat_age"),
];

fn dotted(name: &str) -> String {
    let dotted = name.replace('_', ".");
    WORDS.iter().fold(dotted, |name, (apart, together)| {
        name.replace(apart, together)
    })
}

/// The name of one of our labels.
fn label(prometheus: &str) -> String {
    prometheus.replace('_', ".")
}

#[cfg(test)]
mod tests {
    use metrics::Label;

    use super::super::names::MetricKind;
    use super::*;

    #[test]
    fn names_are_those_of_the_conventions() {
        for (prometheus, expected) in [
            (
                "rpc_server_call_duration_seconds",
                ("rpc.server.call.duration", "s"),
            ),
            (
                "rpc_client_call_duration_seconds",
                ("rpc.client.call.duration", "s"),
            ),
            (
                "messaging_client_sent_messages_total",
                ("messaging.client.sent.messages", "1"),
            ),
            (
                "messaging_process_duration_seconds",
                ("messaging.process.duration", "s"),
            ),
            (
                "aegis_server_requests_total",
                ("aegis.server.requests", "1"),
            ),
            (
                "aegis_server_queue_wait_seconds",
                ("aegis.server.queue_wait", "s"),
            ),
            ("aegis_events_stale_seconds", ("aegis.events.stale", "s")),
            ("aegis_connected", ("aegis.connected", "1")),
        ] {
            let (name, unit) = name(prometheus);
            assert_eq!((name.as_str(), unit), expected);
        }
        for (prometheus, expected) in [
            ("rpc_service", "rpc.service"),
            ("error_type", "error.type"),
            (
                "messaging_consumer_group_name",
                "messaging.consumer.group.name",
            ),
            ("service", "service"),
        ] {
            assert_eq!(label(prometheus), expected);
        }
    }

    /// A collector that hands them on to Prometheus gives them the names that `/metrics` has.
    #[test]
    fn every_name_becomes_again_what_it_was() {
        for metric in METRICS {
            let (name, unit) = name(metric.name);
            let unit = if unit == "s" { "_seconds" } else { "" };
            let total = if metric.kind == MetricKind::Counter {
                "_total"
            } else {
                ""
            };
            assert_eq!(
                format!("{}{unit}{total}", name.replace('.', "_")),
                metric.name
            );
        }
    }

    #[test]
    fn what_a_program_counts_by_itself_keeps_its_name() {
        let key = Key::from_parts("orders_taken_total", vec![Label::new("order_side", "buy")]);
        let figure = Figure::of(&key, &Value::Counter(7));
        assert_eq!(
            (figure.name.as_str(), figure.unit),
            ("orders_taken_total", "")
        );
        assert_eq!(figure.labels, [("order_side".to_owned(), "buy")]);
        assert_eq!(figure.amount, Amount::Counter(7));
    }
}
