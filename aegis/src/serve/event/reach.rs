//! Whether the stream is about to forget events that a handler has not handled.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::worker::Worker;
use crate::error::Result;
use crate::model::{ConsumerStatus, Discard, StoredMessage, StreamStatus};

/// A stream that is that full, in percent, forgets its oldest messages soon.
const NEARLY_FULL: u64 = 90;
/// Messages among the oldest so many percent are forgotten soon, if the stream is nearly full.
const OLDEST: u64 = 20;
/// One that has lived for so many percent of its time is forgotten soon.
const NEARLY_OVER: u64 = 80;

/// Warns if the oldest event that this handler has not handled is about to be forgotten. That it
/// cannot be looked at is no reason to stop.
pub(super) async fn warn_of_loss(worker: &Worker, place: &ConsumerStatus, deadline: Instant) {
    if place.pending == 0 && place.ack_pending == 0 {
        return;
    }
    let client = &worker.shared.home.client;
    let name = client.layout().stream("EVENTS");
    let Ok(Some(stream)) = client.streams().status(&name, deadline).await else {
        return;
    };
    if !is_nearly_full(&stream) && stream.max_age.is_none() {
        return;
    }
    let Ok(Some(oldest)) = oldest(worker, &stream.name, place.ack_floor + 1, deadline).await else {
        return;
    };
    if is_forgotten_soon(&stream, &oldest, OffsetDateTime::now_utc())
        && let Some(unsaid) = worker.worries.again()
    {
        tracing::warn!(
            handler = worker.place.handler(),
            oldest = oldest.sequence,
            pending = place.pending,
            unsaid,
            "the stream is about to forget events that this handler has not handled: add \
             instances, or give it more room (`events.max_bytes`, `events.max_age`)"
        );
    }
}

/// The oldest event of this handler from a sequence on.
async fn oldest(
    worker: &Worker,
    stream: &str,
    from: u64,
    deadline: Instant,
) -> Result<Option<StoredMessage>> {
    let client = &worker.shared.home.client;
    let mut oldest: Option<StoredMessage> = None;
    for pattern in worker.handler.patterns() {
        let pattern = client.layout().event_pattern(pattern);
        let found = client.streams().first(stream, &pattern, from, deadline);
        if let Some(found) = found.await?
            && oldest
                .as_ref()
                .is_none_or(|other| found.sequence < other.sequence)
        {
            oldest = Some(found);
        }
    }
    Ok(oldest)
}

/// Whether it makes room by forgetting, now or soon.
fn is_nearly_full(stream: &StreamStatus) -> bool {
    let near = |limit: Option<u64>, held: u64| {
        limit.is_some_and(|limit| percent(held, limit) >= NEARLY_FULL)
    };
    stream.discard == Discard::Old
        && (near(stream.max_bytes, stream.bytes) || near(stream.max_messages, stream.messages))
}

fn is_forgotten_soon(stream: &StreamStatus, oldest: &StoredMessage, now: OffsetDateTime) -> bool {
    let age = Duration::try_from(now - oldest.stored).unwrap_or_default();
    let is_old = stream.max_age.is_some_and(|most| {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        percent(millis(age), millis(most)) >= NEARLY_OVER
    });
    let all = stream.last_sequence.saturating_sub(stream.first_sequence);
    let older = oldest.sequence.saturating_sub(stream.first_sequence);
    is_old || (is_nearly_full(stream) && percent(older, all) <= OLDEST)
}

fn percent(part: u64, whole: u64) -> u64 {
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(percent).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Headers, Retention, Storage, Subject};

    fn stream(discard: Discard, bytes: u64, max_age: Option<Duration>) -> StreamStatus {
        StreamStatus {
            name: "EVENTS".to_owned(),
            description: None,
            subjects: Vec::new(),
            retention: Retention::Limits,
            discard,
            storage: Storage::File,
            replicas: 1,
            max_bytes: Some(1000),
            max_messages: None,
            max_age,
            dedup: Duration::from_secs(120),
            messages: 100,
            bytes,
            first_sequence: 1001,
            last_sequence: 1101,
            consumers: 1,
            created: OffsetDateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn who_is_behind_in_a_stream_that_forgets_is_warned() {
        let hour = Duration::from_secs(3600);
        let now = OffsetDateTime::UNIX_EPOCH + 10 * hour;
        let (old, young) = (hour.mul_f64(0.9), hour / 2);
        for (name, discard, bytes, max_age, sequence, age, expected) in [
            ("it has room", Discard::Old, 899, None, 1001, old, false),
            ("nearly full", Discard::Old, 900, None, 1001, young, true),
            (
                "and not far behind",
                Discard::Old,
                900,
                None,
                1022,
                young,
                false,
            ),
            (
                "behind its beginning",
                Discard::Old,
                900,
                None,
                900,
                young,
                true,
            ),
            ("it refuses", Discard::New, 1000, None, 1001, young, false),
            (
                "nearly too old",
                Discard::New,
                10,
                Some(hour),
                1090,
                old,
                true,
            ),
            ("not yet", Discard::Old, 10, Some(hour), 1001, young, false),
        ] {
            let stream = stream(discard, bytes, max_age);
            let oldest = StoredMessage {
                subject: Subject::parse("events.a.b").unwrap(),
                headers: Headers::new(),
                payload: "".into(),
                sequence,
                stored: now - age,
            };
            assert_eq!(is_forgotten_soon(&stream, &oldest, now), expected, "{name}");
        }
    }
}
