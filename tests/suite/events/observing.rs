//! What an observer sees: each event once and in order, whatever becomes of its connection.

use aegis::Config;
use aegis::testing::NatsServer;
use aegis_tests::proxy::{Direction, Proxy};
use aegis_tests::soon;
use tokio::time::Instant;

use super::*;

struct Cut {
    server: NatsServer,
    proxy: Proxy,
    /// Beside the proxy.
    direct: Client,
    /// Through it.
    observer: Client,
}

impl Cut {
    async fn start() -> Self {
        let server = NatsServer::start().await.unwrap();
        let address = server.url().replace("nats://", "").parse().unwrap();
        let proxy = Proxy::start(address);
        let config = |url: &str| Config::default().url(url).events_max_bytes(64 << 20);
        let direct = Client::connect(config(&server.url())).await.unwrap();
        let observer = Client::connect(config(&proxy.url())).await.unwrap();
        Self {
            server,
            proxy,
            direct,
            observer,
        }
    }

    async fn publish(&self, ids: std::ops::Range<u32>) {
        let mut ids = ids.map(|id| Created { id });
        // The first one may have to make the stream; behind it they come in order.
        let first = ids.next().unwrap();
        self.direct.publish(&first).await.unwrap();
        let events: Vec<Created> = ids.collect();
        self.direct.publish_all(&events).await.all().unwrap();
    }
}

async fn ids(events: &mut aegis::Observed, count: usize) -> Vec<u32> {
    let mut all = Vec::new();
    while all.len() < count {
        let event = soon("an event", events.next()).await.unwrap().unwrap();
        all.push(event.decode::<Created>().unwrap().id);
    }
    all
}

#[tokio::test]
async fn an_observer_goes_on_behind_the_last_event_in_order() {
    let cut = Cut::start().await;
    cut.publish(0..1000).await;
    let mut events = cut.observer.observe(">").all().open().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.extend(ids(&mut events, 100).await);
        cut.proxy.reset_all();
    }
    seen.extend(ids(&mut events, 600).await);
    assert!(seen.into_iter().eq(0..1000));
    let config = Config::default().url(&cut.server.url());
    let streams = aegis::testing::streams(&config).await.unwrap();
    let deadline = Instant::now() + aegis_tests::PATIENCE;
    let left = streams.consumers("EVENTS", &|_| true, deadline).await;
    assert_eq!(left.unwrap().len(), 1, "those before are removed");
}

#[tokio::test]
async fn who_looks_at_what_is_new_misses_nothing_of_an_outage() {
    let cut = Cut::start().await;
    cut.publish(0..3).await;
    let mut events = cut.observer.observe("orders.*").open().await.unwrap();
    cut.proxy.blackhole(Direction::Both);
    cut.publish(3..6).await;
    cut.proxy.reset_all();
    cut.proxy.heal();
    assert_eq!(ids(&mut events, 3).await, [3, 4, 5]);
}

#[tokio::test]
async fn an_observer_of_a_stream_that_is_made_anew_begins_anew() {
    let cut = Cut::start().await;
    cut.publish(0..5).await;
    let mut events = cut.direct.observe(">").all().open().await.unwrap();
    assert_eq!(ids(&mut events, 5).await, [0, 1, 2, 3, 4]);
    let config = Config::default().url(&cut.server.url());
    let streams = aegis::testing::streams(&config).await.unwrap();
    let deadline = Instant::now() + aegis_tests::PATIENCE;
    assert!(streams.remove("EVENTS", deadline).await.unwrap());
    cut.publish(10..12).await;
    assert_eq!(ids(&mut events, 2).await, [10, 11]);
}
