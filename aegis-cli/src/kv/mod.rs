//! `aegis kv`: `read` lists and prints, `write` puts and removes, `watch` follows, `show` is how
//! values look. Every command opens what is there; only a wish for it makes a bucket.

mod read;
mod show;
mod watch;
mod write;

use aegis::{Bucket, Client, Error, ErrorKind};
use bytes::Bytes;

use crate::call::listed;
use crate::cli::{Common, Kv, KvCommand};
use crate::connection;
use crate::ending::{Conflicting, Interrupted, Missing, Usage};
use crate::input;
use crate::out::Out;
use crate::signals::Signals;
use crate::terminal;

/// What every command of `aegis kv` works with.
struct Session<'a> {
    client: Client,
    json: bool,
    out: &'a Out,
}

pub(crate) async fn run(wish: &Kv, common: &Common, out: &Out) -> anyhow::Result<()> {
    let config = common.config()?;
    config.start_log();
    // Before signals are taken: a value that is typed can be given up.
    let value = match &wish.command {
        KvCommand::Put(put) => Some(input::bytes(&put.value)?),
        _ => None,
    };
    let mut signals = Signals::listen()?;
    let client = connection::open(config, &mut signals).await?;
    let session = Session {
        client,
        json: wish.json,
        out,
    };
    let endless = matches!(wish.command, KvCommand::Watch(_));
    let outcome = tokio::select! {
        outcome = session.obey(&wish.command, value) => outcome,
        // Nothing is left undone when a watch is ended.
        () = signals.next() => if endless { Ok(()) } else { Err(Interrupted.into()) },
        () = terminal::reader_gone(), if endless => Ok(()),
    };
    connection::close(&session.client).await;
    outcome.map_err(sorted)
}

impl Session<'_> {
    async fn obey(&self, command: &KvCommand, value: Option<Bytes>) -> anyhow::Result<()> {
        match command {
            KvCommand::Ls(wish) => self.list(wish).await,
            KvCommand::Get(wish) => self.get(wish).await,
            KvCommand::Put(wish) => self.put(wish, value.unwrap_or_default()).await,
            KvCommand::Del(wish) => self.delete(wish).await,
            KvCommand::Watch(wish) => self.watch(wish).await,
            KvCommand::History(wish) => self.history(wish).await,
        }
    }

    /// A bucket that is there.
    async fn bucket(&self, name: &str) -> anyhow::Result<Bucket<Bytes>> {
        match self.client.bucket(name).find_bytes().await? {
            Some(bucket) => Ok(bucket),
            None => Err(self.no_bucket(name, "").await),
        }
    }

    /// That a bucket is missing, what there is, and what helps.
    async fn no_bucket(&self, name: &str, way_out: &str) -> anyhow::Error {
        // If this cannot be found out, the rest still holds.
        let all = self.client.buckets().await.unwrap_or_default();
        let there = listed(&all).map_or_else(
            || "; there is none".to_owned(),
            |all| format!("; there are {all}"),
        );
        let server = self.client.server();
        Missing(format!(
            "there is no bucket {name} at {server}{there}{way_out}"
        ))
        .into()
    }
}

/// The same error as what the exit code tells apart.
fn sorted(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Error>() {
        Some(cause) if cause.kind() == ErrorKind::Conflict => {
            let text = format!("{cause}\n  `aegis kv get .. --json` tells its revision");
            Conflicting(text).into()
        }
        Some(cause) if cause.kind() == ErrorKind::Invalid && !cause.was_sent() => {
            Usage(cause.to_string()).into()
        }
        _ => error,
    }
}
