//! All rounds together: sums, figures, and whether what is promised was kept.

use std::io;

use serde::Serialize;

use super::journal::Sums;
use super::round::{LATE, Round, millis};
use super::service::State;
use crate::cli::{Failover, Fault};
use crate::out::Out;

/// What came of everything.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    fault: &'static str,
    lease_ms: f64,
    margin_ms: f64,
    renew_ms: f64,
    promise_ms: f64,
    rounds: Vec<Round>,
    totals: Totals,
    failover_ms: Option<Figures>,
    verdict: Verdict,
    pub(super) broken: Vec<String>,
    pub(super) lag_ms: f64,
}

/// The sums over all rounds, and what lay between them.
#[derive(Debug, Clone, Default, Serialize)]
struct Totals {
    calls: u64,
    failed: u64,
    not_sent: u64,
    /// Acknowledged, and not counted in the end; `null` for a service that runs already.
    lost: Option<u64>,
    duplicated: Option<u64>,
    answered_by_past_leaders: u64,
    availability_percent: f64,
    within_100_ms_percent: f64,
    longest_ms: f64,
}

/// Of the times of failovers.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Figures {
    min: f64,
    median: f64,
    p95: f64,
    max: f64,
}

/// What is to be said of the promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Kept,
    Broken,
    NotJudged,
}

impl Report {
    pub(super) fn of(
        wish: &Failover,
        rounds: Vec<Round>,
        sums: &Sums,
        counted: Option<&State>,
        lag_ms: f64,
    ) -> Self {
        let totals = Totals::of(sums, counted);
        let promise_ms = millis(wish.fault.promise(&wish.preset));
        let mut broken = totals.broken();
        broken.extend(judge(&rounds, promise_ms, wish.fault));
        let judged = rounds.iter().filter(|round| round.judged).count();
        let verdict = if !broken.is_empty() {
            Verdict::Broken
        } else if 2 * judged < rounds.len() {
            Verdict::NotJudged
        } else {
            Verdict::Kept
        };
        let times = rounds.iter().filter_map(|round| round.failover_ms);
        Self {
            fault: wish.fault.name(),
            lease_ms: millis(wish.preset.lease()),
            margin_ms: millis(wish.preset.margin()),
            renew_ms: millis(wish.preset.renew()),
            promise_ms,
            failover_ms: Figures::of(times.collect()),
            totals,
            verdict,
            broken,
            lag_ms,
            rounds,
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The sums, for people.
    pub(super) fn show(&self, out: &Out) -> io::Result<()> {
        let totals = &self.totals;
        out.section(format_args!(
            "{} x {}, lease {} ms, margin {} ms, renewed every {} ms",
            self.rounds.len(),
            self.fault,
            self.lease_ms,
            self.margin_ms,
            self.renew_ms
        ))?;
        let or_unknown =
            |number: Option<u64>| number.map_or("not known".to_owned(), |n| n.to_string());
        out.line(format_args!(
            "   calls: {}, failed: {}, lost: {}, duplicated: {}, answered by a leader of the past: {}",
            totals.calls,
            totals.failed,
            or_unknown(totals.lost),
            or_unknown(totals.duplicated),
            totals.answered_by_past_leaders
        ))?;
        out.line(format_args!(
            "   availability: {:.3} % answered in their time, {:.2} % within 100 ms; the longest \
             took {:.0} ms",
            totals.availability_percent, totals.within_100_ms_percent, totals.longest_ms
        ))?;
        if totals.not_sent > 0 {
            out.line(format_args!(
                "   {} calls were not made: too many were on their way",
                totals.not_sent
            ))?;
        }
        if let Some(figures) = &self.failover_ms {
            out.line(format_args!(
                "   failover: min {:.0}, median {:.0}, p95 {:.0}, max {:.0} ms; promised: {:.0} ms",
                figures.min, figures.median, figures.p95, figures.max, self.promise_ms
            ))?;
        }
        let unjudged = self.rounds.iter().filter(|round| !round.judged).count();
        if unjudged > 0 {
            out.line(format_args!(
                "   {unjudged} rounds are not judged: the tool itself was late by more than {LATE:?}"
            ))?;
        }
        out.line(match self.verdict {
            Verdict::Kept => "   Every promise was kept.",
            Verdict::Broken => "   A PROMISE WAS BROKEN.",
            Verdict::NotJudged => "   Not judged.",
        })
    }
}

impl Totals {
    fn of(sums: &Sums, counted: Option<&State>) -> Self {
        let share = |part: u64| {
            #[expect(clippy::cast_precision_loss, reason = "a share, for people")]
            let share = part as f64 / sums.calls.max(1) as f64 * 100.0;
            (share * 1000.0).round() / 1000.0
        };
        let lost = counted.map(|state| {
            let missing = sums.acknowledged.iter().map(|(client, numbers)| {
                let counted = state.counted.get(client);
                counted.map_or_else(|| numbers.len(), |counted| numbers.missing_in(counted))
            });
            missing.sum()
        });
        let duplicated = counted.map(|state| {
            let numbers: u64 = state.counted.values().map(super::ranges::Ranges::len).sum();
            sums.values_twice + state.count.saturating_sub(numbers)
        });
        Self {
            calls: sums.calls,
            failed: sums.failed,
            not_sent: sums.not_sent,
            lost,
            duplicated,
            answered_by_past_leaders: sums.of_the_past,
            availability_percent: share(sums.calls - sums.failed),
            within_100_ms_percent: share(sums.prompt),
            longest_ms: millis(sums.longest),
        }
    }

    /// What must not be, however slow the machine is.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (number, what) in [
            (self.lost.unwrap_or(0), "acknowledged additions are lost"),
            (self.duplicated.unwrap_or(0), "additions were made twice"),
            (
                self.answered_by_past_leaders,
                "calls were answered by a leader of the past",
            ),
        ] {
            if number > 0 {
                broken.push(format!("{number} {what}"));
            }
        }
        broken
    }
}

