//! A stream as it is asked for: made, or changed, and read back.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::api::{Refusal, code};
use super::config::{self, StreamInfo};
use super::failure;
use super::streams::NatsStreams;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{StreamSpec, StreamStatus};
use crate::observe;

/// Others make, change or remove the stream meanwhile: so often it is looked at again.
const LOOKS: usize = 8;

/// A page of the list of streams.
#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    streams: Option<Vec<String>>,
}

impl NatsStreams {
    pub(super) async fn ensure_now(
        &self,
        spec: StreamSpec,
        deadline: Instant,
    ) -> Result<StreamStatus> {
        spec.check()?;
        let mut drifted = Vec::new();
        for look in 0..LOOKS {
            if look > 1 {
                // Somebody else is at it too: not again at the same time.
                let pause = Duration::from_millis(observe::random() % 20);
                tokio::time::sleep(pause).await;
            }
            let Some(info) = self.info(&spec.name, deadline).await? else {
                // What it answers is not trusted: it is looked at again.
                self.create(&spec, deadline).await?;
                continue;
            };
            let status = info.status()?;
            let drift = spec.drift(&status);
            if let Some(text) = drift.refusal(&spec.name) {
                return Err(Error::new(ErrorKind::Config, text));
            }
            // Two programs may describe it differently: that is no reason to argue.
            let described = spec.description.is_none() || spec.description == status.description;
            if drift.changeable.is_empty() && (described || look > 0) {
                return Ok(status);
            }
            drifted = drift.changeable;
            let changed = info.changed(&spec, &status);
            self.update(&spec, &changed, deadline).await?;
            if !drifted.is_empty() {
                let (stream, what) = (&spec.name, drifted.join(", "));
                tracing::info!(stream, what, "a stream is changed to what is asked for");
            }
        }
        let name = &spec.name;
        let text = if drifted.is_empty() {
            format!("the stream {name} is made and removed by others again and again: find out who")
        } else {
            format!(
                "the NATS server does not take over what is asked of the stream {name}: {}; upgrade \
                 it, or find out who asks for something else",
                drifted.join(", ")
            )
        };
        Err(Error::new(ErrorKind::Config, text))
    }

    /// Makes a stream; it is no error if somebody else was faster.
    async fn create(&self, spec: &StreamSpec, deadline: Instant) -> Result<()> {
        let what = format!("STREAM.CREATE.{}", spec.name);
        let made = self.api.ask(&what, &config::new(spec), deadline).await?;
        self.made(spec, made, deadline).await
    }

    /// Changes a stream; it is no error if somebody else removed it.
    async fn update(&self, spec: &StreamSpec, changed: &Value, deadline: Instant) -> Result<()> {
        let what = format!("STREAM.UPDATE.{}", spec.name);
        let made = self.api.ask(&what, changed, deadline).await?;
        self.made(spec, made, deadline).await
    }

    async fn made(
        &self,
        spec: &StreamSpec,
        made: Result<StreamInfo, Refusal>,
        deadline: Instant,
    ) -> Result<()> {
        match made {
            Ok(_) => Ok(()),
            Err(refusal) => match refusal.err_code {
                code::STREAM_NAME_IN_USE | code::STREAM_NOT_FOUND => Ok(()),
                code::SUBJECTS_OVERLAP => Err(self.overlap(spec, refusal, deadline).await),
                _ => Err(failure::of_stream(&spec.name, refusal)),
            },
        }
    }

    /// The error for subjects that another stream stores, with its name if it can be found.
    async fn overlap(&self, spec: &StreamSpec, refusal: Refusal, deadline: Instant) -> Error {
        let mut others = Vec::new();
        for subject in &spec.subjects {
            let body = json!({"subject": subject.as_str()});
            let page = self.api.ask::<Names>("STREAM.NAMES", &body, deadline).await;
            let found = page.ok().and_then(Result::ok).and_then(|page| page.streams);
            others.extend(found.unwrap_or_default());
        }
        others.retain(|other| *other != spec.name);
        others.sort();
        others.dedup();
        let name = &spec.name;
        let whose = match others.as_slice() {
            [] => "another stream".to_owned(),
            [other] => format!("the stream {other}"),
            several => format!("the streams {}", several.join(" and ")),
        };
        let text = format!(
            "{whose} already stores subjects that the stream {name} is to store, and a message is \
             stored once: ask for other subjects, or for that stream (`nats stream edit` takes \
             subjects from it)"
        );
        Error::new(ErrorKind::Config, text).because(refusal)
    }
}
