//! Where traces and metrics are sent: settings, and what starts and ends it.

use std::time::Duration;

use url::Url;

use super::config::Config;
use super::settings::{Setting, open, secret, switch, time};
use crate::serve::Home;

/// What is set about it.
#[derive(Clone)]
pub(super) struct Collector {
    endpoint: Option<String>,
    sample: f64,
    /// None without a limit.
    per_second: Option<u32>,
    headers: Vec<(String, String)>,
    metrics: bool,
    interval: Duration,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            endpoint: None,
            sample: 1.0,
            per_second: Some(500),
            headers: Vec::new(),
            metrics: true,
            interval: Duration::from_secs(60),
        }
    }
}

/// Headers may hold secrets.
impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector")
            .field("endpoint", &self.endpoint)
            .field("sample", &self.sample)
            .field("per_second", &self.per_second)
            .finish_non_exhaustive()
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    // A login in it would be one, and is refused.
    secret(
        "otel.endpoint",
        &["AEGIS_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"],
        endpoint,
    ),
    open("otel.sample", &["AEGIS_OTEL_SAMPLE"], |config, text| {
        let share = text.parse().ok();
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        config.telling.collector.sample = share.ok_or("it is a share from 0.0 to 1.0")?;
        Ok(())
    }),
    open(
        "otel.per_second",
        &["AEGIS_OTEL_PER_SECOND"],
        |config, text| {
            config.telling.collector.per_second = per_second(text)?;
            Ok(())
        },
    ),
    secret(
        "otel.headers",
        &["AEGIS_OTEL_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
        |config, text| headers(text).map(|headers| config.telling.collector.headers = headers),
    ),
    open("otel.metrics", &["AEGIS_OTEL_METRICS"], |config, text| {
        switch(text).map(|on| config.telling.collector.metrics = on)
    }),
    open("otel.interval", &["AEGIS_OTEL_INTERVAL"], |config, text| {
        let interval = time(text)?;
        let day = Duration::from_secs(24 * 3600);
        if !(Duration::from_secs(1)..=day).contains(&interval) {
            return Err("it is 1s to 1day".to_owned());
        }
        config.telling.collector.interval = interval;
        Ok(())
    }),
];

fn endpoint(config: &mut Config, text: &str) -> Result<(), String> {
    let endpoint = &mut config.telling.collector.endpoint;
    if text == "off" {
        *endpoint = None;
        return Ok(());
    }
    let way = "it is http://host:4318 or https://host, the part before /v1/traces, or `off`";
    let url = Url::parse(text).map_err(|_| way.to_owned())?;
    let is_http = matches!(url.scheme(), "http" | "https");
    if !is_http
        || url.host_str().is_none_or(str::is_empty)
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(way.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a login stands in `otel.headers`, and not in the URL".to_owned());
    }
    let path = url.path().trim_end_matches('/');
    if path.ends_with("/v1/traces") || path.ends_with("/v1/metrics") {
        return Err(way.to_owned());
    }
    *endpoint = Some(url.as_str().trim_end_matches('/').to_owned());
    Ok(())
}

fn per_second(text: &str) -> Result<Option<u32>, String> {
    if text == "off" {
        return Ok(None);
    }
    let traces = text.parse().ok();
    let traces = traces.filter(|traces| (1..=1_000_000).contains(traces));
    let way = "it is 1 to 1000000, or `off` for no limit; none at all is `otel.sample = 0.0`";
    traces.map(Some).ok_or_else(|| way.to_owned())
}

/// `name=value,name=value`, with values encoded as in URLs (W3C baggage, as OpenTelemetry asks).
fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = text.split(',').map(str::trim);
    let pairs = pairs.filter(|pair| !pair.is_empty()).map(|pair| {
        let way = "it is `name=value`, with commas between several; in values `,` is written %2C";
        let (name, value) = pair.split_once('=').ok_or(way)?;
        let (name, value) = (name.trim(), decoded(value.trim()));
        let of_a_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let of_a_value = |c: char| c.is_ascii_graphic() || c == ' ';
        let is_right = !name.is_empty() && name.chars().all(of_a_name);
        if !is_right || !value.chars().all(of_a_value) {
            return Err("names are letters, digits and `-`; values are visible ASCII".to_owned());
        }
        Ok((name.to_owned(), value))
    });
    pairs.collect()
}

