//! The thread that sends: spans once a second or by whole batches, metrics now and then.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace::SpanData;

use super::figures::{self, Times};
use super::pipeline::Sender;
use super::post::{Post, Refused};
use super::queue::{BATCH, MOST, Queue, Turn};
use super::tracer;
use crate::observe::TRACES_LEFT_OUT;

/// How long a span waits for others, at most.
const TURN: Duration = Duration::from_secs(1);
/// Between two attempts; doubled up to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Between two attempts while the end of the program waits for them.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// How long one batch is tried; newer ones tell more by then.
const LONGEST_TRY: Duration = Duration::from_secs(60);
/// A collector that does not know metrics is asked again so much later: it may have been a gateway that
/// did not know the collector.
const NO_METRICS: Duration = Duration::from_secs(600);
/// How often it is said that the collector is away.
const SAID: Duration = Duration::from_secs(60);

/// What the thread knows.
pub(super) struct Export {
    post: Post,
    sender: Arc<Sender>,
    queue: Arc<Queue>,
    /// How often metrics are sent, if they are.
    metrics: Option<Duration>,
}

/// How it stands with the collector, as far as it was said.
#[derive(Debug, Default)]
struct Told {
    /// When it was last said that it does not take spans, and metrics; none while it does.
    failing: [Option<Instant>; 2],
    /// When it was last said that spans were dropped, and how many were since.
    dropped: Option<Instant>,
    unsaid: u64,
    /// The collector does not know metrics; until when it is not asked again.
    no_metrics_until: Option<Instant>,
    /// It was said that traces are left out.
    left_out: bool,
    /// How many spans are being sent.
    sending: usize,
    /// When it was last said that a turn panicked.
    broken: Option<Instant>,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
enum What {
    Spans,
    Metrics,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Metrics => "metrics",
        }
    }
}

impl Export {
    pub(super) fn new(
        post: Post,
        sender: Arc<Sender>,
        queue: Arc<Queue>,
        metrics: Option<Duration>,
    ) -> Self {
        Self {
            post,
            sender,
            queue,
            metrics,
        }
    }

    /// Sends until the process ends.
    pub(super) fn run(self) {
        // What is done here is no part of any trace.
        let _quiet = opentelemetry::Context::enter_telemetry_suppressed_scope();
        let start = SystemTime::now().checked_sub(crate::observe::metrics().uptime());
        let start = start.map_or(0, nanos);
        let mut told = Told::default();
        let mut next = self.metrics.map(|every| Instant::now() + every);
        loop {
            let turn = Instant::now() + TURN;
            let turn = self.queue.wait(next.map_or(turn, |next| turn.min(next)));
            tell_left_out(&mut told);
            // Nobody looks after this thread: it goes on, whatever came of one turn.
            let done = catch_unwind(AssertUnwindSafe(|| self.turn(turn, next, start, &mut told)));
            next = done.unwrap_or_else(|_| self.broken(&mut told));
            self.queue.answer(turn);
            self.tell_dropped(&mut told);
        }
    }

    /// Sends what there is, and tells when metrics are due.
    fn turn(
        &self,
        turn: Turn,
        next: Option<Instant>,
        start: u64,
        told: &mut Told,
    ) -> Option<Instant> {
        // What comes meanwhile has its turn after the metrics.
        for _ in 0..=MOST / BATCH {
            let batch = self.queue.take();
            if batch.is_empty() {
                break;
            }
            told.sending = batch.len();
            self.spans(batch, told);
            told.sending = 0;
            // A collector that takes no spans may take metrics, unless everything is to be sent.
            if !turn.is_asked && next.is_some_and(|at| at <= Instant::now()) {
                break;
            }
        }
        let (at, every) = (next?, self.metrics?);
        let now = Instant::now();
        if at <= now {
            self.figures(start, told);
            return Some(now + every);
        }
        if turn.is_asked {
            self.figures(start, told);
        }
        Some(at)
    }

    /// Counts what a turn that panicked has lost, and tells when metrics are due.
    fn broken(&self, told: &mut Told) -> Option<Instant> {
        self.queue.dropped(std::mem::take(&mut told.sending));
        if told.broken.is_none_or(|at| at.elapsed() >= SAID) {
            told.broken = Some(Instant::now());
            tracing::error!(
                "sending to the collector panicked, which is a bug: what was being sent is lost, the rest goes on"
            );
        }
        self.metrics.map(|every| Instant::now() + every)
    }

