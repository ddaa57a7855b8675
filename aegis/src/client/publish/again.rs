//! One message, sent again and again until a stream holds it.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::super::core::Client;
use crate::error::{ErrorKind, Result};
use crate::model::{RetryPolicy, Stored, StreamSpec};
use crate::observe;

/// What was not answered for so long is sent again.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How often it is, at most.
const ATTEMPTS: u32 = 1000;

/// Between two attempts: 25 ms, doubled up to half a second.
pub(in super::super) fn waits() -> RetryPolicy {
    RetryPolicy::default()
        .max_attempts(ATTEMPTS)
        .initial_delay(Duration::from_millis(25))
        .max_delay(Duration::from_millis(500))
}

/// What is done with an event, and with a command.
pub(in super::super) const PUBLISH: &str = "publish";
pub(in super::super) const SEND: &str = "send";

/// Longer is the same as for ever.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The end of a time that begins now.
pub(in super::super) fn in_time(within: Duration) -> Instant {
    Instant::now() + within.min(LONGEST)
}

/// Where a message was to be stored.
pub(in super::super) enum Before {
    /// It is there.
    Stored(Stored),
    /// Another one is: it cannot be stored any more.
    Another,
    Unknown,
}

/// A message under one id, which may be sent more than once.
pub(in super::super) trait Storing: Sync {
    fn client(&self) -> &Client;

    /// The stream that is to hold it, should nobody have made it yet.
    fn stream(&self) -> StreamSpec;

    /// Sends it once.
    fn once(&self, until: Instant) -> impl Future<Output = Result<Stored>> + Send;

    /// Whether a conflict comes of an attempt before this one.
    fn before(&self, _until: Instant) -> impl Future<Output = Before> + Send {
        std::future::ready(Before::Unknown)
    }
}

/// Counts a message that was to be stored: an event, or a command.
pub(in super::super) fn count<T>(operation: &'static str, outcome: &Result<T>) {
    let stream = if operation == SEND {
        "COMMANDS"
    } else {
        "EVENTS"
    };
    match outcome {
        Ok(_) => metrics::counter!(
            observe::SENT_MESSAGES,
            "messaging_system" => "nats",
            "messaging_operation_name" => operation,
            "messaging_destination_name" => stream,
        )
        .increment(1),
        Err(error) => metrics::counter!(
            observe::SENT_FAILURES,
            "messaging_operation_name" => operation,
            "messaging_destination_name" => stream,
            "error_type" => error.kind().name(),
        )
        .increment(1),
    }
}

/// Sends it again and again; notes whether an attempt that failed may have stored it.
pub(in super::super) async fn until_held<S: Storing>(
    message: &S,
    deadline: Instant,
    sent: &mut bool,
) -> Result<Stored> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let until = deadline.min(Instant::now() + ATTEMPT);
        let mut error = match message.once(until).await {
            Err(error) => error,
            stored => return stored,
        };
        if *sent && error.kind() == ErrorKind::Conflict {
            match message.before(until).await {
                Before::Stored(stored) => return Ok(stored),
                Before::Another => *sent = false,
                Before::Unknown => {}
            }
        }
        *sent |= error.was_sent();
        if !error.is_passing() {
            return Err(error);
        }
        if error.kind() == ErrorKind::NoService {
            // Nobody has made the stream yet, or it is gone.
            let until = deadline.min(Instant::now() + ATTEMPT);
            let streams = message.client().streams();
            let made = streams.ensure(message.stream(), until).await;
            if let Ok(stream) = &made {
                message.client().saw_stream(stream);
            }
            match made {
                Ok(_) if attempt == 1 => continue,
                Ok(_) => {}
                Err(cause) if !cause.is_passing() => return Err(cause),
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
