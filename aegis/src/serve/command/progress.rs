//! How far a handler is: told at once to whoever listens, but not more often than they can read, and
//! noted in the record of the job now and then.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::keeper::Keeper;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ProgressNews, ProgressRecord};
use crate::port::Outgoing;

/// Reports that come faster are told as one.
const TELL: Duration = Duration::from_millis(50);
/// The record is written so often at most.
const NOTE: Duration = Duration::from_secs(1);
/// Longest message, in characters.
const LONGEST_MESSAGE: usize = 1024;

/// Where the handler of a command says how far it is: `progress: &Progress`.
///
/// To report is cheap: of reports that follow each other within 50 ms the newest is told, and once a
/// second it is noted in the job's record. Nothing of it goes into the queue.
///
/// ```
/// use aegis::prelude::*;
///
/// struct Importer;
///
/// #[aegis::service(name = "importer", version = "1.0.0")]
/// impl Importer {
///     #[command]
///     async fn import(&self, progress: &Progress, rows: u32) -> Result<u32, Failure> {
///         for row in 0..rows {
///             progress.report(100.0 * f64::from(row) / f64::from(rows), "importing").await?;
///         }
///         Ok(rows)
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Progress(Option<Arc<Reporter>>);

struct Reporter {
    client: Client,
    keeper: Arc<Keeper>,
    attempt: u32,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    newest: Option<ProgressRecord>,
    /// The newest was not told yet.
    untold: bool,
    /// The newest is not in the record yet.
    unnoted: bool,
    noted: Option<Instant>,
    /// Somebody is about to tell it.
    telling: bool,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

impl Progress {
    pub(super) fn new(client: Client, keeper: Arc<Keeper>, attempt: u32) -> Self {
        Self(Some(Arc::new(Reporter {
            client,
            keeper,
            attempt,
            said: Mutex::default(),
        })))
    }

    /// One that nobody hears, to call a handler directly in a test.
    pub fn unheard() -> Self {
        Self(None)
    }

    /// Says how much is done, 0 to 100, and what it is at (of a text its first 1,024 characters). It
    /// never goes back within an attempt: with less than before, only the text is new.
    ///
    /// Errors: `Invalid` for what is no number from 0 to 100.
    pub async fn report(&self, percent: f64, message: &str) -> Result<()> {
        if !(0.0..=100.0).contains(&percent) {
            let text = format!("the progress {percent} is none: it is a percentage, 0 to 100");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let Some(reporter) = &self.0 else {
            return Ok(());
        };
        let begins = {
            let mut said = reporter.said();
            let before = said.newest.as_ref().map_or(0.0, |newest| newest.percent);
            said.newest = Some(ProgressRecord {
                percent: percent.max(before),
                message: message.chars().take(LONGEST_MESSAGE).collect(),
                at: OffsetDateTime::now_utc(),
            });
            said.untold = true;
            said.unnoted = true;
            !std::mem::replace(&mut said.telling, true)
        };
        if begins {
            let reporter = reporter.clone();
            tokio::spawn(async move { reporter.tell().await });
        }
        // Whoever does nothing but report lets the others run.
        tokio::task::consume_budget().await;
        Ok(())
    }

    /// What was reported last.
    pub(super) fn newest(&self) -> Option<ProgressRecord> {
        self.0.as_ref()?.said().newest.clone()
    }
}

impl Reporter {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells and notes what is new, until nothing is.
    async fn tell(&self) {
        loop {
            let (untold, unnoted) = {
                let mut said = self.said();
                let now = Instant::now();
                let rested = said.noted.is_none_or(|at| now - at >= NOTE);
                let untold = std::mem::take(&mut said.untold);
                let unnoted = rested && std::mem::take(&mut said.unnoted);
                if unnoted {
                    said.noted = Some(now);
                }
                if !untold && !said.unnoted && !unnoted {
                    said.telling = false;
                    return;
                }
                let newest = said.newest.clone();
                (
                    newest.clone().filter(|_| untold),
                    newest.filter(|_| unnoted),
                )
            };
            if let Some(newest) = untold {
                self.say(newest).await;
            }
            if let Some(newest) = unnoted {
                self.note(newest).await;
            }
            tokio::select! {
                () = tokio::time::sleep(TELL) => {}
                () = self.keeper.over() => {
                    self.said().telling = false;
                    return;
                }
            }
        }
    }

    async fn say(&self, progress: ProgressRecord) {
        let news = ProgressNews {
            attempt: self.attempt,
            progress,
        };
        let Ok(body) = serde_json::to_vec(&news) else {
            return;
        };
        let subject = self.client.layout().job(&self.keeper.id, "progress");
        let told = self.client.bus().publish(Outgoing::new(subject, body));
        if let Err(error) = told.await {
            tracing::debug!(job = %self.keeper.id, %error, "progress was not told");
        }
    }

    async fn note(&self, progress: ProgressRecord) {
        let deadline = Instant::now() + NOTE;
        let noted = self.keeper.change(deadline, |record| {
            record.progress = Some(progress.clone());
        });
        if let Err(error) = noted.await {
            tracing::debug!(job = %self.keeper.id, %error, "progress was not noted");
        }
    }
}
