//! Leaders: groups that nobody leads although somebody could.

use std::collections::BTreeSet;
use std::time::Duration;

use super::facts::{Facts, Seat};
use super::finding::{Finding, Group, count};
use super::roster::is_overdue;
use super::server::shown;

const GROUP: &str = "leaders";
/// A record may be so much older than its lease before it is a sign: who looks reads later than the
/// record was renewed.
const SLACK: Duration = Duration::from_millis(500);

pub(super) fn judge(facts: &Facts) -> Group {
    let seats = match &facts.seats {
        Ok(seats) => seats,
        Err(why) => return Group::unasked(GROUP, why),
    };
    let mut able = candidates(facts);
    let (mut findings, mut led) = (Vec::new(), 0);
    for seat in seats {
        let key = (seat.service.clone(), seat.group.clone());
        let has_candidates = able.remove(&key);
        match one(facts, seat, has_candidates) {
            Some(finding) => findings.push(finding),
            None => led += 1,
        }
    }
    let never = able.into_iter().map(|(service, group)| {
        let about = format!("{service}/{group}");
        nobody(&about, format!("nobody leads {about}, and nobody ever did"))
    });
    findings.extend(never);
    let summary = format!("{} led", count(led, "group is", "groups are"));
    Group::new(GROUP, summary, findings)
}

/// The groups of those who could lead.
fn candidates(facts: &Facts) -> BTreeSet<(String, String)> {
    let there = facts
        .records()
        .iter()
        .filter(|record| !is_overdue(facts, record));
    let able = there.filter(|record| record.instance.is_available());
    let group = able.filter_map(|record| {
        let instance = &record.instance;
        Some((
            instance.service.clone(),
            instance.sticky_active_group.clone()?,
        ))
    });
    group.collect()
}

fn nobody(about: &str, what: String) -> Finding {
    let service = about.split('/').next().unwrap_or_default();
    Finding::problem("no_leader", about, what)
        .because("exclusive calls are answered by nobody, and exclusive events wait")
        .mended_by(format!(
            "look again in a few seconds; if it stays so, `aegis leader {service} --watch` and the logs \
             of its instances say why none takes it"
        ))
}

/// What is wrong with one group; none if it is led.
fn one(facts: &Facts, seat: &Seat, has_candidates: bool) -> Option<Finding> {
    let about = crate::out::plain(&format!("{}/{}", seat.service, seat.group));
    let Some(holder) = &seat.holder else {
        let what = format!("the record of who leads {about} cannot be read");
        let bucket = facts.names.leaders.trim_start_matches("KV_");
        let finding = Finding::problem("unreadable_leader", &about, what)
            .because("others wait for it as for a leader that hangs, up to 12 s, and then write their own")
            .mended_by(format!(
                "`nats kv get {bucket} {}.{}.leader --raw` shows it; was it written by a newer version, \
                 upgrade",
                seat.service, seat.group
            ));
        return Some(finding);
    };
    let (instance, age) = (crate::out::plain(&holder.instance), facts.age(seat.written));
    let expired = age > holder.lease + SLACK + facts.unsure();
    if !expired {
        return None;
    }
    let how = if holder.released {
        format!("{instance} gave it up {} ago", shown(age))
    } else {
        format!(
            "{instance} has not renewed its lease of {} for {}",
            shown(holder.lease),
            shown(age)
        )
    };
    if has_candidates {
        return Some(nobody(
            &about,
            format!("nobody leads {about}: {how}, and nobody has taken it"),
        ));
    }
    let what = format!("nobody leads {about}: {how}, and no instance of it is registered");
    let finding = Finding::note("no_leader_needed", &about, what)
        .mended_by("start an instance; a record that nobody needs any more does no harm");
    Some(finding)
}
