//! Dead letters brought back, or removed.

use std::ops::ControlFlow;

use aegis::{DeadLetter, ErrorKind, Published};
use serde::Serialize;

use super::{Session, missing};
use crate::cli::DeadChoice;
use crate::ending::Missing;
use crate::out::plain;

/// An event that was brought back, as `--json` tells it.
#[derive(Serialize)]
struct Back<'a> {
    sequence: u64,
    handler: &'a str,
    subject: &'a str,
    id: &'a str,
    /// Its new number in its stream.
    number: u64,
}

/// A dead letter that was removed, as `--json` tells it.
#[derive(Serialize)]
struct Gone {
    sequence: u64,
    removed: bool,
}

impl Session<'_> {
    pub(super) async fn retry(&self, choice: &DeadChoice) -> anyhow::Result<()> {
        let dead = self.client.dead_letters();
        let Some(sequences) = self.chosen(choice).await? else {
            return Ok(());
        };
        let (mut done, mut not_there) = (0, Vec::new());
        for sequence in &sequences {
            let letter = match dead.get(*sequence).await {
                Ok(Some(letter)) => letter,
                Ok(None) => {
                    not_there.push(*sequence);
                    continue;
                }
                Err(error) => return Err(so_far(error, done, "brought back")),
            };
            match dead.retry(*sequence).await {
                Ok(published) => self.back(&letter, &published)?,
                Err(error) => return Err(so_far(error, done, "brought back")),
            }
            done += 1;
        }
        tell_missing(choice, &not_there)
    }

    pub(super) async fn remove(&self, choice: &DeadChoice) -> anyhow::Result<()> {
        let dead = self.client.dead_letters();
        let Some(sequences) = self.chosen(choice).await? else {
            return Ok(());
        };
        let (mut done, mut not_there) = (0, Vec::new());
        for sequence in &sequences {
            match dead.remove(*sequence).await {
                Ok(true) => self.gone(*sequence)?,
                Ok(false) => {
                    not_there.push(*sequence);
                    continue;
                }
                Err(error) => return Err(so_far(error, done, "removed")),
            }
            done += 1;
        }
        tell_missing(choice, &not_there)
    }

    /// The numbers: those that were said, or all that are there now: what is given up again while
    /// this goes on is not brought back again. None if there are none, which is told.
    async fn chosen(&self, choice: &DeadChoice) -> anyhow::Result<Option<Vec<u64>>> {
        if !choice.all {
            return Ok(Some(choice.sequences.clone()));
        }
        let handler = choice.handler.as_deref();
        let mut sequences = Vec::new();
        let others = self.each(handler, usize::MAX, |letter| {
            sequences.push(letter.sequence);
            ControlFlow::Continue(())
        });
        let others = others.await?;
        if sequences.is_empty() && !self.json {
            self.none(handler, others)?;
        }
        Ok((!sequences.is_empty()).then_some(sequences))
    }

    fn back(&self, letter: &DeadLetter, published: &Published) -> anyhow::Result<()> {
        let back = Back {
            sequence: letter.sequence,
            handler: &letter.handler,
            subject: &letter.subject,
            id: &letter.id,
            number: published.sequence(),
        };
        if self.json {
            self.out.line(serde_json::to_string(&back)?)?;
            return Ok(());
        }
        self.out.line(format_args!(
            "{}  brought back: {} for {}, now number {}",
            back.sequence,
            plain(back.subject),
            plain(back.handler),
            back.number
        ))?;
        Ok(())
    }

    fn gone(&self, sequence: u64) -> anyhow::Result<()> {
        if self.json {
            let removed = true;
            let gone = serde_json::to_string(&Gone { sequence, removed })?;
            self.out.line(gone)?;
        } else {
            self.out.line(format_args!("{sequence}  removed"))?;
        }
        Ok(())
    }
}

/// An error, and what was done before it.
fn so_far(error: aegis::Error, done: usize, what: &str) -> anyhow::Error {
    let error: anyhow::Error = match error.kind() {
        // Its event is gone, or somebody else was faster.
        ErrorKind::Invalid => Missing(error.to_string()).into(),
        _ => error.into(),
    };
    match done {
        0 => error,
        1 => error.context(format!("1 dead letter was {what}, the next one was not")),
        more => error.context(format!(
            "{more} dead letters were {what}, the next one was not"
        )),
    }
}

/// Those that were named must be there; of all some may be taken by somebody else meanwhile.
fn tell_missing(choice: &DeadChoice, not_there: &[u64]) -> anyhow::Result<()> {
    if choice.all || not_there.is_empty() {
        Ok(())
    } else {
        Err(missing(not_there))
    }
}
