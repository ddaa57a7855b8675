//! Dead letters brought back, or removed.

use std::ops::ControlFlow;

use aegis::{DeadLetter, ErrorKind, Published};
use serde::Serialize;

use super::{Session, missing};
use crate::cli::{DeadChoice, DeadRetry};
use crate::ending::Missing;
use crate::out::plain;

/// What was brought back, as `--json` tells it.
#[derive(Serialize)]
struct Back {
    sequence: u64,
    /// Who gets it.
    handler: String,
    subject: String,
    id: String,
    /// Its new number in its stream.
    number: u64,
}

impl Back {
    fn of(letter: &DeadLetter, handler: String, published: &Published) -> Self {
        Self {
            sequence: letter.sequence,
            handler,
            subject: letter.subject.clone(),
            id: letter.id.clone(),
            number: published.sequence(),
        }
    }
}

/// A dead letter that was removed, as `--json` tells it.
#[derive(Serialize)]
struct Gone {
    sequence: u64,
    removed: bool,
}

impl Session<'_> {
    pub(super) async fn retry(&self, wish: &DeadRetry) -> anyhow::Result<()> {
        let choice = &wish.choice;
        let Some(sequences) = self.chosen(choice).await? else {
            return Ok(());
        };
        let (mut done, mut not_there, mut stay) = (0, Vec::new(), Vec::new());
        for sequence in &sequences {
            match self.bring_back(*sequence, wish.to.as_ref()).await {
                Ok(Some(back)) => {
                    self.back(&back)?;
                    done += 1;
                }
                Ok(None) => not_there.push(*sequence),
                Err(error) if is_about_one(&error) => {
                    if sequences.len() > 1 {
                        self.out.note(plain(&error.to_string()));
                    }
                    stay.push((*sequence, error));
                }
                Err(error) => return Err(so_far(error, done, "brought back")),
            }
        }
        tell_staying(stay, sequences.len())?;
        tell_missing(choice, &not_there)
    }

    /// None if there is none of this number.
    async fn bring_back(
        &self,
        sequence: u64,
        to: Option<&(String, String)>,
    ) -> aegis::Result<Option<Back>> {
        let dead = self.client.dead_letters();
        let Some(letter) = dead.get(sequence).await? else {
            return Ok(None);
        };
        let Some((service, handler)) = to else {
            let published = dead.retry(sequence).await?;
            return Ok(Some(Back::of(&letter, letter.handler.clone(), &published)));
        };
        let published = dead.retry_for(sequence, service, handler).await?;
        let handler = format!("{service}__{handler}");
        Ok(Some(Back::of(&letter, handler, &published)))
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

    fn back(&self, back: &Back) -> anyhow::Result<()> {
        if self.json {
            self.out.line(serde_json::to_string(back)?)?;
            return Ok(());
        }
        self.out.line(format_args!(
            "{}  brought back: {} for {}, now number {}",
            back.sequence,
            plain(&back.subject),
            plain(&back.handler),
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

/// Whether others may be brought back although this one is not.
fn is_about_one(error: &aegis::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Invalid | ErrorKind::TooLarge | ErrorKind::Decode | ErrorKind::Denied
    )
}

/// Those that were not brought back; why was told of each, unless it was the only one.
fn tell_staying(mut stay: Vec<(u64, aegis::Error)>, of: usize) -> anyhow::Result<()> {
    if of == 1 {
        return match stay.pop() {
            None => Ok(()),
            Some((_, error)) if error.kind() == ErrorKind::Invalid => {
                Err(Missing(error.to_string()).into())
            }
            Some((_, error)) => Err(error.into()),
        };
    }
    if stay.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = stay.iter().map(|(number, _)| number.to_string()).collect();
    let text = format!(
        "{} of {of} dead letters were not brought back, and stay, as told above: {}",
        all.len(),
        all.join(", ")
    );
    Err(Missing(text).into())
}

/// An error, and what was done before it.
fn so_far(error: aegis::Error, done: usize, what: &str) -> anyhow::Error {
    let error = anyhow::Error::from(error);
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
