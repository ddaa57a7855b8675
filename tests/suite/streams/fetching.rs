//! Questions that do not wait, while servers fail, and where only a server can refuse them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aegis::ErrorKind;
use aegis::port::{Consumer, Delivery};
use aegis::testing::NatsServer;
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use futures_util::FutureExt;
use serde_json::json;
use tokio::time::Instant;

use super::pulling::{fill, filled};
use super::{ask, config, connected, deadline, from_all, small};

/// A deadline that no test waits for.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

async fn fetch(consumer: &Arc<dyn Consumer>, most: usize) -> aegis::Result<Vec<Delivery>> {
    soon("an answer", consumer.fetch(most, far())).await
}

/// Asks until so many have come; their sequences, sorted.
async fn until(consumer: &Arc<dyn Consumer>, count: usize) -> Vec<u64> {
    let mut all = Vec::new();
    while all.len() < count {
        let fetched = fetch(consumer, count - all.len()).await.unwrap();
        all.extend(fetched.iter().map(|delivery| delivery.sequence));
    }
    all.sort_unstable();
    all
}

/// The subscriptions that a server which traces has been told of, and that have not ended.
fn subscriptions(server: &NatsServer) -> BTreeSet<String> {
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    let log: Vec<&str> = log.lines().filter(|line| line.contains(" cid:")).collect();
    let told = |verb: &str| -> Vec<Vec<String>> {
        let lines = log.iter().filter_map(|line| line.split_once(verb));
        let words = lines.map(|(_, rest)| rest.trim_end_matches(']').split_whitespace());
        words
            .map(|words| words.map(str::to_owned).collect())
            .collect()
    };
    let begun = told("<<- [SUB ").into_iter();
    let mut living: BTreeSet<String> = begun.filter_map(|words| words.last().cloned()).collect();
    for words in told("<<- [UNSUB ") {
        living.remove(&words[0]);
    }
    living
}

