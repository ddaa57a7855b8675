//! The layer of a subscriber that records spans.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState};
use opentelemetry::{Context as Inherited, InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample};
use tracing::metadata::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::queue::{Ended, queue};
use super::tracer::{Decided, is_chosen};
use crate::observe::SPANS;

/// Whether anything is recorded.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Records from now on, wherever the layer is.
pub(super) fn switch_on() {
    IS_ON.store(true, Ordering::Release);
    // What nobody wanted until now was not even asked about.
    tracing::callsite::rebuild_interest_cache();
}

/// Records the framework's spans, and the program's own down to the level `INFO`, once there is a
/// collector to send them to. A span of the program's own begins a trace only where `may_begin`.
pub(crate) fn layer<S>(may_begin: fn() -> bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let provider = SdkTracerProvider::builder()
        .with_sampler(Share)
        .with_span_processor(Ended(queue()))
        .build();
    let scope = InstrumentationScope::builder("aegis").with_version(env!("CARGO_PKG_VERSION"));
    // How a span ended is said by who made it, not by the lines that were logged inside.
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer_with_scope(scope.build()))
        .with_error_events_to_status(false)
        .with_error_events_to_exceptions(false)
        .with_error_fields_to_exceptions(false)
        .with_error_records_to_exceptions(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(Wanted { may_begin })
}

/// What is recorded.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    may_begin: fn() -> bool,
}

impl Wanted {
    fn never(metadata: &Metadata<'_>) -> bool {
        *metadata.level() > Level::INFO || !IS_ON.load(Ordering::Acquire)
    }
}

impl<S> Filter<S> for Wanted
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        if Self::never(metadata) {
            return false;
        }
        // The framework has asked before it made one.
        metadata.target() == SPANS
            || context.lookup_current().is_some()
            || (metadata.is_span() && (self.may_begin)())
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::never(metadata) {
            Interest::never()
        } else {
            Interest::sometimes()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}

/// Which spans are recorded: those whose parent is, and of those without one a share.
#[derive(Debug, Clone, Copy)]
struct Share;

impl ShouldSample for Share {
    fn should_sample(
        &self,
        parent: Option<&Inherited>,
        trace: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let above = parent.map(|parent| (parent.span().span_context().clone(), parent));
        let is_wanted = match &above {
            Some((above, _)) if above.is_valid() => above.is_sampled(),
            Some((_, parent)) if parent.get::<Decided>().is_some() => true,
            _ => is_chosen(u128::from_be_bytes(trace.to_bytes())),
        };
        SamplingResult {
            decision: if is_wanted {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::Drop
            },
            attributes: Vec::new(),
            trace_state: above.map_or(TraceState::NONE, |(above, _)| above.trace_state().clone()),
        }
    }
}
