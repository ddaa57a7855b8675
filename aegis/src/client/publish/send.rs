//! One event, sent until the stream holds it.

use std::time::Duration;

use tokio::time::Instant;

use super::fence;
use super::streams::events;
use super::word::{Prepared, Published};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{RetryPolicy, Stored};
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
    let client = &prepared.client;
    let settings = &client.shared.settings;
    let now = Instant::now();
    let own = now + prepared.within.unwrap_or(settings.timeout);
    let deadline = client.scope().deadline.map_or(own, |scope| scope.min(own));
    let mut attempt = 0;
    // Whether an attempt before the last one may have been stored.
    let mut sent = false;
    let stored = loop {
        attempt += 1;
        let until = deadline.min(Instant::now() + ATTEMPT);
        let error = match once(&prepared, until).await {
            Ok(stored) => break Ok(stored),
            Err(error) => error,
        };
        sent |= error.was_sent();
        if !is_passing(&error) {
            break Err(error);
        }
        let mut error = error;
        if error.kind() == ErrorKind::NoService {
            // Nobody has made the stream yet, or it is gone.
            let until = deadline.min(Instant::now() + ATTEMPT);
            let spec = events(client.layout(), &settings.streams);
            match client.streams().ensure(spec, until).await {
                Ok(_) if attempt == 1 => continue,
                Ok(_) => {}
                Err(cause) if !is_passing(&cause) => break Err(cause),
                Err(cause) => error = cause,
            }
        }
        let Some(wait) = waits().delay(attempt, observe::chance()) else {
            break Err(error);
        };
        if Instant::now() + wait >= deadline {
            break Err(error);
        }
        tokio::time::sleep(wait).await;
    };
    match stored {
        Ok(stored) => {
            metrics::counter!(observe::EVENTS_PUBLISHED).increment(1);
            Ok(Published {
                id: prepared.message.id.unwrap_or_default(),
                sequence: stored.sequence,
                duplicate: stored.duplicate,
            })
        }
        Err(error) => {
            metrics::counter!(observe::EVENTS_UNPUBLISHED).increment(1);
            let text = format!("the event {} was not published: {error}", prepared.name);
            let told = Error::new(error.kind(), text).because(error);
            Err(if sent { told.after_sending() } else { told })
        }
    }
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
