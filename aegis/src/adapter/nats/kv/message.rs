//! What a stream stores, as an entry: read by a question, or delivered by a consumer.

use bytes::Bytes;
use time::OffsetDateTime;

use super::super::place::Place;
use crate::model::{Headers, KvEntry, KvKey, KvOperation, StoredMessage};
use crate::port::Message;

/// Says that a message is a mark rather than a value.
pub(super) const OPERATION: &str = "KV-Operation";
/// The epoch of the leader that wrote a message under a fence.
pub(super) const EPOCH: &str = "Aegis-Epoch";
/// The key of that fence, as it stands on the wire: epochs of two groups have no order.
pub(super) const FENCE: &str = "Aegis-Fence";
/// The server's own mark, and why it made it.
const MARKER: &str = "Nats-Marker-Reason";

/// A stored message that was asked for.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) entry: KvEntry,
    headers: Headers,
}

impl Fetched {
    /// The epoch of the leader that wrote it, if it was one under this fence.
    pub(super) fn epoch_of(&self, fence: &KvKey) -> Option<u64> {
        let is_same = self.headers.get(FENCE) == Some(fence.wire());
        let epoch = self.headers.get(EPOCH).filter(|_| is_same)?;
        epoch.parse().ok()
    }
}

/// A message that is held, as an entry of a bucket whose subjects start with `prefix`.
pub(super) fn fetched(message: StoredMessage, prefix: &str) -> Fetched {
    let operation = operation(&message.headers);
    Fetched {
        entry: KvEntry {
            key: key(message.subject.as_str(), prefix),
            value: value(operation, message.payload),
            operation,
            revision: message.sequence,
            created: message.stored,
        },
        headers: message.headers,
    }
}

/// The entry in a delivered message, and its place; none if it is no message of a stream.
pub(super) fn delivered(message: Message, prefix: &str) -> Option<(KvEntry, Place)> {
    let place = Place::parse(message.reply.as_ref()?.as_str())?;
    let operation = operation(&message.headers);
    let created = OffsetDateTime::from_unix_timestamp_nanos(place.nanos).ok()?;
    let entry = KvEntry {
        key: key(message.subject.as_str(), prefix),
        value: value(operation, message.payload),
        operation,
        revision: place.sequence,
        created,
    };
    Some((entry, place))
}

/// The key of a bucket whose subjects start with `prefix`.
pub(super) fn key(subject: &str, prefix: &str) -> KvKey {
    KvKey::from_wire(subject.strip_prefix(prefix).unwrap_or(subject))
}

fn value(operation: KvOperation, body: Bytes) -> Bytes {
    match operation {
        KvOperation::Put => body,
        _ => Bytes::new(),
    }
}

fn operation(headers: &Headers) -> KvOperation {
    match (headers.get(OPERATION), headers.get(MARKER)) {
        (Some("DEL"), _) | (_, Some("Remove")) => KvOperation::Delete,
        (Some("PURGE"), _) | (_, Some("Purge")) => KvOperation::Purge,
        // Whatever made the server leave a mark: there is no value any more.
        (_, Some(_)) => KvOperation::Expired,
        _ => KvOperation::Put,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::stored::parse_headers;
    use super::*;

    #[test]
    fn marks_are_no_values() {
        for (text, expected) in [
            ("", KvOperation::Put),
            ("NATS/1.0\r\nKV-Operation: DEL\r\n\r\n", KvOperation::Delete),
            (
                "NATS/1.0\r\nKV-Operation: PURGE\r\nNats-Rollup: sub\r\n\r\n",
                KvOperation::Purge,
            ),
            (
                "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\n\r\n",
                KvOperation::Expired,
            ),
            (
                "NATS/1.0\r\nNats-Marker-Reason: Purge\r\n\r\n",
                KvOperation::Purge,
            ),
            (
                "NATS/1.0\r\nNats-Marker-Reason: Remove\r\n\r\n",
                KvOperation::Delete,
            ),
            ("NATS/1.0\r\nNats-TTL: 5s\r\n\r\n", KvOperation::Put),
        ] {
            assert_eq!(
                operation(&parse_headers(text.as_bytes())),
                expected,
                "{text:?}"
            );
        }
    }
}
