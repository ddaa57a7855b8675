//! Buckets while servers fail: outages are told, watches survive, nothing is taken for absence.

use std::sync::Arc;
use std::time::Duration;

use aegis::port::{
    BucketSpec, KvBucket, KvEvent, KvFilter, KvKey, KvScan, KvWatch, KvWrite, WatchFrom,
    WatchHealth,
};
use aegis::testing::NatsServer;
use aegis::{Bucket, Change, Client, Config, ConnectionState, ErrorKind, Watch};
use aegis_tests::soon;
use tokio::time::Instant;

fn config(server: &NatsServer) -> Config {
    Config::default()
        .url(&server.url())
        .connect_timeout(Duration::from_secs(10))
}

async fn connected(server: &NatsServer) -> (Client, Bucket<String>) {
    let client = Client::connect(config(server)).await.unwrap();
    let bucket = client.bucket("texts").max_bytes(64 << 20).open().await;
    (client, bucket.unwrap())
}

async fn wait_for(client: &Client, state: ConnectionState) {
    let mut connection = client.connection();
    let waiting = connection.wait_for(|now| *now == state);
    soon("the state of the connection", waiting).await.unwrap();
}

async fn next(watch: &mut Watch<String>) -> String {
    match soon("a change", watch.next()).await.expect("it goes on") {
        Ok(Change::Put(entry)) => format!("{}={}", entry.key, entry.value),
        Ok(Change::Removed(removed)) => format!("{} {:?}", removed.key, removed.why),
        Ok(Change::Ready) => "ready".to_owned(),
        Ok(Change::Reset) => "reset".to_owned(),
        Ok(_) => "?".to_owned(),
        Err(error) => format!("error {:?}", error.kind()),
    }
}

async fn put(bucket: &Bucket<String>, key: &str, value: &str) {
    let put = bucket.put(key, &value.to_owned());
    put.within(Duration::from_secs(20)).await.unwrap();
}

#[tokio::test]
async fn outage_is_not_not_found() {
    let mut server = NatsServer::start().await.unwrap();
    let (client, bucket) = connected(&server).await;
    put(&bucket, "a", "1").await;
    server.kill().await;
    wait_for(&client, ConnectionState::Disconnected).await;
    let within = Duration::from_millis(100);
    let start = Instant::now();
    let value = "late".to_owned();
    for error in [
        bucket.get("a").within(within).await.unwrap_err(),
        bucket.get("none").within(within).await.unwrap_err(),
        bucket.exists("none").within(within).await.unwrap_err(),
        bucket.keys().within(within).await.unwrap_err(),
        bucket.history("a").within(within).await.unwrap_err(),
        bucket.get_many(["a"]).within(within).await.unwrap_err(),
        bucket.put("a", &value).within(within).await.unwrap_err(),
        bucket.create("b", &value).within(within).await.unwrap_err(),
        bucket.delete("a").within(within).await.unwrap_err(),
        bucket.watch_all().within(within).await.unwrap_err(),
        bucket.status().within(within).await.unwrap_err(),
        client
            .bucket("x")
            .within(within)
            .open::<String>()
            .await
            .unwrap_err(),
        client
            .bucket("x")
            .within(within)
            .find::<String>()
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        assert!(!error.was_sent() && error.nothing_ran(), "{error}");
    }
    assert!(
        start.elapsed() >= within * 13,
        "each waited for a connection"
    );
    let written = bucket
        .put_many([("b", value.clone())])
        .within(within)
        .await
        .unwrap();
    assert_eq!(
        written[0].as_ref().unwrap_err().kind(),
        ErrorKind::Disconnected
    );
    server.restart().await.unwrap();
    let read = bucket
        .get("a")
        .within(Duration::from_secs(20))
        .await
        .unwrap();
    assert_eq!(read.as_deref(), Some("1"), "what failed was not sent later");
    assert_eq!(bucket.keys().await.unwrap(), ["a"]);
}

#[tokio::test]
async fn a_frozen_server_is_an_unknown_outcome() {
    let mut server = NatsServer::start().await.unwrap();
    let (_client, bucket) = connected(&server).await;
    server.pause().await.unwrap();
    let within = Duration::from_millis(200);
    let error = bucket
        .put("a", &"1".to_owned())
        .within(within)
        .await
        .unwrap_err();
    assert!(error.was_sent() && !error.nothing_ran(), "{error:?}");
    let error = bucket.get("a").within(within).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    server.resume().unwrap();
    // The write that was on the way arrives.
    let read = bucket
        .get("a")
        .within(Duration::from_secs(20))
        .await
        .unwrap();
    assert_eq!(read.as_deref(), Some("1"));
}

#[tokio::test]
async fn without_jetstream_the_remedy_is_told() {
    let server = NatsServer::builder()
        .without_jetstream()
        .start()
        .await
        .unwrap();
    let client = Client::connect(config(&server)).await.unwrap();
    let error = client.bucket("x").open::<String>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoService, "{error}");
    assert!(error.to_string().contains("`-js`"), "{error}");
}

