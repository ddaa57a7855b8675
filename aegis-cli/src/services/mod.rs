//! `aegis services`: who is there, from the registry and from what the instances answer themselves
//! (`$SRV.INFO`). `view` is one instance as both know it, `roster` everybody at one moment, `tree`
//! the text, `live` what changes, `watch` follows it, `screen` the table on a terminal.

mod live;
mod roster;
mod screen;
mod tree;
mod view;
mod watch;

use aegis::ServiceName;

use crate::call::listed;
use crate::cli::{Common, Services};
use crate::connection;
use crate::ending::{Interrupted, Usage};
use crate::out::Out;
use crate::signals::Signals;
use crate::terminal;
use roster::Roster;

/// Where a program looks that is told nothing.
const USUAL: &str = "nats://127.0.0.1:4222";

pub(crate) async fn run(wish: &Services, common: &Common, out: &Out) -> anyhow::Result<()> {
    if let Some(service) = &wish.service {
        check_name(service)?;
    }
    let config = common.config()?;
    config.start_log();
    let mut signals = Signals::listen()?;
    let client = connection::open(config, &mut signals).await?;
    if wish.watch {
        // Nothing is left undone when a watch is ended.
        let outcome = tokio::select! {
            outcome = watch::run(&client, wish, out) => outcome,
            () = signals.next() => Ok(()),
            () = terminal::reader_gone() => Ok(()),
        };
        if out.is_terminal() {
            // The prompt comes below the table.
            out.line("")?;
        }
        connection::close(&client).await;
        return outcome;
    }
    let mut roster = tokio::select! {
        roster = Roster::ask(&client, wish.wait) => roster?,
        () = signals.next() => return Err(Interrupted.into()),
    };
    connection::close(&client).await;
    let others = names(&roster);
    if let Some(service) = &wish.service {
        roster.views.retain(|view| view.service == *service);
    }
    if wish.json {
        out.line(serde_json::to_string_pretty(&roster.json())?)?;
        return Ok(());
    }
    show(&roster, &others, wish, out)
}

fn show(roster: &Roster, others: &[String], wish: &Services, out: &Out) -> anyhow::Result<()> {
    for line in roster.unasked() {
        out.line(line)?;
    }
    match &wish.service {
        _ if !roster.views.is_empty() => {
            let text = tree::tree(&roster.views, wish.service.is_some());
            out.line(text.trim_end())?;
            Ok(())
        }
        Some(service) => {
            let others =
                listed(others).map_or_else(String::new, |all| format!("; there are {all}"));
            anyhow::bail!(
                "no instance of {service} answered at {} within {:?}{others}: `--wait 2s` waits \
                 longer",
                roster.server,
                wish.wait
            )
        }
        None => {
            out.line(nobody(&roster.server, wish))?;
            Ok(())
        }
    }
}

fn nobody(server: &str, wish: &Services) -> String {
    // Programs look at the usual server by themselves.
    let how = match server.trim_end_matches('/') {
        USUAL => String::new(),
        other => format!(" with AEGIS_NATS_URL={}", other.replace(", ", ",")),
    };
    format!(
        "No service answered at {server} within {:?}. Start one (`cargo run` in its crate){how}; \
         `--url` asks another server.",
        wish.wait
    )
}

fn names(roster: &Roster) -> Vec<String> {
    let names = roster.views.iter().map(|view| view.service.clone());
    let mut names: Vec<String> = names.collect();
    names.dedup();
    names
}

/// A name that no service can have, here or with another library of NATS micro, is a mistake.
fn check_name(service: &str) -> anyhow::Result<()> {
    let of_micro = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match ServiceName::parse(service) {
        Err(error) if service.is_empty() || !service.bytes().all(of_micro) => {
            Err(Usage(error.to_string()).into())
        }
        _ => Ok(()),
    }
}
