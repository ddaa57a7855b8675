//! `failover = "aggressive"`, or `failover(lease = "600ms", margin = "100ms", renew = "120ms")`.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};

use super::args::{self, Args, Kind, Rule};
use super::value;
use crate::diag::Diag;
use crate::failover::{PRESETS, check};
use crate::model::{Failover, Text};

const OWNER: &str = "failover";

const EXAMPLE: &str = "failover(lease = \"600ms\", margin = \"100ms\", renew = \"120ms\")";

const NUMBERS: [Rule; 3] = [
    Rule::new("lease", Kind::Text, "lease = \"600ms\""),
    Rule::new("margin", Kind::Text, "margin = \"100ms\""),
    Rule::new("renew", Kind::Text, "renew = \"120ms\""),
];

/// Reads the option of a service. One with a mistake counts as given.
pub(super) fn failover(options: &Args, diag: &mut Diag) -> Option<Failover> {
    let place = options.place(OWNER)?;
    let millis = match (options.text(OWNER), options.list(OWNER)) {
        (Some(name), _) => preset(&name, diag),
        (_, Some(list)) => numbers(place, list, diag),
        (None, None) => None,
    };
    Some(Failover {
        place,
        millis: millis.unwrap_or_default(),
    })
}

fn preset(Text { value, span }: &Text, diag: &mut Diag) -> Option<[u64; 3]> {
    let known = || PRESETS.iter().map(|preset| preset.name);
    let found = PRESETS.iter().find(|preset| preset.name == value);
    if found.is_none() {
        let near = match value::nearest(value, known()) {
            Some(near) => format!("did you mean `{near}`? Write"),
            None => "write".to_owned(),
        };
        let names: Vec<String> = known().map(|name| format!("`{name}`")).collect();
        let names = names.join(", ");
        diag.at_span(
            *span,
            format_args!(
                "there is no failover `{value}`: {near} {names}, or numbers of your own as in \
                 `{EXAMPLE}`"
            ),
        );
    }
    found.map(|preset| preset.millis)
}

fn numbers(place: Span, list: TokenStream, diag: &mut Diag) -> Option<[u64; 3]> {
    let options = args::read(OWNER, list, &NUMBERS, diag);
    let missing: Vec<String> = NUMBERS
        .iter()
        .filter(|rule| !options.has(rule.key))
        .map(|rule| format!("`{}`", rule.key))
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        diag.at_span(
            place,
            format_args!("`failover` takes three numbers: add {missing}, as in `{EXAMPLE}`"),
        );
    }
    let [lease, margin, renew] = NUMBERS.map(|rule| whole(&options, rule.key, diag));
    let millis = [lease?, margin?, renew?];
    let [lease, margin, renew] = millis.map(Duration::from_millis);
    if let Err(rule) = check(lease, margin, renew) {
        let blamed = options.text(blamed(lease, margin));
        diag.at_span(blamed.map_or(place, |number| number.span), rule);
    }
    Some(millis)
}

/// A duration in milliseconds.
fn whole(options: &Args, key: &str, diag: &mut Diag) -> Option<u64> {
    let duration = value::duration(options, key, diag)?;
    if duration.subsec_nanos() % 1_000_000 != 0 {
        let span = options.text(key).map(|text| text.span);
        diag.at_span(
            span.unwrap_or_else(Span::call_site),
            format_args!("`{key}` counts whole milliseconds, as in `600ms`: leave out the rest"),
        );
        return None;
    }
    u64::try_from(duration.as_millis()).ok()
}

/// Which of refused numbers is wrong: the first one that nothing written after it would save.
fn blamed(lease: Duration, margin: Duration) -> &'static str {
    let quick = Duration::from_millis(1);
    let wide = lease.saturating_sub(4 * quick);
    if check(lease, wide, quick).is_err() {
        "lease"
    } else if check(lease, margin, quick).is_err() {
        "margin"
    } else {
        "renew"
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, blamed, check};

    #[test]
    fn the_number_that_is_wrong_is_the_one_that_is_shown() {
        for (lease, margin, renew, wrong) in [
            (60_001, 11_000, 1000, "lease"),
            // No margin fits such a lease.
            (50, 50, 1, "lease"),
            (600, 99, 120, "margin"),
            (600, 600, 1, "margin"),
            // No renewal fits such a margin.
            (600, 597, 1, "margin"),
            (600, 99, 126, "margin"),
            (600, 100, 126, "renew"),
            (600, 596, 2, "renew"),
        ] {
            let [lease, margin, renew] = [lease, margin, renew].map(Duration::from_millis);
            assert!(check(lease, margin, renew).is_err());
            assert_eq!(
                blamed(lease, margin),
                wrong,
                "{lease:?} {margin:?} {renew:?}"
            );
        }
    }
}
