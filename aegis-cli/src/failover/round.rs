//! One fault: what is done, what is waited for, and the timeline of what came.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::ground::{Ground, Leading, Struck};
use super::journal::{Found, Journal, Part, Term};
use crate::cli::{Failover, Fault};
use crate::out::{Out, plain};

/// The tool being late by more says that the machine is too slow to judge.
pub(super) const LATE: Duration = Duration::from_millis(50);
/// The end of a round, beyond three times the promise.
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks whether calls are still on their way.
const PAUSE: Duration = Duration::from_millis(20);
/// One that stood still shows what it does when it goes on.
const AWAKE: Duration = Duration::from_millis(300);

/// One round; times are milliseconds after the fault.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Round {
    #[serde(rename = "round")]
    pub(super) number: u32,
    pub(super) fault: &'static str,
    leader: String,
    epoch: u64,
    new_leader: Option<String>,
    pub(super) new_epoch: Option<u64>,
    last_old_ms: Option<f64>,
    pub(super) failover_ms: Option<f64>,
    calls: usize,
    pub(super) failed: usize,
    failed_ms: Option<(f64, f64)>,
    first_error: Option<String>,
    longest_ms: f64,
    /// Probes that found nobody, and when the first and the last did.
    nobody: usize,
    nobody_ms: Option<(f64, f64)>,
    silent: usize,
    pub(super) lag_ms: f64,
    pub(super) judged: bool,
}

/// What a round is made of.
struct Seen<'a> {
    fault: Fault,
    at: Instant,
    before: &'a Leading,
    old: Option<Term>,
    new: Option<(u64, Term)>,
    part: Part,
}

/// Does something to the leader, and waits for what comes of it.
pub(super) async fn play(
    number: u32,
    before: &Leading,
    wish: &Failover,
    ground: &mut Ground,
    journal: &Journal,
) -> anyhow::Result<Round> {
    // At any moment between two renewals.
    tokio::time::sleep(wish.preset.renew().mul_f64(chance())).await;
    journal.take();
    let at = Instant::now();
    let struck = ground.strike(wish, &before.instance)?;
    let limit = 3 * wish.fault.promise(&wish.preset) + GRACE + wish.preset.lease();
    let mut newest = journal.newest();
    let newer = newest.wait_for(|epoch| *epoch > before.epoch);
    let epoch = match tokio::time::timeout(limit, newer).await {
        Ok(Ok(epoch)) => Some(*epoch),
        _ => None,
    };
    if matches!(struck, Struck::Paused(_)) {
        let lease = wish.preset.lease();
        let until = at + lease + lease / 4 + AWAKE;
        tokio::time::sleep_until(until.into()).await;
    }
    let recovered = struck.recover();
    if epoch.is_some() {
        recovered.await?;
    }
    tokio::time::sleep(AWAKE).await;
    settle(journal, at + limit).await;
    let part = journal.take();
    let new = epoch.and_then(|epoch| Some((epoch, journal.term(epoch)?)));
    let seen = Seen {
        fault: wish.fault,
        at,
        before,
        old: journal.term(before.epoch),
        new,
        part,
    };
    let mut round = seen.round(number);
    let leader = ground.leader().await?;
    round.new_leader = leader
        .filter(|leader| Some(leader.epoch) == round.new_epoch)
        .map(|leader| leader.instance);
    Ok(round)
}

/// Waits for the calls that were made until now.
async fn settle(journal: &Journal, until: Instant) {
    let now = Instant::now();
    while journal.waits_for_calls_before(now) && Instant::now() < until {
        tokio::time::sleep(PAUSE).await;
    }
}

impl Seen<'_> {
    fn round(&self, number: u32) -> Round {
        let after = |moment: Instant| millis_between(self.at, moment);
        let span = |mut moments: Vec<Instant>| {
            moments.sort_unstable();
            Some((after(*moments.first()?), after(*moments.last()?)))
        };
        let calls = &self.part.calls;
        let failed = calls.iter().filter(|call| call.failed.is_some());
        let failed: Vec<_> = failed.collect();
        let found = |wanted: Found| {
            let probes = self.part.probes.iter();
            let probes = probes.filter(move |probe| probe.found == wanted);
            probes.map(|probe| probe.sent).collect::<Vec<_>>()
        };
        let nobody = found(Found::Nobody);
        let longest = calls.iter().map(|call| call.at - call.sent).max();
        Round {
            number,
            fault: self.fault.name(),
            leader: self.before.instance.clone(),
            epoch: self.before.epoch,
            new_leader: None,
            new_epoch: self.new.as_ref().map(|(epoch, _)| *epoch),
            last_old_ms: self.old.as_ref().map(|term| after(term.last)),
            failover_ms: self.new.as_ref().map(|(_, term)| after(term.first)),
            calls: calls.len(),
            failed: failed.len(),
            failed_ms: span(failed.iter().map(|call| call.sent).collect()),
            first_error: failed.first().and_then(|call| call.failed.clone()),
            longest_ms: millis(longest.unwrap_or_default()),
            nobody: nobody.len(),
            nobody_ms: span(nobody),
            silent: found(Found::Silence).len(),
            lag_ms: millis(self.part.lag),
            judged: self.part.lag <= LATE,
        }
    }
}

impl Round {
    /// The timeline, for people.
    pub(super) fn show(&self, out: &Out) -> io::Result<()> {
        let leader = plain(&self.leader);
        out.section(format_args!(
            "Round {}: {} of {leader} (epoch {})",
            self.number, self.fault, self.epoch
        ))?;
        if let Some(last) = self.last_old_ms {
            out.line(format_args!("   T{last:+8.1} ms  last answer of {leader}"))?;
        }
        let new = self.new_leader.as_deref().map_or("another", |new| new);
        match (self.failover_ms, self.new_epoch) {
            (Some(first), Some(epoch)) => out.line(format_args!(
                "   T{first:+8.1} ms  first answer of {} (epoch {epoch})",
                plain(new)
            ))?,
            _ => out.line("   nobody took over")?,
        }
        let between = |span: Option<(f64, f64)>| {
            span.map_or_else(String::new, |(from, to)| {
                format!(" (T{from:+.0} to T{to:+.0} ms)")
            })
        };
        out.line(format_args!(
            "   {} calls, {} failed{}, the longest took {:.0} ms",
            self.calls,
            self.failed,
            between(self.failed_ms),
            self.longest_ms
        ))?;
        if let Some(error) = &self.first_error {
            out.line(format_args!("   failed: {}", plain(error)))?;
        }
        out.line(format_args!(
            "   {} probes found nobody{}, {} got no answer",
            self.nobody,
            between(self.nobody_ms),
            self.silent
        ))?;
        if !self.judged {
            out.line(format_args!(
                "   Not judged: this tool itself was late by {:.0} ms",
                self.lag_ms
            ))?;
        }
        Ok(())
    }
}

/// From one moment to another; negative if that was before.
fn millis_between(from: Instant, to: Instant) -> f64 {
    if to >= from {
        millis(to - from)
    } else {
        -millis(from - to)
    }
}

/// A time in milliseconds.
pub(super) fn millis(time: Duration) -> f64 {
    // A hundredth of a millisecond is finer than anything here.
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

/// A number from 0 to 1 that is another one each time.
fn chance() -> f64 {
    f64::from(time::OffsetDateTime::now_utc().nanosecond() % 1_000_000) / 1_000_000.0
}
