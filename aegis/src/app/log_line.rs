//! A log line that says by itself what is handled.

use std::fmt;
use std::fmt::Write as _;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::serve::Context;

/// How the facts stand in a line.
pub(super) trait Adds {
    /// Adds them to a line that another format has written, without its end.
    fn add(line: &mut String, facts: Map<String, Value>);
}

/// As `name=value` behind the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsText;

/// As fields of the JSON object.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsFields;

impl Adds for AsText {
    fn add(line: &mut String, facts: Map<String, Value>) {
        for (name, value) in facts {
            let value = value.as_str().map_or(value.to_string(), shown);
            // Writing to a `String` cannot fail.
            let _ = write!(line, " {name}={value}");
        }
    }
}

/// A text of another program's in one line, and in few.
fn shown(text: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"';
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("{text:?}")
}

impl Adds for AsFields {
    fn add(line: &mut String, facts: Map<String, Value>) {
        if !line.ends_with('}') {
            return;
        }
        line.pop();
        for (name, value) in facts {
            let _ = write!(line, ",\"{name}\":{value}");
        }
        line.push('}');
    }
}

/// A format with the facts of what is handled in each line.
#[derive(Debug)]
pub(super) struct Handled<F, A> {
    inner: F,
    _adds: A,
}

impl<F, A> Handled<F, A> {
    pub(super) fn new(inner: F, adds: A) -> Self {
        Self { inner, _adds: adds }
    }
}

impl<S, N, F, A> FormatEvent<S, N> for Handled<F, A>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
    A: Adds,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let facts = match Context::current() {
            Some(handled) => facts(&handled),
            None => outside(event),
        };
        if facts.is_empty() {
            return self.inner.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.inner
            .format_event(context, Writer::new(&mut line), event)?;
        line.truncate(line.trim_end().len());
        A::add(&mut line, facts);
        writeln!(writer, "{line}")
    }
}

/// Longest text of another program in a line, in characters.
const LONGEST: usize = 128;

/// What a line says of what is handled; `docs/logs.md` lists it.
fn facts(handled: &Context) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut say = |name: &str, value: Value| drop(facts.insert(name.to_owned(), value));
    say("service", handled.service().into());
    say("handler", handled.method().into());
    say("instance", handled.instance().into());
    let belongs: String = handled.correlation_id().chars().take(LONGEST).collect();
    say("correlation_id", belongs.into());
    if let Some(trace) = handled.trace() {
        say("trace_id", trace.trace_id().into());
        say("span_id", trace.span_id().into());
    }
    if let Some(event) = handled.event() {
        say("event", event.name().into());
        say("sequence", event.sequence().into());
    }
    if let Some(job) = handled.job_id() {
        say("job", job.into());
    }
    facts
}

/// What a line outside of handlers says: in which recorded span of the program's own it was logged.
fn outside(event: &Event<'_>) -> Map<String, Value> {
    let mut facts = Map::new();
    // OpenTelemetry logs while it changes what is entered, and must not be asked for it then.
    if event.metadata().target().starts_with("opentelemetry") {
        return facts;
    }
    if let Some(trace) = crate::observe::entered() {
        facts.insert("trace_id".to_owned(), trace.trace_id().into());
        facts.insert("span_id".to_owned(), trace.span_id().into());
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Map<String, Value> {
        let mut facts = Map::new();
        facts.insert("service".to_owned(), "a".into());
        facts.insert("correlation_id".to_owned(), "x \"y\"\n".into());
        facts
    }

    #[test]
    fn facts_stand_in_the_line_whatever_they_hold() {
        let mut line = "INFO said".to_owned();
        AsText::add(&mut line, facts());
        assert_eq!(line, r#"INFO said correlation_id="x \"y\"\n" service=a"#);
        let mut line = r#"{"level":"INFO"}"#.to_owned();
        AsFields::add(&mut line, facts());
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&read["level"], &read["correlation_id"]),
            (&"INFO".into(), &"x \"y\"\n".into())
        );
    }
}
