//! Every metric of the framework: its name, its kind, its labels, and what it says.
//!
//! Names and labels follow the semantic conventions of OpenTelemetry for RPC and messaging, in the
//! form that Prometheus gives them (dots become `_`, the unit and `_total` stand at the end).

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How values are spread.
    Histogram,
}

/// One metric of the framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// As it stands in snapshots and at `/metrics`.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one line.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// Every metric of the framework, in the order of `docs/metrics.md`.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: MetricKind::$kind,
            labels: &[$($label),*],
            help: $help,
        }),*];
    };
}

metrics! {
    SERVER_REQUESTS = Counter "aegis_server_requests_total" ["service" "method"]
        "Requests a service answered, refused ones included.";
    SERVER_ERRORS = Counter "aegis_server_errors_total" ["service" "method" "error_type"]
        "Requests that ended in an error, by its code; the seventeenth code of a method and later ones count as `_OTHER`.";
    SERVER_DURATION = Histogram "rpc_server_call_duration_seconds" ["rpc_service" "rpc_method"]
        "From the arrival of a request to its answer.";
    SERVER_QUEUE_WAIT = Histogram "aegis_server_queue_wait_seconds" ["service" "method"]
        "How long requests that had to wait for a place waited.";
    SERVER_IN_FLIGHT = Gauge "aegis_server_in_flight" ["service" "method"]
        "Requests that run now.";
    SERVER_QUEUED = Gauge "aegis_server_queued" ["service" "method"]
        "Requests that wait for a place now.";
    SERVER_PANICS = Counter "aegis_server_panics_total" ["service" "method"]
        "Handlers for requests that panicked.";
    SERVER_OVERLOADS = Counter "aegis_server_overloads_total" ["service" "method"]
        "Requests refused because too many ran and waited.";
    SERVER_IGNORED = Counter "aegis_server_ignored_total" ["service" "method"]
        "Messages ignored for want of a reply subject to answer to.";
    CLIENT_CALLS = Counter "aegis_client_calls_total" ["service" "method"]
        "Calls made.";
    CLIENT_ERRORS = Counter "aegis_client_errors_total" ["service" "method" "error_type"]
        "Calls that failed, by the code or the kind of the error; the seventeenth and later ones count as `_OTHER`.";
    CLIENT_DURATION = Histogram "rpc_client_call_duration_seconds" ["rpc_service" "rpc_method"]
        "From a call to its end, retries included.";
    CLIENT_RETRIES = Counter "aegis_client_retries_total" ["service" "method"]
        "Attempts at calls after the first one.";
    SENT_MESSAGES = Counter "messaging_client_sent_messages_total" ["messaging_system" "messaging_operation_name" "messaging_destination_name"]
        "Events (`publish` to `EVENTS`) and commands (`send` to `COMMANDS`) that a stream has taken.";
    SENT_FAILURES = Counter "aegis_sent_failures_total" ["messaging_operation_name" "messaging_destination_name" "error_type"]
        "Events and commands that could not be stored, by the kind of the error.";
    PROCESS_DURATION = Histogram "messaging_process_duration_seconds" ["messaging_system" "messaging_destination_name" "messaging_consumer_group_name"]
        "The work on one event or command; the group is `{service}__{handler}`.";
    EVENTS_HANDLED = Counter "aegis_events_handled_total" ["service" "handler" "outcome"]
        "Deliveries of events that ended: `done`, `again`, `dead` or `returned`.";
    EVENTS_PENDING = Gauge "aegis_events_pending" ["service" "handler"]
        "Events that wait to be delivered to a handler.";
    EVENTS_STALE = Gauge "aegis_events_stale_seconds" ["service" "handler"]
        "How long a handler has heard nothing of the server.";
    EVENTS_RESUMED = Counter "aegis_events_resumed_total" ["service" "handler"]
        "Times that the reading of events had to begin anew.";
    COMMANDS_HANDLED = Counter "aegis_commands_handled_total" ["service" "command" "outcome"]
        "Attempts at commands that ended: `succeeded`, `retrying`, `failed`, `cancelled` or `returned`.";
    COMMANDS_WAITING = Gauge "aegis_commands_waiting" ["service" "command"]
        "Commands that wait for a worker, in all lanes.";
    COMMANDS_STALE = Gauge "aegis_commands_stale_seconds" ["service" "command"]
        "How long a worker has heard nothing of the server.";
    COMMANDS_RESUMED = Counter "aegis_commands_resumed_total" ["service" "command"]
        "Times that the reading of commands had to begin anew.";
    REDELIVERIES = Counter "aegis_redeliveries_total" ["service" "handler"]
        "Deliveries of events and commands after the first one.";
    IN_HAND = Gauge "aegis_in_hand" ["service" "handler"]
        "Events or commands that a handler works on now.";
    DEAD_LETTERS = Counter "aegis_dead_letters_total" ["service" "handler"]
        "Events and commands that were given up and noted as dead letters.";
    LEADER_ROLE = Gauge "aegis_leader_role" ["service" "group"]
        "1 on the instance that leads, 0 on the others.";
    LEADER_EPOCH = Gauge "aegis_leader_epoch" ["service" "group"]
        "The epoch of the leadership that this instance holds; 0 without one.";
    LEADER_TERMS = Counter "aegis_leader_terms_total" ["service" "group"]
        "Leaderships that this instance won.";
    LEADER_RENEWALS = Counter "aegis_leader_renewals_total" ["service" "group"]
        "Writes of a leader's record, renewals above all.";
    LEADER_FAILURES = Counter "aegis_leader_failures_total" ["service" "group"]
        "Questions and writes about a leader that failed.";
    REGISTRY_WRITES = Counter "aegis_registry_heartbeats_total" ["service"]
        "Heartbeats written to the registry.";
    REGISTRY_FAILURES = Counter "aegis_registry_heartbeat_failures_total" ["service"]
        "Heartbeats that did not reach the registry.";
    HEARTBEAT_AGE = Gauge "aegis_registry_heartbeat_age_seconds" ["service"]
        "How long ago the last heartbeat reached the registry.";
    EXECUTOR_LAG = Gauge "aegis_executor_lag_seconds" ["service"]
        "The longest that a task waited for a thread in the last minute.";
    CONNECTED = Gauge "aegis_connected" []
        "1 while this program is connected to NATS, else 0.";
    DISCONNECTS = Counter "aegis_disconnects_total" []
        "Times the connection was lost.";
    WATCH_STALE = Gauge "aegis_watch_stale_seconds" ["bucket"]
        "How long the live table of a bucket, of discovery above all, has not been known to be current; 0 while it is.";
    SLOW_CONSUMERS = Counter "aegis_slow_consumers_total" []
        "Messages that were lost, at least, because a subscription was read too slowly.";
    SPANS_DROPPED = Counter "aegis_spans_dropped_total" []
        "Spans that the collector did not take, or that found no room while they waited for it.";
    TRACES_LEFT_OUT = Counter "aegis_traces_left_out_total" []
        "Traces that were not recorded because more began than `otel.per_second` allows.";
    SERIES_LEFT_OUT = Counter "aegis_series_left_out_total" []
        "Times that something was measured and not kept, because there were too many series.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are() {
        for metric in METRICS {
            let (name, kind) = (metric.name, metric.kind);
            assert_eq!(
                name.ends_with("_total"),
                kind == MetricKind::Counter,
                "{name}"
            );
            let timed = name.ends_with("_seconds");
            assert!(kind != MetricKind::Histogram || timed, "{name}");
            let labels = metric.labels.iter();
            for text in std::iter::once(&name).chain(labels) {
                let right = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
                assert!(text.bytes().all(right), "{text}");
            }
        }
        let mut names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }
}
