//! The metrics of the program at one moment.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use metrics::Key;
use serde::Serialize;

use super::distribution::Spread;
#[cfg(feature = "otel")]
use super::figure::Figure;
use super::prometheus;
use super::registry::{Cell, registry};

/// What is told of a histogram; durations are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// How many values there were.
    pub count: u64,
    /// Their average; 0 without values, as all that follows.
    pub average: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
    /// Half of them were at most that, within 7 %.
    pub p50: f64,
    /// 90 % of them.
    pub p90: f64,
    /// 99 % of them.
    pub p99: f64,
}

/// The metrics of this program at one moment: of all its apps and clients, and its own, if it uses
/// the `metrics` crate.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> aegis::Result<()> {
/// use aegis::{Client, Config};
/// use serde_json::json;
///
/// let client = Client::connect(Config::default().url("memory://metrics")).await?;
/// let _ = client.call("nobody", "there", &json!({})).await;
/// let calls = aegis::metrics().counter("aegis_client_calls_total", &[("service", "nobody")]);
/// assert_eq!(calls, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    uptime: Duration,
    series: Vec<(Key, Value)>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Counter(u64),
    Gauge(f64),
    Histogram(Box<(Summary, Spread)>),
}

/// The metrics of this program, now. It is empty if the setting `metrics` is off, or if the program
/// has installed a recorder of its own without an [`observe::Keeper`](crate::observe::Keeper) in it.
///
/// Gauges are as of the last heartbeat; [`Running::metrics`](crate::Running::metrics) measures
/// them anew.
pub fn metrics() -> Snapshot {
    let registry = registry();
    let cells = registry.cells().into_iter();
    let series = cells.map(|(key, cell)| {
        let value = match cell {
            Cell::Counter(count) => Value::Counter(count.load(Ordering::Relaxed)),
            Cell::Gauge(bits) => Value::Gauge(f64::from_bits(bits.load(Ordering::Relaxed))),
            Cell::Histogram(all) => {
                let spread = all.spread();
                Value::Histogram(Box::new((Summary::of(&spread), spread)))
            }
        };
        (key, value)
    });
    Snapshot {
        uptime: registry.since.elapsed(),
        series: series.collect(),
    }
}

impl Summary {
    fn of(spread: &Spread) -> Self {
        let count = spread.count();
        let (min, max) = spread.ends();
        #[expect(clippy::cast_precision_loss, reason = "a count is far below 2^52")]
        let average = spread.sum / count.max(1) as f64;
        Self {
            count,
            average,
            min,
            max,
            p50: spread.percentile(0.5),
            p90: spread.percentile(0.9),
            p99: spread.percentile(0.99),
        }
    }
}

impl Snapshot {
    /// The sum of a counter over all series that have these labels; 0 if there is none.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let found = self.found(name, labels).map(|value| match value {
            Value::Counter(count) => *count,
            _ => 0,
        });
        found.sum()
    }

    /// The value of a gauge: of the first series that has these labels.
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.found(name, labels).find_map(|value| match value {
            Value::Gauge(value) => Some(*value),
            _ => None,
        })
    }

    /// What is told of a histogram: of the first series that has these labels.
    pub fn summary(&self, name: &str, labels: &[(&str, &str)]) -> Option<Summary> {
        self.found(name, labels).find_map(|value| match value {
            Value::Histogram(both) => Some(both.0),
            _ => None,
        })
    }

    fn found<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Value> {
        let has = |key: &Key, (name, value): &(&str, &str)| {
            let mut labels = key.labels();
            labels.any(|label| label.key() == *name && label.value() == *value)
        };
        let fits =
            move |key: &Key| key.name() == name && labels.iter().all(|label| has(key, label));
        self.series
            .iter()
            .filter(move |(key, _)| fits(key))
            .map(|(_, value)| value)
    }

    /// As text for Prometheus (text exposition format 0.0.4).
    pub fn prometheus(&self) -> String {
        prometheus::text(&self.series)
    }

    /// As OpenTelemetry names it.
    #[cfg(feature = "otel")]
    pub(crate) fn figures(&self) -> Vec<Figure<'_>> {
        let figures = self.series.iter();
        figures.map(|(key, value)| Figure::of(key, value)).collect()
    }

    /// How long the program has kept them.
    #[cfg(feature = "otel")]
    pub(crate) fn uptime(&self) -> Duration {
        self.uptime
    }

    /// As JSON: `uptime_seconds`, `counters`, `gauges` and `summaries`, each by its name and labels
    /// as Prometheus writes them.
    ///
    /// ```
    /// let all = aegis::metrics().json();
    /// assert!(all["uptime_seconds"].as_f64() >= Some(0.0) && all["counters"].is_object());
    /// ```
    pub fn json(&self) -> serde_json::Value {
        let mut told = Told {
            uptime_seconds: self.uptime.as_secs_f64(),
            ..Told::default()
        };
        for (key, value) in &self.series {
            let name = shown(key);
            match value {
                Value::Counter(count) => drop(told.counters.insert(name, *count)),
                Value::Gauge(value) => drop(told.gauges.insert(name, *value)),
                Value::Histogram(both) => drop(told.summaries.insert(name, both.0)),
            }
        }
        // Maps with texts as keys, and numbers: it can be written.
        serde_json::to_value(told).unwrap_or_default()
    }
}

#[derive(Default, Serialize)]
struct Told {
    uptime_seconds: f64,
    counters: BTreeMap<String, u64>,
    gauges: BTreeMap<String, f64>,
    summaries: BTreeMap<String, Summary>,
}

/// A series as Prometheus writes it: `name{label="value"}`.
fn shown(key: &Key) -> String {
    let mut text = prometheus::name(key.name());
    let mut before = '{';
    for label in key.labels() {
        // Writing to a `String` cannot fail.
        let _ = write!(
            text,
            "{before}{}",
            prometheus::label(label.key(), label.value())
        );
        before = ',';
    }
    if before == ',' {
        text.push('}');
    }
    text
}
