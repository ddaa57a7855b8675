//! The rules of a stream as tables.

use std::time::Duration;

use super::*;
use crate::model::{Headers, Subject, header};

fn log(change: impl FnOnce(&mut StreamSpec)) -> Log {
    let mut spec = StreamSpec::new("S", [Pattern::trusted("s.>".to_owned())]);
    change(&mut spec);
    Log::new(&spec)
}

fn message(said: &[(&'static str, &str)], size: usize) -> Message {
    let mut headers = Headers::new();
    for (name, value) in said {
        headers.own(name, (*value).to_owned());
    }
    Message {
        subject: Subject::trusted("s.a"),
        reply: None,
        headers,
        payload: vec![0; size].into(),
    }
}

fn after(start: Instant, millis: u64) -> Instant {
    start + Duration::from_millis(millis)
}

#[test]
fn an_id_is_remembered_for_its_window_and_not_longer() {
    let start = Instant::now();
    let mut log = log(|spec| spec.dedup = Some(Duration::from_secs(1)));
    for (millis, id, sequence, duplicate) in [
        (0, "a", 1, false),
        (500, "b", 2, false),
        (999, "a", 1, true),
        (1000, "a", 3, false),
        (1499, "b", 2, true),
        (1500, "b", 4, false),
        (1999, "a", 3, true),
    ] {
        let message = message(&[(header::MESSAGE_ID, id)], 0);
        let stored = log.store(&message, after(start, millis)).unwrap();
        let found = (stored.sequence, stored.duplicate);
        assert_eq!(found, (sequence, duplicate), "{millis} {id}");
    }
    log.expire(after(start, 9000));
    assert!(log.ids.is_empty() && log.windows.is_empty());
}

#[test]
fn what_is_asked_for_is_judged_in_the_order_of_a_server() {
    let now = Instant::now();
    let mut log = log(|_| {});
    let id = (header::MESSAGE_ID, "a");
    let on = "Nats-Expected-Last-Subject-Sequence";
    for (said, expected) in [
        (&[id, (on, "0")][..], Ok(1)),
        // The condition comes before the id.
        (&[id, (on, "0")], Err(Refusal::OtherLast(1))),
        (&[id, (on, "1")], Ok(1)),
        (&[id, ("Nats-Expected-Last-Msg-Id", "x")], Ok(1)),
        (
            &[("Nats-Expected-Last-Msg-Id", "x")],
            Err(Refusal::OtherLastId("a".to_owned())),
        ),
        (&[("Nats-Expected-Last-Msg-Id", "a")], Ok(2)),
        (
            &[("Nats-Expected-Last-Msg-Id", "a")],
            Err(Refusal::OtherLastId(String::new())),
        ),
        (
            &[("Nats-Expected-Last-Sequence", "x")],
            Err(Refusal::OtherLast(2)),
        ),
        (&[("Nats-Expected-Stream", "T")], Err(Refusal::OtherStream)),
        (&[("Nats-Expected-Stream", "S")], Ok(3)),
    ] {
        let word = log.store(&message(said, 0), now);
        assert_eq!(word.map(|stored| stored.sequence), expected, "{said:?}");
    }
}

#[test]
fn limits_hold_and_what_is_forgotten_is_told() {
    let start = Instant::now();
    let mut log = log(|spec| {
        spec.max_messages = Some(3);
        spec.max_bytes = Some(1000);
        spec.max_age = Some(Duration::from_secs(120));
    });
    for (millis, size, first, count) in [
        (0, 100, 1, 1),
        (0, 100, 1, 2),
        (10, 100, 1, 3),
        (10, 100, 2, 3),
        // By its size it takes the place of two.
        (10, 700, 4, 2),
        // What is larger than all that may be held is not held.
        (10, 2000, 7, 0),
        (20, 10, 7, 1),
        (120_019, 10, 7, 2),
        (120_020, 10, 8, 2),
    ] {
        log.store(&message(&[], size), after(start, millis))
            .unwrap();
        let status = log.status(0);
        assert_eq!((status.first_sequence, status.messages), (first, count));
        assert!(status.bytes <= 1000);
    }
    let forgotten: Vec<u64> = log.forgotten().iter().map(|it| it.sequence).collect();
    assert_eq!(forgotten, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(log.bytes, log.from(0).map(|it| cost(it)).sum::<u64>());
    assert_eq!(log.subjects(&Pattern::trusted(">".to_owned()))["s.a"], 2);
}
