//! Who leads, followed: one line for each change.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;
use time::OffsetDateTime;

use super::show::{LeaderJson, line, word};
use super::sight::{Record, Sight, Standing};
use super::{PAUSE, Session};
use crate::out::{now, plain};

/// An event of `--watch --json`.
#[derive(Debug, Serialize)]
struct Event<'a> {
    time: String,
    #[serde(rename = "event")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<LeaderJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Session<'_> {
    /// Follows the records for ever. It asks again and again, so an outage is one that ends.
    pub(super) async fn watch(&self) -> anyhow::Result<()> {
        let (mut sight, mut told) = (Sight::default(), BTreeMap::new());
        let (mut begun, mut stale) = (false, false);
        loop {
            match self.records().await {
                Ok(records) => {
                    if std::mem::take(&mut stale) {
                        self.event("heard", None, "the records are heard again")?;
                    }
                    if !begun && records.is_empty() {
                        self.event("nobody", None, "nobody leads yet, and nobody ever did")?;
                    }
                    begun = true;
                    self.changes(&records, &mut sight, &mut told)?;
                }
                // Before anything was heard it is a mistake rather than an outage.
                Err(error) if !begun => return Err(error.into()),
                Err(error) => {
                    sight.forget();
                    if !std::mem::replace(&mut stale, true) {
                        self.event("stale", Some(&error), &format!("not heard: {error}"))?;
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn changes(
        &self,
        records: &[Record],
        sight: &mut Sight,
        told: &mut BTreeMap<String, (u64, Standing)>,
    ) -> anyhow::Result<()> {
        let clock = OffsetDateTime::now_utc();
        let seen = sight.look(records, Instant::now(), clock);
        for (record, standing) in records.iter().zip(seen) {
            let (group, new) = (record.group.clone(), (record.epoch, standing));
            if standing == Standing::Unsure || told.insert(group, new) == Some(new) {
                continue;
            }
            if self.wish.json {
                let leader = Some(LeaderJson::of(record, standing, clock));
                let (kind, time, error) = (word(standing), now(), None);
                let event = Event {
                    time,
                    kind,
                    leader,
                    error,
                };
                self.out.line(serde_json::to_string(&event)?)?;
            } else {
                let text = line(record, standing, clock);
                self.out.line(format_args!("{}  {text}", now()))?;
            }
        }
        Ok(())
    }

    fn event(
        &self,
        kind: &'static str,
        error: Option<&aegis::Error>,
        words: &str,
    ) -> anyhow::Result<()> {
        if self.wish.json {
            let event = Event {
                time: now(),
                kind,
                leader: None,
                error: error.map(ToString::to_string),
            };
            self.out.line(serde_json::to_string(&event)?)?;
        } else {
            self.out
                .line(format_args!("{}  {kind}  {}", now(), plain(words)))?;
        }
        Ok(())
    }
}
