//! What is printed of the calls.

use std::io;
use std::time::Duration;

use super::load::Tally;
use super::stage::Stage;
use crate::out::Out;

/// The longest bar, in characters.
const BAR: usize = 40;

/// What came of one step.
pub(super) fn step(tally: &Tally, stage: &Stage, out: &Out) -> io::Result<()> {
    table(tally, stage, out)?;
    figures(tally, out)
}

/// What came of everything, and what to try next.
pub(super) fn summary(all: &Tally, stage: &Stage, memory: bool, out: &Out) -> io::Result<()> {
    out.section("Summary")?;
    figures(all, out)?;
    table(all, stage, out)?;
    out.line("   Nothing is left running.")?;
    out.section("Try next (`cargo install --locked --path aegis-cli` puts `aegis` on your PATH)")?;
    if memory {
        out.line("   aegis demo                    the same with a server and real processes")?;
    }
    out.line("   aegis demo --instances 5 --calls 5000")?;
    out.line("   aegis dev                     a NATS server for development")?;
    out.line("   docs/guide/first-service.md   a service of your own, step by step")
}

fn figures(tally: &Tally, out: &Out) -> io::Result<()> {
    out.line(format_args!(
        "   calls: {}, failed: {}, half of them within {}, the longest took {}",
        tally.calls(),
        tally.failures(),
        millis(tally.median()),
        millis(tally.longest())
    ))?;
    for reason in tally.reasons() {
        out.line(format_args!("   failed: {reason}"))?;
    }
    Ok(())
}

/// Who answered how many.
fn table(tally: &Tally, stage: &Stage, out: &Out) -> io::Result<()> {
    let calls = tally.calls().max(1);
    for instance in &stage.instances {
        let answered = tally.answered_by(&instance.name);
        let line = format!(
            "   {:<8} {answered:>6} calls {:>3} %  {} {}",
            instance.name,
            answered * 100 / calls,
            "#".repeat(answered * BAR / calls),
            instance.standing()
        );
        out.line(line.trim_end())?;
    }
    Ok(())
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
