//! Calls of clients, from asking to an end, which comes in time (I13).

use std::collections::BTreeMap;
use std::time::Duration;

use super::line::{HistoryError, Line, What};
use super::verdict::{Invariant, Violation};
use super::{Limits, nanoseconds};

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Returned(u64),
    /// The counter was not touched.
    NothingRan,
    /// It failed and may have run.
    Unknown,
}

/// A call.
pub(super) struct Call<'a> {
    pub(super) invoke: &'a Line,
    pub(super) key: &'a str,
    deadline: u64,
    pub(super) end: Option<(&'a Line, Outcome)>,
}

impl<'a> Call<'a> {
    /// What it returned, and where.
    pub(super) fn returned(&self) -> Option<(&'a Line, u64)> {
        match self.end? {
            (line, Outcome::Returned(value)) => Some((line, value)),
            _ => None,
        }
    }

    /// Whether it may have run without anybody knowing.
    pub(super) fn is_unknown(&self) -> bool {
        self.end
            .is_none_or(|(_, outcome)| outcome == Outcome::Unknown)
    }
}

/// All calls, by the time they began. Errors: lines that do not belong together.
pub(super) fn calls(lines: &[Line]) -> Result<Vec<Call<'_>>, HistoryError> {
    let wrong = |line: &Line, why| HistoryError::Contradiction {
        place: line.shown().to_owned(),
        why,
    };
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut places: BTreeMap<(&str, u64), usize> = BTreeMap::new();
    for line in lines {
        let (id, outcome) = match line.what {
            What::Invoke {
                id,
                ref key,
                deadline,
            } => {
                if places.insert((&line.process, id), calls.len()).is_some() {
                    return Err(wrong(line, "this process had such a call before"));
                }
                calls.push(Call {
                    invoke: line,
                    key,
                    deadline,
                    end: None,
                });
                continue;
            }
            What::Ok { id, value } => (id, Outcome::Returned(value)),
            What::Failed {
                id,
                nothing_ran: true,
            } => (id, Outcome::NothingRan),
            What::Failed { id, .. } => (id, Outcome::Unknown),
            _ => continue,
        };
        let place = places.get(&(line.process.as_str(), id));
        let call = place.and_then(|place| calls.get_mut(*place));
        let call = call.ok_or_else(|| wrong(line, "no call of this process began before"))?;
        if call.end.replace((line, outcome)).is_some() {
            return Err(wrong(line, "this call has ended before"));
        }
    }
    Ok(calls)
}

pub(super) fn judge(calls: &[Call<'_>], limits: &Limits) -> Vec<Violation> {
    let grace = nanoseconds(limits.call_grace);
    let mut found = Vec::new();
    for call in calls {
        let latest = call.deadline.saturating_add(grace);
        let (what, lines) = match call.end {
            Some((end, _)) if end.at <= latest => continue,
            Some((end, _)) => {
                let late = Duration::from_nanos(end.at - call.deadline);
                let what = format!("a call ended {late:?} after its deadline");
                (what, vec![call.invoke, end])
            }
            None => ("a call never ended".to_owned(), vec![call.invoke]),
        };
        found.push(Violation::new(Invariant::I13, what, &lines));
    }
    found
}
