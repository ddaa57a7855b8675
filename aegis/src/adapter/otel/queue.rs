//! Spans that have ended and wait to be sent: a bounded queue that makes nobody wait who adds to it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::{Context, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::observe::SPANS_DROPPED;

/// Spans that wait at most; what comes when there is no room is dropped and counted.
pub(super) const MOST: usize = 8192;
/// Spans that are sent with one request at most.
pub(super) const BATCH: usize = 512;
/// The longest text of a span, in bytes; the rest is cut off. How long ids are is up to others.
const LONGEST: usize = 1024;

/// The queue of this program.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to do for the thread that sends.
    news: Condvar,
    /// It has sent everything.
    sent: Condvar,
}

#[derive(Debug, Default)]
struct State {
    spans: Vec<SpanData>,
    dropped: u64,
    /// How often it was asked for that everything be sent, and how often that came to an end.
    asked: u64,
    answered: u64,
    /// Somebody has waited for that in vain, and nothing was taken since.
    in_vain: bool,
}

/// The one that all layers of this program put spans into.
pub(super) fn queue() -> Arc<Queue> {
    static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();
    QUEUE.get_or_init(Arc::default).clone()
}

/// Puts spans that have ended into the queue.
#[derive(Debug)]
pub(super) struct Ended(pub(super) Arc<Queue>);

impl SpanProcessor for Ended {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, mut span: SpanData) {
        if span.span_context.is_sampled() {
            cut(&mut span);
            self.0.add(span);
        }
    }

    // The thread that sends does both when the program ends.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Cuts what is too long in a span, and in the lines that were logged inside it.
fn cut(span: &mut SpanData) {
    let lines = &mut span.events.events;
    let names = lines.iter_mut().map(|line| &mut line.name);
    for name in names.chain([&mut span.name]) {
        if let Some(short) = shortened(name) {
            *name = short.into();
        }
    }
    let inside = lines.iter_mut().flat_map(|line| &mut line.attributes);
    for attribute in inside.chain(&mut span.attributes) {
        if let Value::String(text) = &mut attribute.value
            && let Some(short) = shortened(text.as_str())
        {
            *text = short.into();
        }
    }
}

/// What stays of a text that is too long; none of any other.
fn shortened(text: &str) -> Option<String> {
    if text.len() <= LONGEST {
        return None;
    }
    let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at))?;
    Some(text[..end].to_owned())
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, span: SpanData) {
        let mut state = self.state();
        if state.spans.len() >= MOST {
            drop(state);
            return self.dropped(1);
        }
        state.spans.push(span);
        let is_batch = state.spans.len() == BATCH;
        drop(state);
        if is_batch {
            self.news.notify_one();
        }
    }

    /// Counts spans that nobody will see.
    pub(super) fn dropped(&self, spans: usize) {
        self.state().dropped += spans as u64;
        metrics::counter!(SPANS_DROPPED).increment(spans as u64);
    }

    /// How many were dropped since the last time this was asked.
    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.state().dropped)
    }

    /// The oldest ones, for one request.
    pub(super) fn take(&self) -> Vec<SpanData> {
        let mut state = self.state();
        let batch = state.spans.len().min(BATCH);
        state.spans.drain(..batch).collect()
    }

    /// Waits until there is a whole batch, everything is to be sent, or it is time.
    pub(super) fn wait(&self, until: Instant) -> Turn {
        self.wait_while(until, |state| state.spans.len() < BATCH)
    }

    /// Waits before another attempt; not long while somebody waits for everything to be sent.
    pub(super) fn pause(&self, time: Duration) {
        let _ = self.wait_while(Instant::now() + time, |_| true);
    }

    fn wait_while(&self, until: Instant, idle: impl Fn(&State) -> bool) -> Turn {
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let is_asked = state.asked > state.answered;
            if is_asked || left.is_zero() || !idle(&state) {
                return Turn {
                    asked: state.asked,
                    is_asked,
                };
            }
            let woken = self.news.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Everything that there was when this turn began has been sent, or dropped.
    pub(super) fn answer(&self, turn: Turn) {
        let mut state = self.state();
        state.answered = state.answered.max(turn.asked);
        drop(state);
        self.sent.notify_all();
    }

    /// The collector has taken something.
    pub(super) fn is_heard(&self) {
        self.state().in_vain = false;
    }

    /// Waits until everything is sent; false if that took too long. If it did so the last time, and
    /// the collector has said nothing since, it does not wait again.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut state = self.state();
        if state.in_vain {
            return true;
        }
        state.asked += 1;
        let mine = state.asked;
        self.news.notify_one();
        while state.answered < mine {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Nobody waits any more: the thread takes its time again.
                state.answered = state.answered.max(mine);
                state.in_vain = true;
                return false;
            }
            let woken = self.sent.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Whether somebody waits for everything to be sent.
    pub(super) fn is_asked(&self) -> bool {
        let state = self.state();
        state.asked > state.answered
    }
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    asked: u64,
    /// Everything is to be sent.
    pub(super) is_asked: bool,
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    #[test]
    fn what_others_make_long_is_cut() {
        let queue = Arc::new(Queue::default());
        let provider = SdkTracerProvider::builder().with_span_processor(Ended(queue.clone()));
        let tracer = provider.build().tracer("test");
        // The bound is in the middle of a character.
        let long = format!("x{}", "\u{e9}".repeat(LONGEST));
        let mut span = tracer.start(long.clone());
        span.set_attribute(KeyValue::new("id", long.clone()));
        span.set_attribute(KeyValue::new("short", "id"));
        span.add_event(long.clone(), vec![KeyValue::new("said", long.clone())]);
        span.end();
        let span = queue.take().remove(0);
        let line = &span.events.events[0];
        let texts = [
            span.name.to_string(),
            span.attributes[0].value.to_string(),
            line.name.to_string(),
            line.attributes[0].value.to_string(),
        ];
        for text in texts {
            assert_eq!(text.len(), LONGEST - 1);
            assert!(long.starts_with(&text));
        }
        assert_eq!(span.attributes[1].value.to_string(), "id");
    }

    /// What a thread that sends would do, once.
    fn one_turn(queue: &Arc<Queue>) -> std::thread::JoinHandle<()> {
        let queue = queue.clone();
        std::thread::spawn(move || {
            let turn = queue.wait(Instant::now() + Duration::from_secs(20));
            assert!(turn.is_asked && queue.is_asked());
            queue.is_heard();
            queue.answer(turn);
        })
    }

    #[test]
    fn who_waits_for_everything_to_be_sent_is_told() {
        let queue = Arc::new(Queue::default());
        for _ in 0..2 {
            let thread = one_turn(&queue);
            assert!(queue.flush(Duration::from_secs(20)));
            thread.join().unwrap();
            assert!(!queue.is_asked());
        }
    }

    #[test]
    fn a_wait_in_vain_is_not_repeated_until_the_collector_is_heard() {
        let queue = Queue::default();
        assert!(!queue.flush(Duration::ZERO));
        assert!(!queue.is_asked(), "nobody waits any more");
        assert!(queue.flush(Duration::from_secs(3600)), "at once");
        queue.is_heard();
        assert!(!queue.flush(Duration::ZERO));
    }
}
