//! `aegis command`: `send` puts commands into the queue, `follow` waits for the end of a job, `live` is
//! how it tells of that, `manage` lists, shows, cancels and brings back, `show` is how jobs look.

mod follow;
mod live;
mod manage;
mod send;
mod show;

use aegis::{Client, ErrorKind, JobStatus};

use crate::cli::{Common, Job, JobCommand};
use crate::connection;
use crate::ending::{Interrupted, Missing, Usage};
use crate::out::Out;
use crate::signals::Signals;

/// What every command of `aegis command` works with.
struct Session<'a> {
    client: Client,
    json: bool,
    out: &'a Out,
}

pub(crate) async fn run(wish: &Job, common: &Common, out: &Out) -> anyhow::Result<()> {
    // What is wrong is told before anything is sent, or asked.
    let (params, within) = match &wish.command {
        JobCommand::Send(send) => (Some(send::params(send)?), send.within),
        _ => (None, None),
    };
    let config = common.config_within(within)?;
    config.start_log();
    let mut signals = Signals::listen()?;
    let client = connection::open(config, &mut signals).await?;
    let session = Session {
        client,
        json: wish.json,
        out,
    };
    let outcome = match &wish.command {
        JobCommand::Send(send) => {
            let params = params.unwrap_or_default();
            session.send(send, &params, &mut signals).await
        }
        JobCommand::Watch(named) => session.watch(&named.id, &mut signals).await,
        other => tokio::select! {
            outcome = session.obey(other) => outcome,
            () = signals.next() => Err(Interrupted.into()),
        },
    };
    connection::close(&session.client).await;
    outcome
}

impl Session<'_> {
    /// What nobody waits for long.
    async fn obey(&self, command: &JobCommand) -> anyhow::Result<()> {
        match command {
            JobCommand::List(wish) => self.list(wish).await,
            JobCommand::Show(named) => self.show(&named.id).await,
            JobCommand::Cancel(named) => self.cancel(&named.id).await,
            JobCommand::Retry(named) => self.retry(&named.id).await,
            JobCommand::Send(_) | JobCommand::Watch(_) => Ok(()),
        }
    }

    /// How a job is that must be there.
    async fn known(&self, id: &str) -> anyhow::Result<JobStatus> {
        match self.client.command(id).status().await {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(self.unknown(id)),
            Err(error) if error.kind() == ErrorKind::Invalid => {
                Err(Usage(error.to_string()).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn unknown(&self, id: &str) -> anyhow::Error {
        let server = self.client.server();
        Missing(format!(
            "there is no job {id} at {server} (any more): `aegis command list` shows those that are \
             known; what came of one is kept for 24 h after its end, unless `commands.jobs_kept` says \
             otherwise"
        ))
        .into()
    }
}
