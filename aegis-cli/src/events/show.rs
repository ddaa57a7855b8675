//! How an event looks: on a line, and in JSON.

use aegis::AnyEvent;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::body;
use crate::cli::Shown;
use crate::out::{cut, fitted, instant, moment, plain};

/// So many characters of a payload are shown where there is no terminal.
const SHORT: usize = 300;
/// A payload that would get fewer columns is shown on a line of its own.
const FEW: usize = 30;

/// An event, as `--json` writes it.
#[derive(Debug, Serialize)]
pub(super) struct Json<'a> {
    time: String,
    sequence: u64,
    name: &'a str,
    id: &'a str,
    source: Option<&'a str>,
    trace_id: Option<String>,
    correlation_id: Option<&'a str>,
    version: &'a str,
    headers: Map<String, Value>,
    #[serde(flatten)]
    body: body::Json,
}

impl<'a> Json<'a> {
    pub(super) fn of(event: &'a AnyEvent, payload: Option<Value>, shown: Shown) -> Self {
        Self {
            time: moment(event.stored(), true),
            sequence: event.sequence(),
            name: event.name(),
            id: event.id(),
            source: event.source(),
            trace_id: event.trace().map(|trace| trace.trace_id()),
            correlation_id: event.correlation_id(),
            version: event.version(),
            headers: body::headers(event.headers()),
            body: match shown {
                Shown::None => body::Json::default(),
                _ => body::Json::of(payload, event.body()),
            },
        }
    }
}

/// `2026-01-01T00:00:00.000Z  7  orders.created  shop  4bf9..  order-7  {"id":"7"}`; on a terminal
/// of so many columns the payload may be on a second line.
pub(super) fn line(
    event: &AnyEvent,
    payload: Option<&Value>,
    shown: Shown,
    columns: Option<usize>,
) -> String {
    let trace = event.trace().map(|trace| trace.trace_id());
    let said = |text: Option<&str>| plain(text.unwrap_or("-"));
    let facts = format!(
        "{}  {:>6}  {}  {}  {}  {}",
        instant(event.stored()),
        event.sequence(),
        plain(event.name()),
        said(event.source()),
        said(trace.as_deref()),
        plain(event.id()),
    );
    match shown {
        Shown::None => facts,
        Shown::Full => with_body(facts, &body::line(payload, event.body()), None),
        Shown::Short => match columns {
            None => {
                let body = cut(&body::line(payload, event.body()), SHORT);
                with_body(facts, &body, None)
            }
            columns => with_body(facts, &body::line(payload, event.body()), columns),
        },
    }
}

/// Behind the facts, or below them if there is no room; cut to the width of a terminal.
fn with_body(facts: String, body: &str, columns: Option<usize>) -> String {
    if body.is_empty() {
        return facts;
    }
    let Some(columns) = columns else {
        return format!("{facts}  {body}");
    };
    let room = columns.saturating_sub(facts.chars().count() + 2);
    if room >= FEW || body.chars().count() <= room {
        format!("{facts}  {}", fitted(body, room))
    } else {
        format!("{facts}\n    {}", fitted(body, columns.saturating_sub(4)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_fits_the_terminal() {
        let (facts, long) = ("x".repeat(20), "y".repeat(100));
        for (body, columns, lines) in [
            ("short", None, vec![27]),
            (&*long, None, vec![122]),
            ("short", Some(80), vec![27]),
            (&long, Some(80), vec![80]),
            ("short", Some(27), vec![27]),
            ("short", Some(26), vec![20, 9]),
            (&long, Some(40), vec![20, 40]),
            (&long, Some(0), vec![20, 6]),
            ("", Some(80), vec![20]),
        ] {
            let shown = with_body(facts.clone(), body, columns);
            let found: Vec<usize> = shown.lines().map(|line| line.chars().count()).collect();
            assert_eq!(found, lines, "{shown}");
        }
    }
}
