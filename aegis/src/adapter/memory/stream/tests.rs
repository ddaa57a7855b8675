//! What only the memory can be asked: connections that are closed, and who is served when.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::super::bus::MemoryBus;
use super::streams::MemoryStreams;
use crate::error::ErrorKind;
use crate::model::{
    ConsumerSpec, DeliverFrom, Pattern, Settling, StreamMessage, StreamSpec, Subject,
};
use crate::port::{Bus, Consumer, Pull, Streams};

const SUBJECT: Subject = Subject::literal("s.a");

/// One connection to a hub with a stream.
async fn connected(name: &str) -> (MemoryBus, MemoryStreams) {
    let bus = MemoryBus::connect(name);
    let streams = bus.streams();
    let spec = StreamSpec::new("S", [Pattern::parse("s.>").unwrap()]);
    streams.ensure(spec, Instant::now()).await.unwrap();
    (bus, streams)
}

async fn consumer(streams: &MemoryStreams) -> Arc<dyn Consumer> {
    let mut spec = ConsumerSpec::new("c");
    spec.from = DeliverFrom::All;
    let made = streams.consumer("S", spec, Instant::now()).await;
    made.unwrap()
}

async fn reader(streams: &MemoryStreams, count: usize) -> Pull {
    let pull = consumer(streams).await.pull().await.unwrap();
    pull.more(count).await.unwrap();
    pull
}

async fn store(streams: &MemoryStreams, count: usize) {
    for _ in 0..count {
        let message = StreamMessage::new(SUBJECT, "x");
        streams.store(message, Instant::now()).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_ends_its_readers() {
    let (bus, here) = connected("closed-streams").await;
    let (_other, there) = connected("closed-streams").await;
    let mut closed = reader(&here, 5).await;
    let asked = consumer(&here).await;
    let mut open = reader(&there, 5).await;
    let more = closed.asker();
    let mut waits = Box::pin(closed.next());
    assert!(waits.as_mut().now_or_never().is_none());
    bus.close().await.unwrap();
    let error = waits.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(closed.next().await.is_none());
    assert_eq!(more(1).await.unwrap_err().kind(), ErrorKind::Disconnected);
    let error = asked.fetch(1, Instant::now()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let message = StreamMessage::new(SUBJECT, "x");
    let error = here.store(message, Instant::now()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    // It takes nothing from the others.
    store(&there, 5).await;
    for sequence in 1..=5 {
        let delivery = open.next().await.unwrap().unwrap();
        assert_eq!((delivery.sequence, delivery.attempt), (sequence, 1));
    }
}

#[tokio::test]
async fn readers_are_served_by_turns() {
    let (_bus, here) = connected("turns").await;
    let (_other, there) = connected("turns").await;
    let mut first = reader(&here, 3).await;
    let mut second = reader(&there, 2).await;
    store(&here, 5).await;
    for expected in [[1, 2], [3, 4]] {
        let one = first.next().await.unwrap().unwrap().sequence;
        let other = second.next().await.unwrap().unwrap().sequence;
        assert_eq!([one, other], expected);
    }
    assert_eq!(first.next().await.unwrap().unwrap().sequence, 5);
}

#[tokio::test]
async fn a_word_on_a_consumer_of_the_past_changes_nothing() {
    let (_bus, streams) = connected("past").await;
    store(&streams, 1).await;
    let mut pull = reader(&streams, 1).await;
    let old = pull.next().await.unwrap().unwrap();
    let now = Instant::now();
    assert!(streams.remove_consumer("S", "c", now).await.unwrap());
    let mut pull = reader(&streams, 1).await;
    pull.next().await.unwrap().unwrap();
    old.settle(Settling::Ack).await.unwrap();
    let error = old.confirm(now).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoService);
    let status = consumer(&streams).await.status(now).await.unwrap();
    assert_eq!(status.ack_pending, 1);
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_takes_nothing() {
    let (_bus, streams) = connected("unasked").await;
    store(&streams, 1).await;
    let consumer = consumer(&streams).await;
    drop(consumer.fetch(1, Instant::now()));
    let fetched = consumer.fetch(1, Instant::now()).await.unwrap();
    assert_eq!((fetched.len(), fetched[0].attempt), (1, 1));
}
