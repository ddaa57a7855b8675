//! The place of a span in a trace.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::limit::Limit;
use crate::model::TraceContext;
use crate::observe::{Linked, Parent, Tracer, random};

/// The share of traces that are recorded, of those that begin here: a double, as its bits.
static SHARE: AtomicU64 = AtomicU64::new(0);

/// Of those, how many in a second.
static LIMIT: Limit = Limit::new();
/// How many were left out for that, and are not told yet.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

pub(super) fn choose(share: f64, per_second: Option<u32>) {
    SHARE.store(share.to_bits(), Ordering::Relaxed);
    LIMIT.choose(per_second);
}

/// Whether a trace that begins here is recorded: if its id is within the share, and there is room.
pub(super) fn is_chosen(trace: u128) -> bool {
    let share = f64::from_bits(SHARE.load(Ordering::Relaxed));
    if !is_within(trace, share) {
        return false;
    }
    let begins = LIMIT.begins(now());
    if !begins {
        // It is not told here: a subscriber may be in the middle of making the span.
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
    }
    begins
}

/// In nanoseconds.
fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// How many traces were left out because there were too many, since the last time this was asked.
pub(super) fn take_left_out() -> u64 {
    LEFT_OUT.swap(0, Ordering::Relaxed)
}

/// As the sampler `TraceIdRatioBased` of OpenTelemetry does it: by 63 bits of the id.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the lower half is meant; 53 bits tell enough shares apart"
)]
fn is_within(trace: u128, share: f64) -> bool {
    let drawn = (trace as u64 >> 1) as f64 / (1_u64 << 63) as f64;
    drawn < share
}

/// In the context of a span without a parent: that it is recorded is decided.
pub(super) struct Decided;

/// Places spans by the layer that records them.
#[derive(Debug)]
pub(super) struct Recorder;

impl Tracer for Recorder {
    fn begins(&self) -> bool {
        is_chosen(u128::from(random()))
    }

    fn entered(&self) -> Option<TraceContext> {
        Context::map_current(ours)
    }

    fn place(&self, span: &Span, parent: Parent) -> Option<TraceContext> {
        let above = match parent {
            Parent::Remote(above, linked) => {
                if let (Some(above), Linked::Again) = (above, linked) {
                    span.add_link(theirs(above));
                }
                if above.is_some() {
                    LIMIT.joins(now());
                }
                Some(above)
            }
            // The layer has taken what is entered for its parent.
            Parent::Local(_) | Parent::LeftOut if self.entered().is_some() => None,
            Parent::Local(handled) => Some(handled),
            Parent::LeftOut => Some(None),
        };
        if let Some(above) = above {
            let above = match above {
                Some(above) => Context::new().with_remote_span_context(theirs(above)),
                None => Context::new().with_value(Decided),
            };
            // Without the layer there is no place.
            span.set_parent(above).ok()?;
        }
        ours(&span.context())
    }
}

fn ours(context: &Context) -> Option<TraceContext> {
    let span = context.span();
    let span = span.span_context();
    TraceContext::of_parts(
        u128::from_be_bytes(span.trace_id().to_bytes()),
        u64::from_be_bytes(span.span_id().to_bytes()),
        span.trace_flags().to_u8(),
    )
}

fn theirs(context: TraceContext) -> SpanContext {
    let (trace, span, flags) = context.parts();
    SpanContext::new(
        TraceId::from_bytes(trace.to_be_bytes()),
        SpanId::from_bytes(span.to_be_bytes()),
        TraceFlags::new(flags),
        true,
        TraceState::NONE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_all_traces_is_recorded() {
        for (share, least, most) in [(0.0, 0, 0), (0.25, 2300, 2700), (1.0, 10_000, 10_000)] {
            let traces = (0..10_000).map(|_| u128::from(random()));
            let chosen = traces.filter(|trace| is_within(*trace, share)).count();
            assert!((least..=most).contains(&chosen), "{share}: {chosen}");
        }
    }

    #[test]
    fn a_place_is_the_same_in_both_forms() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(text).unwrap();
        let there = Context::new().with_remote_span_context(theirs(context));
        assert_eq!(ours(&there), Some(context));
        assert_eq!(ours(&Context::new()), None);
    }
}
