//! The contract of questions that do not wait: what is there now, and nothing more.

use std::sync::Arc;
use std::time::Duration;

use aegis::ErrorKind;
use aegis::port::{Consumer, ConsumerSpec, Delivery, Retention, Settling};
use aegis_tests::{eventually, soon as in_time};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::stream_fixture::{Streaming, next, pull, retry, soon, taken, text};

/// A deadline that no test waits for.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

async fn fetch(consumer: &Arc<dyn Consumer>, most: usize) -> Vec<Delivery> {
    let fetched = in_time("an answer", consumer.fetch(most, far())).await;
    fetched.unwrap()
}

/// What is there now, as `text attempt`, none of it settled.
async fn there(consumer: &Arc<dyn Consumer>, most: usize) -> Vec<String> {
    let fetched = fetch(consumer, most).await;
    let told = fetched
        .iter()
        .map(|delivery| format!("{} {}", text(delivery), delivery.attempt));
    told.collect()
}

/// Asks until so many have come: what a server was told it looks at a little later.
async fn until(consumer: &Arc<dyn Consumer>, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    let everything = async {
        while all.len() < count {
            all.extend(fetch(consumer, count - all.len()).await);
        }
    };
    in_time("all that is there", everything).await;
    all
}

async fn one(consumer: Arc<dyn Consumer>) -> Vec<Delivery> {
    fetch(&consumer, 1).await
}

/// Takes, again and again, until nothing is left.
async fn share(consumer: Arc<dyn Consumer>) -> Vec<Delivery> {
    let mut mine = Vec::new();
    while consumer.status(soon()).await.unwrap().pending > 0 {
        let fetched = fetch(&consumer, 7).await;
        assert!(fetched.is_sorted_by_key(|delivery| delivery.sequence));
        confirm(&fetched).await;
        mine.extend(fetched);
    }
    mine
}

/// Waits until a consumer knows of so many messages.
async fn pending(consumer: &Arc<dyn Consumer>, count: u64) {
    let known = async || consumer.status(soon()).await.unwrap().pending == count;
    eventually("the consumer knows of them", known).await;
}

async fn confirm(all: &[Delivery]) {
    for delivery in all {
        delivery.confirm(soon()).await.unwrap();
    }
}

impl Streaming {
    /// Stores these on one subject; the consumer knows of them.
    async fn give(&self, consumer: &Arc<dyn Consumer>, texts: &[&str]) {
        let before = consumer.status(soon()).await.unwrap().pending;
        self.store_all(texts).await;
        pending(consumer, before + texts.len() as u64).await;
    }

    async fn make_work(&self) {
        self.make_with(|spec| spec.retention = Retention::WorkQueue)
            .await;
    }
}

#[tokio::test]
async fn nothing_is_an_answer_at_once() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let of_a = |spec: &mut ConsumerSpec| spec.filters = vec![streams.pattern("a")];
        let consumer = streams.consumer("c", of_a).await;
        // Nobody stores anything meanwhile, and the deadline is an hour away.
        assert_eq!(there(&consumer, 5).await, [""; 0], "{name}: nothing at all");
        streams.store("b", "x").await;
        assert_eq!(there(&consumer, 5).await, [""; 0], "{name}: other work");
        streams.give(&consumer, &["1"]).await;
        let in_hands = fetch(&consumer, 5).await;
        assert_eq!(in_hands.len(), 1, "{name}");
        assert_eq!(there(&consumer, 5).await, [""; 0], "{name}: in hands");
        confirm(&in_hands).await;
        assert_eq!(there(&consumer, 5).await, [""; 0], "{name}: done with");
        let status = consumer.status(soon()).await.unwrap();
        assert_eq!(status.waiting, 0, "{name}: no question is left");
    }
}

#[tokio::test]
async fn what_is_there_comes_in_order_and_never_more_than_asked_for() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let consumer = streams.consumer("c", |_| {}).await;
        for (texts, most, expected) in [
            (&["1", "2"][..], 5, &["1 1", "2 1"][..]),
            (&["3", "4", "5"], 3, &["3 1", "4 1", "5 1"]),
            (&["6", "7", "8"], 1, &["6 1"]),
            (&[], 1, &["7 1"]),
            (&[], 0, &[]),
            (&["9"], usize::MAX, &["8 1", "9 1"]),
            (&[], 1, &[]),
        ] {
            streams.give(&consumer, texts).await;
            assert_eq!(there(&consumer, most).await, expected, "{name} {most}");
        }
    }
}

