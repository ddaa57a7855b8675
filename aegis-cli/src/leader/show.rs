//! How leaders look: on a line, and as JSON.

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::sight::{Record, Standing, led};
use crate::out::{moment, plain};

/// The answer of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Json<'a> {
    service: &'a str,
    /// Whether every group that is shown is led.
    led: bool,
    leaders: Vec<LeaderJson<'a>>,
}

/// One group.
#[derive(Debug, Serialize)]
pub(super) struct LeaderJson<'a> {
    group: &'a str,
    /// `leads`, `released` or `expired`.
    state: &'static str,
    instance: &'a str,
    epoch: u64,
    lease_ms: u128,
    renewed_at: String,
    renewed_ms_ago: i128,
    elected_at: &'a str,
}

impl<'a> Json<'a> {
    pub(super) fn of(
        service: &'a str,
        seen: &'a [(Record, Standing)],
        now: OffsetDateTime,
    ) -> Self {
        let leaders = seen
            .iter()
            .map(|(record, standing)| LeaderJson::of(record, *standing, now));
        Self {
            service,
            led: led(seen),
            leaders: leaders.collect(),
        }
    }
}

impl<'a> LeaderJson<'a> {
    pub(super) fn of(record: &'a Record, standing: Standing, now: OffsetDateTime) -> Self {
        Self {
            group: &record.group,
            state: word(standing),
            instance: &record.instance,
            epoch: record.epoch,
            lease_ms: record.lease.as_millis(),
            renewed_at: moment(record.renewed_at, true),
            renewed_ms_ago: (now - record.renewed_at).whole_milliseconds().max(0),
            elected_at: &record.elected_at,
        }
    }
}

/// What a standing is called.
pub(super) fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Leads | Standing::Unsure => "leads",
        Standing::Released => "released",
        Standing::Expired => "expired",
    }
}

/// `main  ledger-1 leads as epoch 7, for 3m 2s; lease 900ms, renewed 120ms ago`.
pub(super) fn line(record: &Record, standing: Standing, now: OffsetDateTime) -> String {
    let (group, instance) = (plain(&record.group), plain(&record.instance));
    let (epoch, lease) = (record.epoch, record.lease);
    let renewed = ago(now - record.renewed_at);
    match standing {
        Standing::Leads | Standing::Unsure => {
            let since = OffsetDateTime::parse(&record.elected_at, &Rfc3339);
            let since = since.map_or_else(
                |_| String::new(),
                |since| {
                    format!(
                        ", for {} (since {})",
                        ago(now - since),
                        moment(since, false)
                    )
                },
            );
            format!(
                "{group}  {instance} leads as epoch {epoch}{since}; lease {lease:?}, renewed \
                 {renewed} ago"
            )
        }
        Standing::Released => format!(
            "{group}  nobody leads: {instance} gave its leadership up {renewed} ago (epoch {epoch})"
        ),
        Standing::Expired => format!(
            "{group}  nobody leads: {instance} (epoch {epoch}) has not renewed its lease of \
             {lease:?} for {renewed}"
        ),
    }
}

/// A time that has passed, with two units at most; none has not passed yet.
fn ago(time: time::Duration) -> String {
    let time = Duration::try_from(time).unwrap_or_default();
    let time = if time < Duration::from_secs(10) {
        Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or_default())
    } else {
        Duration::from_secs(time.as_secs())
    };
    let text = humantime::format_duration(time).to_string();
    let units: Vec<&str> = text.split(' ').take(2).collect();
    units.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (millis, shown) in [
            (-50, "0s"),
            (120, "120ms"),
            (9120, "9s 120ms"),
            (12_345, "12s"),
            (90_061_000, "1day 1h"),
        ] {
            assert_eq!(ago(time::Duration::milliseconds(millis)), shown);
        }
    }
}
