//! A peer that speaks plain NATS, and a probe for it to ask.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use aegis::Config;
use aegis::testing::{RunningTest, TestApp};
use aegis_tests::{PATIENCE, shared_server, soon, unique_prefix};
use async_nats::{HeaderMap, Message, Request};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};

use super::probe::{Probe, Seen};

/// The longest wait of one probe: what a test holds is ended by the test, not by a deadline.
pub(crate) const LONG: (&str, &str) = ("Aegis-Deadline-Ms", "60000");

/// A probe that serves under a prefix of its own, and a connection that knows nothing of Aegis.
pub(crate) struct Peer {
    pub(crate) nats: async_nats::Client,
    pub(crate) prefix: String,
    pub(crate) instance: String,
    pub(crate) seen: Arc<Seen>,
    pub(crate) app: RunningTest,
}

/// What came back: headers by name, and the body.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Peer {
    pub(crate) async fn start() -> Self {
        Self::configured(|config| config).await
    }

    pub(crate) async fn configured(change: impl FnOnce(Config) -> Config) -> Self {
        let url = shared_server().await;
        let prefix = unique_prefix();
        let instance = format!("{prefix}-i");
        let (probe, seen) = Probe::new();
        let app = TestApp::new()
            .on_nats(&url)
            .configure(|config| config.subject_prefix(&prefix).instance_id(&instance))
            .configure(change)
            .service(probe)
            .start()
            .await
            .unwrap();
        Self {
            nats: async_nats::connect(url).await.unwrap(),
            prefix,
            instance,
            seen,
            app,
        }
    }

    /// The shared subject of a method.
    pub(crate) fn subject(&self, method: &str) -> String {
        format!("{}.rpc.probe.{method}", self.prefix)
    }

    /// Asks a method.
    pub(crate) async fn ask(&self, method: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.ask_with(method, &[], body).await
    }

    /// Asks a method, with headers.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        self.request(self.subject(method), headers, body).await
    }

    /// Asks any subject.
    pub(crate) async fn request(
        &self,
        subject: String,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let request = Request::new()
            .payload(body.into().into())
            .headers(header_map(headers))
            .timeout(Some(PATIENCE));
        let answer = self.nats.send_request(subject.clone(), request).await;
        Answer::of(&answer.unwrap_or_else(|error| panic!("{subject}: {error}")))
    }

    /// Sends a request whose answer goes to `reply`.
    pub(crate) async fn publish(
        &self,
        method: &str,
        reply: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) {
        let (subject, reply) = (self.subject(method), reply.to_owned());
        let headers = header_map(headers);
        let sent = self
            .nats
            .publish_with_reply_and_headers(subject, reply, headers, body.into());
        sent.await.unwrap();
    }

    /// A subscription that the server knows before anything sent after it.
    pub(crate) async fn listen(&self, subject: &str) -> async_nats::Subscriber {
        self.nats.subscribe(subject.to_owned()).await.unwrap()
    }

    /// The statistics of one method.
    pub(crate) async fn stats(&self, method: &str) -> Value {
        let subject = format!("$SRV.STATS.probe.{}", self.instance);
        let stats = self.request(subject, &[], "").await.json();
        let endpoints = stats["endpoints"].as_array().unwrap();
        let found = endpoints.iter().find(|one| one["name"] == method);
        found.unwrap().clone()
    }

    /// Proves that the service is well.
    pub(crate) async fn assert_answers(&self) {
        let answer = self.ask("add", r#"{"a":1,"b":2}"#).await;
        assert_eq!(answer, Answer::plain("3"));
    }
}

impl Answer {
    pub(crate) fn of(message: &Message) -> Self {
        let headers = message.headers.iter().flat_map(HeaderMap::iter);
        let headers = headers.flat_map(|(name, values)| {
            values
                .iter()
                .map(move |value| (name.to_string(), value.as_str().to_owned()))
        });
        Self {
            headers: headers.collect(),
            body: message.payload.to_vec(),
        }
    }

    /// A body without any header.
    pub(crate) fn plain(body: &'static str) -> Self {
        Self {
            headers: BTreeMap::new(),
            body: body.into(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Checks headers and body of a failure to a plain request, all but the wording; says it.
    pub(crate) fn assert_failure(&self, code: &str, number: &str, retryable: bool) -> String {
        let error = self.header("Nats-Service-Error").unwrap_or_default();
        let start = format!("{code}: ");
        let message = error.strip_prefix(&start);
        let message = message.unwrap_or_else(|| panic!("{error:?} does not start with {start:?}"));
        assert_eq!(
            self.headers,
            header_table(&[
                ("Nats-Service-Error", error),
                ("Nats-Service-Error-Code", number)
            ])
        );
        assert_eq!(
            self.json(),
            json!({"error": error, "code": code, "message": message, "details": null,
                "retryable": retryable})
        );
        message.to_owned()
    }
}

pub(crate) fn header_table(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    rows.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn header_map(rows: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in rows {
        map.append(*name, *value);
    }
    map
}

/// The next message of a subscription.
pub(crate) async fn next(subscriber: &mut async_nats::Subscriber) -> Message {
    let message = soon("a message", subscriber.next()).await;
    message.expect("the subscription lives")
}

/// Whether nothing has arrived so far.
pub(crate) fn is_silent(subscriber: &mut async_nats::Subscriber) -> bool {
    subscriber.next().now_or_never().is_none()
}

/// Waits until a counter of the probe has reached a number.
pub(crate) async fn reached(counter: &tokio::sync::watch::Sender<u64>, number: u64) {
    let mut counter = counter.subscribe();
    let reached = counter.wait_for(|now| *now >= number);
    soon("a counter of the probe", reached).await.unwrap();
}
