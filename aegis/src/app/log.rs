//! The log output of a program with `#[aegis::main]`: to standard error.

use super::settings::LogFormat;

/// Checks a log filter.
#[cfg(feature = "log")]
pub(super) fn check(filter: &str) -> Result<(), String> {
    tracing_subscriber::EnvFilter::try_new(filter)
        .map(drop)
        .map_err(|error| format!("{error}; it is a filter such as `info,my_crate=debug`"))
}

#[cfg(not(feature = "log"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same face as with the feature"
)]
pub(super) fn check(_: &str) -> Result<(), String> {
    Ok(())
}

/// Starts the log output and, with the feature `otel`, the recording of spans, unless the program
/// has a subscriber of its own: whether it has started.
#[cfg(any(feature = "log", feature = "otel"))]
pub(super) fn start(filter: &str, format: LogFormat) -> bool {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let subscriber = tracing_subscriber::registry();
    #[cfg(feature = "otel")]
    let subscriber = subscriber.with(super::collector::otel_layer());
    #[cfg(feature = "log")]
    let subscriber = subscriber.with(lines(filter, format));
    #[cfg(not(feature = "log"))]
    let _ = (filter, format);
    // An error means that the program has its own.
    subscriber.try_init().is_ok()
}

#[cfg(not(any(feature = "log", feature = "otel")))]
pub(super) fn start(_: &str, _: LogFormat) -> bool {
    false
}

/// The log lines, as a layer of a subscriber.
#[cfg(feature = "log")]
pub(super) fn lines<S>(filter: &str, format: LogFormat) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    use std::io::IsTerminal as _;
    use tracing_subscriber::fmt;
    use tracing_subscriber::{EnvFilter, Layer as _};

    use super::log_line::{AsFields, AsText, Handled};

    let filter = EnvFilter::try_new(quiet(filter)).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Pretty => {
            let colours = std::io::stderr().is_terminal();
            // Fields of spans are written by the layer itself, when the span begins.
            let log = log.with_ansi(colours);
            let inner = fmt::format().with_ansi(colours);
            let lines = log.event_format(Handled::new(inner, AsText));
            lines.with_filter(filter).boxed()
        }
        LogFormat::Json => {
            let inner = fmt::format().json();
            let lines = log.json().event_format(Handled::new(inner, AsFields));
            lines.with_filter(filter).boxed()
        }
    }
}

/// A filter without what would be said twice, unless it is asked for.
#[cfg(feature = "log")]
fn quiet(filter: &str) -> String {
    let mut filter = filter.to_owned();
    // The client library reports at `info`, and of connecting also as an error, what the bus reports
    // in better words; and lines say by themselves what is handled.
    // What sends spans would tell of each request.
    let quieter = [
        ("async_nats", "async_nats=warn,async_nats::connector=off"),
        ("ureq", "ureq=warn"),
        (crate::observe::SPANS, "aegis::span=off"),
    ];
    for (target, levels) in quieter {
        if !filter.contains(target) {
            filter = format!("{filter},{levels}");
        }
    }
    filter
}

#[cfg(all(test, feature = "log"))]
mod tests {
    use super::quiet;

    #[test]
    fn what_would_be_said_twice_is_left_out_unless_it_is_asked_for() {
        let ours = "async_nats=warn,async_nats::connector=off";
        let rest = "ureq=warn,aegis::span=off";
        assert_eq!(quiet("info"), format!("info,{ours},{rest}"));
        let asked = "info,async_nats::connector=debug";
        assert_eq!(quiet(asked), format!("{asked},{rest}"));
    }
}
