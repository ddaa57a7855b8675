//! The service describes itself: NATS micro, ADR-32 revision 6, complete.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use super::context::Home;
use super::descriptor::Service;
use super::endpoint::Endpoint;
use super::inboxes::Inboxes;
use crate::error::Result;
use crate::model::{Layout, Lifecycle};
use crate::port::{Bus, Outgoing, Subscription};

/// What a service says about itself.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) version: &'static str,
    pub(crate) description: &'static str,
    pub(crate) metadata: &'static [(&'static str, &'static str)],
}

impl About {
    pub(crate) fn of<S: Service>() -> Self {
        Self {
            version: S::VERSION,
            description: S::DESCRIPTION,
            metadata: S::METADATA,
        }
    }
}

const VERBS: [&str; 3] = ["PING", "INFO", "STATS"];

/// Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` for one service.
#[derive(Clone)]
pub(super) struct Micro {
    about: About,
    home: Arc<Home>,
    inboxes: Inboxes,
    endpoints: Arc<[Arc<Endpoint>]>,
    state: watch::Receiver<Lifecycle>,
    started: String,
}

impl Micro {
    pub(super) fn new(
        about: About,
        home: Arc<Home>,
        inboxes: Inboxes,
        endpoints: Vec<Arc<Endpoint>>,
        state: watch::Receiver<Lifecycle>,
    ) -> Self {
        // The present is always a date that can be written.
        let started = OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .unwrap_or_default();
        Self {
            about,
            home,
            inboxes,
            endpoints: endpoints.into(),
            state,
            started,
        }
    }

    pub(super) async fn subscribe(&self, bus: &Arc<dyn Bus>) -> Result<Vec<Subscription>> {
        let layout = self.home.client.layout();
        let mut subscriptions = Vec::new();
        for verb in VERBS {
            for pattern in layout.micro(verb, &self.home.service, &self.home.instance) {
                subscriptions.push(bus.subscribe(pattern, None).await?);
            }
        }
        Ok(subscriptions)
    }

    /// Answers to the end of one subscription. A question whose reply subject is no
    /// inbox has no answer.
    pub(super) async fn answer(self, mut questions: Subscription) {
        let root = self.home.client.layout().micro_all("");
        while let Some(question) = questions.next().await {
            let Some(reply) = self.inboxes.reply_of(&question) else {
                continue;
            };
            let rest = question
                .subject
                .as_str()
                .strip_prefix(root.as_str())
                .unwrap_or_default();
            let body = match rest.split('.').next() {
                Some("PING") => self.identity("ping"),
                Some("INFO") => self.info(),
                Some("STATS") => self.stats(),
                _ => continue,
            };
            let answer = Outgoing::new(reply, body.to_string());
            if let Err(error) = self.home.client.bus().publish(answer).await {
                tracing::warn!(%error, "a self-description was not sent");
            }
        }
    }

    fn identity(&self, kind: &str) -> Value {
        let mut metadata: BTreeMap<&str, String> = self
            .about
            .metadata
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()))
            .collect();
        metadata.insert("aegis.version", env!("CARGO_PKG_VERSION").to_owned());
        metadata.insert("aegis.state", self.state.borrow().to_string());
        json!({
            "type": format!("io.nats.micro.v1.{kind}_response"),
            "name": self.home.service.as_str(),
            "id": self.home.instance.as_str(),
            "version": self.about.version,
            "metadata": metadata,
        })
    }

    fn info(&self) -> Value {
        let mut info = self.identity("info");
        info["description"] = json!(self.about.description);
        info["endpoints"] = self
            .endpoints
            .iter()
            .map(|endpoint| self.endpoint(endpoint))
            .collect();
        info
    }

    fn stats(&self) -> Value {
        let mut stats = self.identity("stats");
        stats["started"] = json!(self.started);
        stats["endpoints"] = self
            .endpoints
            .iter()
            .map(|endpoint| self.figures(endpoint))
            .collect();
        stats
    }

    fn endpoint(&self, endpoint: &Endpoint) -> Value {
        let handler = &endpoint.handler;
        let mut metadata = BTreeMap::from([
            ("aegis.kind", handler.kind().to_owned()),
            ("aegis.idempotent", handler.idempotent.to_string()),
            ("aegis.arguments", handler.arguments.join(",")),
        ]);
        if let Some(timeout) = handler.timeout {
            metadata.insert("aegis.timeout_ms", timeout.as_millis().to_string());
        }
        if !endpoint.row.docs.is_empty() {
            metadata.insert("description", endpoint.row.docs.to_owned());
        }
        let mut described = self.address(endpoint);
        described["metadata"] = json!(metadata);
        described
    }

    fn figures(&self, endpoint: &Endpoint) -> Value {
        let figures = endpoint.figures.snapshot();
        let (running, waiting) = endpoint.load();
        let mut described = self.address(endpoint);
        described["num_requests"] = json!(figures.requests);
        described["num_errors"] = json!(figures.errors);
        described["last_error"] = json!(figures.last_error);
        described["processing_time"] = json!(figures.nanos);
        described["average_processing_time"] =
            json!(figures.nanos.checked_div(figures.requests).unwrap_or(0));
        described["data"] = json!({"running": running, "waiting": waiting});
        described
    }

    fn address(&self, endpoint: &Endpoint) -> Value {
        // The leader subscribes plainly.
        let queue = if endpoint.handler.exclusive {
            String::new()
        } else {
            Layout::rpc_queue(&self.home.service)
        };
        json!({
            "name": endpoint.row.name,
            "subject": self.home.client.layout().place(&endpoint.handler.subject).as_str(),
            "queue_group": queue,
        })
    }
}
