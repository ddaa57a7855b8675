//! How a dead letter looks: on a line, whole, in JSON.

use std::fmt::Write as _;

use aegis::DeadLetter;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::body;
use crate::out::{cut, indented, instant, moment, plain, said};

/// So many characters of a reason are shown on a line.
const SHORT: usize = 200;

/// A dead letter, as `--json` writes it.
#[derive(Debug, Serialize)]
pub(super) struct Json<'a> {
    sequence: u64,
    given_up: String,
    handler: &'a str,
    instance: &'a str,
    attempts: u64,
    code: &'a str,
    reason: &'a str,
    subject: &'a str,
    id: &'a str,
    stream: &'a str,
    number: u64,
    published: Option<String>,
    headers: Map<String, Value>,
    body_left: bool,
    #[serde(flatten)]
    body: body::Json,
}

impl<'a> Json<'a> {
    pub(super) fn of(letter: &'a DeadLetter) -> Self {
        let body = if letter.body_left {
            body::Json::default()
        } else {
            body::Json::of(letter.payload(), &letter.body)
        };
        Self {
            sequence: letter.sequence,
            given_up: moment(letter.given_up, true),
            handler: &letter.handler,
            instance: &letter.instance,
            attempts: letter.attempts,
            code: &letter.code,
            reason: &letter.reason,
            subject: &letter.subject,
            id: &letter.id,
            stream: &letter.stream,
            number: letter.number,
            published: letter.published.map(|time| moment(time, true)),
            headers: body::headers(&letter.headers),
            body_left: letter.body_left,
            body,
        }
    }
}

/// What stands above the columns of `aegis dead list`.
pub(super) fn heads() -> Vec<String> {
    [
        "NUMBER", "GIVEN UP", "HANDLER", "SUBJECT", "ID", "ATTEMPTS", "WHY",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What `aegis dead list` shows of one: number, time, handler, subject, id, attempts and
/// why.
pub(super) fn row(letter: &DeadLetter) -> Vec<String> {
    vec![
        letter.sequence.to_string(),
        moment(letter.given_up, false),
        plain(said(&letter.handler)),
        plain(said(&letter.subject)),
        plain(said(&letter.id)),
        letter.attempts.to_string(),
        plain(&cut(&why(letter), SHORT)),
    ]
}

/// `INTERNAL: the disk is full`.
fn why(letter: &DeadLetter) -> String {
    format!("{}: {}", said(&letter.code), letter.reason)
}

/// Everything that is known of one, for people.
pub(super) fn whole(letter: &DeadLetter) -> String {
    let place = format!("{}, number {}", said(&letter.stream), letter.number);
    let published = letter.published.map(instant);
    let rows = [
        ("given up", instant(letter.given_up)),
        ("handler", letter.handler.clone()),
        ("instance", letter.instance.clone()),
        ("attempts", letter.attempts.to_string()),
        ("code", letter.code.clone()),
        ("reason", letter.reason.clone()),
        ("subject", letter.subject.clone()),
        ("id", letter.id.clone()),
        ("published", published.unwrap_or_default()),
        ("stream", place),
    ];
    let mut text = format!("dead letter {}\n", letter.sequence);
    indented(
        &mut text,
        rows.map(|(name, value)| (name.to_owned(), value)),
    );
    if !letter.headers.is_empty() {
        text += "\n  headers\n";
        let headers = letter.headers.iter();
        indented(
            &mut text,
            headers.map(|(name, value)| (format!("  {name}"), value.to_owned())),
        );
    }
    text += "\n  body\n";
    for line in body(letter).lines() {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "    {}", plain(line));
    }
    if is_command(letter) && !letter.id.is_empty() {
        let id = plain(&letter.id);
        let _ = writeln!(
            text,
            "\n  It is a command: `aegis command show {id}` tells about its job"
        );
    }
    text
}

/// Whether it stood in the queue of commands, which keeps nothing that was given up.
fn is_command(letter: &DeadLetter) -> bool {
    letter.stream.ends_with("COMMANDS")
}

fn body(letter: &DeadLetter) -> String {
    if letter.body_left && is_command(letter) {
        return "was too large for a dead letter and is gone: send the command anew, in parts, or with \
                the place where it is stored"
            .to_owned();
    }
    if letter.body_left {
        // It was too large to be a dead letter with all the facts beside it.
        return format!(
            "is too large for a dead letter and was left in {}: `aegis events --from {} --count 1 \
             --body full` shows it, as long as it is there",
            letter.stream, letter.number
        );
    }
    let payload = letter.payload();
    let pretty = payload.and_then(|payload| serde_json::to_string_pretty(&payload).ok());
    pretty.unwrap_or_else(|| String::from_utf8_lossy(&letter.body).into_owned())
}
