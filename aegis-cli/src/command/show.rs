//! How a job looks: on a line, whole, and what it waits for.

use std::fmt::Write as _;

use aegis::{JobState, JobStatus};
use time::OffsetDateTime;

use crate::out::{cut, indented, instant, moment, plain};

/// So many characters of a text are shown on a line.
const SHORT: usize = 200;
/// The failure of a step that may have happened.
const MAYBE_EXECUTED: &str = "MAYBE_EXECUTED";

/// What stands above the columns of `aegis command list`.
pub(super) fn heads() -> Vec<String> {
    [
        "JOB", "STATE", "COMMAND", "PRIORITY", "ATTEMPT", "DONE", "SENT", "WHAT",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What `aegis command list` shows of one.
pub(super) fn row(job: &JobStatus) -> Vec<String> {
    let progress = job.progress.as_ref();
    let percent = progress.map(|progress| format!("{} %", progress.percent.floor()));
    vec![
        plain(&job.id),
        job.state.to_string(),
        plain(&format!("{}.{}", job.service, job.command)),
        job.priority.to_string(),
        job.attempt.to_string(),
        percent.unwrap_or_else(|| "-".to_owned()),
        moment(job.created, false),
        plain(&cut(&what(job), SHORT)),
    ]
}

/// What there is to say of one, in short.
fn what(job: &JobStatus) -> String {
    match (job.state, &job.error) {
        (JobState::Failed, Some(failure)) => failure.to_string(),
        _ => standing(job),
    }
}

/// What it waits for, or is at.
pub(super) fn standing(job: &JobStatus) -> String {
    let reported = job.progress.as_ref();
    let reported = reported.map_or("", |progress| &progress.message);
    match job.state {
        _ if job.cancelling => "it is being cancelled".to_owned(),
        JobState::Queued => match later(job) {
            Some(time) => format!("it begins at {time}"),
            None => "it waits for a worker".to_owned(),
        },
        JobState::Retrying => {
            let again = later(job).unwrap_or_else(|| "once".to_owned());
            let failure = job.error.as_ref().map(ToString::to_string);
            format!("again at {again}: {}", failure.unwrap_or_default())
        }
        JobState::Running => reported.to_owned(),
        JobState::Succeeded | JobState::Failed | JobState::Cancelled => String::new(),
    }
}

/// When it goes on, if that is not now.
fn later(job: &JobStatus) -> Option<String> {
    let time = job.run_at.filter(|time| *time > OffsetDateTime::now_utc());
    time.map(|time| moment(time, false))
}

/// Everything that is known of one, for people.
pub(super) fn whole(job: &JobStatus, letter_gone: bool) -> String {
    let mut text = format!("job {}\n", plain(&job.id));
    indented(&mut text, facts(job));
    if let Some(failure) = &job.error {
        let failed = job.state == JobState::Failed;
        text += if failed {
            "\n  error\n"
        } else {
            "\n  error of the last attempt that failed\n"
        };
        let _ = writeln!(text, "    {}", plain(&failure.to_string()));
        if !failure.details().is_null() {
            let _ = writeln!(
                text,
                "    details: {}",
                plain(&failure.details().to_string())
            );
        }
    }
    if !job.steps.is_empty() {
        text += "\n  steps that were begun\n";
        for step in &job.steps {
            let _ = writeln!(text, "    {}", plain(step));
        }
    }
    if job.state == JobState::Succeeded {
        text += "\n  result\n";
        let result = serde_json::to_string_pretty(&job.result).unwrap_or_default();
        for line in result.lines() {
            let _ = writeln!(text, "    {}", plain(line));
        }
    }
    let next = next(job, letter_gone);
    if !next.is_empty() {
        let _ = write!(text, "\n{next}");
    }
    text
}

fn facts(job: &JobStatus) -> Vec<(String, String)> {
    let time = |time: Option<OffsetDateTime>| time.map(instant);
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let (failed, ended) = (job.state == JobState::Failed, job.state.is_final());
    let progress = job.progress.as_ref().map(|progress| {
        let (percent, at) = (progress.percent.floor(), instant(progress.at));
        format!("{percent} %  {}  at {at}", progress.message)
    });
    let facts = [
        ("state", Some(job.state.to_string())),
        ("command", Some(format!("{}.{}", job.service, job.command))),
        ("priority", Some(job.priority.to_string())),
        ("key", job.idempotency_key.clone()),
        ("attempt", Some(job.attempt.to_string())),
        ("worker", job.worker.clone()),
        ("sent", time(Some(job.created))),
        ("goes on", time(job.run_at)),
        ("started", time(job.started)),
        ("ended", time(job.finished)),
        ("progress", progress),
        ("in the queue", number(job.sequence.filter(|_| !ended))),
        ("dead letter", number(job.dead_letter.filter(|_| failed))),
    ];
    let said = facts.into_iter();
    said.filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
        .collect()
}

/// What can be done.
fn next(job: &JobStatus, letter_gone: bool) -> String {
    let (id, service) = (plain(&job.id), plain(&job.service));
    let cancel = format!("`aegis command cancel {id}` ends it");
    match (job.state, job.dead_letter) {
        _ if job.cancelling => format!(
            "It is being cancelled: its worker was told, or whoever gets it next ends it. `aegis \
             command watch {id}` waits for that.\n"
        ),
        (JobState::Queued, _) => format!(
            "It waits for its time, or for a worker: `aegis services {service}` shows who is there, \
             {cancel}.\n"
        ),
        (JobState::Running, _) => format!("`aegis command watch {id}` follows it, {cancel}.\n"),
        (JobState::Retrying, _) => {
            format!("It is tried again: `aegis command watch {id}` follows it, {cancel}.\n")
        }
        (JobState::Failed, None) => {
            "Its dead letter is not noted yet: that is tried again until it is, and then it can be \
             brought back.\n"
                .to_owned()
        }
        (JobState::Failed, Some(letter)) if letter_gone => format!(
            "Its dead letter {letter} was removed: it cannot be brought back. Send it anew.\n"
        ),
        (JobState::Failed, Some(letter)) => {
            let failure = job.error.as_ref();
            let maybe = failure.is_some_and(|failure| failure.code() == MAYBE_EXECUTED);
            let first = if maybe {
                "A step may have happened: look whether it has, as it runs again if this is brought \
                 back.\n"
            } else {
                ""
            };
            format!(
                "{first}`aegis dead show {letter}` shows what was sent, `aegis command retry {id}` \
                 brings it back, `aegis dead drop {letter}` removes it for good.\n"
            )
        }
        (JobState::Succeeded | JobState::Cancelled, _) => String::new(),
    }
}
