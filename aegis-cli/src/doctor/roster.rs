//! The registry: records of instances that are not there any more, or are there twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aegis::InstanceStatus;

use super::facts::{Facts, Record};
use super::finding::{Finding, Group, count};
use super::server::shown;

const GROUP: &str = "instances";
/// A heartbeat may be late by so much beyond its time.
const SLACK: Duration = Duration::from_secs(1);

/// Whether its heartbeat is overdue beyond the time after which it counts as gone.
pub(super) fn is_overdue(facts: &Facts, record: &Record) -> bool {
    facts.age(record.written) > record.instance.ttl() + SLACK + facts.unsure()
}

/// Whether it answers for itself.
fn answers(facts: &Facts, record: &Record) -> bool {
    let all = facts.answers.as_ref().ok().into_iter().flatten();
    let mut same = all
        .filter(|(service, id)| (service, id) == (&record.instance.service, &record.instance.id));
    same.next().is_some()
}

/// The records that can be removed: overdue, and of nobody who answers. As long as it is not known
/// who answers, nobody's.
pub(super) fn stale(facts: &Facts) -> Vec<&Record> {
    let asked = facts.answers.is_ok();
    let records = facts.records().iter();
    let stale = records.filter(|record| is_overdue(facts, record) && !answers(facts, record));
    stale.filter(|_| asked).collect()
}

pub(super) fn judge(facts: &Facts) -> Group {
    let registry = match &facts.registry {
        Ok(registry) => registry,
        Err(why) => return Group::unasked(GROUP, why),
    };
    let mut findings: Vec<Finding> = registry
        .records
        .iter()
        .filter_map(|record| one(facts, record))
        .collect();
    findings.extend(registry.unreadable.iter().map(|key| unreadable(facts, key)));
    findings.extend(twice(facts));
    let services: BTreeSet<&str> = registry
        .records
        .iter()
        .map(|record| &*record.instance.service)
        .collect();
    let summary = format!(
        "{} of {}",
        count(registry.records.len(), "instance", "instances"),
        count(services.len(), "service", "services")
    );
    Group::new(GROUP, summary, findings)
}

fn one(facts: &Facts, record: &Record) -> Option<Finding> {
    let instance = &record.instance;
    let (id, age) = (
        crate::out::plain(&instance.id),
        shown(facts.age(record.written)),
    );
    let service = crate::out::plain(&instance.service);
    let about = format!("{service}/{id}");
    if is_overdue(facts, record) {
        if answers(facts, record) {
            let what = format!("{about} answers, and has not renewed its record for {age}");
            let finding = Finding::warning("heartbeat_late", &about, what)
                .because("who looks for instances takes it for gone")
                .mended_by("look at its log: it may not write to the registry");
            return Some(finding);
        }
        let how = match instance.status {
            InstanceStatus::Shutdown => "it has stopped, and left its record behind".to_owned(),
            _ => format!("nothing was heard of it for {age}"),
        };
        let finding = Finding::warning("stale_registration", &about, format!("{about}: {how}"))
            .because("it looks as if it were there to who reads the registry without a watch")
            .mended_by("`aegis doctor --clean` removes it, unless it is heard again before");
        return Some(finding);
    }
    let finding = match instance.status {
        InstanceStatus::Shutdown => Finding::note(
            "stopping",
            &about,
            format!("{about} stops, and takes nothing new"),
        ),
        InstanceStatus::Unhealthy => {
            let why = crate::out::plain(instance.reason().unwrap_or("it does not say why"));
            Finding::warning("unhealthy", &about, format!("{about} is unhealthy: {why}"))
                .because("no calls are sent to it by who chooses among instances")
                .mended_by("see its log, and its `#[health]`")
        }
        _ => return None,
    };
    Some(finding)
}

fn unreadable(facts: &Facts, key: &str) -> Finding {
    let (bucket, key) = (
        facts.names.registry.trim_start_matches("KV_"),
        crate::out::plain(key),
    );
    Finding::warning(
        "unreadable_registration",
        &key,
        format!("{key} is no record of an instance"),
    )
    .because("nobody sees that instance")
    .mended_by(format!(
        "`nats kv get {bucket} {key} --raw` shows it, `nats kv del {bucket} {key} -f` removes it"
    ))
}

/// Instances of one service with one id.
fn twice(facts: &Facts) -> Vec<Finding> {
    let mut all: BTreeMap<&(String, String), usize> = BTreeMap::new();
    for answer in facts.answers.as_ref().ok().into_iter().flatten() {
        *all.entry(answer).or_default() += 1;
    }
    let twice = all.into_iter().filter(|(_, number)| *number > 1);
    let finding = |((service, id), number): (&(String, String), usize)| {
        let about = crate::out::plain(&format!("{service}/{id}"));
        let what = format!("{number} processes call themselves {about}");
        Finding::problem("id_twice", &about, what)
            .because(
                "they write one record, take each other's calls, and share places of handlers that each \
                 should have for itself",
            )
            .mended_by("give each an `instance_id` (AEGIS_INSTANCE_ID) of its own, or none at all")
    };
    twice.map(finding).collect()
}