#[tokio::test]
async fn a_fetched_delivery_tells_what_it_is() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let consumer = streams.consumer("c", |_| {}).await;
        streams.give(&consumer, &["1", "2"]).await;
        let fetched = fetch(&consumer, 1).await;
        let [one] = fetched.as_slice() else {
            panic!("{name}: there is one");
        };
        assert_eq!(one.message.subject, streams.subject("a"), "{name}");
        assert_eq!((text(one), &one.message.reply), ("1".to_owned(), &None));
        assert_eq!((one.sequence, one.attempt, one.pending), (1, 1, 1));
        let found = streams.here.message(&streams.stream, 1, soon()).await;
        assert_eq!(one.stored, found.unwrap().unwrap().stored, "{name}");
        one.confirm(soon()).await.unwrap();
        assert_eq!(streams.status().await.messages, 1, "{name}");
    }
}

#[tokio::test]
async fn those_who_ask_at_once_share_what_is_there() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let here = streams.consumer("c", |_| {}).await;
        let there = streams.same_there("c", |_| {}).await;
        let texts: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        streams.give(&here, &texts).await;
        // Some share a consumer, some have one of their own.
        let other = streams.same_there("c", |_| {}).await;
        let all = streams.at_once(|_, n| share([&here, &there, &here, &other][n % 4].clone()));
        let all = in_time("all of it", all).await;
        let mut sequences: Vec<u64> = all.iter().flatten().map(|one| one.sequence).collect();
        sequences.sort_unstable();
        assert_eq!(sequences, (1..=100).collect::<Vec<_>>(), "{name}");
        assert!(all.iter().flatten().all(|one| one.attempt == 1), "{name}");
        assert_eq!(streams.status().await.messages, 0, "{name}");
    }
}

#[tokio::test]
async fn one_message_goes_to_one_of_those_who_ask_at_once() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let consumer = streams.consumer("c", |_| {}).await;
        for round in 1..=10 {
            streams.give(&consumer, &["x"]).await;
            let all = streams.at_once(|_, _| one(consumer.clone()));
            let all: Vec<Delivery> = in_time("answers", all)
                .await
                .into_iter()
                .flatten()
                .collect();
            let told: Vec<_> = all.iter().map(|one| (one.sequence, one.attempt)).collect();
            assert_eq!(told, [(round, 1)], "{name}");
            confirm(&all).await;
        }
    }
}

#[tokio::test]
async fn what_is_not_settled_is_there_again_after_its_ack_wait() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let short = |spec: &mut ConsumerSpec| spec.ack_wait = Duration::from_secs(1);
        let here = streams.consumer("c", short).await;
        let there = streams.same_there("c", short).await;
        streams.give(&here, &["1", "2"]).await;
        assert_eq!(until(&here, 2).await.len(), 2, "{name}");
        let again = until(&there, 2).await;
        let mut told: Vec<_> = again.iter().map(|it| (it.sequence, it.attempt)).collect();
        told.sort_unstable();
        assert_eq!(told, [(1, 2), (2, 2)], "{name}");
        confirm(&again).await;
        assert_eq!(streams.status().await.messages, 0, "{name}");
    }
}

#[tokio::test]
async fn what_is_handed_back_is_there_at_once() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let long = |spec: &mut ConsumerSpec| spec.ack_wait = Duration::from_secs(3600);
        let consumer = streams.consumer("c", long).await;
        streams.give(&consumer, &["1"]).await;
        for attempt in 1..6 {
            let again = until(&consumer, 1).await;
            assert_eq!((again[0].sequence, again[0].attempt), (1, attempt));
            retry(&again[0], 0).await;
        }
        let last = until(&consumer, 1).await;
        last[0].settle(Settling::Terminate).await.unwrap();
        let empty = async || streams.status().await.messages == 0;
        eventually("nothing is left", empty).await;
        assert_eq!(there(&consumer, 1).await, [""; 0], "{name}");
    }
}