#[tokio::test]
async fn a_lost_connection_ends_a_question_at_once() {
    let mut server = NatsServer::start().await.unwrap();
    let patient = config(&server.url()).ping_interval(Duration::from_secs(60));
    let streams = aegis::testing::streams(&patient).await.unwrap();
    let consumer = filled(&*streams, "a", 3).await;
    assert_eq!(until(&consumer, 1).await, [1]);
    server.pause().await.unwrap();
    let mut asked = consumer.fetch(1, far());
    assert!((&mut asked).now_or_never().is_none(), "nobody answers");
    server.kill().await;
    let error = soon("the end", asked).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    let error = fetch(&consumer, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    server.restart().await.unwrap();
    consumer.status(deadline()).await.unwrap();
    let rest = until(&consumer, 2).await;
    assert!(rest == [2, 3] || rest.contains(&1), "{rest:?}");
}

#[tokio::test]
async fn what_comes_after_the_deadline_is_handed_back() {
    let mut server = NatsServer::start().await.unwrap();
    let patient = config(&server.url()).ping_interval(Duration::from_secs(60));
    let streams = aegis::testing::streams(&patient).await.unwrap();
    filled(&*streams, "a", 20).await;
    let mut spec = from_all("c");
    spec.ack_wait = Duration::from_secs(3600);
    let made = streams.consumer("a", spec.clone(), deadline()).await;
    let consumer = made.unwrap();
    for how in ["the deadline", "a drop"] {
        server.pause().await.unwrap();
        for _ in 0..3 {
            let soon = Instant::now() + Duration::from_millis(20);
            let mut asked = consumer.fetch(5, soon);
            if how == "a drop" {
                assert!((&mut asked).now_or_never().is_none());
                continue;
            }
            let error = asked.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
            assert!(error.was_sent(), "it may have been delivered");
        }
        server.resume().unwrap();
        let mut all = BTreeSet::new();
        let everything = async {
            while all.len() < 20 {
                let fetched = fetch(&consumer, 1).await.unwrap();
                all.extend(fetched.iter().map(|delivery| delivery.sequence));
            }
        };
        // Not after the hour of their ack wait.
        soon(how, everything).await;
        assert!(all.iter().copied().eq(1..=20));
        let removed = streams.remove_consumer("a", "c", deadline()).await;
        assert!(removed.unwrap());
        let anew = streams.consumer("a", spec.clone(), deadline());
        anew.await.unwrap();
    }
}

#[tokio::test]
async fn questions_keep_one_subscription_and_leave_none() {
    let server = NatsServer::builder().config("trace: true").start();
    let mut server = server.await.unwrap();
    let streams = connected(&server.url()).await;
    let consumer = filled(&*streams, "a", 30).await;
    let before = subscriptions(&server);
    for _ in 0..20 {
        assert_eq!(until(&consumer, 1).await.len(), 1);
    }
    let kept = subscriptions(&server);
    assert_eq!(kept.len(), before.len() + 1, "{kept:?}");
    assert_eq!(until(&consumer, 10).await.len(), 10);
    assert_eq!(fetch(&consumer, 1).await.unwrap().len(), 0);
    assert_eq!(subscriptions(&server), kept);
    // Questions that are given up, and several at once.
    let all = (0..9).map(|_| consumer.fetch(1, far()));
    let all = futures_util::future::join_all(all);
    for answer in soon("the answers", all).await {
        assert_eq!(answer.unwrap().len(), 0);
    }
    for _ in 0..9 {
        assert!(consumer.fetch(1, far()).now_or_never().is_none());
    }
    let few = async || subscriptions(&server).len() <= before.len() + 4;
    eventually("few are kept", few).await;
    drop(consumer);
    let none = async || subscriptions(&server) == before;
    eventually("none is left", none).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn limits_that_others_have_set_are_kept() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    streams.ensure(small(&name), deadline()).await.unwrap();
    let raw = async_nats::connect(&url).await.unwrap();
    let limited = json!({"stream_name": name, "config": {
        "durable_name": "c", "ack_policy": "explicit", "deliver_policy": "all", "max_batch": 2,
        "max_waiting": 1,
    }});
    ask(&raw, &format!("CONSUMER.DURABLE.CREATE.{name}.c"), limited).await;
    let mut spec = from_all("c");
    spec.max_ack_pending = 3;
    let consumer = streams.consumer(&name, spec, deadline()).await.unwrap();
    fill(&*streams, &name, 0..5).await;
    assert_eq!(until(&consumer, 2).await, [1, 2]);
    let third = fetch(&consumer, 9).await.unwrap();
    assert_eq!(third.len(), 1, "so many may be in hands");
    let waiting = async || consumer.status(deadline()).await.unwrap().waiting;
    let nobody = async || waiting().await == 0;
    eventually("the question is forgotten", nobody).await;
    // As much waits as may wait.
    let pull = consumer.pull().await.unwrap();
    pull.more(1).await.unwrap();
    let one = async || waiting().await == 1;
    eventually("one waits", one).await;
    let error = fetch(&consumer, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
    drop(pull);
    third[0].confirm(deadline()).await.unwrap();
    assert_eq!(until(&consumer, 1).await, [4]);
}

#[tokio::test]
async fn nothing_is_there_while_a_consumer_is_paused() {
    let url = shared_server().await;
    let (name, streams) = (unique_prefix(), connected(&url).await);
    let consumer = filled(&*streams, &name, 1).await;
    let raw = async_nats::connect(&url).await.unwrap();
    let subject = format!("$JS.API.CONSUMER.PAUSE.{name}.c");
    let until_2099 = json!({"pause_until": "2099-01-01T00:00:00Z"}).to_string();
    if raw.server_info().version.starts_with("2.10.") {
        // It pauses nothing.
        return;
    }
    let paused = raw.request(subject.clone(), until_2099.into()).await;
    paused.unwrap();
    assert_eq!(fetch(&consumer, 1).await.unwrap().len(), 0);
    raw.request(subject, "{}".into()).await.unwrap();
    assert_eq!(until(&consumer, 1).await, [1]);
}
