//! What can be set about how a program tells what it does: logs and metrics.

use std::net::SocketAddr;

use super::collector::Collector;
use super::config::Config;
use super::settings::LogFormat;

/// What is set about it.
#[derive(Debug, Clone)]
pub(super) struct Telling {
    pub(super) log: String,
    pub(super) log_format: LogFormat,
    pub(super) metrics: bool,
    /// Whether services answer `health` and `metrics`.
    pub(super) builtin_rpcs: bool,
    /// Where it is told by HTTP.
    pub(super) http: Option<SocketAddr>,
    /// Where traces and metrics are sent. On the heap: a configuration stands in many futures.
    pub(super) collector: Box<Collector>,
}

impl Default for Telling {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::Pretty,
            metrics: true,
            builtin_rpcs: true,
            http: None,
            collector: Box::default(),
        }
    }
}

pub(super) fn http_address(config: &mut Config, text: &str) -> Result<(), String> {
    if text == "off" {
        config.telling.http = None;
        return Ok(());
    }
    // `:8080` is every address of this machine.
    let whole = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => text.to_owned(),
    };
    let way = "it is an address and a port such as `0.0.0.0:8080` or `127.0.0.1:8080`, or `off`";
    let address = whole.parse().map_err(|_| way.to_owned())?;
    if cfg!(feature = "http") {
        config.telling.http = Some(address);
        return Ok(());
    }
    Err("this program was built without the feature `http` of aegis: `aegis = { features = [\"http\"] }`".to_owned())
}

impl Config {
    /// Starts the log output to standard error, as `#[aegis::main]` does; for a program with a
    /// `main` of its own. Without effect if the log has been started already, or without the
    /// feature `log`.
    pub fn start_log(&self) {
        self.begin_log();
    }

    /// The same: whether lines are JSON from now on.
    pub(super) fn begin_log(&self) -> bool {
        let format = self.telling.log_format;
        let began = super::log::start(&self.telling.log, format);
        began && cfg!(feature = "log") && format == LogFormat::Json
    }

    /// The log filter, such as `info` or `warn,my_crate=debug`.
    #[must_use]
    pub fn log(mut self, filter: &str) -> Self {
        filter.clone_into(&mut self.telling.log);
        self
    }

    /// Whether metrics are kept in memory, for [`metrics`](crate::metrics) and `/metrics`; default
    /// yes, unless the program has installed a recorder of the `metrics` crate before it connects.
    #[must_use]
    pub fn metrics(mut self, on: bool) -> Self {
        self.telling.metrics = on;
        self
    }

    /// Whether every service answers the calls `health` and `metrics`; default yes. A method of its
    /// own of that name comes first.
    #[must_use]
    pub fn builtin_rpcs(mut self, on: bool) -> Self {
        self.telling.builtin_rpcs = on;
        self
    }

    /// Serves `/healthz`, `/readyz`, `/metrics` and `/status` by HTTP, at an address and port such as
    /// `0.0.0.0:8080`; default nowhere. Needs the feature `http`.
    ///
    /// Whoever reaches that port may read them: they hold no secrets, and names of services.
    #[must_use]
    pub fn http(self, address: &str) -> Self {
        self.set("http.address", address)
    }
}
