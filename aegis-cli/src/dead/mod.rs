//! `aegis dead`: events and commands that were given up: `settle` brings them back or removes them,
//! `show` is how they look.

mod settle;
mod show;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use aegis::{Client, DeadLetter};
use serde::Serialize;

use crate::call::listed;
use crate::cli::{Common, Dead, DeadCommand, DeadDrop, DeadList, DeadRetry};
use crate::connection;
use crate::ending::{Interrupted, Missing, Usage};
use crate::out::{Out, aligned};
use crate::signals::Signals;

/// So many are read at once.
const PAGE: usize = 100;
/// So many handlers are named at most.
const HANDLERS: usize = 20;

/// What every command of `aegis dead` works with.
struct Session<'a> {
    client: Client,
    json: bool,
    out: &'a Out,
}

/// What `aegis dead list --json` writes.
#[derive(Serialize)]
struct Letters<'a> {
    dead_letters: Vec<show::Json<'a>>,
    more: bool,
}

pub(crate) async fn run(wish: &Dead, common: &Common, out: &Out) -> anyhow::Result<()> {
    if let DeadCommand::Drop(DeadDrop { choice, yes: false }) = &wish.command
        && choice.all
    {
        let text = "`--all` removes every dead letter for good: `aegis dead list` shows them, and \
                    `--yes` says that this is meant";
        return Err(Usage(text.to_owned()).into());
    }
    if let DeadCommand::Retry(DeadRetry {
        choice,
        to: Some(_),
    }) = &wish.command
        && choice.all
        && choice.handler.is_none()
    {
        let text = "`--all` with `--for` would give one handler what all others gave up: say \
                    `--handler` too, whose dead letters are meant";
        return Err(Usage(text.to_owned()).into());
    }
    let config = common.config()?;
    config.start_log();
    let mut signals = Signals::listen()?;
    let client = connection::open(config, &mut signals).await?;
    let session = Session {
        client,
        json: wish.json,
        out,
    };
    let outcome = tokio::select! {
        outcome = session.obey(&wish.command) => outcome,
        () = signals.next() => Err(Interrupted.into()),
    };
    connection::close(&session.client).await;
    outcome
}

impl Session<'_> {
    async fn obey(&self, command: &DeadCommand) -> anyhow::Result<()> {
        match command {
            DeadCommand::List(wish) => self.list(wish).await,
            DeadCommand::Show(wish) => self.show(wish.sequence).await,
            DeadCommand::Retry(wish) => self.retry(wish).await,
            DeadCommand::Drop(wish) => self.remove(&wish.choice).await,
        }
    }

    async fn list(&self, wish: &DeadList) -> anyhow::Result<()> {
        let limit = wish.limit as usize;
        let (mut letters, mut more) = (Vec::new(), false);
        let others = self.each(wish.handler.as_deref(), limit + 1, |letter| {
            if letters.len() == limit {
                more = true;
                return ControlFlow::Break(());
            }
            letters.push(letter);
            ControlFlow::Continue(())
        });
        let others = others.await?;
        if self.json {
            let dead_letters = letters.iter().map(show::Json::of).collect();
            let all = Letters { dead_letters, more };
            self.out.line(serde_json::to_string_pretty(&all)?)?;
            return Ok(());
        }
        if letters.is_empty() {
            return self.none(wish.handler.as_deref(), others);
        }
        let mut rows = vec![show::heads()];
        rows.extend(letters.iter().map(show::row));
        for row in aligned(&rows) {
            self.out.line(row)?;
        }
        if more {
            let text = format!("there are more: `--limit {}` shows more", limit * 10);
            self.out.note(text);
        }
        Ok(())
    }

    async fn show(&self, sequence: u64) -> anyhow::Result<()> {
        let found = self.client.dead_letters().get(sequence).await?;
        let letter = found.ok_or_else(|| missing(&[sequence]))?;
        if self.json {
            let json = show::Json::of(&letter);
            self.out.line(serde_json::to_string_pretty(&json)?)?;
            return Ok(());
        }
        self.out.line(show::whole(&letter).trim_end())?;
        Ok(())
    }

    /// Visits the dead letters, oldest first, at most so many in all at a time; of one handler if it
    /// is named. Returns the other handlers that were met.
    async fn each(
        &self,
        handler: Option<&str>,
        most: usize,
        mut visit: impl FnMut(DeadLetter) -> ControlFlow<()>,
    ) -> anyhow::Result<BTreeSet<String>> {
        let dead = self.client.dead_letters();
        let (mut from, mut others) = (0, BTreeSet::new());
        loop {
            let size = PAGE.min(most);
            let page = dead.list_from(from, size).await?;
            let complete = page.len() < size;
            for letter in page {
                from = letter.sequence + 1;
                let other = handler.is_some_and(|handler| handler != letter.handler);
                if other && others.len() < HANDLERS {
                    others.insert(letter.handler);
                } else if !other && visit(letter).is_break() {
                    return Ok(others);
                }
            }
            if complete {
                return Ok(others);
            }
        }
    }

    /// Says that there are none.
    fn none(&self, handler: Option<&str>, others: BTreeSet<String>) -> anyhow::Result<()> {
        let server = self.client.server();
        let of = handler.map_or_else(String::new, |handler| format!(" of {handler}"));
        let others: Vec<String> = others.into_iter().collect();
        let others =
            listed(&others).map_or_else(String::new, |all| format!("; there are of {all}"));
        self.out.line(format_args!(
            "There are no dead letters{of} at {server}{others}."
        ))?;
        Ok(())
    }
}

/// That there are none with these numbers.
fn missing(sequences: &[u64]) -> anyhow::Error {
    let all: Vec<String> = sequences.iter().map(u64::to_string).collect();
    let (is, all) = match &all[..] {
        [one] => ("is no dead letter", one.clone()),
        _ => ("are no dead letters", all.join(", ")),
    };
    Missing(format!(
        "there {is} {all} (any more): `aegis dead list` shows those that there are"
    ))
    .into()
}
