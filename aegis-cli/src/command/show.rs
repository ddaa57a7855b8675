//! How a job looks: on a line, whole, and what it waits for.

use std::fmt::Write as _;

use aegis::{JobState, JobStatus};
use time::OffsetDateTime;

use crate::ending::Answered;
use crate::out::{cut, indented, instant, moment, plain};

/// So many characters of a text are shown on a line.
const SHORT: usize = 200;
/// The failure of a step that may have happened.
const MAYBE_EXECUTED: &str = "MAYBE_EXECUTED";

/// What can be done with a job, and what that does.
const WATCH: (&str, &str) = ("watch", "follows it");
const CANCEL: (&str, &str) = ("cancel", "ends it");
const RETRY: (&str, &str) = ("retry", "brings it back");

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
    let percent = percent(job).map(|percent| format!("{} %", percent.floor()));
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

/// How much is done: what was reported, and all of it if it succeeded.
pub(super) fn percent(job: &JobStatus) -> Option<f64> {
    let reported = job.progress.as_ref().map(|progress| progress.percent);
    match job.state {
        JobState::Succeeded => reported.map(|_| 100.0),
        JobState::Queued => None,
        _ => reported,
    }
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
        let head = match job.state {
            JobState::Failed => "error",
            _ => "error of the last attempt that failed",
        };
        block(&mut text, head, &Answered(failure.clone()).to_string());
    }
    if !job.steps.is_empty() {
        let steps = job.steps.iter().map(|step| {
            let so_far = if step.done { "done" } else { "begun" };
            format!("{}: {so_far}", step.name)
        });
        let steps: Vec<String> = steps.collect();
        block(&mut text, "steps", &steps.join("\n"));
    }
    if job.state == JobState::Succeeded {
        let result = serde_json::to_string_pretty(&job.result);
        block(&mut text, "result", &result.unwrap_or_default());
    }
    next(&mut text, job, letter_gone);
    text
}

fn block(text: &mut String, head: &str, body: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "\n  {head}");
    for line in body.lines() {
        let _ = writeln!(text, "    {}", plain(line));
    }
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
fn next(text: &mut String, job: &JobStatus, letter_gone: bool) {
    let (sentence, words): (String, &[(&str, &str)]) = match (job.state, job.dead_letter) {
        (JobState::Succeeded | JobState::Cancelled, _) => return,
        _ if job.cancelling => (
            "It is being cancelled: its worker was told, or whoever gets it next ends it."
                .to_owned(),
            &[WATCH],
        ),
        (JobState::Queued, _) => {
            let service = plain(&job.service);
            let text = "It waits for its time, or for a worker";
            (
                format!("{text}: `aegis services {service}` shows who is there."),
                &[WATCH, CANCEL],
            )
        }
        (JobState::Running, _) => ("It is being worked on.".to_owned(), &[WATCH, CANCEL]),
        (JobState::Retrying, _) => ("It is tried again.".to_owned(), &[WATCH, CANCEL]),
        (JobState::Failed, None) => {
            let text = "Its dead letter is not noted yet: that is tried until it is, and then it can \
                        be brought back.";
            (text.to_owned(), &[])
        }
        (JobState::Failed, Some(letter)) if letter_gone => {
            let text = "was removed: it cannot be brought back. Send it anew.";
            (format!("Its dead letter {letter} {text}"), &[])
        }
        (JobState::Failed, Some(letter)) => {
            let failure = job.error.as_ref();
            let maybe = failure.is_some_and(|failure| failure.code() == MAYBE_EXECUTED);
            let first = if maybe {
                "A step may have happened: look whether it has, for it runs again if the job is \
                 brought back. "
            } else {
                ""
            };
            let text = format!("{first}`aegis dead show {letter}` shows what was sent.");
            (text, &[RETRY])
        }
    };
    let _ = writeln!(text, "\n{sentence}");
    let words = words.iter().map(|(word, what)| {
        let command = format!("aegis command {word} {}", job.id);
        (command, (*what).to_owned())
    });
    indented(text, words);
}
