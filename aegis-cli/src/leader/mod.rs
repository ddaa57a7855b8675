//! `aegis leader`: `sight` what records tell over time, `show` how it is told, `watch` follows it,
//! `handover` asks a leader to step down.

mod handover;
mod show;
mod sight;
mod watch;

use std::time::{Duration, Instant};

use aegis::{Client, ErrorKind};
use time::OffsetDateTime;

use crate::cli::{Common, Leader};
use crate::connection;
use crate::ending::{Interrupted, Missing, Usage};
use crate::out::Out;
use crate::signals::Signals;
use crate::terminal;
use show::Json;
use sight::{Record, Sight, Standing};

/// Between two looks at the records.
const PAUSE: Duration = Duration::from_millis(100);

/// What every form of the command works with.
struct Session<'a> {
    client: &'a Client,
    wish: &'a Leader,
    out: &'a Out,
}

pub(crate) async fn run(wish: &Leader, common: &Common, out: &Out) -> anyhow::Result<()> {
    let config = common.config()?;
    config.start_log();
    let mut signals = Signals::listen()?;
    let client = connection::open(config, &mut signals).await?;
    let session = Session {
        client: &client,
        wish,
        out,
    };
    let outcome = tokio::select! {
        outcome = session.obey() => outcome,
        // Nothing is left undone when a watch is ended.
        () = signals.next() => if wish.watch { Ok(()) } else { Err(Interrupted.into()) },
        () = terminal::reader_gone(), if wish.watch => Ok(()),
    };
    connection::close(&client).await;
    outcome.map_err(sorted)
}

impl Session<'_> {
    async fn obey(&self) -> anyhow::Result<()> {
        if self.wish.watch {
            self.watch().await
        } else if self.wish.step_down {
            self.hand_over().await
        } else {
            self.look().await
        }
    }

    /// The records of the groups that matter.
    async fn records(&self) -> aegis::Result<Vec<Record>> {
        let all = self.client.leaders(&self.wish.service).await?;
        let wanted = |group: &str| self.wish.group.as_deref().is_none_or(|only| only == group);
        let records = all.into_iter().filter(|leader| wanted(&leader.group));
        Ok(records.map(Record::from).collect())
    }

    /// Looks until it is sure of everybody: at once, unless a record looks too old.
    async fn sure(&self) -> aegis::Result<Vec<(Record, Standing)>> {
        let mut sight = Sight::default();
        loop {
            let records = self.records().await?;
            let seen = sight.look(&records, Instant::now(), OffsetDateTime::now_utc());
            let sure = seen.iter().all(|standing| *standing != Standing::Unsure);
            if sure {
                return Ok(records.into_iter().zip(seen).collect());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn look(&self) -> anyhow::Result<()> {
        let seen = self.sure().await?;
        let now = OffsetDateTime::now_utc();
        let led = sight::led(&seen);
        if self.wish.json {
            let json = Json::of(&self.wish.service, &seen, now);
            self.out.line(serde_json::to_string_pretty(&json)?)?;
        } else {
            for (record, standing) in &seen {
                self.out.line(show::line(record, *standing, now))?;
            }
        }
        if led {
            return Ok(());
        }
        Err(self.nobody(&seen).into())
    }

    /// That nobody leads, and what that means.
    fn nobody(&self, seen: &[(Record, Standing)]) -> Missing {
        let service = &self.wish.service;
        let of_group = |group: &str| format!("nobody leads {service} in group {group}");
        let idle = seen.iter().find(|(_, standing)| !standing.leads());
        Missing(match (idle, &self.wish.group) {
            (Some((record, _)), _) => format!(
                "{}: `aegis services {service}` shows which instances are there",
                of_group(&record.group)
            ),
            (None, Some(group)) => format!("{}, and nobody ever did", of_group(group)),
            (None, None) => format!(
                "nobody leads {service}, and nobody ever did at {}: a leader is elected among \
                 instances of services with exclusive methods",
                self.client.server()
            ),
        })
    }
}

/// A service that no name can be is a mistake of the command line.
fn sorted(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<aegis::Error>() {
        Some(cause) if cause.kind() == ErrorKind::Invalid && !cause.was_sent() => {
            Usage(cause.to_string()).into()
        }
        _ => error,
    }
}
