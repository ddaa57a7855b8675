//! Reading from a consumer while servers fail, and while others change what is read from.

use std::sync::Arc;
use std::time::Duration;

use aegis::port::{Consumer, Pull, Settling, StreamMessage, Streams};
use aegis::testing::NatsServer;
use aegis::{Config, ErrorKind};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use futures_util::StreamExt;
use serde_json::json;

use super::{ask, config, connected, deadline, from_all, small, subject};

/// A stream with so many messages `0`, `1` ..., and a consumer of all of them.
pub(super) async fn filled(streams: &dyn Streams, name: &str, count: usize) -> Arc<dyn Consumer> {
    streams.ensure(small(name), deadline()).await.unwrap();
    fill(streams, name, 0..count).await;
    let consumer = streams.consumer(name, from_all("c"), deadline());
    consumer.await.unwrap()
}

pub(super) async fn fill(streams: &dyn Streams, name: &str, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let message = StreamMessage::new(subject(&format!("{name}.a")), n.to_string());
        streams.store(message, deadline()).await.unwrap();
    }
}

/// The next delivery, acknowledged.
async fn take(pull: &mut Pull) -> aegis::Result<String> {
    let delivery = soon("a delivery", pull.next()).await.expect("an end");
    let delivery = delivery?;
    delivery.settle(Settling::Ack).await?;
    Ok(String::from_utf8_lossy(&delivery.message.payload).into_owned())
}

/// Ends as it is to end, and says nothing more; what came before.
async fn ends(pull: &mut Pull, kind: ErrorKind) -> Vec<String> {
    let mut before = Vec::new();
    let error = loop {
        match take(pull).await {
            Ok(text) => before.push(text),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), kind, "{error}");
    assert!(soon("the end", pull.next()).await.is_none());
    assert_eq!(
        pull.more(1).await.unwrap_err().kind(),
        ErrorKind::Disconnected,
        "it is over"
    );
    before
}

#[tokio::test]
async fn a_reader_goes_on_after_a_crash_of_the_server() {
    let mut server = NatsServer::start().await.unwrap();
    let streams = connected(&server.url()).await;
    let consumer = filled(&*streams, "a", 20).await;
    let mut pull = consumer.pull().await.unwrap();
    pull.more(5).await.unwrap();
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(take(&mut pull).await.unwrap());
    }
    pull.more(1).await.unwrap();
    server.kill().await;
    taken.extend(ends(&mut pull, ErrorKind::Disconnected).await);
    let error = consumer.pull().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    server.restart().await.unwrap();
    let status = consumer.status(deadline()).await.unwrap();
    assert!(status.ack_floor <= 20);
    let mut spec = from_all("c");
    spec.ack_wait = Duration::from_millis(200);
    let consumer = streams.consumer("a", spec, deadline()).await.unwrap();
    let mut pull = consumer.pull().await.unwrap();
    pull.more(100).await.unwrap();
    while taken.len() < 20 {
        let text = take(&mut pull).await.unwrap();
        if !taken.contains(&text) {
            taken.push(text);
        }
    }
}

#[tokio::test]
async fn a_pull_ends_when_its_consumer_or_its_stream_is_removed() {
    let url = shared_server().await;
    let streams = connected(&url).await;
    for with_stream in [false, true] {
        let name = unique_prefix();
        let consumer = filled(&*streams, &name, 2).await;
        let mut pull = consumer.pull().await.unwrap();
        pull.more(10).await.unwrap();
        assert_eq!(take(&mut pull).await.unwrap(), "0");
        if with_stream {
            assert!(streams.remove(&name, deadline()).await.unwrap());
        } else {
            let removed = streams.remove_consumer(&name, "c", deadline());
            assert!(removed.await.unwrap());
        }
        ends(&mut pull, ErrorKind::NoService).await;
        let error = consumer.status(deadline()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoService, "{error}");
        let mut pull = consumer.pull().await.unwrap();
        pull.more(1).await.unwrap();
        ends(&mut pull, ErrorKind::NoService).await;
    }
}

