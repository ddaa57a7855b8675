//! What a worker does with a delivery of the queue, by what is known of its job.

use std::time::Duration;

use time::OffsetDateTime;

use super::record::JobRecord;
use super::status::JobState;
use crate::model::ACCIDENTS;

/// A delivery, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// Its number in the queue.
    pub(crate) sequence: u64,
    /// The how manieth delivery of it this is, whoever got the others.
    pub(crate) delivery: u64,
    /// When it may begin, if it was sent to begin later.
    pub(crate) not_before: Option<OffsetDateTime>,
    /// How often its command may be tried.
    pub(crate) attempts: u32,
}

/// Whether the message that a job stands under is in the queue; asked only if it is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    NotAsked,
    There,
    Gone,
}

/// What is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is begun.
    Begin,
    /// The same, but for itself: it was begun so often without an end that it may be what ends its
    /// workers.
    Alone,
    /// Not yet: after so long.
    Later(Duration),
    /// It is cancelled, without being begun.
    Cancel,
    /// It was begun too often, and nobody said how that ended: it is given up.
    WornOut,
    /// It has ended: the message is removed.
    Ended,
    /// It has failed, and its dead letter is still to be written.
    OwesLetter,
    /// It stands under the message of this number: look whether that is there.
    Look(u64),
    /// It stands under another message, which is there: this one is removed.
    Double,
    /// A later delivery of it was begun, while this one lay in a worker that was frozen: nothing is
    /// said about it. Should the queue count anew, its consumer being gone, it comes again.
    Stale,
}

/// Decides it.
pub(crate) fn claim(
    record: Option<&JobRecord>,
    taken: Taken,
    other: Found,
    now: OffsetDateTime,
) -> Claim {
    let Some(record) = record else {
        return not_before(taken.not_before, now).unwrap_or(Claim::Begin);
    };
    match record.state {
        JobState::Failed if record.dead_letter.is_none() => return Claim::OwesLetter,
        state if state.is_final() => return Claim::Ended,
        _ => {}
    }
    if let Some(sequence) = record.sequence.filter(|other| *other != taken.sequence) {
        match other {
            Found::NotAsked => return Claim::Look(sequence),
            Found::There => return Claim::Double,
            Found::Gone => {}
        }
    }
    let is_late = record.sequence == Some(taken.sequence) && taken.delivery <= record.delivery;
    if record.state == JobState::Running && is_late {
        return Claim::Stale;
    }
    if record.cancel {
        return Claim::Cancel;
    }
    // Attempts that failed had an end.
    let endless = record.attempt.saturating_sub(record.failures);
    if endless >= taken.attempts.saturating_add(ACCIDENTS) {
        return Claim::WornOut;
    }
    if endless >= taken.attempts {
        return Claim::Alone;
    }
    // Who was at it when it was to be tried later said that to the queue as well.
    let waits = record.state == JobState::Queued && record.attempt == 0;
    let later = waits.then(|| not_before(taken.not_before, now)).flatten();
    later.unwrap_or(Claim::Begin)
}

fn not_before(time: Option<OffsetDateTime>, now: OffsetDateTime) -> Option<Claim> {
    let left = time? - now;
    let left = Duration::try_from(left).ok()?;
    (!left.is_zero()).then_some(Claim::Later(left))
}

