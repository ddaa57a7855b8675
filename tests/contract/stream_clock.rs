//! Streams in memory under a clock that stands still: their times are exact, and nobody spins.

use std::sync::Arc;
use std::time::Duration;

use aegis::port::{
    Consumer, ConsumerSpec, Delivery, Pull, Settling, StreamMessage, StreamSpec, Streams,
};
use aegis::{Config, ErrorKind, Pattern, Subject};
use tokio::time::Instant;

use crate::stream_fixture::{consumer_spec, pull as begin};

async fn connected(name: &str) -> Arc<dyn Streams> {
    let config = Config::default().url(&format!("memory://{name}"));
    let streams = aegis::testing::streams(&config).await.unwrap();
    let spec = StreamSpec::new("S", [Pattern::parse("s.>").unwrap()]);
    streams.ensure(spec, Instant::now()).await.unwrap();
    let message = StreamMessage::new(Subject::literal("s.a"), "x");
    streams.store(message, Instant::now()).await.unwrap();
    streams
}

/// The next delivery, however long it takes.
async fn next(pull: &mut Pull) -> Delivery {
    pull.next().await.unwrap().unwrap()
}

async fn consumer(
    streams: &Arc<dyn Streams>,
    change: impl FnOnce(&mut ConsumerSpec),
) -> Arc<dyn Consumer> {
    let mut spec = consumer_spec("c");
    change(&mut spec);
    let made = streams.consumer("S", spec, Instant::now()).await;
    made.unwrap()
}

#[tokio::test(start_paused = true)]
async fn time_can_be_paused() {
    let streams = connected("paused-streams").await;
    let mut pull = begin(&consumer(&streams, |_| {}).await, 100).await;
    let first = next(&mut pull).await;
    let start = Instant::now();
    for (attempt, wait) in [(2, 30), (3, 30), (4, 30)] {
        let before = Instant::now();
        let again = next(&mut pull).await;
        assert_eq!(again.attempt, attempt);
        assert_eq!(before.elapsed().as_secs(), wait);
    }
    assert_eq!(start.elapsed().as_secs(), 90);
    for (seconds, attempt) in [(5, 5), (3600, 6), (1, 7)] {
        let (after, before) = (Duration::from_secs(seconds), Instant::now());
        first.settle(Settling::Retry { after }).await.unwrap();
        let again = next(&mut pull).await;
        assert_eq!(again.attempt, attempt);
        assert_eq!(before.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_that_was_put_off_is_not_the_old_one() {
    let streams = connected("put-off").await;
    let mut pull = begin(&consumer(&streams, |_| {}).await, 2).await;
    let first = next(&mut pull).await;
    let before = Instant::now();
    let works = async {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            first.settle(Settling::Progress).await.unwrap();
        }
    };
    let ((), again) = tokio::join!(works, pull.next());
    assert_eq!(again.unwrap().unwrap().attempt, 2);
    assert_eq!(before.elapsed().as_secs(), 230);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_in_vain_does_nothing() {
    let streams = connected("in-vain").await;
    // Nobody asks for the message that comes again: its reader is not woken over and over, or the
    // clock would stand still.
    let mut pull = begin(&consumer(&streams, |_| {}).await, 1).await;
    next(&mut pull).await;
    let hour = Duration::from_secs(3600);
    let none = tokio::time::timeout(hour, pull.next()).await;
    assert!(none.is_err());
    pull.more(1).await.unwrap();
    assert_eq!(next(&mut pull).await.attempt, 2);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_with_work_in_hands_is_not_left() {
    let streams = connected("left").await;
    let short = |spec: &mut ConsumerSpec| spec.inactive_threshold = Some(Duration::from_secs(1));
    let made = consumer(&streams, short).await;
    let mut pull = made.pull().await.unwrap();
    pull.more(1).await.unwrap();
    let held = next(&mut pull).await;
    drop(pull);
    tokio::time::advance(Duration::from_secs(29)).await;
    assert!(
        made.status(Instant::now()).await.is_ok(),
        "its ack wait is not over"
    );
    held.confirm(Instant::now()).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    let gone = made.status(Instant::now()).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NoService);
}
