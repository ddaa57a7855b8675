//! The buses that must keep the contract.

use std::sync::Arc;
use std::time::Duration;

use aegis::port::{Answer, Bus, Outgoing, Subscription};
use aegis::{Config, Pattern, Subject};
use aegis_tests::{shared_server, unique_prefix};
use tokio::time::Instant;

/// Two connections to one bus, and a prefix that nobody else uses.
pub(crate) struct Fixture {
    pub(crate) name: &'static str,
    pub(crate) here: Arc<dyn Bus>,
    pub(crate) there: Arc<dyn Bus>,
    prefix: String,
}

impl Fixture {
    pub(crate) async fn all() -> Vec<Self> {
        let prefix = unique_prefix();
        let memory = format!("memory://{prefix}");
        let nats = shared_server().await;
        let mut all = Vec::new();
        for (name, url) in [("memory", memory), ("nats", nats)] {
            let config = Config::default().url(&url);
            let here = aegis::testing::bus(&config).await.unwrap();
            let there = aegis::testing::bus(&config).await.unwrap();
            all.push(Self {
                name,
                here,
                there,
                prefix: prefix.clone(),
            });
        }
        all
    }

    pub(crate) fn subject(&self, rest: &str) -> Subject {
        Subject::parse(&format!("{}.{rest}", self.prefix)).unwrap()
    }

    pub(crate) fn pattern(&self, rest: &str) -> Pattern {
        Pattern::parse(&format!("{}.{rest}", self.prefix)).unwrap()
    }

    pub(crate) async fn listen(&self, rest: &str, queue: Option<&str>) -> Subscription {
        let subscription = self
            .there
            .subscribe(self.pattern(rest), queue.map(str::to_owned))
            .await;
        self.there.flush().await.unwrap();
        subscription.unwrap()
    }

    pub(crate) async fn publish(&self, rest: &str, payload: &str) {
        let message = Outgoing::new(self.subject(rest), payload.to_owned());
        self.here.publish(message).await.unwrap();
    }

    pub(crate) async fn request(&self, rest: &str, within: Duration) -> aegis::Result<Answer> {
        let message = Outgoing::new(self.subject(rest), "question");
        self.here
            .request(message, &self.here.new_call(), Instant::now() + within)
            .await
    }
}
