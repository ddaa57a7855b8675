//! Instances: records of those who are not there any more or do not answer, those who answer and have
//! none, and those who are there twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aegis::InstanceStatus;

use super::facts::{Answer, Facts, Record, Registry};
use super::finding::{Finding, Group, UNASKED, count};
use super::server::shown;

const GROUP: &str = "instances";
/// A heartbeat may be late by so much beyond its time.
const SLACK: Duration = Duration::from_secs(1);

/// Whether its heartbeat is overdue beyond the time after which it counts as gone.
pub(super) fn is_overdue(facts: &Facts, record: &Record) -> bool {
    facts.age(record.written) > record.instance.ttl() + SLACK + facts.unsure()
}

/// Whether it is later than three heartbeats may be, whatever time to live it has.
fn is_late(facts: &Facts, record: &Record) -> bool {
    facts.age(record.written) > record.instance.heartbeat() * 3 + SLACK + facts.unsure()
}

/// Whether it answers for itself; none if that could not be asked.
fn answers(facts: &Facts, record: &Record) -> Option<bool> {
    let all = facts.answers.as_ref().ok()?;
    Some(all.iter().any(|answer| answer.is_of(record)))
}

/// The records that can be removed: overdue, and of nobody who answers. As long as it is not known
/// who answers, nobody's.
pub(super) fn stale(facts: &Facts) -> Vec<&Record> {
    let records = facts.records().iter();
    let stale =
        |record: &&Record| is_overdue(facts, record) && answers(facts, record) == Some(false);
    records.filter(stale).collect()
}

pub(super) fn judge(facts: &Facts) -> Group {
    let mut findings: Vec<Finding> = Vec::new();
    let registry = match (&facts.registry, &facts.answers) {
        (Ok(registry), _) => registry,
        (Err(why), Err(_)) => return Group::unasked(GROUP, why),
        (Err(_), Ok(_)) if facts.nothing_stored().is_some() => &Registry::default(),
        (Err(why), Ok(_)) => {
            let what = format!("their records are not looked at: {why}");
            findings.push(Finding::note(UNASKED, "", what));
            &Registry::default()
        }
    };
    let records = registry.records.iter();
    findings.extend(records.filter_map(|record| one(facts, record)));
    findings.extend(registry.unreadable.iter().map(|key| unreadable(facts, key)));
    findings.extend(without_record(facts));
    findings.extend(twice(facts));
    Group::new(GROUP, summary(facts, registry), findings)
}

/// How many there are, by their records and by their answers.
fn summary(facts: &Facts, registry: &Registry) -> String {
    let records = registry.records.iter();
    let recorded = records.map(|one| (&*one.instance.service, &*one.instance.id));
    let answers = facts.answers.as_ref().ok().into_iter().flatten();
    let answered = answers.map(|one| (&*one.service, &*one.id));
    let all: BTreeSet<(&str, &str)> = recorded.chain(answered).collect();
    let services: BTreeSet<&str> = all.iter().map(|(service, _)| *service).collect();
    let how = match facts.registry {
        Ok(_) => "",
        Err(_) => ", by what they answer: there are no records",
    };
    format!(
        "{} of {}{how}",
        count(all.len(), "instance", "instances"),
        count(services.len(), "service", "services")
    )
}

/// Instances that serve, and that nobody finds in the registry.
fn without_record(facts: &Facts) -> Vec<Finding> {
    if facts.registry.is_err() {
        return Vec::new();
    }
    let answers = facts.answers.as_ref().ok().into_iter().flatten();
    let has = |answer: &Answer| facts.records().iter().any(|record| answer.is_of(record));
    let without = answers.filter(|answer| answer.keeps_record && !has(answer));
    let all: BTreeSet<&Answer> = without.collect();
    let finding = |answer: &Answer| {
        let about = crate::out::plain(&format!("{}/{}", answer.service, answer.id));
        let what = format!("{about} answers, and has no record: it could not announce itself");
        Finding::warning("not_registered", &about, what)
            .because(
                "calls reach it, but who looks for instances does not find it, and what its handlers \
                 need is not looked at here",
            )
            .mended_by(
                "its log says why it is not announced, and it tries again by itself; is it meant so \
                 (`registry.enabled = false`), nothing is wrong",
            )
    };
    all.into_iter().map(finding).collect()
}

fn one(facts: &Facts, record: &Record) -> Option<Finding> {
    let instance = &record.instance;
    let about = crate::out::plain(&format!("{}/{}", instance.service, instance.id));
    let age = shown(facts.age(record.written));
    let answers = answers(facts, record);
    if answers == Some(true) && is_late(facts, record) {
        let what = format!("{about} answers, and has not renewed its record for {age}");
        let why = if is_overdue(facts, record) {
            "who looks for instances takes it for gone".to_owned()
        } else {
            let ttl = shown(instance.ttl());
            format!("after {ttl} without a heartbeat who looks for instances takes it for gone")
        };
        let finding = Finding::warning("heartbeat_late", &about, what)
            .because(why)
            .mended_by("look at its log: it may not write to the registry");
        return Some(finding);
    }
    if is_overdue(facts, record) {
        let how = match instance.status {
            InstanceStatus::Shutdown => "it has stopped, and left its record behind".to_owned(),
            _ => format!("nothing was heard of it for {age}"),
        };
        let finding = Finding::warning("stale_registration", &about, format!("{about}: {how}"))
            .because("it looks as if it were there to who reads the registry without a watch")
            .mended_by("`aegis doctor --clean` removes it, unless it is heard again before");
        return Some(finding);
    }
    match instance.status {
        InstanceStatus::Shutdown => Some(Finding::note(
            "stopping",
            &about,
            format!("{about} stops, and takes nothing new"),
        )),
        _ if answers == Some(false) && record.should_answer() => {
            Some(silent(facts, record, &about))
        }
        InstanceStatus::Unhealthy => {
            let why = crate::out::plain(instance.reason().unwrap_or("it does not say why"));
            let finding =
                Finding::warning("unhealthy", &about, format!("{about} is unhealthy: {why}"))
                    .because("no calls are sent to it by who chooses among instances")
                    .mended_by("see its log, and its `#[health]`");
            Some(finding)
        }
        _ => None,
    }
}

/// One with a record that has not run out, who does not answer.
fn silent(facts: &Facts, record: &Record, about: &str) -> Finding {
    let (age, ttl) = (
        shown(facts.age(record.written)),
        shown(record.instance.ttl()),
    );
    let what = format!("{about} does not answer; its last heartbeat was {age} ago");
    Finding::warning("no_answer", about, what)
        .because(format!(
            "it was killed, hangs, or is cut off, and is taken for there until {ttl} after its last \
             heartbeat"
        ))
        .mended_by(
            "start it anew if it is gone, see its log if it is not; one with another \
             `nats.micro_prefix` than this run has is not asked",
        )
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
    let mut all: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for answer in facts.answers.as_ref().ok().into_iter().flatten() {
        *all.entry((&answer.service, &answer.id)).or_default() += 1;
    }
    let twice = all.into_iter().filter(|(_, number)| *number > 1);
    let finding = |((service, id), number): ((&str, &str), usize)| {
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