fn decoded(value: &str) -> String {
    let pair = format!("x={}", value.replace('+', "%2B").replace('&', "%26"));
    let mut decoded = url::form_urlencoded::parse(pair.as_bytes());
    decoded
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

impl Config {
    /// Sends traces and metrics to a collector by OTLP over HTTP: `http://host:4318`, the part before
    /// `/v1/traces`; default nowhere. Needs the feature `otel`. The first program of a process that
    /// connects decides for all of it.
    #[must_use]
    pub fn otel_endpoint(self, url: &str) -> Self {
        self.set("otel.endpoint", url)
    }

    /// The share of traces that are recorded, of those that begin in this program: 0.0 to 1.0,
    /// default 1.0. Of those that began elsewhere it records what is recorded there.
    #[must_use]
    pub fn otel_sample(self, share: f64) -> Self {
        self.set("otel.sample", &share.to_string())
    }

    /// How many traces begin in this program in a second at most, 1 to 1,000,000; default 500. The
    /// others are left out and counted. What began elsewhere is recorded in any case, and
    /// takes the room of what would begin here. Without a limit: the setting `otel.per_second = "off"`.
    #[must_use]
    pub fn otel_per_second(self, traces: u32) -> Self {
        self.set("otel.per_second", &traces.to_string())
    }

    /// Headers of every request to the collector, such as `authorization=Bearer%20..`, with commas
    /// between several. They are shown nowhere.
    #[must_use]
    pub fn otel_headers(self, headers: &str) -> Self {
        self.set("otel.headers", headers)
    }

    /// Whether the collector gets metrics as well; default yes.
    #[must_use]
    pub fn otel_metrics(mut self, on: bool) -> Self {
        self.telling.collector.metrics = on;
        self
    }

    /// How often it gets metrics, 1 s to a day; default 60 s.
    #[must_use]
    pub fn otel_interval(self, interval: Duration) -> Self {
        let millis = interval.as_millis();
        self.set("otel.interval", &format!("{millis}ms"))
    }
}

/// The layer that records spans of the framework and of the program, for a subscriber of the
/// program's own; the one of `#[aegis::main]` has it. It does nothing until a program with the
/// setting `otel.endpoint` connects.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry()
///     .with(aegis::otel_layer())
///     .with(tracing_subscriber::fmt::layer());
/// # let _ = subscriber;
/// ```
#[cfg(feature = "otel")]
pub fn otel_layer<S>() -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    // Inside a handler that is not recorded nothing is: the decision was made where the trace began.
    crate::adapter::otel::layer(|| crate::client::Scope::current().is_none())
}

/// Sends what is left of spans and metrics, and waits for that for 2 s at most. For programs without
/// `#[aegis::main]` before they end; [`Running::stop`](crate::Running::stop) does it by itself.
#[cfg(feature = "otel")]
pub async fn otel_flush() {
    flushed().await;
}

/// Sends from now on, if it is set.
#[cfg(feature = "otel")]
pub(super) fn start(config: &Config, name: &str) {
    let set = &config.telling.collector;
    let Some(endpoint) = set.endpoint.clone() else {
        return;
    };
    let options = crate::adapter::otel::Options {
        endpoint,
        headers: set.headers.clone(),
        sample: set.sample,
        per_second: set.per_second,
        metrics: set.metrics.then_some(set.interval),
    };
    crate::adapter::otel::start(&options, config.source.as_deref().unwrap_or(name));
}

#[cfg(not(feature = "otel"))]
pub(super) fn start(config: &Config, _: &str) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    if config.telling.collector.endpoint.is_some() {
        ONCE.call_once(|| {
            tracing::warn!(
                "`otel.endpoint` is set, and nothing is sent: this program was built without the \
                 feature `otel` of aegis: `aegis = {{ features = [\"otel\"] }}`"
            );
        });
    }
}

/// Says which service it is that sends.
#[cfg(feature = "otel")]
pub(super) fn name(home: &Home, version: &str) {
    crate::adapter::otel::name(home.service.as_str(), version, home.instance.as_str());
}

#[cfg(not(feature = "otel"))]
pub(super) fn name(_: &Home, _: &str) {}

/// Sends what is left; it blocks its thread for 2 s at most.
#[cfg(feature = "otel")]
pub(super) fn flush() {
    crate::adapter::otel::flush();
}

#[cfg(not(feature = "otel"))]
pub(super) fn flush() {}

/// The same, where no thread may be blocked.
pub(super) async fn flushed() {
    if cfg!(feature = "otel") {
        // It ends by itself, and cannot fail.
        let _ = tokio::task::spawn_blocking(flush).await;
    }
}

#[cfg(test)]
#[path = "collector_tests.rs"]
mod tests;
