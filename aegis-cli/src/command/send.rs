//! A command on its way into the queue.

use aegis::{ErrorKind, Job, MethodName, ServiceName};
use serde::Serialize;
use serde_json::Value;

use super::Session;
use crate::cli::JobSend;
use crate::ending::{Left, Usage};
use crate::input;
use crate::out::plain;
use crate::signals::Signals;

/// How arguments are written.
const WRITTEN: &str =
    "write an object with the arguments by name, in single quotes: '{\"url\":\"..\"}'";

/// What the queue holds, as `--json` tells it.
#[derive(Serialize)]
struct Sent<'a> {
    id: &'a str,
    /// False if there was a job with this key before.
    new: bool,
}

/// The arguments. Errors: what can be seen to be wrong without a server.
pub(super) fn params(wish: &JobSend) -> anyhow::Result<Value> {
    ServiceName::parse(&wish.service).map_err(|error| Usage(error.to_string()))?;
    MethodName::parse(&wish.name).map_err(|error| Usage(error.to_string()))?;
    input::json(&wish.params, "the arguments are", WRITTEN)
}

impl Session<'_> {
    pub(super) async fn send(
        &self,
        wish: &JobSend,
        params: &Value,
        signals: &mut Signals,
    ) -> anyhow::Result<()> {
        let job = tokio::select! {
            job = self.queue(wish, params) => job?,
            () = signals.next() => {
                let text = format!("ended by a signal; {}", unknown(wish));
                return Err(Left(text).into());
            }
        };
        self.sent(&job, wish)?;
        if wish.wait {
            return self.follow(&job, signals).await;
        }
        Ok(())
    }

    async fn queue(&self, wish: &JobSend, params: &Value) -> anyhow::Result<Job> {
        let command = self.client.new_command(&wish.service, &wish.name, params);
        let mut command = command.priority(wish.priority);
        if let Some(key) = &wish.key {
            command = command.idempotency_key(key);
        }
        if let Some(id) = &wish.correlation_id {
            command = command.correlation_id(id);
        }
        if let Some(delay) = wish.delay {
            command = command.delay(delay);
        }
        if let Some(within) = wish.within {
            command = command.within(within);
        }
        if wish.unchecked {
            command = command.unchecked();
        }
        command.send().await.map_err(|error| failed(error, wish))
    }

    /// Tells the id: to whoever reads standard output, unless the result goes there.
    fn sent(&self, job: &Job, wish: &JobSend) -> anyhow::Result<()> {
        let (id, new) = (job.id(), job.is_new());
        if self.json {
            let sent = serde_json::to_string(&Sent { id, new })?;
            self.out.line(sent)?;
        } else if wish.wait {
            self.out.note(format_args!("job {id}"));
        } else {
            self.out.line(id)?;
        }
        if let Some(key) = wish.key.as_deref().filter(|_| !new) {
            self.out.note(format_args!(
                "nothing was sent: a job with the key {} was there already, and is this one",
                plain(key)
            ));
        }
        Ok(())
    }
}

/// The error, and what can be done if it is not known what became of the command.
fn failed(error: aegis::Error, wish: &JobSend) -> anyhow::Error {
    if error.was_sent() {
        return anyhow::Error::from(error).context(unknown(wish));
    }
    match error.kind() {
        ErrorKind::Invalid => Usage(error.to_string()).into(),
        _ => error.into(),
    }
}

/// That it is not known whether it was queued, and how to find out, or to make sure of it.
fn unknown(wish: &JobSend) -> String {
    let JobSend { service, name, .. } = wish;
    let way_out = if wish.key.is_some() {
        "the same command again queues it once".to_owned()
    } else {
        format!(
            "`aegis command list --service {service} --command {name}` shows it if it was; with \
             `--key` it can be repeated"
        )
    };
    format!("it is not known whether {service}.{name} was queued: {way_out}")
}
