//! `aegis demo`: `stage` the server and its instances, `echo` the service, `instance` one of it as
//! a process or in memory, `load` the calls, `report` what is printed of them.

mod echo;
mod instance;
mod load;
mod report;
mod stage;

use std::time::Duration;

use aegis::RetryPolicy;

use crate::cli::{Common, Demo};
use crate::ending::Interrupted;
use crate::out::Out;
use crate::signals::Signals;

pub(crate) use instance::serve as instance;
use load::{Load, Tally};
use stage::Stage;

/// How many calls are made one by one, to be seen.
const SHOWN: usize = 6;
/// How long a call may take, all attempts together.
const WITHIN: Duration = Duration::from_secs(5);
/// How often a call is tried; each attempt may take its share of the time: 250 ms.
const ATTEMPTS: u32 = 20;

pub(crate) async fn run(wish: &Demo, common: &Common, out: &Out) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        played = play(wish, common, out) => played,
        // What was started goes with the dropped future.
        () = signals.next() => Err(Interrupted.into()),
    }
}

async fn play(wish: &Demo, common: &Common, out: &Out) -> anyhow::Result<()> {
    out.line("aegis demo: instances of one service share its calls, and their ends lose none.")?;
    let mut stage = Stage::set_up(wish, common, out).await?;
    let mut all = one_by_one(&stage, out).await?;
    let calls = usize::try_from(wish.calls)?;
    all.add(shared(&stage, calls, out).await?);
    all.add(killed(&mut stage, calls, out).await?);
    all.add(stopped(&mut stage, calls, out).await?);
    stage.end().await;
    report::summary(&all, &stage, wish.memory, out)?;
    match all.failures() {
        0 => Ok(()),
        failed => anyhow::bail!("{failed} calls failed; the steps above say why"),
    }
}

/// Calls one after the other, each with its answer.
async fn one_by_one(stage: &Stage, out: &Out) -> anyhow::Result<Tally> {
    out.section(format_args!("3. {SHOWN} calls, one after the other"))?;
    let mut tally = Tally::default();
    for number in 1..=SHOWN {
        let text = format!("hello {number}");
        let start = std::time::Instant::now();
        let said = stage.echo.say(text.clone()).await;
        match &said {
            Ok(said) => out.line(format_args!(
                "   say({text:?}) -> {:?}, answered by {}",
                said.text, said.instance
            ))?,
            Err(error) => out.line(format_args!("   say({text:?}) -> error: {error}"))?,
        }
        tally.note(&text, start.elapsed(), said);
    }
    Ok(tally)
}

/// Many calls at once: the instances share them.
async fn shared(stage: &Stage, calls: usize, out: &Out) -> anyhow::Result<Tally> {
    out.section(format_args!(
        "4. {calls} calls, {} at a time: the load is spread",
        load::AT_ONCE
    ))?;
    let load = Load::new(&stage.echo, calls);
    let tally = load.run(|| Ok(())).await?;
    report::step(&tally, stage, out)?;
    Ok(tally)
}

/// An instance crashes in the middle of calls: they are repeated elsewhere.
async fn killed(stage: &mut Stage, calls: usize, out: &Out) -> anyhow::Result<Tally> {
    let (name, how) = (stage.name(1), stage.words().kill);
    out.section(format_args!(
        "5. {calls} calls, retried if need be; in the middle, {name} {how}"
    ))?;
    let policy = RetryPolicy::default()
        .max_attempts(ATTEMPTS)
        .initial_delay(Duration::from_millis(10))
        .multiplier(1.0);
    let echo = stage.echo.clone();
    let load = Load::new(&echo, calls).retry(policy).within(WITHIN);
    let tally = load.run(|| stage.kill(1)).await?;
    report::step(&tally, stage, out)?;
    let share = WITHIN / ATTEMPTS;
    if tally.longest() >= share {
        out.line(format_args!(
            "   The longest was at {name} when it ended: after {share:?} without an answer, the\n   \
             client asked another instance, which it may since the method is idempotent."
        ))?;
    }
    Ok(tally)
}

/// An instance is stopped in order in the middle of calls: nothing needs to be repeated.
async fn stopped(stage: &mut Stage, calls: usize, out: &Out) -> anyhow::Result<Tally> {
    let (name, how) = (stage.name(2), stage.words().stop);
    out.section(format_args!(
        "6. {calls} calls, never retried; in the middle, {name} {how}"
    ))?;
    let echo = stage.echo.clone();
    let load = Load::new(&echo, calls).within(WITHIN);
    let tally = load.run(|| stage.stop(2)).await?;
    let took = stage.stopped(2).await?;
    report::step(&tally, stage, out)?;
    out.line(format_args!(
        "   {name} took no new calls, finished those it had, and ended {} ms later.",
        took.as_millis()
    ))?;
    Ok(tally)
}
