//! What was delivered, as it comes in, to a pull and to a fetch alike.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::super::place::Place;
use crate::error::Result;
use crate::model::{Settling, Subject};
use crate::observe::Seldom;
use crate::port::{Delivery, Message, Settle};

/// Reads deliveries; what cannot be read is told in the log.
pub(super) struct Arrivals {
    settles: Arc<dyn Settle>,
    unreadable: Seldom,
}

impl Arrivals {
    pub(super) fn new(settles: Arc<dyn Settle>) -> Self {
        Self {
            settles,
            unreadable: Seldom::new(),
        }
    }

    /// A message as a delivery; none if it is not one that can be settled.
    pub(super) fn read(
        &self,
        mut message: Message,
        stream: &str,
        consumer: &str,
    ) -> Option<Delivery> {
        let receipt = message.reply.take();
        let read = receipt.and_then(|receipt| Some((place(&receipt)?, receipt)));
        let Some(((place, stored), receipt)) = read else {
            if let Some(unsaid) = self.unreadable.again() {
                tracing::warn!(
                    stream,
                    consumer,
                    subject = message.subject.as_str(),
                    unsaid,
                    "a delivery has no receipt that can be read: it is skipped"
                );
            }
            return None;
        };
        let numbers = (place.sequence, place.attempt, place.pending);
        let receipt = (receipt, self.settles.clone());
        Some(Delivery::new(message, numbers, stored, receipt))
    }
}

fn place(receipt: &Subject) -> Option<(Place, OffsetDateTime)> {
    let place = Place::parse(receipt.as_str())?;
    let stored = OffsetDateTime::from_unix_timestamp_nanos(place.nanos).ok()?;
    Some((place, stored))
}

/// Leaves a delivery to whoever asks next, at once.
pub(super) async fn hand_back(delivery: &Delivery) -> Result<()> {
    let again = Settling::Retry {
        after: Duration::ZERO,
    };
    delivery.settle(again).await
}
