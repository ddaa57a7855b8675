//! `aegis failover`: `ground` what is measured and what is done to it, `own` the instances that are
//! started for it, `service` the counter that they serve, `load` the calls, `journal` what came of them, `round` one fault and
//! its timeline, `report` sums and verdict, `ranges` a set of numbers.

mod ground;
mod journal;
mod load;
mod own;
mod ranges;
mod report;
mod round;
mod service;

use std::sync::Arc;
use std::time::Duration;

use crate::cli::{Common, Failover};
use crate::ending::{Broken, Interrupted};
use crate::out::Out;
use crate::signals::Signals;
use ground::Ground;
use journal::Journal;
use report::{Report, Verdict};
use round::Round;

pub(crate) use service::instance;

/// What a call may take, beyond three times the promise.
const GRACE: Duration = Duration::from_secs(2);

pub(crate) async fn run(wish: &Failover, common: &Common, out: &Out) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    // What was started goes with the dropped future.
    let mut ground = tokio::select! {
        ground = Ground::set_up(wish, common, out) => ground?,
        () = signals.next() => return Err(Interrupted.into()),
    };
    let outcome = tokio::select! {
        outcome = measure(wish, &mut ground, out) => outcome,
        () = signals.next() => Err(Interrupted.into()),
    };
    ground.end().await;
    let report = outcome?;
    if wish.json {
        out.line(serde_json::to_string_pretty(&report)?)?;
    } else {
        report.show(out)?;
    }
    match report.verdict() {
        Verdict::Kept => Ok(()),
        Verdict::Broken => Err(Broken(report.broken.join("\n  ")).into()),
        Verdict::NotJudged => anyhow::bail!(
            "this machine was too slow to judge: the tool itself was late by up to {:.0} ms; \
             repeat it when nothing else runs",
            report.lag_ms
        ),
    }
}

/// Plays all rounds under load.
async fn measure(wish: &Failover, ground: &mut Ground, out: &Out) -> anyhow::Result<Report> {
    ground.start(wish, out).await?;
    let journal = Arc::new(Journal::new());
    // As a leader that crashes needs it, also where it ends in order.
    let within = 3 * crate::cli::Fault::Kill.promise(&wish.preset) + GRACE;
    let load = ground.load(wish, within).await?;
    let running = load.start(ground.config(), &journal).await?;
    let mut rounds: Vec<Round> = Vec::new();
    for number in 1..=wish.rounds {
        let Some(before) = ground.steady(wish, &journal).await? else {
            anyhow::ensure!(number > 1, ground.nobody_to_strike(wish));
            break;
        };
        let round = round::play(number, &before, wish, ground, &journal).await?;
        if !wish.json {
            round.show(out)?;
        }
        let ended = round.failover_ms.is_none();
        rounds.push(round);
        if ended {
            // Nobody took over: there is nothing to go on with.
            break;
        }
    }
    running.end().await;
    let counted = ground.counted().await?;
    let lag = rounds.iter().map(|round| round.lag_ms).fold(0.0, f64::max);
    Ok(Report::of(
        wish,
        rounds,
        &journal.sums(),
        counted.as_ref(),
        lag,
    ))
}
