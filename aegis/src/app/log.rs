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

/// Starts the log output, unless the program has started its own.
#[cfg(feature = "log")]
pub(super) fn start(filter: &str, format: LogFormat) {
    use std::io::IsTerminal as _;
    use tracing_subscriber::EnvFilter;
    // The client library reports at `info` what the bus reports in better words.
    let filter = if filter.contains("async_nats") {
        filter.to_owned()
    } else {
        format!("{filter},async_nats=warn")
    };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that the program has its own.
    let _ = match format {
        LogFormat::Pretty => log.with_ansi(colours).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}

#[cfg(not(feature = "log"))]
pub(super) fn start(_: &str, _: LogFormat) {}