#[tokio::test]
async fn what_somebody_waits_for_is_not_there_for_others() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let consumer = streams.consumer("c", |_| {}).await;
        let other = streams.same_there("c", |_| {}).await;
        let mut reader = pull(&other, 2).await;
        let waits = async || consumer.status(soon()).await.unwrap().waiting == 1;
        eventually("somebody waits", waits).await;
        assert_eq!(there(&consumer, 5).await, [""; 0], "{name}");
        streams.store_all(&["1", "2"]).await;
        assert_eq!(taken(&mut reader, 2).await, ["1 1", "2 1"], "{name}");
        assert_eq!(there(&consumer, 5).await, [""; 0], "{name}");
        streams.give(&consumer, &["3", "4", "5"]).await;
        assert_eq!(there(&consumer, 2).await, ["3 1", "4 1"], "{name}");
        reader.more(1).await.unwrap();
        assert_eq!(text(&next(&mut reader).await), "5", "{name}");
        assert!(reader.next().now_or_never().is_none(), "{name}");
    }
}

#[tokio::test]
async fn nothing_is_there_while_as_much_is_in_hands_as_may_be() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let two = |spec: &mut ConsumerSpec| spec.max_ack_pending = 2;
        let consumer = streams.consumer("c", two).await;
        streams.give(&consumer, &["1", "2", "3", "4", "5"]).await;
        let in_hands = fetch(&consumer, 4).await;
        assert_eq!(in_hands.len(), 2, "{name}: so many may be");
        for most in [1, 1, 9] {
            assert_eq!(there(&consumer, most).await, [""; 0], "{name}");
        }
        // Those who found nothing take nothing later.
        confirm(&in_hands).await;
        let waiting = consumer.status(soon()).await.unwrap().waiting;
        assert_eq!(waiting, 0, "{name}: no question is left");
        let more = until(&consumer, 2).await;
        let told: Vec<_> = more.iter().map(|it| (it.sequence, it.attempt)).collect();
        assert_eq!(told, [(3, 1), (4, 1)], "{name}");
        // What comes again needs no room.
        retry(&more[0], 0).await;
        assert_eq!(until(&consumer, 1).await[0].attempt, 2, "{name}");
    }
}

#[tokio::test]
async fn nothing_is_asked_of_what_is_gone() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let consumer = streams.consumer("c", |_| {}).await;
        let gone = async || {
            let fetched = in_time("an answer", consumer.fetch(1, far())).await;
            fetched.map(|all| all.len()).map_err(|error| error.kind())
        };
        streams.give(&consumer, &["1"]).await;
        assert_eq!(gone().await, Ok(1), "{name}");
        let (here, stream) = (&streams.here, &streams.stream);
        assert!(here.remove_consumer(stream, "c", soon()).await.unwrap());
        assert_eq!(gone().await, Err(ErrorKind::NoService), "{name}: removed");
        // One that is made anew is the same again.
        streams.consumer("c", |_| {}).await;
        assert_eq!(until(&consumer, 1).await[0].attempt, 1, "{name}");
        assert!(here.remove(stream, soon()).await.unwrap());
        assert_eq!(gone().await, Err(ErrorKind::NoService), "{name}: stream");
    }
}

#[tokio::test]
async fn whoever_stops_waiting_loses_nothing() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_work().await;
        let long = |spec: &mut ConsumerSpec| spec.ack_wait = Duration::from_secs(3600);
        let consumer = streams.consumer("c", long).await;
        for n in 1..=20 {
            streams.give(&consumer, &["x", "y"]).await;
            let fetched = match n % 2 {
                0 => consumer.fetch(2, far()).now_or_never(),
                _ => Some(consumer.fetch(2, Instant::now()).await),
            };
            // It may have been answered; if not, what came is there again at once.
            let mut all = match fetched.transpose() {
                Ok(answered) => answered.unwrap_or_default(),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Timeout, "{name}");
                    Vec::new()
                }
            };
            let rest = 2 - all.len();
            all.extend(until(&consumer, rest).await);
            confirm(&all).await;
            assert_eq!(streams.status().await.messages, 0, "{name}");
        }
    }
}
