//! What is done for a handler of events before its first one, and after its last.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::place::{Left, spec};
use super::worker::Worker;
use crate::client::{dead_letters, events};
use crate::error::{Error, Result};
use crate::model::EventMode;

/// How long the server may take for all of it.
const WITHIN: Duration = Duration::from_secs(10);
/// Names that a warning lists.
const SHOWN: usize = 5;

/// Makes the streams that it needs, and looks whether anything it waits for was ever published.
///
/// Errors: `NoService` if there is no JetStream, `Config` if a stream is there in another way.
pub(in super::super) async fn prepare(worker: &Arc<Worker>) -> Result<()> {
    let client = &worker.shared.home.client;
    let (layout, settings) = (client.layout(), client.stream_settings());
    let deadline = Instant::now() + WITHIN;
    let streams = client.streams();
    let ready = async {
        streams.probe(deadline).await?;
        let dead = dead_letters(layout, settings);
        client.saw_stream(&streams.ensure(dead, deadline).await?);
        streams.ensure(events(layout, settings), deadline).await
    };
    let stream = ready.await.map_err(|cause| {
        let text = format!("{} cannot get events: {cause}", worker.row.source);
        Error::new(cause.kind(), text).because(cause)
    })?;
    client.saw_stream(&stream);
    if worker.is_exclusive() {
        let known = worker.whereabouts.enter(stream.created);
        if known.floor.is_none() {
            let floor = begin(worker, &stream.name, deadline).await?;
            worker.whereabouts.note_floor(stream.created, floor);
        }
    }
    if stream.messages > 0 {
        warn_of_silence(worker, &stream.name, deadline).await;
    }
    Ok(())
}

/// Notes where the first instance of all began, so that the first leader misses nothing since; tells
/// up to where everything is done with.
async fn begin(worker: &Arc<Worker>, stream: &str, deadline: Instant) -> Result<u64> {
    let client = &worker.shared.home.client;
    let streams = client.streams();
    let own = |name: &str| worker.place.owns(name);
    let all = streams.consumers(stream, &own, deadline).await?;
    let left = Left::by(&worker.place, &all);
    if let Some(floor) = left.floor.or(left.begun) {
        return Ok(floor);
    }
    let name = worker.place.consumer(None);
    let spec = spec(&worker.handler, client.layout(), name);
    let consumer = streams.consumer(stream, spec, deadline).await?;
    Ok(consumer.status(deadline).await?.ack_floor)
}

/// A pattern that matches nothing of what there is may have a mistake. That it cannot be looked at
/// is no reason not to start.
async fn warn_of_silence(worker: &Arc<Worker>, stream: &str, deadline: Instant) {
    let client = &worker.shared.home.client;
    let layout = client.layout();
    let everything = layout.events();
    let all = client.streams().subjects(stream, &everything, deadline);
    let Ok(subjects) = all.await else { return };
    let names: Vec<&str> = subjects
        .keys()
        .filter_map(|subject| layout.event_name(subject))
        .collect();
    for pattern in worker.handler.patterns() {
        // The name of a type is spelt right: the events are still to come.
        if worker.handler.pattern != Some(pattern) {
            continue;
        }
        let wanted = layout.event_pattern(pattern);
        if names.is_empty() || subjects.keys().any(|subject| wanted.matches(subject)) {
            continue;
        }
        let there: Vec<&str> = names.iter().take(SHOWN).copied().collect();
        tracing::warn!(
            handler = worker.row.handler(), source = %worker.row.source, pattern,
            there = there.join(", "), more = names.len().saturating_sub(SHOWN),
            "no event that the stream holds matches this handler's pattern: is it spelt right?"
        );
    }
}

/// Removes the consumer of an instance that does not come back.
pub(in super::super) async fn leave(worker: &Worker, deadline: Instant) {
    if worker.handler.mode != EventMode::Broadcast || worker.handler.durable {
        return;
    }
    let client = &worker.shared.home.client;
    let stream = client.layout().stream("EVENTS");
    let name = worker.place.consumer(None);
    let removed = client.streams().remove_consumer(&stream, &name, deadline);
    if let Err(error) = removed.await {
        tracing::debug!(consumer = name, %error, "a consumer is left for the server to forget");
    }
}
