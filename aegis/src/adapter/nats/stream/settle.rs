//! How a delivery ended, told to the server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::Instant;

use super::super::bus::NatsBus;
use super::config::nanoseconds;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Settling, Subject};
use crate::port::{Bus, Outgoing, Settle};

const ACK: &[u8] = b"+ACK";
/// The server adds a delay to its clock, in signed nanoseconds since 1970: a hundred years fit.
const LONGEST_DELAY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Settles deliveries of all consumers: their receipts are subjects.
pub(super) struct NatsSettle {
    bus: Arc<NatsBus>,
}

impl fmt::Debug for NatsSettle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSettle").finish_non_exhaustive()
    }
}

impl NatsSettle {
    pub(super) fn new(bus: Arc<NatsBus>) -> Self {
        Self { bus }
    }
}

/// What stands in the message to the server.
fn word(how: &Settling) -> Bytes {
    match how {
        Settling::Ack => Bytes::from_static(ACK),
        Settling::Progress => Bytes::from_static(b"+WPI"),
        Settling::Terminate => Bytes::from_static(b"+TERM"),
        Settling::Retry { after } if after.is_zero() => Bytes::from_static(b"-NAK"),
        Settling::Retry { after } => {
            let delay = nanoseconds((*after).min(LONGEST_DELAY));
            format!("-NAK {{\"delay\": {delay}}}").into()
        }
    }
}

impl Settle for NatsSettle {
    fn settle<'a>(&'a self, receipt: &'a Subject, how: Settling) -> BoxFuture<'a, Result<()>> {
        let message = Outgoing::new(receipt.clone(), word(&how));
        self.bus.publish_now(message).boxed()
    }

    fn confirm<'a>(&'a self, receipt: &'a Subject, deadline: Instant) -> BoxFuture<'a, Result<()>> {
        async move {
            let message = Outgoing::new(receipt.clone(), Bytes::from_static(ACK));
            let asked = self.bus.ask(message, &self.bus.new_call(), deadline).await;
            let asked = asked.map_err(|error| match error.kind() {
                ErrorKind::NoService => no_taker(),
                _ => error,
            });
            asked.map(drop)
        }
        .boxed()
    }
}

fn no_taker() -> Error {
    let text = "nobody takes note that a delivery is done with: its consumer is gone, or its \
                cluster elects who leads it; in the latter case it is delivered again";
    Error::new(ErrorKind::NoService, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_server() {
        let retry = |after| Settling::Retry { after };
        for (how, expected) in [
            (Settling::Ack, "+ACK"),
            (Settling::Progress, "+WPI"),
            (Settling::Terminate, "+TERM"),
            (retry(Duration::ZERO), "-NAK"),
            (
                retry(Duration::from_millis(1500)),
                "-NAK {\"delay\": 1500000000}",
            ),
            (
                retry(Duration::MAX),
                "-NAK {\"delay\": 3153600000000000000}",
            ),
        ] {
            assert_eq!(word(&how), expected.as_bytes());
        }
    }
}
