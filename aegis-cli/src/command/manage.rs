//! Jobs listed, shown, ended and brought back.

use aegis::{ErrorKind, JobState, JobStatus};
use serde::Serialize;

use super::{Session, show};
use crate::cli::JobList;
use crate::ending::Missing;
use crate::out::aligned;

/// What `aegis command list --json` writes.
#[derive(Serialize)]
struct Jobs<'a> {
    jobs: &'a [JobStatus],
    more: bool,
}

/// A job that was brought back, as `--json` tells it.
#[derive(Serialize)]
struct Back<'a> {
    id: &'a str,
    brought_back: bool,
}

impl Session<'_> {
    pub(super) async fn list(&self, wish: &JobList) -> anyhow::Result<()> {
        let limit = wish.limit as usize;
        let mut jobs = self.client.jobs();
        if let Some(state) = wish.state {
            jobs = jobs.state(state);
        }
        if let Some(service) = &wish.service {
            jobs = jobs.service(service);
        }
        if let Some(command) = &wish.command {
            jobs = jobs.command(command);
        }
        let mut found = jobs.list(limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        if self.json {
            let all = Jobs { jobs: &found, more };
            self.out.line(serde_json::to_string_pretty(&all)?)?;
            return Ok(());
        }
        if found.is_empty() {
            return self.none(wish);
        }
        let mut rows = vec![show::heads()];
        rows.extend(found.iter().map(show::row));
        for row in aligned(&rows) {
            self.out.line(row)?;
        }
        if more {
            let text = format!("there are more: `--limit {}` shows more", limit * 10);
            self.out.note(text);
        }
        Ok(())
    }

    fn none(&self, wish: &JobList) -> anyhow::Result<()> {
        let server = self.client.server();
        let some = wish.state.is_some() || wish.service.is_some() || wish.command.is_some();
        self.out.line(if some {
            format!("There are no such jobs at {server}; `aegis command list` shows all.")
        } else {
            format!("There are no jobs at {server}.")
        })?;
        Ok(())
    }

    pub(super) async fn show(&self, id: &str) -> anyhow::Result<()> {
        let status = self.known(id).await?;
        if self.json {
            self.out.line(serde_json::to_string_pretty(&status)?)?;
            return Ok(());
        }
        // Who may not read dead letters sees the job nevertheless.
        let letter_gone = match status.dead_letter {
            Some(letter) => matches!(self.client.dead_letters().get(letter).await, Ok(None)),
            None => false,
        };
        self.out
            .line(show::whole(&status, letter_gone).trim_end())?;
        Ok(())
    }

    pub(super) async fn cancel(&self, id: &str) -> anyhow::Result<()> {
        let before = self.known(id).await?;
        let after = self.client.command(id).cancel().await;
        let after = after.map_err(refused)?;
        if self.json {
            self.out.line(serde_json::to_string(&after)?)?;
        }
        match after.state {
            JobState::Cancelled if self.json => Ok(()),
            JobState::Cancelled => {
                let again = before.state == JobState::Cancelled;
                let already = if again { " already" } else { "" };
                self.out.line(format_args!("{id}  cancelled{already}"))?;
                Ok(())
            }
            state if state.is_final() => {
                let text = format!("the job {id} is {state}: it has ended, and stays as it is");
                Err(Missing(text).into())
            }
            state => anyhow::bail!(
                "the job {id} is to be cancelled, and {state} still: its worker does not answer, and \
                 whoever gets it next ends it; `aegis command watch {id}` waits for that"
            ),
        }
    }

    pub(super) async fn retry(&self, id: &str) -> anyhow::Result<()> {
        self.known(id).await?;
        let back = self.client.command(id).retry().await;
        back.map_err(refused)?;
        if self.json {
            let brought_back = true;
            let back = serde_json::to_string(&Back { id, brought_back })?;
            self.out.line(back)?;
        } else {
            self.out.line(format_args!(
                "{id}  brought back: it is queued again; `aegis command watch {id}` follows it"
            ))?;
        }
        Ok(())
    }
}

/// The same error as what the exit code tells apart: the job is there, and this is not done with it.
fn refused(error: aegis::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::Invalid => Missing(error.to_string()).into(),
        _ => error.into(),
    }
}