    fn resource(&self) -> ResourceAttributesWithSchema {
        ResourceAttributesWithSchema::from(&self.sender.resource())
    }

    /// Sends one batch, again and again while that may help.
    fn spans(&self, batch: Vec<SpanData>, told: &mut Told) {
        let (spans, began) = (batch.len(), Instant::now());
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource()),
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = self
                .post
                .send::<ExportTraceServiceResponse>("v1/traces", &request);
            let refused = match sent {
                Ok(answer) => return self.taken(&answer, told),
                Err(refused) => refused,
            };
            told.fails(&refused, What::Spans, self.post.base());
            if !refused.is_passing || began.elapsed() > LONGEST_TRY {
                return self.queue.dropped(spans);
            }
            self.tell_dropped(told);
            if self.queue.is_asked() {
                std::thread::sleep(SHORT_PAUSE);
            } else {
                self.queue.pause(refused.wait_after(pause));
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    fn taken(&self, answer: &ExportTraceServiceResponse, told: &mut Told) {
        self.heard(What::Spans, told);
        let Some(partial) = &answer.partial_success else {
            return;
        };
        if let Ok(rejected @ 1..) = usize::try_from(partial.rejected_spans) {
            self.queue.dropped(rejected);
            let why: String = partial.error_message.chars().take(200).collect();
            tracing::debug!(rejected, why, "the collector has not taken all spans");
        }
    }

    fn heard(&self, what: What, told: &mut Told) {
        self.queue.is_heard();
        if told.failing[what as usize].take().is_some() {
            let what = what.name();
            tracing::info!(
                collector = self.post.base(),
                "the collector takes {what} again"
            );
        }
    }

    /// Sends all metrics, once: the next time they say more.
    fn figures(&self, start: u64, told: &mut Told) {
        if told.no_metrics_until.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let now = nanos(SystemTime::now());
        let snapshot = crate::observe::metrics();
        let request = figures::request(&snapshot, Times { start, now }, &self.resource());
        match self
            .post
            .send::<ExportMetricsServiceResponse>("v1/metrics", &request)
        {
            Ok(_) => {
                told.no_metrics_until = None;
                self.heard(What::Metrics, told);
            }
            Err(refused) if refused.is_nowhere => {
                let until = told.no_metrics_until.replace(Instant::now() + NO_METRICS);
                if until.is_none() {
                    tracing::warn!(
                        collector = self.post.base(),
                        "the collector takes no metrics: it is asked again every ten minutes; \
                         `otel.metrics = false` sends none"
                    );
                }
            }
            Err(refused) => told.fails(&refused, What::Metrics, self.post.base()),
        }
    }

    fn tell_dropped(&self, told: &mut Told) {
        told.unsaid += self.queue.take_dropped();
        if told.unsaid > 0 && told.dropped.is_none_or(|at| at.elapsed() >= SAID) {
            told.dropped = Some(Instant::now());
            let spans = std::mem::take(&mut told.unsaid);
            tracing::warn!(
                spans,
                collector = self.post.base(),
                "spans were dropped: the collector did not take them; `otel.sample` makes them fewer"
            );
        }
    }
}

impl Told {
    fn fails(&mut self, refused: &Refused, what: What, collector: &str) {
        let failing = &mut self.failing[what as usize];
        if failing.is_none_or(|at| at.elapsed() >= SAID) {
            *failing = Some(Instant::now());
            let what = what.name();
            tracing::warn!(
                collector,
                "the collector does not take {what}: {}",
                refused.text
            );
        }
    }
}

/// Counts them, and says it once: a program that is as busy as that is so for long.
fn tell_left_out(told: &mut Told) {
    let left_out = tracer::take_left_out();
    if left_out == 0 {
        return;
    }
    metrics::counter!(TRACES_LEFT_OUT).increment(left_out);
    if !std::mem::replace(&mut told.left_out, true) {
        tracing::info!(
            "more traces begin than `otel.per_second` allows: the others are left out, and counted in aegis_traces_left_out_total"
        );
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
