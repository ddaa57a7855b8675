//! A job, followed to its end: how it goes is told beside its result.

use aegis::{ConnectionState, Job, JobState, JobStatus};

use super::Session;
use super::live::Live;
use crate::ending::{Answered, Left, Missing};
use crate::signals::Signals;
use crate::terminal;

impl Session<'_> {
    pub(super) async fn watch(&self, id: &str, signals: &mut Signals) -> anyhow::Result<()> {
        tokio::select! {
            known = self.known(id) => known.map(drop)?,
            () = signals.next() => return Err(left(id)),
        }
        self.follow(&self.client.command(id), signals).await
    }

    /// Follows a job to its end. A signal ends the waiting only.
    pub(super) async fn follow(&self, job: &Job, signals: &mut Signals) -> anyhow::Result<()> {
        let mut live = Live::new(self.out, self.json);
        let ended = tokio::select! {
            ended = self.updates(job, &mut live) => ended,
            () = signals.next() => Err(left(job.id())),
            () = terminal::reader_gone(), if self.json => return Ok(()),
        };
        live.end();
        self.outcome(&ended?)
    }

    /// Tells whatever changes; returns how it ended.
    async fn updates(&self, job: &Job, live: &mut Live<'_>) -> anyhow::Result<JobStatus> {
        let mut updates = job.progress();
        let (mut connection, server) = (self.client.connection(), self.client.server());
        loop {
            tokio::select! {
                update = updates.next() => {
                    let Some(update) = update else {
                        anyhow::bail!("the job was not followed to its end: the connection was closed");
                    };
                    let status = update?;
                    live.tell(&status)?;
                    if status.state.is_final() {
                        return Ok(status);
                    }
                }
                () = live.due() => live.overdue(),
                Ok(()) = connection.changed() => {
                    let words = match *connection.borrow_and_update() {
                        ConnectionState::Connected => "is heard again",
                        _ => "is not heard; the job does not mind, and this waits",
                    };
                    live.note(&format!("{server} {words}"));
                }
            }
        }
    }

    /// The result, or why there is none.
    fn outcome(&self, ended: &JobStatus) -> anyhow::Result<()> {
        let id = &ended.id;
        match (ended.state, &ended.error) {
            // It was told with all that is known.
            (JobState::Succeeded, _) if self.json => Ok(()),
            (JobState::Succeeded, _) => {
                let result = &ended.result;
                self.out.line(if self.out.is_terminal() {
                    serde_json::to_string_pretty(result)?
                } else {
                    result.to_string()
                })?;
                Ok(())
            }
            (JobState::Failed, Some(failure)) => {
                let text = format!(
                    "the job {id} has failed: `aegis command show {id}` tells all about it, `aegis \
                     command retry {id}` brings it back"
                );
                Err(anyhow::Error::from(Answered(failure.clone())).context(text))
            }
            (state, _) => {
                let text = format!("the job {id} is {state}: there is no result");
                Err(Missing(text).into())
            }
        }
    }
}

/// That nobody waits any more.
fn left(id: &str) -> anyhow::Error {
    Left(format!(
        "ended by a signal; the job goes on: `aegis command watch {id}` comes back to it, `aegis \
         command cancel {id}` ends it"
    ))
    .into()
}