#[tokio::test]
async fn watch_resumes_after_reconnect() {
    let mut server = NatsServer::start().await.unwrap();
    let (client, bucket) = connected(&server).await;
    put(&bucket, "a", "1").await;
    let mut watch = bucket.watch_all().await.unwrap();
    assert_eq!(
        [next(&mut watch).await, next(&mut watch).await],
        ["a=1", "ready"]
    );
    let mut health = watch.health();
    assert_eq!(*health.borrow(), WatchHealth::Live);
    for round in 0..3 {
        server.kill().await;
        let stale = health.wait_for(|health| *health != WatchHealth::Live);
        soon("the watch is stale", stale).await.unwrap();
        server.restart().await.unwrap();
        // Perhaps before the watch is back, perhaps after.
        put(&bucket, &format!("b {round}"), "2").await;
        bucket.delete("a").await.unwrap();
        assert_eq!(next(&mut watch).await, format!("b {round}=2"));
        assert_eq!(next(&mut watch).await, "a Deleted");
        let live = health.wait_for(|health| *health == WatchHealth::Live);
        soon("the watch is live", live).await.unwrap();
    }
    client.close().await.unwrap();
    assert!(soon("the end", watch.next()).await.is_none());
}

#[tokio::test]
async fn a_watch_tells_everything_anew_when_the_store_was_lost() {
    let mut server = NatsServer::start().await.unwrap();
    let (client, bucket) = connected(&server).await;
    for key in ["a", "b", "c"] {
        put(&bucket, key, "1").await;
    }
    let mut watch = bucket.watch_all().await.unwrap();
    for expected in ["a=1", "b=1", "c=1", "ready"] {
        assert_eq!(next(&mut watch).await, expected);
    }
    server.kill().await;
    wait_for(&client, ConnectionState::Disconnected).await;
    std::fs::remove_dir_all(server.store_dir()).unwrap();
    server.restart().await.unwrap();
    assert_eq!(next(&mut watch).await, "error NoService");
    let (_other, made_anew) = connected(&server).await;
    assert_eq!(next(&mut watch).await, "reset");
    assert_eq!(next(&mut watch).await, "ready");
    put(&made_anew, "d", "2").await;
    assert_eq!(next(&mut watch).await, "d=2");
    let keys = bucket.keys().await.unwrap();
    assert_eq!(keys, ["d"], "the handle leads to the new one");
}

