//! What came of a run: what every process says, held against what the server holds.

use std::collections::BTreeSet;

use aegis::DeadLetter;
use serde_json::Value;

use super::attempts::{Attempt, Faults, Reason, attempts};
use super::*;

/// What the server holds at the end.
#[derive(Debug)]
pub(super) struct Found {
    /// The jobs of the messages that the queue holds.
    pub(super) held: Vec<String>,
    /// By the id of their job.
    pub(super) effects: BTreeMap<String, String>,
    pub(super) jobs: BTreeMap<String, JobStatus>,
    pub(super) letters: Vec<DeadLetter>,
}

/// All that is known at the end.
#[derive(Debug, Default)]
pub(super) struct Account {
    commands: usize,
    kills: usize,
    freezes: usize,
    outages: usize,
    took: Duration,
    /// Jobs whose sending succeeded.
    sent: BTreeSet<String>,
    /// How often one was not sent, by the kind of the error and whether it may have been.
    unsent: BTreeMap<(String, bool), usize>,
    /// How jobs ended.
    ends: BTreeMap<&'static str, usize>,
    effects: usize,
    /// How often it was asked whether an effect has happened, and it had.
    asked: [usize; 2],
    /// Effects that ran a second time while somebody else may have been at the same job.
    refused: usize,
    /// How often a handler began, and why again.
    begun: usize,
    again: BTreeMap<Reason, usize>,
    /// Messages of ended jobs that a killed server did not remove.
    left: usize,
    /// What must not be.
    wrong: Vec<String>,
}

/// What the journals say of one job.
#[derive(Debug, Default)]
struct Story<'a> {
    name: Option<&'a str>,
    sent: usize,
    new: usize,
    heard: Vec<(&'a Result<String, String>, &'a Value)>,
    cancelled: Option<JobState>,
    attempts: Vec<Attempt<'a>>,
    /// When the code of its effect found that it is there.
    refused: Vec<u64>,
}

impl Account {
    pub(super) fn of(world: &World, found: &Found, took: Duration) -> Self {
        let mut account = Self {
            commands: world.commands,
            kills: world.mills.iter().filter_map(|it| it.killed).count(),
            freezes: world.freezes.len(),
            outages: world.outages.len(),
            effects: found.effects.len(),
            took,
            ..Self::default()
        };
        let faults = Faults {
            outages: &world.outages,
            freezes: &world.freezes,
        };
        let told = account.read(world);
        for (job, told) in &told {
            account.judge_attempts(job, told, faults);
            match found.jobs.get(*job) {
                Some(status) => account.judge(status, told, found),
                None => account.wrong(job, "nothing is known of it"),
            }
        }
        for job in found.jobs.keys().chain(found.effects.keys()) {
            if !told.contains_key(job.as_str()) {
                account.wrong(job, "nobody has sent it or begun it");
            }
        }
        account.judge_queue(found);
        account
    }

    fn wrong(&mut self, job: &str, what: impl std::fmt::Display) {
        self.wrong.push(format!("{job}: {what}"));
    }

