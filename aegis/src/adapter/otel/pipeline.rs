//! What a program sends to its collector, from the first span to the last.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::export::Export;
use super::post::Post;
use super::queue::queue;
use super::{layer, tracer};
use crate::observe::{SPANS, record_spans};

/// The longest that the end of a program waits for its last spans and metrics.
const LAST: Duration = Duration::from_secs(2);

/// What is sent, and where to.
#[derive(Clone)]
pub(crate) struct Options {
    /// `http://host:4318`: the part before `/v1/traces`.
    pub(crate) endpoint: String,
    /// They may hold secrets.
    pub(crate) headers: Vec<(String, String)>,
    /// The share of traces that are recorded, of those that begin here, 0.0..=1.0.
    pub(crate) sample: f64,
    /// How many of those in a second, at most.
    pub(crate) per_second: Option<u32>,
    /// How often metrics are sent, if they are.
    pub(crate) metrics: Option<Duration>,
}

/// Who sends.
#[derive(Debug, Default)]
pub(super) struct Sender(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    attributes: Vec<KeyValue>,
    /// It is a service, which is not named anew.
    is_service: bool,
}

impl Sender {
    pub(super) fn resource(&self) -> Resource {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say it better.
        let said = Resource::builder().build();
        let is_said = |key: &Key| match said.get(key) {
            Some(Value::String(name)) => !name.as_str().starts_with("unknown_service"),
            said => said.is_some(),
        };
        let ours = known.attributes.iter().filter(|one| !is_said(&one.key));
        Resource::builder().with_attributes(ours.cloned()).build()
    }
}

static SENDER: OnceLock<Arc<Sender>> = OnceLock::new();

/// Sends from now on what this program, of that name, records. The first one in a program decides.
pub(crate) fn start(options: &Options, name: &str) {
    let sender = Arc::new(Sender::default());
    if SENDER.set(sender.clone()).is_err() {
        return;
    }
    known(&[("service.name", name)], false);
    tracer::choose(options.sample, options.per_second);
    let post = Post::new(&options.endpoint, options.headers.clone());
    let exporting = Export::new(post, sender, queue(), options.metrics);
    let thread = std::thread::Builder::new().name("aegis-otel".to_owned());
    if let Err(error) = thread.spawn(move || exporting.run()) {
        return tracing::error!(%error, "nothing is sent to the collector: there is no thread for it");
    }
    trace();
    let (endpoint, sample) = (&options.endpoint, options.sample);
    let per_second = options.per_second.map(|traces| traces.to_string());
    tracing::info!(
        endpoint,
        sample,
        per_second = per_second.as_deref().unwrap_or("off"),
        metrics = options.metrics.is_some(),
        "sends to the collector"
    );
}

/// Records spans, if there is a layer that does.
fn trace() {
    layer::switch_on();
    let probe = tracing::info_span!(target: SPANS, "probe");
    if is_recorded(&probe) {
        record_spans(Box::new(tracer::Recorder));
    } else {
        tracing::warn!(
            "no spans are sent: the subscriber of this program has no `aegis::otel_layer()`; add it"
        );
    }
}

/// Whether there is a layer behind a span; if so, the span is dropped, as it is no part of anything.
fn is_recorded(probe: &Span) -> bool {
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    };
    let ids = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]));
    let left_out = SpanContext::new(
        ids.0,
        ids.1,
        TraceFlags::NOT_SAMPLED,
        true,
        TraceState::NONE,
    );
    let above = opentelemetry::Context::new().with_remote_span_context(left_out);
    probe.set_parent(above).is_ok()
}

/// Names the service that this program is: the first one that it serves.
pub(crate) fn name(service: &str, version: &str, instance: &str) {
    known(
        &[
            ("service.name", service),
            ("service.version", version),
            ("service.instance.id", instance),
        ],
        true,
    );
}

fn known(attributes: &[(&'static str, &str)], is_service: bool) {
    let Some(sender) = SENDER.get() else { return };
    let mut known = sender.0.lock().unwrap_or_else(PoisonError::into_inner);
    if known.is_service {
        return;
    }
    let attributes = attributes.iter();
    let attributes = attributes.map(|(key, value)| KeyValue::new(*key, (*value).to_owned()));
    *known = Known {
        attributes: attributes.collect(),
        is_service,
    };
}

/// Sends what is left, and waits for it for 2 s at most; not again if that was too short once, until
/// the collector answers. It blocks its thread.
pub(crate) fn flush() {
    if SENDER.get().is_some() && !queue().flush(LAST) {
        tracing::warn!("the collector has not taken the last spans and metrics: they are lost");
    }
}
