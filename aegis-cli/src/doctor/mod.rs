//! `aegis doctor`: what is wrong, why it matters, and what mends it.
//!
//! `gather` asks (`ask` the server, `monitor` its monitoring page, `instances` who is there) and makes `facts`; a file for each
//! group of checks judges them, without asking anything: `server`, `store`, `streams`, `places`,
//! `replicas`, `letters`, `roster`, `leaders`, `kubernetes`. `need` is what the services that run
//! need, `finding` what is found, `show` how it looks, `clean` removes what is stale.

mod ask;
mod clean;
mod facts;
mod finding;
mod gather;
mod instances;
mod kubernetes;
mod leaders;
mod letters;
mod monitor;
mod need;
mod places;
mod replicas;
mod roster;
mod server;
mod show;
mod store;
mod stream;
mod streams;
#[cfg(test)]
mod tests;

use crate::cli::{Common, Doctor};
use crate::connection;
use crate::ending::{Found, Interrupted};
use crate::out::{Out, plain};
use crate::signals::Signals;
use clean::Cleaned;
use facts::Facts;
use finding::{Group, Level, UNASKED};
use need::Needs;
use show::Report;

pub(crate) async fn run(wish: &Doctor, common: &Common, out: &Out) -> anyhow::Result<()> {
    let config = common.config()?.call_timeout(wish.wait);
    config.start_log();
    let mut signals = Signals::listen()?;
    let client = connection::open(config.clone(), &mut signals).await?;
    let looked = async {
        let facts = gather::facts(&client, &config, wish).await;
        let cleaned = if wish.clean {
            clean::clean(&client, &facts).await?
        } else {
            Vec::new()
        };
        anyhow::Ok((facts, cleaned))
    };
    let outcome = tokio::select! {
        outcome = looked => outcome,
        () = signals.next() => Err(Interrupted.into()),
    };
    connection::close(&client).await;
    let (facts, cleaned) = outcome?;
    told(&facts, &cleaned, wish, out)
}

fn told(facts: &Facts, cleaned: &[Cleaned], wish: &Doctor, out: &Out) -> anyhow::Result<()> {
    let groups = judged(facts);
    let report = Report::of(&facts.url, &groups, cleaned);
    if wish.json {
        out.line(serde_json::to_string_pretty(&report)?)?;
    } else {
        for line in report.lines() {
            out.line(plain(&line))?;
        }
    }
    match report.level {
        Level::Problem => Err(Found.into()),
        _ => Ok(()),
    }
}

/// All groups, in the order in which they are shown.
fn judged(facts: &Facts) -> Vec<Group> {
    let needs = Needs::of(facts);
    let mut groups = vec![
        server::connection(facts),
        server::version(facts),
        store::judge(facts),
        streams::judge(facts, &needs),
        places::judge(facts, &needs),
        letters::dead(facts),
        letters::jobs(facts),
        roster::judge(facts),
        leaders::judge(facts),
        server::clock(facts),
        server::sync(facts),
        replicas::judge(facts),
        server::permissions(facts),
        kubernetes::judge(facts),
    ];
    if let Some(why) = facts.nothing_stored() {
        // Once is enough.
        let unasked = |group: &&mut Group| group.findings.iter().any(|found| found.code == UNASKED);
        for group in groups.iter_mut().filter(unasked) {
            *group = Group::unasked(group.name, why);
        }
    }
    groups
}
