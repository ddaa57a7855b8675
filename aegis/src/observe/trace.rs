//! Spans of what is served and sent, and their place in a trace (W3C trace context).

use std::sync::OnceLock;

use tracing::Span;

use super::seldom::random;
use crate::model::TraceContext;

/// The target of the framework's spans. The log output of `#[aegis::main]` leaves them out: its
/// lines say by themselves what is handled.
pub const SPANS: &str = "aegis::span";

/// What a span belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    /// What came from elsewhere, or was said by the program; the span is also linked to it if that
    /// was handled before.
    Remote(Option<TraceContext>, Linked),
    /// Something is sent: the span that is entered, else what is handled.
    Local(Option<TraceContext>),
    /// Something is sent by what was left out: it is left out as well, but for a span that is entered.
    LeftOut,
}

/// Whether a span is linked to the span that it is a child of: that of the first publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linked {
    No,
    /// It is delivered again.
    Again,
}

impl Parent {
    /// Of what a stream delivers for the how manieth time.
    pub(crate) fn delivered(trace: Option<TraceContext>, attempt: u64) -> Self {
        let linked = if attempt > 1 {
            Linked::Again
        } else {
            Linked::No
        };
        Self::Remote(trace, linked)
    }

    fn context(self) -> Option<TraceContext> {
        match self {
            Self::Remote(context, _) | Self::Local(context) => context,
            Self::LeftOut => None,
        }
    }
}

/// Records spans, where a program does that.
pub(crate) trait Tracer: Send + Sync {
    /// Whether a trace that begins here is recorded.
    fn begins(&self) -> bool;
    /// The span that is entered, recorded or not.
    fn entered(&self) -> Option<TraceContext>;
    /// Gives a span its place in a trace, and tells it.
    fn place(&self, span: &Span, parent: Parent) -> Option<TraceContext>;
}

static TRACER: OnceLock<Box<dyn Tracer>> = OnceLock::new();

/// Records spans from now on; without effect if somebody does so already.
#[cfg(feature = "otel")]
pub(crate) fn record_spans(tracer: Box<dyn Tracer>) {
    let _ = TRACER.set(tracer);
}

/// The place of the span that is entered here, if it is recorded.
#[cfg(feature = "log")]
pub(crate) fn entered() -> Option<TraceContext> {
    let entered = TRACER.get()?.entered();
    entered.filter(|entered| entered.is_sampled())
}

/// A span, and the context that travels with what happens inside it.
#[derive(Debug, Clone)]
pub(crate) struct Traced {
    pub(crate) span: Span,
    pub(crate) context: Option<TraceContext>,
    /// It begins no trace, and nothing that it sends does.
    pub(crate) left_out: bool,
    /// The context is that of the span.
    placed: bool,
}

impl Traced {
    /// A span with its place in a trace. Without anything that records spans it is as the
    /// program's own subscriber of `tracing` wants it, and the context is that which came.
    pub(crate) fn new(parent: Parent, make: impl FnOnce() -> Span) -> Self {
        let Some(tracer) = TRACER.get() else {
            return Self {
                span: make(),
                context: parent.context(),
                left_out: false,
                placed: false,
            };
        };
        let came = parent.context();
        let above = match parent {
            Parent::Remote(..) => came,
            Parent::Local(_) | Parent::LeftOut => tracer.entered().or(came),
        };
        let begins = || parent != Parent::LeftOut && tracer.begins();
        // What is not recorded is no span and adds no header, so that it costs nothing.
        if !above.map_or_else(begins, TraceContext::is_sampled) {
            return Self {
                span: Span::none(),
                context: came,
                // Otherwise the flag of what came says it, and travels on.
                left_out: came.is_none(),
                placed: false,
            };
        }
        let span = make();
        let place = tracer.place(&span, parent);
        Self {
            span,
            context: place.or(came),
            left_out: false,
            placed: place.is_some(),
        }
    }

    /// Whether its span stands in a trace.
    pub(crate) fn is_placed(&self) -> bool {
        self.placed
    }

    /// The context that travels with what is sent inside it.
    pub(crate) fn travels(&self) -> Option<TraceContext> {
        let context = self.context?;
        Some(if self.placed {
            context
        } else {
            context.child(random())
        })
    }

    /// Notes with what kind of error it ended.
    pub(crate) fn failed(&self, kind: &str) {
        if !self.span.is_disabled() {
            self.span.record("error.type", kind);
            self.span.record("otel.status_code", "ERROR");
        }
    }
}