#[cfg(test)]
mod tests {
    use super::super::priority::Priority;
    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(NOW + seconds).unwrap()
    }

    fn record(state: JobState, change: impl FnOnce(&mut JobRecord)) -> JobRecord {
        let names = ("importer", "import", Priority::Normal);
        let mut record = JobRecord::queued("7", names, at(-60));
        record.state = state;
        record.sequence = Some(5);
        change(&mut record);
        record
    }

    fn taken(not_before: Option<i64>) -> Taken {
        Taken {
            sequence: 5,
            delivery: 2,
            not_before: not_before.map(at),
            attempts: 4,
        }
    }

    fn assert_claims(rows: impl IntoIterator<Item = (&'static str, JobRecord, Claim)>) {
        for (name, record, expected) in rows {
            let found = claim(Some(&record), taken(None), Found::NotAsked, at(0));
            assert_eq!(found, expected, "{name}");
        }
    }

    fn begun(times: u32) -> impl Fn(&mut JobRecord) {
        move |record| record.attempt = times
    }

    #[test]
    fn what_has_not_ended_is_begun_and_what_has_is_removed() {
        use JobState::{Cancelled, Failed, Queued, Retrying, Running, Succeeded};
        let nothing = claim(None, taken(None), Found::NotAsked, at(0));
        assert_eq!(nothing, Claim::Begin);
        let same = |_: &mut JobRecord| {};
        let noted = |record: &mut JobRecord| record.dead_letter = Some(1);
        let put_back = |record: &mut JobRecord| record.sequence = None;
        let to_end = |record: &mut JobRecord| record.cancel = true;
        assert_claims([
            ("it waits", record(Queued, same), Claim::Begin),
            (
                "its worker is lost",
                record(Running, begun(1)),
                Claim::Begin,
            ),
            ("it failed before", record(Retrying, begun(1)), Claim::Begin),
            ("it succeeded", record(Succeeded, same), Claim::Ended),
            ("it was cancelled", record(Cancelled, same), Claim::Ended),
            ("it failed", record(Failed, same), Claim::OwesLetter),
            ("that is noted", record(Failed, noted), Claim::Ended),
            ("it is to end", record(Running, to_end), Claim::Cancel),
            ("it is put back", record(Queued, put_back), Claim::Begin),
        ]);
    }

    #[test]
    fn what_was_begun_too_often_without_an_end_runs_alone_and_then_not_at_all() {
        use JobState::{Retrying, Running};
        let with_ends = |record: &mut JobRecord| (record.attempt, record.failures) = (20, 17);
        assert_claims([
            ("often", record(Running, begun(3)), Claim::Begin),
            ("too often", record(Running, begun(4)), Claim::Alone),
            ("nearly", record(Running, begun(13)), Claim::Alone),
            ("worn out", record(Running, begun(14)), Claim::WornOut),
            ("with an end", record(Retrying, with_ends), Claim::Begin),
        ]);
    }

    #[test]
    fn a_delivery_that_is_late_begins_nothing() {
        use JobState::{Queued, Retrying, Running};
        let delivered = |times: u64| move |record: &mut JobRecord| record.delivery = times;
        let of_another = |record: &mut JobRecord| (record.sequence, record.delivery) = (None, 9);
        assert_claims([
            (
                "a later one was begun",
                record(Running, delivered(3)),
                Claim::Stale,
            ),
            ("this one was", record(Running, delivered(2)), Claim::Stale),
            (
                "nobody is at it",
                record(Retrying, delivered(2)),
                Claim::Begin,
            ),
            (
                "an earlier one was",
                record(Running, delivered(1)),
                Claim::Begin,
            ),
            (
                "of another message",
                record(Queued, of_another),
                Claim::Begin,
            ),
        ]);
    }

    #[test]
    fn a_second_message_of_a_job_runs_only_if_the_first_is_gone() {
        let under = |record: &mut JobRecord| record.sequence = Some(4);
        let running = record(JobState::Running, under);
        for (other, expected) in [
            (Found::NotAsked, Claim::Look(4)),
            (Found::There, Claim::Double),
            (Found::Gone, Claim::Begin),
        ] {
            let found = claim(Some(&running), taken(None), other, at(0));
            assert_eq!(found, expected);
        }
        let ended = record(JobState::Succeeded, under);
        assert_claims([("it has ended", ended, Claim::Ended)]);
    }

    #[test]
    fn what_is_to_begin_later_waits() {
        let queued = Some(record(JobState::Queued, |_| {}));
        let retrying = Some(record(JobState::Retrying, begun(1)));
        let seconds = |seconds| Claim::Later(Duration::from_secs(seconds));
        for (record, time, expected) in [
            (&queued, Some(30), seconds(30)),
            (&None, Some(30), seconds(30)),
            (&queued, Some(0), Claim::Begin),
            (&queued, Some(-1), Claim::Begin),
            (&queued, None, Claim::Begin),
            (&retrying, Some(30), Claim::Begin),
        ] {
            let found = claim(record.as_ref(), taken(time), Found::NotAsked, at(0));
            assert_eq!(found, expected, "{time:?}");
        }
    }
}