    fn read<'a>(&mut self, world: &'a World) -> BTreeMap<&'a str, Story<'a>> {
        let mut all: BTreeMap<&str, Story<'_>> = BTreeMap::new();
        for (job, attempts) in attempts(&world.mills) {
            self.begun += attempts.len();
            all.entry(job).or_default().attempts = attempts;
        }
        let programs = world.senders.iter().chain(&world.mills);
        for Line { at, note } in programs.flat_map(|it| it.journal.lines()) {
            match note {
                Note::Sent { name, job, is_new } => {
                    self.sent.insert(job.clone());
                    let told = all.entry(job).or_default();
                    if told.name.is_some_and(|known| known != name) {
                        self.wrong(job, format!("it is {name} and {:?}", told.name));
                    }
                    told.name = Some(name);
                    told.sent += 1;
                    told.new += usize::from(*is_new);
                }
                Note::Unsent { kind, was_sent, .. } => {
                    *self.unsent.entry((kind.clone(), *was_sent)).or_default() += 1;
                }
                Note::Cancelled { job, state } => {
                    all.entry(job).or_default().cancelled = Some(*state);
                }
                Note::Heard { job, heard, record } => {
                    all.entry(job).or_default().heard.push((heard, record));
                }
                Note::Began { name, job, .. } => all.entry(job).or_default().name = Some(name),
                Note::Took { job, is_first } if !is_first => {
                    all.entry(job).or_default().refused.push(*at);
                }
                Note::Asked { found, .. } => self.asked[usize::from(*found)] += 1,
                _ => {}
            }
        }
        all
    }

    /// The queue holds nothing. A server that was killed may have noted that a message was settled, and
    /// not that it was removed: nobody gets that again.
    fn judge_queue(&mut self, found: &Found) {
        for job in &found.held {
            let status = found.jobs.get(job);
            let has_ended = status.is_some_and(|status| status.state.is_final());
            if has_ended && self.outages > 0 {
                self.left += 1;
            } else {
                self.wrong(job, format!("it is in the queue still: {status:?}"));
            }
        }
    }

    /// Nothing was begun, and no effect run, a second time without a reason.
    fn judge_attempts(&mut self, job: &str, told: &Story<'_>, faults: Faults<'_>) {
        for (at, next) in told.attempts.iter().enumerate().skip(1) {
            let before = &told.attempts[..at];
            match faults.reason(before, next) {
                Some(reason) => *self.again.entry(reason).or_default() += 1,
                None => self.wrong(
                    job,
                    format!("begun again for no reason: {before:?} {next:?}"),
                ),
            }
        }
        let from = told.attempts.first().map_or(0, |first| first.at);
        for at in &told.refused {
            if faults.may_overlap(&told.attempts, from, *at) {
                self.refused += 1;
            } else {
                self.wrong(job, "its effect ran again without being asked for");
            }
        }
    }

    /// A job is as its plan says, and as everybody tells.
    fn judge(&mut self, status: &JobStatus, told: &Story<'_>, found: &Found) {
        let (job, end) = (status.id.as_str(), status.state);
        *self.ends.entry(end.name()).or_default() += 1;
        let plan = Plan::of(told.name.unwrap_or_default());
        let effects = usize::from(found.effects.contains_key(job));
        for (fits, what) in [
            (plan.ends().contains(&end), "that is not how it may end"),
            (
                plan.effects(end).is_none_or(|all| all == effects),
                "effects",
            ),
            (told.new <= 1, "it was new more than once"),
            (
                told.sent == 0 || !told.heard.is_empty(),
                "nobody heard of its end",
            ),
            (fits_heard(status, told), "somebody heard something else"),
            (fits_attempts(status, told), "no attempt ended like this"),
            (
                fits_result(status, found),
                "it does not follow from the effect",
            ),
            (fits_letters(status, found), "dead letters"),
            (
                told.cancelled
                    .is_none_or(|said| !said.is_final() || said == end),
                "whoever cancelled it was told something else",
            ),
        ] {
            if !fits {
                self.wrong(
                    job,
                    format!("{what}: {plan:?} {effects} {status:?} {told:?}"),
                );
            }
        }
    }

    pub(super) fn assert_kept(&self) {
        self.tell();
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert!(self.sent.len() > self.commands / 2, "{}", self.sent.len());
        let faults = (self.kills, self.freezes, self.outages);
        assert!(
            self.kills >= 8 && self.freezes >= 2 && self.outages == 1,
            "too few: {faults:?}"
        );
    }

    fn tell(&self) {
        println!(
            "{} sent in {:.1?}, {} jobs: {:?}; {} processes killed, {} frozen, the server killed {} \
             times; {} effects; begun {} times, again {:?}",
            self.commands,
            self.took,
            self.ends.values().sum::<usize>(),
            self.ends,
            self.kills,
            self.freezes,
            self.outages,
            self.effects,
            self.begun,
            self.again,
        );
        let [no, yes] = self.asked;
        println!(
            "asked whether an effect has happened: {yes} had, {no} had not; second effects refused \
             while two were at it {}; sending failed {:?}; left in the queue {}; wrong {}",
            self.refused,
            self.unsent,
            self.left,
            self.wrong.len(),
        );
    }
}

/// Each sender heard the end that stands there, and nothing was written over it but the number of its
/// dead letter.
fn fits_heard(status: &JobStatus, told: &Story<'_>) -> bool {
    let without_letter = |record: &Value| {
        let mut record = record.clone();
        record["dead_letter"] = Value::Null;
        record
    };
    let last = without_letter(&serde_json::to_value(status).unwrap());
    told.heard.iter().all(|(heard, record)| {
        let fits = match (status.state, heard) {
            (JobState::Succeeded, Ok(result)) => status.result == **result,
            (JobState::Cancelled, Err(kind)) => kind == ErrorKind::Cancelled.name(),
            (JobState::Failed, Err(code)) => {
                let failure = status.error.as_ref();
                failure.is_some_and(|failure| failure.code() == code)
            }
            _ => false,
        };
        fits && without_letter(record) == last
    })
}

/// The attempt that stands in the record ended like that.
fn fits_attempts(status: &JobStatus, told: &Story<'_>) -> bool {
    let last = |attempt: &&Attempt<'_>| attempt.number == status.attempt;
    let mut last = told.attempts.iter().filter(last);
    match status.state {
        JobState::Succeeded => {
            last.any(|it| it.result().is_some_and(|result| status.result == *result))
        }
        JobState::Failed => last.any(Attempt::has_failed),
        // It may have been begun, if that was faster.
        JobState::Cancelled => status.attempt > 0 || told.attempts.is_empty(),
        _ => false,
    }
}

fn fits_result(status: &JobStatus, found: &Found) -> bool {
    let receipt = found.effects.get(&status.id);
    let expected = receipt.map(|receipt| Value::String(mill::ground(receipt)));
    status.state != JobState::Succeeded || expected.as_ref() == Some(&status.result)
}

/// One for what has failed, else none.
fn fits_letters(status: &JobStatus, found: &Found) -> bool {
    let own = found.letters.iter().filter(|letter| letter.id == status.id);
    let own: Vec<u64> = own.map(|letter| letter.sequence).collect();
    let known: Vec<u64> = status.dead_letter.into_iter().collect();
    own == known && own.len() == usize::from(status.state == JobState::Failed)
}
