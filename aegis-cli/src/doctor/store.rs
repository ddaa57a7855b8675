//! JetStream: whether it is there, and how much of what it may hold is used.

use super::facts::{Facts, NoAccount};
use super::finding::{Finding, Group, count};
use super::stream::Tier;

const GROUP: &str = "jetstream";
/// From so many hundredths on it is said.
const NEARLY: u64 = 80;
/// From so many on it is about to stop.
const FULL: u64 = 95;

/// How a number is written.
type Shown = fn(u64) -> String;

/// Bytes as people read them.
pub(super) fn bytes(bytes: u64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 10 * 1024 {
            return format!("{value} {unit}");
        }
        value /= 1024;
    }
    format!("{value} TiB")
}

/// How many hundredths are used; none without a limit.
pub(super) fn hundredths(used: u64, limit: u64) -> u64 {
    let hundredths = u128::from(used) * 100 / u128::from(limit.max(1));
    u64::try_from(hundredths).unwrap_or(u64::MAX)
}

pub(super) fn judge(facts: &Facts) -> Group {
    let account = match &facts.account {
        Ok(account) => account,
        Err(NoAccount::Denied(why)) => return Group::unasked(GROUP, why),
        Err(NoAccount::Silent(why)) => {
            let finding = Finding::problem("jetstream_silent", "", why.as_str())
                .because("nothing is stored or read: no events, commands, buckets and leaders")
                .mended_by(
                    "start the servers of the cluster that are down: more than half of them are needed \
                     (`nats server report jetstream` shows them); else see the log of the server",
                );
            return Group::new(GROUP, "does not answer", vec![finding]);
        }
        Err(NoAccount::Absent(why)) => {
            let finding = Finding::problem("no_jetstream", "", why.as_str())
                .because(
                    "without it there are no events, commands, buckets and leaders, and no registry: \
                     only calls work",
                )
                .mended_by(
                    "start nats-server with `-js` (`-sd DIR` says where it stores), or `jetstream: \
                     enabled` for the account",
                );
            return Group::new(GROUP, "is not there", vec![finding]);
        }
    };
    let all = &account.all;
    let summary = format!(
        "{}, {}; {} of {} set aside on disk are used",
        count(usize(all.streams), "stream", "streams"),
        count(usize(all.consumers), "consumer", "consumers"),
        bytes(all.storage),
        bytes(all.reserved_storage.max(all.storage)),
    );
    let mut findings = usage("", all);
    for (name, tier) in &account.tiers {
        findings.extend(usage(name, tier));
    }
    Group::new(GROUP, summary, findings)
}

fn usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What is used of the limits of the account, or of one tier of it.
fn usage(tier: &str, used: &Tier) -> Vec<Finding> {
    let limits = &used.limits;
    let plain = |number: u64| number.to_string();
    let rows: [(&str, u64, i64, Shown); 4] = [
        (
            "storage",
            used.reserved_storage.max(used.storage),
            limits.storage,
            bytes,
        ),
        (
            "memory",
            used.reserved_memory.max(used.memory),
            limits.memory,
            bytes,
        ),
        ("streams", used.streams, limits.streams, plain),
        ("consumers", used.consumers, limits.consumers, plain),
    ];
    let mut findings = Vec::new();
    for (what, used, limit, shown) in rows {
        let limit = u64::try_from(limit).unwrap_or_default();
        let part = hundredths(used, limit);
        if limit == 0 || part < NEARLY {
            continue;
        }
        let about = format!("{tier} {what}");
        let text = format!(
            "{part} % of the {} that the account may have are used: {} of {}",
            about.trim(),
            shown(used),
            shown(limit)
        );
        let finding = match part {
            FULL.. => Finding::problem("account_limit", about.trim(), text),
            _ => Finding::warning("account_limit", about.trim(), text),
        };
        findings.push(
            finding
                .because("at the limit nothing new can be made: a service with a new handler does not start")
                .mended_by(
                    "raise the limit of the account, lower `max_bytes` of streams (`nats stream edit \
                     NAME --max-bytes 1GiB`), or remove what nobody needs (`nats stream ls`)",
                ),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;
    use crate::doctor::stream::Limits;

    #[test]
    fn limits_are_told_before_they_are_reached() {
        for (used, limit, level) in [
            (79, 100, None),
            (80, 100, Some(Level::Warning)),
            (95, 100, Some(Level::Problem)),
            (100, -1, None),
            (0, 0, None),
        ] {
            let tier = Tier {
                streams: used,
                limits: Limits {
                    streams: limit,
                    ..Limits::default()
                },
                ..Tier::default()
            };
            let found = usage("R3", &tier);
            assert_eq!(
                found.first().map(|found| found.level),
                level,
                "{used} {limit}"
            );
            assert!(found.iter().all(|found| found.about == "R3 streams"));
        }
    }

    #[test]
    fn what_is_set_aside_counts_as_used() {
        let tier = Tier {
            storage: 1,
            reserved_storage: 90 << 30,
            limits: Limits {
                storage: 100 << 30,
                ..Limits::default()
            },
            ..Tier::default()
        };
        let found = usage("", &tier);
        let text = "90 % of the storage that the account may have are used: 90 GiB of 100 GiB";
        assert_eq!(found[0].what, text);
    }
}