#[tokio::test]
async fn a_watch_survives_a_frozen_server_and_a_removed_consumer() {
    let mut server = NatsServer::start().await.unwrap();
    let (_client, bucket) = connected(&server).await;
    let mut watch = bucket.watch_all().await.unwrap();
    assert_eq!(next(&mut watch).await, "ready");
    let raw = async_nats::connect(server.url()).await.unwrap();
    let ask = async |subject: String| {
        let answer = raw.request(subject, "{}".into()).await.unwrap();
        serde_json::from_slice::<serde_json::Value>(&answer.payload).unwrap()
    };
    let names = ask("$JS.API.CONSUMER.NAMES.KV_texts".to_owned()).await;
    let consumer = names["consumers"][0].as_str().unwrap().to_owned();
    ask(format!("$JS.API.CONSUMER.DELETE.KV_texts.{consumer}")).await;
    put(&bucket, "a", "1").await;
    assert_eq!(
        next(&mut watch).await,
        "a=1",
        "noticed by the missing heartbeats"
    );
    server.pause().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.resume().unwrap();
    put(&bucket, "b", "2").await;
    assert_eq!(next(&mut watch).await, "b=2");
    drop(watch);
    aegis_tests::eventually("the consumer is removed", async || {
        let names = ask("$JS.API.CONSUMER.NAMES.KV_texts".to_owned()).await;
        names["consumers"].as_array().is_none_or(Vec::is_empty)
    })
    .await;
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn event(watch: &mut KvWatch) -> KvEvent {
    soon("an event", watch.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn while_a_server_is_away_the_time_it_was_heard_stands_still() {
    let mut server = NatsServer::start().await.unwrap();
    let store = aegis::testing::store(&config(&server)).await.unwrap();
    let bucket = store.open(BucketSpec::new("a"), deadline()).await.unwrap();
    let watch = bucket.watch(KvFilter::All, WatchFrom::Latest, deadline());
    let mut watch = watch.await.unwrap();
    assert_eq!(event(&mut watch).await, KvEvent::Ready);
    server.kill().await;
    let killed = Instant::now();
    let mut health = watch.health();
    let stale = health.wait_for(|health| *health != WatchHealth::Live);
    let stale = *soon("the watch is stale", stale).await.unwrap();
    let since = watch.heard();
    assert_eq!(stale, WatchHealth::Stale { since });
    assert!(since <= killed);
    server.restart().await.unwrap();
    let live = health.wait_for(|health| *health == WatchHealth::Live);
    soon("the watch is live", live).await.unwrap();
    assert!(watch.heard() > killed, "kept over sessions");
}

/// A bucket with more than the server sends before the reader has taken a part of it.
async fn large(server: &NatsServer) -> Arc<dyn KvBucket> {
    let store = aegis::testing::store(&config(server)).await.unwrap();
    let mut spec = BucketSpec::new("large");
    spec.max_bytes = Some(64 << 20);
    let bucket = store.open(spec, deadline()).await.unwrap();
    let body = "x".repeat(4000);
    for n in 0..LARGE {
        let key = KvKey::new(&format!("k{n}")).unwrap();
        let write = KvWrite::put(key, body.clone());
        bucket.write(write, deadline()).await.unwrap();
    }
    bucket
}

const LARGE: usize = 4000;

/// Asks the server itself.
async fn ask(raw: &async_nats::Client, subject: String) -> serde_json::Value {
    let answer = raw.request(subject, "{}".into()).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

#[tokio::test]
async fn a_watch_is_ready_though_what_was_to_come_is_removed() {
    let server = NatsServer::start().await.unwrap();
    let bucket = large(&server).await;
    let watch = bucket.watch(KvFilter::All, WatchFrom::Latest, deadline());
    let mut watch = watch.await.unwrap();
    let raw = async_nats::connect(server.url()).await.unwrap();
    ask(&raw, "$JS.API.STREAM.PURGE.KV_large".to_owned()).await;
    let mut told = 0;
    while event(&mut watch).await != KvEvent::Ready {
        told += 1;
    }
    assert!(told < LARGE, "the server was slowed down by the reader");
}

#[tokio::test]
async fn a_list_whose_consumer_is_removed_begins_again() {
    let server = NatsServer::start().await.unwrap();
    let bucket = large(&server).await;
    let raw = async_nats::connect(server.url()).await.unwrap();
    let remover = tokio::spawn(async move {
        loop {
            let names = ask(&raw, "$JS.API.CONSUMER.NAMES.KV_large".to_owned()).await;
            if let Some(name) = names["consumers"].get(0).and_then(|name| name.as_str()) {
                ask(&raw, format!("$JS.API.CONSUMER.DELETE.KV_large.{name}")).await;
                return;
            }
        }
    });
    let listing = bucket.scan(KvFilter::All, KvScan::Latest, deadline());
    assert_eq!(listing.await.unwrap().len(), LARGE);
    soon("a consumer was removed", remover).await.unwrap();
}

#[tokio::test]
async fn permission_for_inboxes_as_deep_as_answers_is_enough() {
    let users = "authorization { users: [{user: joe, password: pw, permissions: {\
                 publish: \"$JS.API.>\", subscribe: \"_INBOX.*.*\"}},\
                 {user: root, password: pw}] }";
    let server = NatsServer::builder().config(users).start().await.unwrap();
    let as_user = |user: &str| {
        let url = format!("nats://{user}:pw@127.0.0.1:{}", server.port());
        Config::default().url(&url)
    };
    let root = aegis::testing::store(&as_user("root")).await.unwrap();
    let mine = root.open(BucketSpec::new("a"), deadline()).await.unwrap();
    let write = KvWrite::put(KvKey::new("k").unwrap(), "");
    mine.write(write, deadline()).await.unwrap();
    let joe = aegis::testing::store(&as_user("joe")).await.unwrap();
    let bucket = joe.find("a", deadline()).await.unwrap().unwrap();
    let listing = bucket.scan(KvFilter::All, KvScan::Keys, deadline());
    assert_eq!(listing.await.unwrap().len(), 1);
    let watch = bucket.watch(KvFilter::All, WatchFrom::New, deadline());
    assert_eq!(event(&mut watch.await.unwrap()).await, KvEvent::Ready);
}

const MANY: usize = 80_000;

/// More than a subscription of the client holds (65,536 messages), written while nobody reads.
#[tokio::test]
async fn a_reader_that_sleeps_gets_everything_in_the_end() {
    let server = NatsServer::start().await.unwrap();
    let store = aegis::testing::store(&config(&server)).await.unwrap();
    let mut spec = BucketSpec::new("many");
    spec.max_bytes = Some(256 << 20);
    let bucket = store.open(spec, deadline()).await.unwrap();
    let from = WatchFrom::Latest;
    let mut watch = bucket.watch(KvFilter::All, from, deadline()).await.unwrap();
    let raw = async_nats::connect(server.url()).await.unwrap();
    for n in 0..MANY {
        raw.publish(format!("$KV.many.k{n}"), "x".into())
            .await
            .unwrap();
    }
    raw.flush().await.unwrap();
    aegis_tests::eventually("all are stored", async || {
        bucket.status(deadline()).await.unwrap().entries == MANY as u64
    })
    .await;
    assert_eq!(event(&mut watch).await, KvEvent::Ready);
    for n in 0..MANY {
        let KvEvent::Entry(entry) = event(&mut watch).await else {
            panic!()
        };
        assert_eq!(entry.key.text(), format!("k{n}"));
    }
    let write = KvWrite::put(KvKey::new("last").unwrap(), "");
    bucket.write(write, deadline()).await.unwrap();
    let KvEvent::Entry(entry) = event(&mut watch).await else {
        panic!()
    };
    assert_eq!(entry.key.text(), "last");
    let keys = bucket
        .scan(KvFilter::All, KvScan::Keys, deadline())
        .await
        .unwrap();
    assert_eq!(keys.len(), MANY + 1);
}
