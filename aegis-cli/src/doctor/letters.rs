//! What waits for people: dead letters, and records of jobs that cannot be read.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::finding::{Finding, Group, count};
use super::gather::LETTERS;

/// Dead letters, by the handler that gave them up.
pub(super) fn dead(facts: &Facts) -> Group {
    const GROUP: &str = "dead letters";
    let (letters, all) = match &facts.letters {
        Ok(found) => found,
        Err(why) => return Group::unasked(GROUP, why),
    };
    let mut handlers: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for letter in letters {
        let found = handlers.entry(&letter.handler).or_insert((0, &letter.code));
        found.0 += 1;
    }
    let more = *all > LETTERS as u64;
    let findings = handlers.into_iter().map(|(handler, (number, code))| {
        let counted = count(number, "dead letter waits", "dead letters wait");
        let among = if more { format!(" among the oldest {LETTERS}") } else { String::new() };
        let what = format!("{counted} of {handler}{among}; the oldest says {code}");
        Finding::warning("dead_letters", handler, what)
            .because("their handler gave them up: what they were to do was not done")
            .mended_by(format!(
                "`aegis dead list --handler {handler}` shows why; when that is mended, `aegis dead retry \
                 --all --handler {handler}` brings them back, `aegis dead drop NUMBER` removes one"
            ))
    });
    let summary = match usize::try_from(*all).unwrap_or(usize::MAX) {
        0 => "none".to_owned(),
        all => count(all, "dead letter waits", "dead letters wait"),
    };
    Group::new(GROUP, summary, findings.collect())
}

/// Records of jobs.
pub(super) fn jobs(facts: &Facts) -> Group {
    const GROUP: &str = "jobs";
    let ids = match &facts.unreadable_jobs {
        Ok(ids) => ids,
        Err(why) => return Group::unasked(GROUP, why),
    };
    let bucket = facts.names.jobs.trim_start_matches("KV_");
    let findings = ids.iter().map(|id| {
        let id = crate::out::plain(id);
        Finding::problem("unreadable_job", &id, format!("the record of the job {id} cannot be read"))
            .because("its command is tried again and again, and nothing can be written of it")
            .mended_by(format!(
                "was it written by a newer version, upgrade the workers; else `nats kv get {bucket} {id} \
                 --raw` shows it, and `nats kv del {bucket} {id} -f` lets the command begin anew"
            ))
    });
    let known = facts
        .stream(&facts.names.jobs)
        .map_or(0, |stream| stream.messages);
    let known = usize::try_from(known).unwrap_or(usize::MAX);
    let summary = format!("{} known", count(known, "job is", "jobs are"));
    Group::new(GROUP, summary, findings.collect())
}