#[tokio::test]
async fn a_server_that_stands_still_is_noticed() {
    let mut server = NatsServer::start().await.unwrap();
    let patient = config(&server.url()).ping_interval(Duration::from_secs(60));
    let streams = aegis::testing::streams(&patient).await.unwrap();
    let consumer = filled(&*streams, "a", 0).await;
    let mut pull = consumer.pull().await.unwrap();
    let heard = pull.heard();
    pull.more(1).await.unwrap();
    server.pause().await.unwrap();
    let paused = tokio::time::Instant::now();
    let delivery = soon("the end", pull.next()).await.unwrap();
    assert_eq!(delivery.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(heard() <= paused, "nothing was heard meanwhile");
    server.resume().unwrap();
}

#[tokio::test]
async fn a_request_that_expires_is_made_again_and_limits_are_kept() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    streams.ensure(small(&name), deadline()).await.unwrap();
    let raw = async_nats::connect(&url).await.unwrap();
    let limited = json!({"stream_name": name, "config": {
        "durable_name": "c", "ack_policy": "explicit", "max_batch": 2,
        "max_expires": 300_000_000, "deliver_policy": "all", "max_deliver": 3,
    }});
    let what = format!("CONSUMER.DURABLE.CREATE.{name}.c");
    let made = ask(&raw, &what, limited).await;
    assert!(made["error"].is_null(), "{made}");
    let consumer = streams.consumer(&name, from_all("c"), deadline());
    let consumer = consumer.await.unwrap();
    let what = format!("CONSUMER.INFO.{name}.c");
    let found = ask(&raw, &what, json!({})).await;
    assert_eq!(found["config"]["max_batch"], 2, "kept");
    assert_eq!(found["config"]["max_deliver"], -1, "no message is given up");

    let next = format!("$JS.API.CONSUMER.MSG.NEXT.{name}.c");
    let mut requests = raw.subscribe(next).await.unwrap();
    raw.flush().await.unwrap();
    let mut pull = consumer.pull().await.unwrap();
    pull.more(5).await.unwrap();
    let (there, on) = (streams.clone(), name.clone());
    let filling = tokio::spawn(async move {
        // The first ones have ended by then, and others wait in their place.
        for _ in 0..12 {
            soon("a request", requests.next()).await.unwrap();
        }
        fill(&*there, &on, 0..7).await;
    });
    for n in 0..5 {
        assert_eq!(take(&mut pull).await.unwrap(), n.to_string());
    }
    filling.await.unwrap();
    let status = consumer.status(deadline()).await.unwrap();
    assert_eq!((status.delivered, status.pending), (5, 2), "no more");
    pull.more(1).await.unwrap();
    assert_eq!(take(&mut pull).await.unwrap(), "5");
}

#[tokio::test]
async fn what_nobody_reads_any_more_goes_to_others() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    let consumer = filled(&*streams, &name, 0).await;
    let pull = consumer.pull().await.unwrap();
    let asker = pull.asker();
    asker(1000).await.unwrap();
    drop(pull);
    let error = asker(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    let mut next = consumer.pull().await.unwrap();
    next.more(50).await.unwrap();
    fill(&*streams, &name, 0..50).await;
    for n in 0..50 {
        assert_eq!(take(&mut next).await.unwrap(), n.to_string());
    }
}

#[tokio::test]
async fn a_foreign_message_that_looks_like_a_status_is_delivered() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    let consumer = filled(&*streams, &name, 0).await;
    let raw = async_nats::connect(&url).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Status", "409");
    headers.insert("Description", "Consumer Deleted");
    let to = format!("{name}.a");
    raw.publish_with_headers(to, headers, "body".into())
        .await
        .unwrap();
    raw.flush().await.unwrap();
    let mut pull = consumer.pull().await.unwrap();
    pull.more(1).await.unwrap();
    assert_eq!(take(&mut pull).await.unwrap(), "body");
}

#[tokio::test]
async fn a_consumer_of_another_kind_is_told() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    streams.ensure(small(&name), deadline()).await.unwrap();
    let raw = async_nats::connect(&url).await.unwrap();
    for (consumer, config) in [
        (
            "push",
            json!({"deliver_subject": "x", "ack_policy": "explicit"}),
        ),
        ("all", json!({"ack_policy": "all"})),
    ] {
        let mut config = config;
        config["durable_name"] = consumer.into();
        let body = json!({"stream_name": name, "config": config});
        let what = format!("CONSUMER.DURABLE.CREATE.{name}.{consumer}");
        ask(&raw, &what, body).await;
        let made = streams.consumer(&name, from_all(consumer), deadline());
        let error = made.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(consumer), "{error}");
    }
}

#[tokio::test]
async fn permission_for_inboxes_as_deep_as_answers_is_enough() {
    let users = "authorization { users: [{user: joe, password: pw, permissions: {\
                 publish: [\"$JS.API.>\", \"$JS.ACK.>\", \"a.>\"], subscribe: \"_INBOX.*.*\"}}] }";
    let server = NatsServer::builder().config(users).start().await.unwrap();
    let url = format!("nats://joe:pw@127.0.0.1:{}", server.port());
    let streams = aegis::testing::streams(&Config::default().url(&url)).await;
    let streams = streams.unwrap();
    let consumer = filled(&*streams, "a", 2).await;
    let mut pull = consumer.pull().await.unwrap();
    pull.more(2).await.unwrap();
    assert_eq!(take(&mut pull).await.unwrap(), "0");
    let last = soon("a delivery", pull.next()).await.unwrap().unwrap();
    last.confirm(deadline()).await.unwrap();
    let status = consumer.status(deadline()).await.unwrap();
    assert_eq!((status.ack_floor, status.ack_pending), (2, 0));
}

#[tokio::test]
async fn many_messages_come_once_each_and_in_order() {
    const MANY: usize = 3000;
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    let consumer = filled(&*streams, &name, 0).await;
    let raw = async_nats::connect(&url).await.unwrap();
    for n in 0..MANY {
        let to = format!("{name}.a");
        raw.publish(to, n.to_string().into()).await.unwrap();
    }
    raw.flush().await.unwrap();
    let mut pull = consumer.pull().await.unwrap();
    pull.more(64).await.unwrap();
    for n in 0..MANY {
        assert_eq!(take(&mut pull).await.unwrap(), n.to_string());
        pull.more(1).await.unwrap();
    }
    eventually("all is acknowledged", async || {
        let status = consumer.status(deadline()).await.unwrap();
        status.ack_floor == MANY as u64 && status.ack_pending == 0
    })
    .await;
}
