//! `retries`, `backoff`, `ack_wait` and `timeout`: what is said of work that a stream keeps.

use std::time::Duration;

use proc_macro2::Span;

use super::args::{self, Args, Kind, Rule};
use super::value;
use crate::diag::Diag;
use crate::model::Redelivery;

const BACKOFF: [Rule; 2] = [
    Rule::new("first", Kind::Text, "first = \"1s\""),
    Rule::new("max", Kind::Text, "max = \"60s\""),
];

const BACKOFF_EXAMPLE: &str = "backoff(first = \"1s\", max = \"60s\")";

/// The longest wait before a repetition, if only the first is given.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What is delivered, for people.
#[derive(Clone, Copy)]
pub(super) struct Noun {
    pub(super) one: &'static str,
    pub(super) many: &'static str,
}

/// Reads `retries`, `backoff` and `ack_wait`.
pub(super) fn redelivery(options: &Args, noun: Noun, diag: &mut Diag) -> Redelivery {
    Redelivery {
        retries: value::number(options, "retries", (0, 1000), "from 0 to 1000", diag),
        backoff: backoff(options, noun, diag),
        ack_wait: ack_wait(options, noun, diag),
    }
}

/// Reads the `timeout` of an attempt; `rule` says the longest for people, and what to do instead.
pub(super) fn timeout(
    options: &Args,
    longest: Duration,
    rule: &str,
    diag: &mut Diag,
) -> Option<Duration> {
    within(options, "timeout", (MILLISECOND, longest), rule, diag)
}

fn backoff(options: &Args, noun: Noun, diag: &mut Diag) -> Option<(Duration, Duration)> {
    let Some(list) = options.list("backoff") else {
        let first = wait(options, "backoff", noun, diag)?;
        return Some((first, first.max(LONGEST_WAIT)));
    };
    let place = options.place("backoff").unwrap_or_else(Span::call_site);
    let waits = args::read("backoff", list, &BACKOFF, diag);
    let missing = BACKOFF.iter().filter(|rule| !waits.has(rule.key));
    let missing: Vec<String> = missing.map(|rule| format!("`{}`", rule.key)).collect();
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        let way = format!("add {missing}, as in `{BACKOFF_EXAMPLE}`");
        diag.at_span(place, format_args!("`backoff` takes two waits: {way}"));
    }
    let [first, max] = BACKOFF.map(|rule| wait(&waits, rule.key, noun, diag));
    let (first, max) = (first?, max?);
    if first > max {
        let span = waits.text("first").map_or(place, |text| text.span);
        let text = "the first wait is longer than the longest one: make `first` at most `max`";
        diag.at_span(span, text);
    }
    Some((first, max))
}

fn wait(options: &Args, key: &str, noun: Noun, diag: &mut Diag) -> Option<Duration> {
    let one = noun.one;
    let rule = format!("from `1ms` to `1h`: nobody waits for {one} that comes back later");
    within(options, key, (MILLISECOND, HOUR), &rule, diag)
}

fn ack_wait(options: &Args, noun: Noun, diag: &mut Diag) -> Option<Duration> {
    let many = noun.many;
    let rule = format!(
        "from `1s` to `1h`: with less, an instance that pauses for a moment has its {many} \
         handled twice; with more, the {many} of one that is lost wait too long"
    );
    let range = (Duration::from_secs(1), HOUR);
    within(options, "ack_wait", range, &rule, diag)
}

/// A duration inside the range; `rule` is the range for people.
fn within(
    options: &Args,
    key: &str,
    (least, most): (Duration, Duration),
    rule: &str,
    diag: &mut Diag,
) -> Option<Duration> {
    let duration = value::duration(options, key, diag)?;
    if duration < least || duration > most {
        let span = options.text(key).map(|text| text.span);
        let span = span.unwrap_or_else(Span::call_site);
        diag.at_span(span, format_args!("`{key}` must be {rule}"));
    }
    Some(duration)
}
