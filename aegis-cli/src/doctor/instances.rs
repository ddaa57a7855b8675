//! Who is there: the records of instances, and what they answer themselves. Who has the one and not the
//! other is asked twice, as instances come and go while they are asked.

use std::time::Duration;

use aegis::{Instance, ServiceInfo};

use super::ask::Asker;
use super::facts::{Answer, Asked, Record, Registry};

/// One that is well answers within this time.
const SOON: Duration = Duration::from_millis(500);

/// The records, and who answers.
pub(super) async fn asked(
    asker: &Asker<'_>,
    within: Duration,
) -> (Asked<Registry>, Asked<Vec<Answer>>) {
    let (records, answers) = tokio::join!(registry(asker), answers(asker, within.min(SOON)));
    let (Ok(first), Ok(heard)) = (&records, &answers) else {
        return (records, answers);
    };
    if agree(first, heard) {
        return (records, answers);
    }
    let again = self::answers(asker, within).await;
    match (registry(asker).await, again) {
        (Ok(second), Ok(again)) => {
            let (records, answers) = both((first, heard), second, again);
            (Ok(records), Ok(answers))
        }
        // What was heard at first is not wrong by that, and is not sure either.
        _ => (records, Err("they were asked again in vain".to_owned())),
    }
}

/// Whether everybody who should have both has both.
fn agree(registry: &Registry, answers: &[Answer]) -> bool {
    let records = &registry.records;
    let answered = |record: &Record| answers.iter().any(|answer| answer.is_of(record));
    let recorded = |answer: &Answer| records.iter().any(|record| answer.is_of(record));
    let mut silent = records.iter().filter(|record| record.should_answer());
    let mut unknown = answers.iter().filter(|answer| answer.keeps_record);
    silent.all(answered) && unknown.all(recorded)
}

/// What holds of two looks: silent is who answered neither, unknown who answered both. Who came in
/// between could not answer, and is left out.
fn both(
    (first, heard): (&Registry, &[Answer]),
    mut second: Registry,
    again: Vec<Answer>,
) -> (Registry, Vec<Answer>) {
    let same =
        |one: &Answer, other: &Answer| (&one.service, &one.id) == (&other.service, &other.id);
    let mut answers = heard.to_vec();
    for answer in &mut answers {
        answer.keeps_record &= again.iter().any(|other| same(other, answer));
    }
    let new = again
        .into_iter()
        .filter(|answer| !heard.iter().any(|other| same(other, answer)));
    answers.extend(new.map(|answer| Answer {
        keeps_record: false,
        ..answer
    }));
    second.records.retain(|record| {
        let before = first.records.iter().any(|other| other.key == record.key);
        before || answers.iter().any(|answer| answer.is_of(record))
    });
    (second, answers)
}

async fn registry(asker: &Asker<'_>) -> Asked<Registry> {
    let found = asker.client.bucket("service_registry").find_bytes().await;
    let Some(bucket) = asker.noted(found)? else {
        return Ok(Registry::default());
    };
    let entries = asker.noted(bucket.entries("service-instances.").await)?;
    let mut registry = Registry::default();
    for entry in entries {
        match serde_json::from_slice::<Instance>(&entry.value) {
            Ok(instance) => registry.records.push(Record {
                key: entry.key,
                revision: entry.revision,
                written: entry.created,
                instance,
            }),
            Err(_) => registry.unreadable.push(entry.key),
        }
    }
    Ok(registry)
}

async fn answers(asker: &Asker<'_>, within: Duration) -> Asked<Vec<Answer>> {
    let infos = asker.noted(asker.client.services(within).await)?;
    Ok(infos.into_iter().map(Answer::of).collect())
}

impl Answer {
    fn of(info: ServiceInfo) -> Self {
        let state = info.metadata.get("aegis.state");
        Self {
            keeps_record: state.is_some_and(|state| state == "STARTED"),
            service: info.name,
            id: info.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::OffsetDateTime;

    fn registry(ids: &[&str]) -> Registry {
        let record = |id: &&str| {
            let record = json!({"serviceName": "desk", "instanceId": id, "status": "ACTIVE",
                "metadata": {"boot": "1"}});
            Record {
                key: (*id).to_owned(),
                revision: 1,
                written: OffsetDateTime::UNIX_EPOCH,
                instance: serde_json::from_value(record).unwrap(),
            }
        };
        Registry {
            records: ids.iter().map(record).collect(),
            unreadable: Vec::new(),
        }
    }

    fn answers(ids: &[&str]) -> Vec<Answer> {
        let answer = |id: &&str| Answer {
            service: "desk".to_owned(),
            id: (*id).to_owned(),
            keeps_record: true,
        };
        ids.iter().map(answer).collect()
    }

    #[test]
    fn two_looks_tell_the_silent_and_the_unknown_from_who_came_or_went() {
        for (first, heard, second, again, silent, unknown) in [
            (&["a"][..], &[][..], &["a"][..], &[][..], "a", ""),
            (&["a"], &[], &["a"], &["a"], "", ""),
            (&["a"], &[], &[], &[], "", ""),
            (&[], &[], &["a"], &[], "", ""),
            (&[], &["a"], &[], &["a"], "", "a"),
            (&[], &["a"], &["a"], &["a"], "", ""),
            (&[], &["a"], &[], &[], "", ""),
            (&[], &[], &[], &["a"], "", ""),
        ] {
            let first = (&registry(first), &answers(heard)[..]);
            let (records, answers) = both(first, registry(second), answers(again));
            let silent_ones = records
                .records
                .iter()
                .filter(|record| !answers.iter().any(|answer| answer.is_of(record)));
            let silent_ones: Vec<&str> = silent_ones.map(|record| &*record.key).collect();
            let unknown_ones = answers.iter().filter(|answer| {
                let has = records.records.iter().any(|record| answer.is_of(record));
                answer.keeps_record && !has
            });
            let unknown_ones: Vec<&str> = unknown_ones.map(|answer| &*answer.id).collect();
            let found = (silent_ones.join(" "), unknown_ones.join(" "));
            assert_eq!(found, (silent.to_owned(), unknown.to_owned()), "{first:?}");
        }
    }
}
