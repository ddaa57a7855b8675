//! One event, sent until the stream holds it.

use std::time::Duration;

use tokio::time::Instant;

use super::fence;
use super::streams::events;
use super::word::{Prepared, Published};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ExpectSequence, RetryPolicy, Stored, header};
use crate::observe;

/// What was not answered for so long is sent again.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How often it is, at most.
const ATTEMPTS: u32 = 1000;

/// Between two attempts: 25 ms, doubled up to half a second.
fn waits() -> RetryPolicy {
    RetryPolicy::default()
        .max_attempts(ATTEMPTS)
        .initial_delay(Duration::from_millis(25))
        .max_delay(Duration::from_millis(500))
}

/// Sends it, under one id, until the stream holds it or the time is over.
pub(super) async fn until_stored(prepared: Box<Prepared>) -> Result<Published> {
    let mut sent = false;
    match repeated(&prepared, &mut sent).await {
        Ok(stored) => {
            metrics::counter!(observe::EVENTS_PUBLISHED).increment(1);
            Ok(Published {
                id: prepared.id,
                sequence: stored.sequence,
                duplicate: stored.duplicate,
            })
        }
        Err(error) => {
            metrics::counter!(observe::EVENTS_UNPUBLISHED).increment(1);
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

/// Sends it again and again; notes whether an attempt that failed may have stored it.
async fn repeated(prepared: &Prepared, sent: &mut bool) -> Result<Stored> {
    let client = &prepared.client;
    let settings = &client.shared.settings;
    let now = Instant::now();
    let own = now + prepared.within.unwrap_or(settings.timeout);
    let deadline = client.scope().deadline.map_or(own, |scope| scope.min(own));
    let mut attempt = 0;
    loop {
        attempt += 1;
        let until = deadline.min(Instant::now() + ATTEMPT);
        let mut error = match once(prepared, until).await {
            Err(error) => error,
            stored => return stored,
        };
        if *sent && error.kind() == ErrorKind::Conflict {
            match before(prepared, until).await {
                Before::Stored(stored) => return Ok(stored),
                Before::Another => *sent = false,
                Before::Unknown => {}
            }
        }
        *sent |= error.was_sent();
        if !is_passing(&error) {
            return Err(error);
        }
        if error.kind() == ErrorKind::NoService {
            // Nobody has made the stream yet, or it is gone.
            let until = deadline.min(Instant::now() + ATTEMPT);
            let spec = events(client.layout(), &settings.streams);
            match client.streams().ensure(spec, until).await {
                Ok(_) if attempt == 1 => continue,
                Ok(_) => {}
                Err(cause) if !is_passing(&cause) => return Err(cause),
                Err(cause) => error = cause,
            }
        }
        let Some(wait) = waits().delay(attempt, observe::chance()) else {
            return Err(error);
        };
        if Instant::now() + wait >= deadline {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
}

/// Where a message was to be stored.
enum Before {
    /// It is there.
    Stored(Stored),
    /// Another one is: it cannot be stored any more.
    Another,
    Unknown,
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

/// Whether a later attempt may end better.
fn is_passing(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::NoService
    )
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
