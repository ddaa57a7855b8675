//! The streams that must keep the contract.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aegis::port::{
    Bus, Consumer, ConsumerSpec, DeliverFrom, Delivery, Outgoing, Pull, Settling, Stored,
    StreamMessage, StreamSpec, StreamStatus, Streams,
};
use aegis::{Config, Pattern, Subject};
use aegis_tests::{shared_server, soon as in_time, unique_prefix};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Two connections to the same streams, a bus to them, and a stream that nobody else uses.
pub(crate) struct Streaming {
    pub(crate) name: &'static str,
    pub(crate) here: Arc<dyn Streams>,
    pub(crate) there: Arc<dyn Streams>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) stream: String,
}

impl Streaming {
    pub(crate) async fn all() -> Vec<Self> {
        let stream = unique_prefix();
        let memory = format!("memory://{stream}");
        let nats = shared_server().await;
        let mut all = Vec::new();
        for (name, url) in [("memory", memory), ("nats", nats)] {
            let config = Config::default().url(&url);
            let streaming = Self {
                name,
                here: aegis::testing::streams(&config).await.unwrap(),
                there: aegis::testing::streams(&config).await.unwrap(),
                bus: aegis::testing::bus(&config).await.unwrap(),
                stream: stream.clone(),
            };
            streaming.here.probe(soon()).await.unwrap();
            streaming.there.probe(soon()).await.unwrap();
            all.push(streaming);
        }
        all
    }

    /// NATS before 2.12: it does not find the newest message that is left on a subject when a newer
    /// one was deleted, and 2.10 miscounts.
    pub(crate) fn is_old(&self) -> bool {
        self.name == "nats" && !self.here.features().atomic_batches
    }

    /// The stream, small so that many find room on one server.
    pub(crate) fn spec(&self) -> StreamSpec {
        let mut spec = StreamSpec::new(self.stream.clone(), [self.pattern(">")]);
        spec.max_bytes = Some(8 * 1024 * 1024);
        spec
    }

    pub(crate) async fn make(&self) -> StreamStatus {
        self.make_with(|_| {}).await
    }

    pub(crate) async fn make_with(&self, change: impl FnOnce(&mut StreamSpec)) -> StreamStatus {
        let mut spec = self.spec();
        change(&mut spec);
        self.here.ensure(spec, soon()).await.unwrap()
    }

    /// Does something eight times at once, over both connections.
    pub(crate) async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        begin: impl Fn(Arc<dyn Streams>, usize) -> F,
    ) -> Vec<T> {
        let mut all = JoinSet::new();
        for n in 0..8 {
            let streams = [&self.here, &self.there][n % 2].clone();
            all.spawn(begin(streams, n));
        }
        all.join_all().await
    }

    pub(crate) async fn status(&self) -> StreamStatus {
        let status = self.there.status(&self.stream, soon()).await.unwrap();
        status.expect("the stream is there")
    }

    /// The names of its consumers, as the other connection sees them.
    pub(crate) async fn consumer_names(&self) -> Vec<String> {
        let all = self.there.consumers(&self.stream, &|_| true, soon());
        let all = all.await.unwrap().into_iter();
        all.map(|consumer| consumer.name).collect()
    }

    pub(crate) fn subject(&self, rest: &str) -> Subject {
        Subject::parse(&format!("{}.{rest}", self.stream)).unwrap()
    }

    pub(crate) fn pattern(&self, rest: &str) -> Pattern {
        Pattern::parse(&format!("{}.{rest}", self.stream)).unwrap()
    }

    pub(crate) fn message(&self, rest: &str, text: &str) -> StreamMessage {
        StreamMessage::new(self.subject(rest), text.to_owned())
    }

    pub(crate) fn outgoing(&self, rest: &str, text: &str) -> Outgoing {
        Outgoing::new(self.subject(rest), text.to_owned())
    }

    pub(crate) async fn try_store(&self, message: StreamMessage) -> aegis::Result<Stored> {
        self.here.store(message, soon()).await
    }

    pub(crate) async fn store(&self, rest: &str, text: &str) -> u64 {
        let stored = self.try_store(self.message(rest, text)).await;
        stored.unwrap().sequence
    }

    /// Stores one after the other on one subject.
    pub(crate) async fn store_all(&self, texts: &[&str]) {
        for text in texts {
            self.store("a", text).await;
        }
    }

    pub(crate) async fn consumer(
        &self,
        name: &str,
        change: impl FnOnce(&mut ConsumerSpec),
    ) -> Arc<dyn Consumer> {
        let mut spec = consumer_spec(name);
        change(&mut spec);
        let made = self.here.consumer(&self.stream, spec, soon()).await;
        made.unwrap()
    }

    /// The consumer of [`consumer`](Self::consumer), from the other connection.
    pub(crate) async fn same_there(
        &self,
        name: &str,
        change: impl FnOnce(&mut ConsumerSpec),
    ) -> Arc<dyn Consumer> {
        let mut spec = consumer_spec(name);
        change(&mut spec);
        let made = self.there.consumer(&self.stream, spec, soon()).await;
        made.unwrap()
    }
}

/// A consumer of all that is there and comes.
pub(crate) fn consumer_spec(name: &str) -> ConsumerSpec {
    let mut spec = ConsumerSpec::new(name);
    spec.from = DeliverFrom::All;
    spec
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Begins to pull, and asks for so many.
pub(crate) async fn pull(consumer: &Arc<dyn Consumer>, count: usize) -> Pull {
    let pull = consumer.pull().await.unwrap();
    if count > 0 {
        pull.more(count).await.unwrap();
    }
    pull
}

pub(crate) async fn next(pull: &mut Pull) -> Delivery {
    let delivery = in_time("a delivery", pull.next()).await;
    delivery.expect("it goes on").unwrap()
}

pub(crate) fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.message.payload.to_vec()).unwrap()
}

/// So many deliveries, as `text attempt`, none of them settled.
pub(crate) async fn taken(pull: &mut Pull, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        let delivery = next(pull).await;
        all.push(format!("{} {}", text(&delivery), delivery.attempt));
    }
    all
}

/// So many deliveries, by their texts, each of them acknowledged and that confirmed.
pub(crate) async fn done(pull: &mut Pull, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        let delivery = next(pull).await;
        delivery.confirm(soon()).await.unwrap();
        all.push(text(&delivery));
    }
    all
}

/// Has it delivered again, after so many milliseconds at the earliest.
pub(crate) async fn retry(delivery: &Delivery, millis: u64) {
    let after = Duration::from_millis(millis);
    let settled = delivery.settle(Settling::Retry { after }).await;
    settled.unwrap();
}
