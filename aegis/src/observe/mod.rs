//! Layer 1: what is told of the program. `names` every metric, `registry` where they are kept,
//! `distribution` histograms, `errors` counters by kinds of errors, `snapshot` all of them at one moment, `prometheus` that as text,
//! `figure` that under the names of OpenTelemetry,
//! `trace` spans, `refusals` the errors that every adapter words alike, `seldom` small things that all layers share.

mod distribution;
mod errors;
#[cfg(feature = "otel")]
mod figure;
mod names;
mod prometheus;
mod refusals;
mod registry;
mod seldom;
mod snapshot;
mod trace;

pub(crate) use errors::{Errors, told_apart};
#[cfg(feature = "otel")]
pub(crate) use figure::{Amount, Figure};
pub use names::{
    CLIENT_CALLS, CLIENT_DURATION, CLIENT_ERRORS, CLIENT_RETRIES, COMMANDS_HANDLED,
    COMMANDS_RESUMED, COMMANDS_STALE, COMMANDS_WAITING, CONNECTED, DEAD_LETTERS, DISCONNECTS,
    EVENTS_HANDLED, EVENTS_PENDING, EVENTS_RESUMED, EVENTS_STALE, EXECUTOR_LAG, HEARTBEAT_AGE,
    IN_HAND, LEADER_EPOCH, LEADER_FAILURES, LEADER_RENEWALS, LEADER_ROLE, LEADER_TERMS, METRICS,
    Metric, MetricKind, PROCESS_DURATION, REDELIVERIES, REGISTRY_FAILURES, REGISTRY_WRITES,
    SENT_FAILURES, SENT_MESSAGES, SERIES_LEFT_OUT, SERVER_DURATION, SERVER_ERRORS, SERVER_IGNORED,
    SERVER_IN_FLIGHT, SERVER_OVERLOADS, SERVER_PANICS, SERVER_QUEUE_WAIT, SERVER_QUEUED,
    SERVER_REQUESTS, SLOW_CONSUMERS, SPANS_DROPPED, TRACES_LEFT_OUT, WATCH_STALE,
};
pub(crate) use refusals::{
    bucket_full, check_fence, conflict, fence_and_condition, fenced_off, judge, no_answer,
    no_bucket, no_service, too_large, value_too_large,
};
pub use registry::Keeper;
pub(crate) use registry::keep_metrics;
pub(crate) use seldom::{Seldom, chance, number, random, shown};
pub use snapshot::{Snapshot, Summary, metrics};
pub use trace::SPANS;
#[cfg(feature = "log")]
pub(crate) use trace::entered;
pub(crate) use trace::{Linked, Parent, Traced};
#[cfg(feature = "otel")]
pub(crate) use trace::{Tracer, record_spans};