/// What was promised of single rounds, and not kept.
fn judge(rounds: &[Round], promise_ms: f64, fault: Fault) -> Vec<String> {
    let mut broken = Vec::new();
    for round in rounds.iter().filter(|round| round.judged) {
        let number = round.number;
        match round.failover_ms {
            None => broken.push(format!("round {number}: nobody took over")),
            Some(took) if took > promise_ms => broken.push(format!(
                "round {number}: the failover took {took:.0} ms, {promise_ms:.0} ms are promised"
            )),
            Some(_) => {}
        }
        if fault.is_graceful() && round.failed > 0 {
            let failed = round.failed;
            broken.push(format!(
                "round {number}: {failed} calls failed, none is promised"
            ));
        }
    }
    broken
}

impl Figures {
    fn of(mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        // The smallest that so many of a hundred do not exceed.
        let rank = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1);
            times.get(rank - 1).copied()
        };
        Some(Self {
            min: *times.first()?,
            median: rank(50)?,
            p95: rank(95)?,
            max: *times.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn figures_are_times_that_were_measured() {
        let twenty: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        for (times, expected) in [
            (vec![], None),
            (vec![7.0], Some([7.0, 7.0, 7.0, 7.0])),
            (vec![3.0, 1.0], Some([1.0, 1.0, 3.0, 3.0])),
            (twenty, Some([1.0, 10.0, 19.0, 20.0])),
        ] {
            let figures = Figures::of(times);
            let figures = figures.map(|of| [of.min, of.median, of.p95, of.max]);
            assert_eq!(figures, expected);
        }
    }

    fn numbers(numbers: &[u64]) -> super::super::ranges::Ranges {
        let mut ranges = super::super::ranges::Ranges::default();
        for number in numbers {
            ranges.insert(*number);
        }
        ranges
    }

    #[test]
    fn what_was_acknowledged_must_be_counted_and_nothing_twice() {
        for (acknowledged, counted, count, twice, expected) in [
            (&[0, 1][..], &[0, 1][..], 2, 0, (0, 0)),
            // One whose answer was lost.
            (&[0, 1], &[0, 1, 2], 3, 0, (0, 0)),
            (&[0, 1], &[0], 1, 0, (1, 0)),
            (&[0, 1], &[0, 1], 3, 0, (0, 1)),
            (&[0, 1], &[0, 1], 2, 1, (0, 1)),
        ] {
            let mut sums = Sums::default();
            sums.acknowledged.insert(3, numbers(acknowledged));
            sums.values_twice = twice;
            let state = State {
                count,
                counted: BTreeMap::from([(3, numbers(counted))]),
            };
            let totals = Totals::of(&sums, Some(&state));
            assert_eq!(
                (totals.lost, totals.duplicated),
                (Some(expected.0), Some(expected.1))
            );
            assert_eq!(totals.broken().is_empty(), expected == (0, 0));
        }
    }
}
