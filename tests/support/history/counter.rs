//! A counter that clients ask for its next value (I3).

use std::collections::BTreeMap;

use super::calls::Call;
use super::line::{Line, What};
use super::verdict::{Invariant, Violation};

/// What a call returned.
#[derive(Clone, Copy)]
struct Returned<'a> {
    value: u64,
    invoked: u64,
    line: &'a Line,
}

/// One counter, and all that is known of it.
#[derive(Default)]
struct Counter<'a> {
    values: Vec<Returned<'a>>,
    /// Calls that may have run without a value.
    unknown: u64,
    /// The greatest value that anybody saw before the end.
    greatest: Option<(u64, &'a Line)>,
    end: Option<(u64, &'a Line)>,
}

impl<'a> Counter<'a> {
    fn seen(&mut self, value: u64, line: &'a Line) {
        if self.greatest.is_none_or(|(greatest, _)| greatest < value) {
            self.greatest = Some((value, line));
        }
    }
}

pub(super) fn judge(lines: &[Line], calls: &[Call<'_>]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (key, mut counter) in counters(lines, calls) {
        found.extend(twice(&counter));
        found.extend(backwards(&mut counter));
        found.extend(miscounted(key, &counter));
    }
    found
}

/// All that clients asked for. What leaders do to other things is no counter.
fn counters<'a>(lines: &'a [Line], calls: &[Call<'a>]) -> BTreeMap<&'a str, Counter<'a>> {
    let mut all: BTreeMap<&str, Counter<'_>> = BTreeMap::new();
    for call in calls {
        let counter = all.entry(call.key).or_default();
        counter.unknown += u64::from(call.is_unknown());
        if let Some((line, value)) = call.returned() {
            let invoked = call.invoke.at;
            counter.values.push(Returned {
                value,
                invoked,
                line,
            });
            counter.seen(value, line);
        }
    }
    for line in lines {
        match &line.what {
            What::Act { key, value, .. } => {
                if let Some(counter) = all.get_mut(key.as_str()) {
                    counter.seen(*value, line);
                }
            }
            What::Final { key, value } => {
                all.entry(key).or_default().end = Some((*value, line));
            }
            _ => {}
        }
    }
    all
}

fn twice(counter: &Counter<'_>) -> Vec<Violation> {
    let mut owners: BTreeMap<u64, &Line> = BTreeMap::new();
    let mut found = Vec::new();
    for Returned { value, line, .. } in &counter.values {
        if let Some(other) = owners.insert(*value, line) {
            let what = format!("two calls returned {value}");
            found.push(Violation::new(Invariant::I3, what, &[other, line]));
        }
    }
    found
}

/// A call that began after another one had returned a greater value.
fn backwards(counter: &mut Counter<'_>) -> Vec<Violation> {
    let began = &mut counter.values;
    began.sort_by_key(|one| one.invoked);
    let mut ended = began.clone();
    ended.sort_by_key(|one| one.line.at);
    let mut ended = ended.into_iter().peekable();
    let mut greatest: Option<Returned<'_>> = None;
    let mut found = Vec::new();
    for one in began {
        while let Some(before) = ended.next_if(|before| before.line.at < one.invoked) {
            if greatest.is_none_or(|known| known.value < before.value) {
                greatest = Some(before);
            }
        }
        if let Some(before) = greatest.filter(|known| known.value > one.value) {
            let (early, late) = (before.value, one.value);
            let what = format!("a call began after {early} was returned, and returned {late}");
            found.push(Violation::new(
                Invariant::I3,
                what,
                &[before.line, one.line],
            ));
        }
    }
    found
}

/// The end is at least what was returned, and at most that and what may have run. Without a line
/// that tells the end, the greatest value that was seen is the least it can be.
fn miscounted(key: &str, counter: &Counter<'_>) -> Vec<Violation> {
    let Some((end, line)) = counter.end.or(counter.greatest) else {
        return Vec::new();
    };
    let returned = u64::try_from(counter.values.len()).unwrap_or(u64::MAX);
    let most = returned.saturating_add(counter.unknown);
    let mut found = Vec::new();
    if end < returned || end > most {
        let what = format!(
            "counter {key:?} came to {end}, after {returned} values and {} calls of unknown outcome",
            counter.unknown
        );
        found.push(Violation::new(Invariant::I3, what, &[line]));
    }
    if let Some((greatest, seen)) = counter.greatest.filter(|(greatest, _)| *greatest > end) {
        let what = format!("counter {key:?} was {greatest} before, and {end} at the end");
        found.push(Violation::new(Invariant::I3, what, &[seen, line]));
    }
    found
}
