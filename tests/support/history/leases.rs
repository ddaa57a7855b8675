//! Who led when: never two at once (I1), with growing epochs (I5), as long as nothing happens (I10),
//! and soon again after it did (I11).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::line::{Line, What};
use super::verdict::{Invariant, Violation};
use super::{Limits, nanoseconds};

/// A time in which a lease was valid, as far as its holder knew.
#[derive(Clone, Copy)]
struct Span<'a> {
    from: u64,
    to: u64,
    line: &'a Line,
}

/// One process in one epoch.
struct Leadership<'a> {
    process: &'a str,
    epoch: u64,
    /// What it was told first. It may have been told too late ever to lead.
    first: &'a Line,
    /// One for each extension; the holder may have stood still in between.
    spans: Vec<Span<'a>>,
    over: Option<&'a Line>,
    /// Where it was extended after it was over.
    again: Option<&'a Line>,
}

impl<'a> Leadership<'a> {
    fn new(line: &'a Line, epoch: u64) -> Self {
        Self {
            process: &line.process,
            epoch,
            first: line,
            spans: Vec::new(),
            over: None,
            again: None,
        }
    }

    fn extend(&mut self, line: &'a Line, until: u64) {
        if self.over.is_some() {
            self.again.get_or_insert(line);
        }
        self.known_better(line.at);
        if until > line.at {
            self.spans.push(Span {
                from: line.at,
                to: until,
                line,
            });
        }
    }

    /// From here on something else is known than the last extension.
    fn known_better(&mut self, at: u64) {
        if let Some(last) = self.spans.last_mut() {
            last.to = last.to.min(at);
        }
    }

    fn name(&self) -> String {
        format!("{} (epoch {})", self.process, self.epoch)
    }

    /// Its first valid line; none if it never led.
    fn start(&self) -> Option<&'a Line> {
        self.spans.first().map(|span| span.line)
    }
}

pub(super) fn judge(lines: &[Line], limits: &Limits) -> Vec<Violation> {
    let all = leaderships(lines);
    let mut led: Vec<_> = all
        .iter()
        .filter_map(|one| Some((one, one.start()?)))
        .collect();
    led.sort_by_key(|(_, start)| start.at);
    let mut found = overlaps(&all);
    found.extend(repeated(&all));
    found.extend(shrinking(&led));
    found.extend(unprovoked(&led, lines, limits.fault_grace));
    found.extend(leaderless(&led, lines, limits.leader_within));
    found
}

fn leaderships(lines: &[Line]) -> Vec<Leadership<'_>> {
    let mut all: BTreeMap<(&str, u64), Leadership<'_>> = BTreeMap::new();
    for line in lines {
        match line.what {
            What::Lead { epoch, until } => {
                let one = all.entry((&line.process, epoch));
                let one = one.or_insert_with(|| Leadership::new(line, epoch));
                one.extend(line, until);
            }
            What::Over { epoch } => {
                // One that was elected and gave up before it led has no other line.
                if let Some(one) = all.get_mut(&(line.process.as_str(), epoch)) {
                    one.known_better(line.at);
                    one.over.get_or_insert(line);
                }
            }
            _ => {}
        }
    }
    all.into_values().collect()
}

/// I1: each pair is told once.
fn overlaps(all: &[Leadership<'_>]) -> Vec<Violation> {
    let spans = all.iter().enumerate().flat_map(|(index, one)| {
        let spans = one.spans.iter().filter(|span| span.from < span.to);
        spans.map(move |span| (*span, index))
    });
    let mut spans: Vec<(Span<'_>, usize)> = spans.collect();
    spans.sort_by_key(|(span, _)| span.from);
    let mut valid: Vec<(Span<'_>, usize)> = Vec::new();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (span, index) in spans {
        valid.retain(|(before, _)| before.to > span.from);
        for (before, other) in &valid {
            let (one, two) = (&all[*other], &all[index]);
            let pair = (index.min(*other), index.max(*other));
            if one.process != two.process && told.insert(pair) {
                let long = Duration::from_nanos(before.to.min(span.to) - span.from);
                let (one, two) = (one.name(), two.name());
                let what = format!("{one} and {two} led at the same time, for {long:?} or more");
                let lines = [before.line, span.line];
                found.push(Violation::new(Invariant::I1, what, &lines));
            }
        }
        valid.push((span, index));
    }
    found
}

/// I5: an epoch belongs to one leadership, also to one that came too late to lead.
fn repeated(all: &[Leadership<'_>]) -> Vec<Violation> {
    let mut owners: BTreeMap<u64, &Leadership<'_>> = BTreeMap::new();
    let mut found = Vec::new();
    for one in all {
        if let (Some(over), Some(again)) = (one.over, one.again) {
            let what = format!("{} led again after it was over", one.name());
            found.push(Violation::new(Invariant::I5, what, &[over, again]));
        }
        if let Some(other) = owners.insert(one.epoch, one) {
            let what = format!("{} and {} have one epoch", other.name(), one.name());
            let lines = [other.first, one.first];
            found.push(Violation::new(Invariant::I5, what, &lines));
        }
    }
    found
}

/// I5: a later leadership has a greater epoch.
fn shrinking(led: &[(&Leadership<'_>, &Line)]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut greatest: Option<(&Leadership<'_>, &Line)> = None;
    for (one, start) in led {
        match greatest {
            Some((before, line)) if before.epoch > one.epoch => {
                let what = format!("{} came after {}", one.name(), before.name());
                found.push(Violation::new(Invariant::I5, what, &[line, start]));
            }
            _ => greatest = Some((one, start)),
        }
    }
    found
}

/// I10: a leadership that follows another one begins within a fault or its grace.
fn unprovoked(led: &[(&Leadership<'_>, &Line)], lines: &[Line], grace: Duration) -> Vec<Violation> {
    let grace = nanoseconds(grace);
    let excused = |at: u64| {
        lines.iter().any(|line| match line.what {
            What::Fault { from, to, .. } => from <= at && at <= to.saturating_add(grace),
            _ => false,
        })
    };
    let mut found = Vec::new();
    for pair in led.windows(2) {
        let [(before, _), (after, start)] = pair else {
            continue;
        };
        if !excused(start.at) {
            let what = format!(
                "{} followed {} without a fault",
                after.name(),
                before.name()
            );
            let last = before.spans.last().map_or(before.first, |span| span.line);
            let mut shown = vec![last];
            shown.extend(before.over);
            shown.push(start);
            found.push(Violation::new(Invariant::I10, what, &shown));
        }
    }
    found
}

/// I11: somebody says that it leads, soon after the last fault, or after the beginning if there was
/// none. That a lease is valid is not enough: its holder may be dead.
fn leaderless(
    led: &[(&Leadership<'_>, &Line)],
    lines: &[Line],
    within: Duration,
) -> Option<Violation> {
    let faults = lines.iter().filter_map(|line| match line.what {
        What::Fault { to, .. } => Some((to, line)),
        _ => None,
    });
    let begun = || lines.first().map(|line| (line.at, line));
    let (since, cause) = faults.max_by_key(|(to, _)| *to).or_else(begun)?;
    let latest = since.saturating_add(nanoseconds(within));
    let words = led
        .iter()
        .flat_map(|(one, _)| one.spans.iter().map(|span| span.line));
    let next = words
        .filter(|line| line.at >= since)
        .min_by_key(|line| line.at);
    if next.is_some_and(|line| line.at <= latest) {
        return None;
    }
    let what = format!("no word of a leader within {within:?}");
    let mut shown = vec![cause];
    shown.extend(next.or(lines.last()));
    Some(Violation::new(Invariant::I11, what, &shown))
}
