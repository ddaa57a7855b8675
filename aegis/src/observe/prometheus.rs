//! Metrics as text: the exposition format 0.0.4 of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::HashSet;
use std::fmt::Write as _;

use metrics::Key;

use super::distribution::Spread;
use super::names::METRICS;
use super::snapshot::Value;

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 21] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];
/// Of anything else.
const OTHERS: [f64; 16] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
];

/// All series; they come in the order of their names.
pub(super) fn text(series: &[(Key, Value)]) -> String {
    let mut text = String::new();
    let mut last = String::new();
    let mut written: HashSet<String> = HashSet::new();
    let mut kind = "";
    for (key, value) in series {
        let name = name(key.name());
        if key.name() != last {
            key.name().clone_into(&mut last);
            // Two names may be one when they are written: the later one is left out.
            let is_new = written.insert(name.clone());
            kind = if is_new { kind_of(value) } else { "" };
            if is_new {
                head(&mut text, &name, key.name(), kind);
            }
        }
        // One name has one kind: what else has it is left out.
        if kind_of(value) == kind {
            samples(&mut text, &name, key, value);
        }
    }
    text
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Counter(_) => "counter",
        Value::Gauge(_) => "gauge",
        Value::Histogram(_) => "histogram",
    }
}

/// What stands before the first series of a name. Writing to a `String` cannot fail.
fn head(text: &mut String, name: &str, given: &str, kind: &str) {
    if let Some(metric) = METRICS.iter().find(|metric| metric.name == given) {
        let _ = writeln!(text, "# HELP {name} {}", metric.help);
    }
    let _ = writeln!(text, "# TYPE {name} {kind}");
}

fn samples(text: &mut String, name: &str, key: &Key, value: &Value) {
    // Two labels may be one when they are written, which would spoil the whole page: the first stays.
    let mut names = HashSet::new();
    if matches!(value, Value::Histogram(_)) {
        names.insert("le".to_owned());
    }
    let labels = key
        .labels()
        .filter(|one| names.insert(label_name(one.key())));
    let labels: Vec<String> = labels.map(|one| label(one.key(), one.value())).collect();
    let own = braced(&labels, None);
    let _ = match value {
        Value::Counter(count) => writeln!(text, "{name}{own} {count}"),
        Value::Gauge(value) => writeln!(text, "{name}{own} {}", number(*value)),
        Value::Histogram(both) => {
            buckets(text, name, &labels, &both.1);
            let (sum, count) = (number(both.1.sum), both.1.count());
            writeln!(text, "{name}_sum{own} {sum}\n{name}_count{own} {count}")
        }
    };
}

/// Upper bounds of the buckets of a histogram.
pub(super) fn bounds(name: &str) -> &'static [f64] {
    if name.ends_with("_seconds") {
        &SECONDS
    } else {
        &OTHERS
    }
}

fn buckets(text: &mut String, name: &str, labels: &[String], spread: &Spread) {
    let finite = bounds(name)
        .iter()
        .map(|bound| (*bound, spread.up_to(*bound)));
    for (bound, count) in finite.chain([(f64::INFINITY, spread.count())]) {
        let own = braced(labels, Some(&number(bound)));
        let _ = writeln!(text, "{name}_bucket{own} {count}");
    }
}

fn braced(labels: &[String], bound: Option<&str>) -> String {
    let bound = bound.map(|bound| format!("le=\"{bound}\""));
    let all: Vec<&str> = labels
        .iter()
        .chain(bound.as_ref())
        .map(String::as_str)
        .collect();
    if all.is_empty() {
        return String::new();
    }
    format!("{{{}}}", all.join(","))
}

/// A number as Prometheus reads it.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        let sign = if value > 0.0 { '+' } else { '-' };
        format!("{sign}Inf")
    } else {
        value.to_string()
    }
}

/// A name with the characters that are allowed.
pub(super) fn name(given: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut name: String = given
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        name.insert(0, '_');
    }
    name
}

fn label_name(given: &str) -> String {
    name(given).replace(':', "_")
}

/// A label with its value.
pub(super) fn label(given: &str, value: &str) -> String {
    let name = label_name(given);
    let value = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use metrics::{HistogramFn as _, Label};

    use super::super::distribution::Distribution;
    use super::super::snapshot::Summary;
    use super::*;

    fn histogram(values: &[f64]) -> Value {
        let all = Distribution::new();
        for value in values {
            all.record(*value);
        }
        let summary = Summary {
            count: 0,
            average: 0.0,
            min: 0.0,
            max: 0.0,
            p50: 0.0,
            p90: 0.0,
            p99: 0.0,
        };
        Value::Histogram(Box::new((summary, all.spread())))
    }

    #[test]
    fn every_kind_is_written_as_the_format_asks() {
        let odd = Label::new("what", "a \"quoted\" \\ text\nin two lines");
        let series = [
            (
                Key::from_parts("aegis_connected", vec![]),
                Value::Gauge(1.0),
            ),
            (
                Key::from_parts("orders.taken", vec![odd]),
                Value::Counter(7),
            ),
        ];
        let help = "# HELP aegis_connected 1 while this program is connected to NATS, else 0.\n";
        assert_eq!(
            text(&series),
            format!(
                "{help}# TYPE aegis_connected gauge\naegis_connected 1\n# TYPE orders_taken counter\n\
                 orders_taken{{what=\"a \\\"quoted\\\" \\\\ text\\nin two lines\"}} 7\n"
            )
        );
    }

    #[test]
    fn labels_whose_names_are_one_when_they_are_written_are_written_once() {
        let labels = vec![
            Label::new("order.kind", "first"),
            Label::new("order_kind", "second"),
        ];
        let series = [(Key::from_parts("orders", labels), Value::Counter(7))];
        assert_eq!(
            text(&series),
            "# TYPE orders counter\norders{order_kind=\"first\"} 7\n"
        );
    }

    #[test]
    fn the_buckets_of_a_histogram_grow_to_all_values() {
        let values = histogram(&[0.000_2, 0.002, 0.02, 7200.0]);
        let text = text(&[(Key::from_parts("took_seconds", vec![]), values)]);
        let counts = text.lines().filter_map(|line| {
            let (name, count) = line.split_once(' ')?;
            let name = name.strip_prefix("took_seconds_bucket{le=\"")?;
            Some((name.strip_suffix("\"}")?, count.parse::<u64>().ok()?))
        });
        let counts: Vec<(&str, u64)> = counts.collect();
        assert!(counts.is_sorted_by_key(|(_, count)| *count), "{text}");
        for expected in [
            ("0.0001", 0),
            ("0.00025", 1),
            ("0.0025", 2),
            ("3600", 3),
            ("+Inf", 4),
        ] {
            assert!(counts.contains(&expected), "{expected:?} in {text}");
        }
        assert!(text.ends_with("took_seconds_count 4\n"), "{text}");
    }

    #[test]
    fn a_name_is_written_once() {
        let names = ["a-b", "a.b", "a.c", "a_b"];
        let series = names.map(|name| (Key::from_parts(name, vec![]), Value::Counter(1)));
        let expected = "# TYPE a_b counter\na_b 1\n# TYPE a_c counter\na_c 1\n";
        assert_eq!(text(&series), expected);
    }

    #[test]
    fn names_have_only_what_is_allowed() {
        for (given, written) in [
            ("a.b-c", "a_b_c"),
            ("9", "_9"),
            ("", "_"),
            ("größe", "gr__e"),
        ] {
            assert_eq!(name(given), written);
        }
    }
}
