//! Publishing: 512 on their way at once, and one by one.

use std::time::Instant;

use async_nats::jetstream;
use futures_util::stream::{self, StreamExt};
use jetstream::message::PublishMessage;

use super::figures::{Figure, heading, processor_time, tell};
use super::{Counted, Plan};

/// Events on their way at once.
const WINDOW: usize = 512;
/// Of those that are published one by one there are so many less.
const FEWER: usize = 10;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A body, and nothing else.
    Raw,
    /// With a `Nats-Msg-Id`, as Aegis always has one.
    RawWithId,
    Aegis,
}

const KINDS: [(Kind, &str); 3] = [
    (Kind::Raw, "Raw"),
    (Kind::RawWithId, "Raw with id"),
    (Kind::Aegis, "Aegis"),
];

pub(crate) async fn measure(plan: &Plan) {
    let stream = jetstream::stream::Config {
        name: "RAW".to_owned(),
        subjects: vec!["raw.>".to_owned()],
        max_bytes: 1 << 30,
        allow_direct: true,
        ..Default::default()
    };
    plan.raw.create_stream(stream).await.unwrap();
    heading("publish", "publisher");
    for (what, window) in [("512 in flight", WINDOW), ("one by one", 1)] {
        let count = match window {
            1 => plan.events / FEWER,
            _ => plan.events,
        };
        let mut figures = KINDS.map(|_| Vec::new());
        // The first round is to get warm.
        for round in 0..=plan.rounds {
            for ((kind, _), figures) in KINDS.iter().zip(&mut figures) {
                let figure = run(plan, *kind, window, count).await;
                if round > 0 {
                    figures.push(figure);
                }
            }
        }
        for ((_, name), own) in KINDS.iter().zip(&figures) {
            tell(what, name, own, &figures[0]);
        }
        tell(what, "to Raw with id", &figures[2], &figures[1]);
    }
}

async fn run(plan: &Plan, kind: Kind, window: usize, count: usize) -> Figure {
    let events: Vec<Counted> = (0..count).map(Counted::new).collect();
    let pids = [plan.server, std::process::id()];
    let before = pids.map(processor_time);
    let start = Instant::now();
    match (kind, window) {
        (Kind::Aegis, 1) => {
            for event in &events {
                plan.client.publish(event).await.unwrap();
            }
        }
        (Kind::Aegis, window) => {
            let all = plan.client.publish_all(&events).window(window);
            all.await.all().unwrap();
        }
        (raw, window) => {
            let sending = stream::iter(&events).map(|event| send(&plan.raw, event, raw));
            let numbers: Vec<u64> = sending.buffered(window).collect().await;
            assert_eq!(numbers.len(), count);
        }
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    let after = pids.map(processor_time);
    let used = [0, 1].map(|at| (after[at] - before[at]) / count as f64);
    (rate, used)
}

/// Returns when the stream holds it.
async fn send(raw: &jetstream::Context, event: &Counted, kind: Kind) -> u64 {
    let body = serde_json::to_vec(event).unwrap();
    let mut message = PublishMessage::build().payload(body.into());
    if kind == Kind::RawWithId {
        message = message.message_id(uuid::Uuid::now_v7().simple().to_string());
    }
    let sent = raw.send_publish("raw.counted", message).await.unwrap();
    sent.await.unwrap().sequence
}
