//! What a stream stores, as an entry: read by a question, or delivered by a consumer.

use bytes::Bytes;
use data_encoding::BASE64;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Headers, KvEntry, KvKey, KvOperation};
use crate::port::Message;

/// Says that a message is a mark rather than a value.
pub(super) const OPERATION: &str = "KV-Operation";
/// The epoch of the leader that wrote a message under a fence.
pub(super) const EPOCH: &str = "Aegis-Epoch";
/// The key of that fence, as it stands on the wire: epochs of two groups have no order.
pub(super) const FENCE: &str = "Aegis-Fence";
/// The server's own mark, and why it made it.
const MARKER: &str = "Nats-Marker-Reason";

/// A stored message, as `STREAM.MSG.GET` answers it.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    message: StoredMessage,
}

#[derive(Debug, Deserialize)]
struct StoredMessage {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

/// Where a delivered message stands, as its reply subject tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// In the stream.
    pub(super) revision: u64,
    /// Among all that the consumer has delivered, from 1 on.
    pub(super) number: u64,
    /// What is still to come, when it was sent.
    pub(super) pending: u64,
    /// Nanoseconds since 1970.
    nanos: i128,
}

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

impl Stored {
    /// The entry and its headers, of a bucket whose subjects start with `prefix`.
    pub(super) fn fetched(self, prefix: &str) -> Result<Fetched> {
        let StoredMessage {
            subject,
            seq,
            hdrs,
            data,
            time,
        } = self.message;
        let bytes = |text: &str| BASE64.decode(text.as_bytes()).map_err(unreadable);
        let headers = parse_headers(&bytes(&hdrs)?);
        let operation = operation(&headers);
        let entry = KvEntry {
            key: key(&subject, prefix),
            value: value(operation, bytes(&data)?.into()),
            operation,
            revision: seq,
            created: parse_time(&time)?,
        };
        Ok(Fetched { entry, headers })
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
        revision: place.revision,
        created,
    };
    Some((entry, place))
}

impl Place {
    #[cfg(test)]
    pub(super) fn new(revision: u64, number: u64, pending: u64) -> Self {
        Self {
            revision,
            number,
            pending,
            nanos: 0,
        }
    }

    /// Reads `$JS.ACK.{stream}.{consumer}.{deliveries}.{revision}.{number}.{time}.{pending}`, or
    /// the newer form with `{domain}.{account}` before the stream and a token at the end.
    fn parse(reply: &str) -> Option<Self> {
        let tokens: Vec<&str> = reply.split('.').collect();
        let rest = match tokens.as_slice() {
            ["$JS", "ACK", rest @ ..] if rest.len() == 7 => rest,
            ["$JS", "ACK", _, _, rest @ ..] if rest.len() >= 7 => rest,
            _ => return None,
        };
        Some(Self {
            revision: rest[3].parse().ok()?,
            number: rest[4].parse().ok()?,
            nanos: rest[5].parse().ok()?,
            pending: rest[6].parse().ok()?,
        })
    }
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

/// Reads headers as they are stored: a line `NATS/1.0`, then one header per line.
fn parse_headers(bytes: &[u8]) -> Headers {
    let mut headers = Headers::new();
    for line in String::from_utf8_lossy(bytes).split("\r\n").skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            headers.received(name, value.trim());
        }
    }
    headers
}

/// Reads a time of the server.
pub(super) fn parse_time(text: &str) -> Result<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(unreadable)
}

fn unreadable(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    let text = "a message that JetStream has stored cannot be read: look at it with `nats stream \
                get`";
    Error::new(ErrorKind::Decode, text).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_in_both_forms() {
        for (reply, expected) in [
            (
                "$JS.ACK.KV_a.c.1.42.7.1700000000000000000.3",
                Some((42, 7, 3)),
            ),
            (
                "$JS.ACK._.hash.KV_a.c.1.42.7.1700000000000000000.3.rnd",
                Some((42, 7, 3)),
            ),
            (
                "$JS.ACK.hub.hash.KV_a.c.1.42.7.1700000000000000000.3",
                Some((42, 7, 3)),
            ),
            ("$JS.ACK.KV_a.c.1.42.7.1700000000000000000", None),
            ("$JS.ACK.KV_a.c.1.x.7.1700000000000000000.3", None),
            ("$JS.FC.KV_a.c.1", None),
            ("", None),
        ] {
            let place = Place::parse(reply);
            let place = place.map(|place| (place.revision, place.number, place.pending));
            assert_eq!(place, expected, "{reply}");
        }
    }

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
