//! One request to the collector (OTLP over HTTP, binary protobuf).

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How long a request may take.
const LONGEST: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const MOST_ANSWER: u64 = 64 * 1024;
/// The longest wait that a collector may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Where requests go, and with which headers.
pub(super) struct Post {
    agent: Agent,
    /// With a `/` at its end.
    base: String,
    /// They may hold secrets.
    headers: Vec<(String, String)>,
}

/// Why a request has failed.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) text: String,
    /// Another attempt may succeed.
    pub(super) is_passing: bool,
    /// There is nothing at this path.
    pub(super) is_nowhere: bool,
    /// When the collector wants to see it.
    pub(super) wait: Option<Duration>,
}

impl Refused {
    /// How long to wait before another attempt: what the collector wants, but not less than we do; an
    /// overloaded proxy may say that it can be asked at once.
    pub(super) fn wait_after(&self, pause: Duration) -> Duration {
        self.wait.map_or(pause, |wait| wait.max(pause))
    }
}

impl Post {
    pub(super) fn new(base: &str, headers: Vec<(String, String)>) -> Self {
        Self {
            agent: agent(base),
            base: format!("{}/", base.trim_end_matches('/')),
            headers,
        }
    }

    /// Where to, without secrets.
    pub(super) fn base(&self) -> &str {
        self.base.trim_end_matches('/')
    }

    /// Sends one message to a path below the endpoint, and reads the answer.
    pub(super) fn send<A: Message + Default>(
        &self,
        path: &str,
        message: &impl Message,
    ) -> Result<A, Refused> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.base))
            .content_type("application/x-protobuf");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = request.send(&message.encode_to_vec()[..]);
        let mut answer = answer.map_err(|error| failed(&error))?;
        let status = answer.status().as_u16();
        if !(200..300).contains(&status) {
            let wait = answer.headers().get("retry-after");
            let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
            let wait = wait.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
            return Err(refused(status, wait));
        }
        let body = answer.body_mut().with_config().limit(MOST_ANSWER);
        // It has been taken: what is said of it beyond that is a courtesy.
        let body = body.read_to_vec().unwrap_or_default();
        Ok(A::decode(&body[..]).unwrap_or_default())
    }
}

fn agent(base: &str) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        // Headers are for this collector, and it is near.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("aegis/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(LONGEST));
    if base.starts_with("https:") {
        let found = rustls_native_certs::load_native_certs().certs;
        let trusted = found
            .iter()
            .map(|one| Certificate::from_der(one).to_owned());
        let provider = rustls::crypto::ring::default_provider();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&trusted.collect::<Vec<_>>()))
            .unversioned_rustls_crypto_provider(Arc::new(provider));
        config = config.tls_config(tls.build());
    }
    config.build().new_agent()
}

fn failed(error: &ureq::Error) -> Refused {
    let (is_passing, text) = match error {
        ureq::Error::Timeout(_) => (
            true,
            format!("no answer within {}", crate::observe::shown(LONGEST)),
        ),
        ureq::Error::Io(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
            (true, error.to_string())
        }
        ureq::Error::Protocol(_) => (
            true,
            format!("{error}; is it HTTP? OTLP by gRPC is often on port 4317, by HTTP on 4318"),
        ),
        _ => (false, error.to_string()),
    };
    Refused {
        text,
        is_passing,
        is_nowhere: false,
        wait: None,
    }
}

fn refused(status: u16, wait: Option<Duration>) -> Refused {
    let hint = match status {
        401 | 403 => "; `otel.headers` is what it should know this program by",
        404 | 405 => "; `otel.endpoint` is the part before /v1/traces",
        413 => "; it takes no requests of that size",
        _ => "",
    };
    Refused {
        text: format!("it answered {status}{hint}"),
        // As the specification of OTLP lists them.
        is_passing: matches!(status, 429 | 502 | 503 | 504),
        is_nowhere: matches!(status, 404 | 405),
        wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_again_at_once() {
        let seconds = Duration::from_secs;
        for (wanted, expected) in [(None, 2), (Some(0), 2), (Some(1), 2), (Some(9), 9)] {
            let refused = refused(503, wanted.map(seconds));
            let wait = refused.wait_after(seconds(2));
            assert_eq!(wait, seconds(expected), "{wanted:?}");
        }
    }

    #[test]
    fn what_may_pass_is_told_from_what_does_not() {
        for (status, is_passing, part) in [
            (400, false, "it answered 400"),
            (401, false, "`otel.headers`"),
            (404, false, "before /v1/traces"),
            (413, false, "of that size"),
            (429, true, "429"),
            (500, false, "500"),
            (503, true, "503"),
        ] {
            let refused = refused(status, None);
            assert_eq!(refused.is_passing, is_passing, "{status}");
            assert!(refused.text.contains(part), "{}", refused.text);
        }
    }
}
