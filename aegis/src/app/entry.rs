//! What `#[aegis::main]` calls.

use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;

use super::builder::App;
use super::config::Config;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};

/// What a `main` can take.
#[diagnostic::on_unimplemented(
    message = "`main` cannot take `{Self}`",
    label = "not made from the configuration",
    note = "take `App` to serve, `Client` to call, or `Config` to do both yourself"
)]
pub trait FromConfig: Sized {
    #[doc(hidden)]
    fn from_config(config: Config) -> impl Future<Output = Result<Self>>;
}

impl FromConfig for Config {
    async fn from_config(config: Config) -> Result<Self> {
        Ok(config)
    }
}

impl FromConfig for App {
    async fn from_config(config: Config) -> Result<Self> {
        Ok(Self::new(config))
    }
}

impl FromConfig for Client {
    async fn from_config(config: Config) -> Result<Self> {
        Self::connect(config).await
    }
}

/// What a `main` can return.
#[diagnostic::on_unimplemented(
    message = "`main` cannot return `{Self}`",
    label = "not a `Result<()>`",
    note = "return `aegis::Result<()>`, or a `Result<(), E>` with another error type"
)]
pub trait Ending {
    #[doc(hidden)]
    fn ending(self) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> Ending for std::result::Result<(), E> {
    fn ending(self) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.map_err(Into::into)
    }
}

impl Ending for () {
    fn ending(self) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

/// Builds the runtime, reads the configuration, starts the log, runs `main`, and tells an error
/// with all its causes.
pub fn main<A, F, Fut>(main: F) -> ExitCode
where
    A: FromConfig,
    F: FnOnce(A) -> Fut,
    Fut: Future<Output: Ending>,
{
    let mut is_json = false;
    let outcome = runtime().and_then(|runtime| {
        let outcome = runtime.block_on(async {
            let (config, right) = Config::read_over(Config::default());
            is_json = config.begin_log();
            right?;
            let argument = A::from_config(config).await?;
            main(argument).await.ending()
        });
        // A handler that blocks its thread must not hold up the end.
        runtime.shutdown_background();
        super::collector::flush();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&*error, is_json);
            ExitCode::FAILURE
        }
    }
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

fn runtime() -> std::result::Result<tokio::runtime::Runtime, Boxed> {
    let built = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    built.map_err(|cause| {
        let text = "the runtime could not be started";
        Error::new(ErrorKind::Lifecycle, text).because(cause).into()
    })
}

fn tell(error: &(dyn std::error::Error + 'static), is_json: bool) {
    let text = if is_json {
        as_json(error, time::OffsetDateTime::now_utc())
    } else {
        told(error)
    };
    // Nothing can be done about a closed standard error.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The error and its causes, one per line.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("error: {error}\n");
    for cause in causes(error) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  because: {cause}");
    }
    text
}

/// The same as a log line. No filter leaves it out: it is why the program ends.
fn as_json(error: &(dyn std::error::Error + 'static), now: time::OffsetDateTime) -> String {
    let (date, (hour, minute, second, micros)) = (now.date(), now.time().as_hms_micro());
    let line = serde_json::json!({
        "timestamp": format!("{date}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"),
        "level": "ERROR",
        "fields": {"message": error.to_string(), "causes": causes(error)},
        "target": "aegis::app",
    });
    format!("{line}\n")
}

fn causes(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut last = error.to_string();
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        // Many libraries quote their cause: once is enough.
        if !last.trim_end().ends_with(&said) {
            causes.push(said.clone());
            last = said;
        }
        cause = next.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let refused = || std::io::Error::other("connection refused");
        let quoting = Error::new(ErrorKind::Internal, "IO: connection refused").because(refused());
        let error = Error::new(ErrorKind::Disconnected, "no connection").because(quoting);
        assert_eq!(
            told(&error),
            "error: no connection\n  because: IO: connection refused\n"
        );
        let other = Error::new(ErrorKind::Disconnected, "no connection").because(refused());
        assert_eq!(
            told(&other),
            "error: no connection\n  because: connection refused\n"
        );
        let noon = time::OffsetDateTime::from_unix_timestamp(1_795_348_800).unwrap();
        let line = as_json(&other, noon);
        assert_eq!(line.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let fields = serde_json::json!({
            "message": "no connection",
            "causes": ["connection refused"],
        });
        assert_eq!(
            (&line["level"], &line["fields"]),
            (&"ERROR".into(), &fields)
        );
        assert_eq!(line["timestamp"], "2026-11-22T12:00:00.000000Z");
    }
}
