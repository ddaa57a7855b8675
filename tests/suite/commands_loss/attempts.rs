//! What was begun more than once, and why.

use super::*;

/// Why a job was begun again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// It had failed, and was to be tried again.
    Retry,
    /// Who had begun it was killed.
    Kill,
    /// Somebody who had begun it was frozen, and said late how that ended; or who begins it now was,
    /// with what was delivered before.
    Freeze,
    /// The server was killed.
    Outage,
}

/// What was delivered may be begun so many nanoseconds later, behind a fault.
const LATE: u64 = 2_000_000_000;

/// One attempt, as its worker tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) at: u64,
    pub(super) number: u32,
    /// Who: one of all that worked.
    pub(super) by: usize,
    /// When that one was killed.
    killed: Option<u64>,
    /// How it ended.
    end: Option<(u64, &'a Note)>,
}

/// When somebody was away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults<'a> {
    pub(super) outages: &'a [Outage],
    pub(super) freezes: &'a [(usize, Outage)],
}

impl Faults<'_> {
    /// Which of them explains why a job was begun again, behind all attempts before.
    pub(super) fn reason(self, before: &[Attempt<'_>], next: &Attempt<'_>) -> Option<Reason> {
        let one = before.last()?;
        if one
            .end
            .is_some_and(|(at, end)| at <= next.at && is_failed(end))
        {
            return Some(Reason::Retry);
        }
        if one.killed.is_some_and(|killed| killed <= next.at) {
            return Some(Reason::Kill);
        }
        let from = one.at.saturating_sub(LATE);
        if self.was_frozen(before, from, next.at) || self.was_frozen(&[*next], from, next.at) {
            return Some(Reason::Freeze);
        }
        self.was_out(from, next.at).then_some(Reason::Outage)
    }

    /// Whether somebody of these was frozen.
    fn was_frozen(self, attempts: &[Attempt<'_>], from: u64, to: u64) -> bool {
        let is_one = |by: usize| attempts.iter().any(|attempt| attempt.by == by);
        let mut freezes = self.freezes.iter();
        freezes.any(|(by, freeze)| is_one(*by) && freeze.meets(from, to))
    }

    pub(super) fn was_out(self, from: u64, to: u64) -> bool {
        self.outages.iter().any(|outage| outage.meets(from, to))
    }

    /// Whether somebody else may have worked on a job at the same time, in this time.
    pub(super) fn may_overlap(self, attempts: &[Attempt<'_>], from: u64, to: u64) -> bool {
        let from = from.saturating_sub(LATE);
        self.was_out(from, to) || self.was_frozen(attempts, from, to)
    }
}

fn is_failed(note: &Note) -> bool {
    matches!(note, Note::Failed { .. })
}

/// All attempts, by the id of their job, in the order of their beginnings.
pub(super) fn attempts(mills: &[Program]) -> BTreeMap<&str, Vec<Attempt<'_>>> {
    let mut all: BTreeMap<&str, Vec<Attempt<'_>>> = BTreeMap::new();
    for (by, mill) in mills.iter().enumerate() {
        for Line { at, note } in mill.journal.lines() {
            match note {
                Note::Began { job, attempt, .. } => all.entry(job).or_default().push(Attempt {
                    at: *at,
                    number: *attempt,
                    by,
                    killed: mill.killed,
                    end: None,
                }),
                Note::Returned { job, attempt, .. } | Note::Failed { job, attempt, .. } => {
                    let own = all.entry(job).or_default().iter_mut();
                    let mut own = own.filter(|it| it.by == by && it.number == *attempt);
                    if let Some(ended) = own.next_back() {
                        ended.end = Some((*at, note));
                    }
                }
                _ => {}
            }
        }
    }
    for own in all.values_mut() {
        own.sort_by_key(|attempt| attempt.at);
    }
    all
}

impl Attempt<'_> {
    /// The result that it had.
    pub(super) fn result(&self) -> Option<&str> {
        match self.end {
            Some((_, Note::Returned { result, .. })) => Some(result),
            _ => None,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.end.is_some_and(|(_, end)| is_failed(end))
    }
}

#[test]
fn a_second_attempt_is_explained_by_what_came_before_it() {
    let failed = Note::Failed {
        job: String::new(),
        attempt: 1,
        code: String::new(),
    };
    let second = 1_000_000_000;
    let outage = |from: u64| Outage {
        from: from * second,
        to: (from + 9) * second,
    };
    for (killed, ended, frozen, outages, expected) in [
        (None, None, None, vec![], None),
        (Some(150), None, None, vec![], Some(Reason::Kill)),
        // After the second one: no reason for it.
        (
            Some(250),
            None,
            Some((0, outage(210))),
            vec![outage(300)],
            None,
        ),
        (None, Some(150), None, vec![], Some(Reason::Retry)),
        (None, Some(250), None, vec![], None),
        (
            None,
            None,
            Some((0, outage(150))),
            vec![],
            Some(Reason::Freeze),
        ),
        // Another one.
        (None, None, Some((2, outage(150))), vec![], None),
        (None, None, None, vec![outage(95)], Some(Reason::Outage)),
        // It was delivered then, and begun behind it.
        (None, None, None, vec![outage(90)], Some(Reason::Outage)),
        (None, None, None, vec![outage(80)], None),
    ] {
        let attempt = |at, by, end: Option<u64>| Attempt {
            at: at * second,
            number: 1,
            by,
            killed: killed.filter(|_| by == 0).map(|at: u64| at * second),
            end: end.map(|at| (at * second, &failed)),
        };
        let freezes: Vec<_> = frozen.into_iter().collect();
        let faults = Faults {
            outages: &outages,
            freezes: &freezes,
        };
        let found = faults.reason(&[attempt(100, 0, ended)], &attempt(200, 1, None));
        assert_eq!(
            found, expected,
            "{killed:?} {ended:?} {frozen:?} {outages:?}"
        );
    }
}
