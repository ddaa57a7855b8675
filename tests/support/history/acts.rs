//! Guarded effects: none by a leader of the past (I2 by the clock, I4 also by the store's order).

use std::collections::{BTreeMap, BTreeSet};

use super::line::{Line, What};
use super::verdict::{Invariant, Violation};

/// The store accepted it at some time between `asked` and the line's stamp.
#[derive(Clone, Copy)]
struct Act<'a> {
    epoch: u64,
    value: u64,
    asked: u64,
    line: &'a Line,
}

impl Act<'_> {
    fn name(&self) -> String {
        format!("an act of {} in epoch {}", self.line.process, self.epoch)
    }
}

pub(super) fn judge(lines: &[Line]) -> Vec<Violation> {
    let mut all = Vec::new();
    let mut keys: BTreeMap<&str, Vec<Act<'_>>> = BTreeMap::new();
    for line in lines {
        if let What::Act {
            epoch,
            value,
            ref key,
            asked,
        } = line.what
        {
            let act = Act {
                epoch,
                value,
                asked,
                line,
            };
            all.push(act);
            keys.entry(key).or_default().push(act);
        }
    }
    let mut found: Vec<Violation> = by_clock(&mut all)
        .into_iter()
        .map(|pair| told(Invariant::I2, pair))
        .collect();
    for acts in keys.values_mut() {
        let mut pairs = by_clock(acts);
        pairs.extend(by_store(acts));
        let mut late = BTreeSet::new();
        // One act is told once, however many it came after.
        pairs.retain(|(_, after)| late.insert(after.line.shown()));
        found.extend(pairs.into_iter().map(|pair| told(Invariant::I4, pair)));
    }
    found
}

/// First the one that was before, then the one that was not to be any more.
type Pair<'a> = (Act<'a>, Act<'a>);

fn told(invariant: Invariant, (before, after): Pair<'_>) -> Violation {
    let what = format!("{} was accepted after {}", after.name(), before.name());
    Violation::new(invariant, what, &[before.line, after.line])
}

/// Acts that were asked for after one with a greater epoch was accepted. Sorts by that time.
fn by_clock<'a>(acts: &mut [Act<'a>]) -> Vec<Pair<'a>> {
    acts.sort_by_key(|act| act.asked);
    let mut accepted = acts.to_vec();
    accepted.sort_by_key(|act| act.line.at);
    let mut accepted = accepted.into_iter().peekable();
    let mut greatest: Option<Act<'a>> = None;
    let mut found = Vec::new();
    for act in acts {
        while let Some(before) = accepted.next_if(|before| before.line.at < act.asked) {
            if greatest.is_none_or(|known| known.epoch < before.epoch) {
                greatest = Some(before);
            }
        }
        found.extend(
            greatest
                .filter(|known| known.epoch > act.epoch)
                .map(|known| (known, *act)),
        );
    }
    found
}

/// Acts on one key, sorted by when they were asked for, between which the clock does not decide:
/// their values do.
fn by_store<'a>(acts: &[Act<'a>]) -> Vec<Pair<'a>> {
    let mut found = Vec::new();
    let mut under_way: Vec<Act<'a>> = Vec::new();
    for act in acts {
        under_way.retain(|other| other.line.at >= act.asked);
        for other in &under_way {
            let (before, after) = if other.value < act.value {
                (other, act)
            } else {
                (act, other)
            };
            if before.value < after.value && before.epoch > after.epoch {
                found.push((*before, *after));
            }
        }
        under_way.push(*act);
    }
    found
}
