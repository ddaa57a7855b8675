//! One event, sent until the stream holds it.

use std::future::poll_fn;
use std::sync::atomic::Ordering;

use futures_util::future::FutureExt;
use tokio::time::Instant;

use super::super::core::Client;
use super::super::layered::inside_layers;
use super::super::spans;
use super::again::{Before, PUBLISH, Storing, count, in_time, until_held};
use super::fence;
use super::streams::events;
use super::word::{Prepared, Published};
use crate::error::{Error, Result};
use crate::layer::{OperationKind, Sent};
use crate::model::{ExpectSequence, Stored, StreamSpec, header};

/// Sends it, inside the layers of its client.
pub(super) async fn send(mut prepared: Box<Prepared>) -> Result<Published> {
    let settings = &prepared.client.shared.settings;
    let own = in_time(prepared.within.unwrap_or(settings.timeout));
    let scope = prepared.client.scope();
    let deadline = scope.deadline.map_or(own, |scope| scope.min(own));
    let client = prepared.client.clone();
    let headers = &mut prepared.message.headers;
    let traced = spans::stored(
        PUBLISH,
        (&prepared.name, Some(&prepared.id)),
        headers,
        &scope,
    );
    prepared.finish()?;
    if client.layers().is_empty() {
        let outcome = until_stored(prepared, deadline).await;
        spans::ended(&traced, &outcome);
        return outcome;
    }
    let sent = Sent {
        kind: OperationKind::Event,
        service: "",
        name: &prepared.name,
        source: &client.shared.settings.source,
        headers: &prepared.message.headers,
        deadline: Some(deadline.into_std()),
        trace: traced.context,
    };
    let outcome = inside_layers(client.layers(), &sent, {
        let mut prepared = prepared.clone();
        move |headers| {
            prepared.message.headers.clone_from(headers);
            let begun = prepared.begun.take();
            let mut stored = until_stored(prepared, deadline).boxed();
            let noted = poll_fn(move |cx| {
                // The first step hands it over.
                let step = stored.poll_unpin(cx);
                if let Some(begun) = &begun {
                    begun.store(true, Ordering::Relaxed);
                }
                step
            });
            noted.boxed()
        }
    })
    .await;
    spans::ended(&traced, &outcome);
    outcome
}

/// Sends it, under one id, until the stream holds it or the time is over.
async fn until_stored(prepared: Box<Prepared>, deadline: Instant) -> Result<Published> {
    let mut sent = false;
    let outcome = until_held(&*prepared, deadline, &mut sent).await;
    count(PUBLISH, &outcome);
    match outcome {
        Ok(stored) => Ok(Published::of(prepared.id, &stored)),
        Err(error) => {
            let outcome = if sent {
                "may be published, or not"
            } else {
                "was not published"
            };
            let text = format!("the event {} {outcome}: {error}", prepared.name);
            let told = Error::new(error.kind(), text).because(error);
            Err(if sent { told.after_sending() } else { told })
        }
    }
}

impl Storing for Prepared {
    fn client(&self) -> &Client {
        &self.client
    }

    fn stream(&self) -> StreamSpec {
        events(self.client.layout(), &self.client.shared.settings.streams)
    }

    async fn once(&self, until: Instant) -> Result<Stored> {
        once(self, until).await
    }

    async fn before(&self, until: Instant) -> Before {
        before(self, until).await
    }
}

/// Whether a conflict comes of the event itself: an attempt before this one stored it, and nobody
/// heard of it. Servers from 2.12 on look at the condition first, and at the id only then.
async fn before(prepared: &Prepared, deadline: Instant) -> Before {
    let Some(ExpectSequence::Last(last)) = prepared.message.expect else {
        return Before::Unknown;
    };
    let client = &prepared.client;
    let stream = client.layout().stream("EVENTS");
    let streams = client.streams();
    let there = streams.message(&stream, last + 1, deadline).await;
    let Ok(Some(there)) = there else {
        return Before::Unknown;
    };
    let id = prepared.message.id.as_deref();
    if there.headers.get(header::MESSAGE_ID) != id {
        return Before::Another;
    }
    Before::Stored(Stored {
        stream,
        sequence: there.sequence,
        duplicate: false,
    })
}

async fn once(prepared: &Prepared, deadline: Instant) -> Result<Stored> {
    let message = prepared.message.clone();
    match &prepared.leader {
        None => prepared.client.streams().store(message, deadline).await,
        // The future of the rarer case is kept off the usual one.
        Some(leader) => {
            let storing = fence::store(&prepared.client, message, leader, deadline);
            Box::pin(storing).await
        }
    }
}
