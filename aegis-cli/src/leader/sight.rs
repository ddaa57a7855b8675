//! What records of leaders tell over time. Nothing here waits or asks a clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// Records are renewed by clocks that show another time than this one; by so much it is no reason
/// for doubt.
const SLACK: Duration = Duration::from_millis(250);

/// Who leads a group, as its record says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) group: String,
    pub(super) instance: String,
    pub(super) epoch: u64,
    pub(super) lease: Duration,
    pub(super) released: bool,
    pub(super) elected_at: String,
    pub(super) renewed_at: OffsetDateTime,
}

impl From<aegis::Leader> for Record {
    fn from(leader: aegis::Leader) -> Self {
        Self {
            group: leader.group,
            instance: leader.instance,
            epoch: leader.epoch,
            lease: leader.lease,
            released: leader.released,
            elected_at: leader.elected_at,
            renewed_at: leader.renewed_at,
        }
    }
}

/// What a record means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is renewed in time.
    Leads,
    /// It was given up, and nobody has taken it yet.
    Released,
    /// It was not renewed for longer than its lease.
    Expired,
    /// It looks too old, but clocks may disagree: another look tells.
    Unsure,
}

impl Standing {
    /// Whether somebody leads.
    pub(super) fn leads(self) -> bool {
        self == Self::Leads
    }
}

/// Whether there are groups, and all of them are led.
pub(super) fn led(seen: &[(Record, Standing)]) -> bool {
    !seen.is_empty() && seen.iter().all(|(_, standing)| standing.leads())
}

/// Who was seen, and when something about it was last new.
#[derive(Debug, Default)]
pub(super) struct Sight(BTreeMap<String, Seen>);

#[derive(Debug)]
struct Seen {
    epoch: u64,
    renewed_at: OffsetDateTime,
    /// By this clock.
    at: Instant,
    /// Whether it was seen to be renewed, or looked young when it was first seen.
    lives: bool,
}

impl Sight {
    /// Takes a look; the answer says for each record what it means. `clock` is what clocks show.
    pub(super) fn look(
        &mut self,
        records: &[Record],
        now: Instant,
        clock: OffsetDateTime,
    ) -> Vec<Standing> {
        self.0
            .retain(|group, _| records.iter().any(|record| record.group == *group));
        let looks = records.iter().map(|record| self.one(record, now, clock));
        looks.collect()
    }

    /// Nothing was heard for a while: what was not renewed meanwhile is no sign.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    fn one(&mut self, record: &Record, now: Instant, clock: OffsetDateTime) -> Standing {
        let age = clock - record.renewed_at;
        let young = age <= record.lease + SLACK;
        let first = Seen {
            epoch: record.epoch,
            renewed_at: record.renewed_at,
            at: now,
            lives: young,
        };
        let seen = self.0.entry(record.group.clone()).or_insert(first);
        if (seen.epoch, seen.renewed_at) != (record.epoch, record.renewed_at) {
            *seen = Seen {
                epoch: record.epoch,
                renewed_at: record.renewed_at,
                at: now,
                lives: true,
            };
        }
        if record.released {
            Standing::Released
        } else if now.saturating_duration_since(seen.at) > record.lease {
            Standing::Expired
        } else if seen.lives {
            Standing::Leads
        } else {
            Standing::Unsure
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_millis(600);

    fn record(renewed: i64) -> Record {
        Record {
            group: "main".to_owned(),
            instance: "ledger-1".to_owned(),
            epoch: 7,
            lease: LEASE,
            released: false,
            elected_at: String::new(),
            renewed_at: at(renewed),
        }
    }

    fn at(millis: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(millis)
    }

    /// Looks, `(now, clock, renewed)` in milliseconds, and what the last one tells.
    fn after(looks: &[(u64, i64, i64)]) -> Standing {
        let (mut sight, start) = (Sight::default(), Instant::now());
        let seen = looks.iter().map(|(now, clock, renewed)| {
            let now = start + Duration::from_millis(*now);
            sight.look(&[record(*renewed)], now, at(*clock))[0]
        });
        seen.last().unwrap()
    }

    #[test]
    fn who_renews_leads_whatever_the_clocks_show() {
        for (looks, expected) in [
            (&[(0, 1000, 900)][..], Standing::Leads),
            // The server's clock is ahead.
            (&[(0, 1000, 90_000)], Standing::Leads),
            (&[(0, 9000, 900)], Standing::Unsure),
            // It was only the clock.
            (&[(0, 9000, 900), (100, 9100, 1000)], Standing::Leads),
            (&[(0, 9000, 900), (600, 9600, 900)], Standing::Unsure),
            (&[(0, 9000, 900), (601, 9601, 900)], Standing::Expired),
            // It led when it was first seen, and is silent since.
            (&[(0, 1000, 900), (600, 1600, 900)], Standing::Leads),
            (&[(0, 1000, 900), (601, 1601, 900)], Standing::Expired),
            // It comes back.
            (
                &[(0, 1000, 900), (700, 1700, 900), (800, 1800, 1750)],
                Standing::Leads,
            ),
        ] {
            assert_eq!(after(looks), expected, "{looks:?}");
        }
    }

    #[test]
    fn what_was_given_up_is_led_by_nobody() {
        let mut released = record(900);
        released.released = true;
        let mut sight = Sight::default();
        let seen = sight.look(&[released], Instant::now(), at(1000));
        assert_eq!(seen, [Standing::Released]);
    }

    #[test]
    fn after_an_outage_nobody_is_taken_for_gone() {
        let (mut sight, start) = (Sight::default(), Instant::now());
        sight.look(&[record(900)], start, at(1000));
        sight.forget();
        let seen = sight.look(&[record(900)], start + 5 * LEASE, at(4000));
        assert_eq!(seen, [Standing::Unsure]);
    }
}
