//! Asks a leader to let another instance lead, and waits for that one.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use super::Session;
use super::sight::Record;
use crate::ending::Usage;
use crate::out::plain;

/// Between two looks for the new leader.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the new leader may take, beyond three leases.
const GRACE: Duration = Duration::from_secs(5);

impl Session<'_> {
    pub(super) async fn hand_over(&self) -> anyhow::Result<()> {
        let mut seen = self.sure().await?;
        if seen.len() > 1 {
            let groups: Vec<&str> = seen.iter().map(|(record, _)| &*record.group).collect();
            let text = format!(
                "{} has several groups: say which with --group ({})",
                self.wish.service,
                groups.join(", ")
            );
            return Err(Usage(text).into());
        }
        let nobody = self.nobody(&seen);
        let Some((old, _)) = seen.pop().filter(|(_, standing)| standing.leads()) else {
            return Err(nobody.into());
        };
        let start = Instant::now();
        let epoch = self
            .client
            .step_down(&self.wish.service, &old.instance)
            .await
            .with_context(|| format!("{} did not step down", plain(&old.instance)))?;
        let new = self.successor(&old, epoch, start).await?;
        self.tell(&old, epoch, &new, start.elapsed())
    }

    /// Waits for the leader after that epoch.
    async fn successor(&self, old: &Record, epoch: u64, start: Instant) -> anyhow::Result<Record> {
        let within = 3 * old.lease + GRACE;
        while start.elapsed() < within {
            let records = self.records().await?;
            let newer = |record: &Record| !record.released && record.epoch > epoch;
            let mut found = records
                .into_iter()
                .filter(|record| record.group == old.group);
            if let Some(new) = found.find(newer) {
                return Ok(new);
            }
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::bail!(
            "{} has stepped down, and nobody leads {} after {within:?}: `aegis services {}` shows \
             which instances are there",
            plain(&old.instance),
            self.wish.service,
            self.wish.service
        )
    }

    fn tell(&self, old: &Record, epoch: u64, new: &Record, took: Duration) -> anyhow::Result<()> {
        let took_ms = took.as_secs_f64() * 1000.0;
        if self.wish.json {
            let line = json!({
                "service": self.wish.service,
                "group": old.group,
                "old": {"instance": old.instance, "epoch": epoch},
                "new": {"instance": new.instance, "epoch": new.epoch},
                "took_ms": took_ms,
            });
            self.out.line(line)?;
            return Ok(());
        }
        let (from, to) = (plain(&old.instance), plain(&new.instance));
        self.out.line(format_args!(
            "{from} (epoch {epoch}) -> {to} (epoch {}) after {took_ms:.1} ms",
            new.epoch
        ))?;
        if old.instance == new.instance {
            self.out
                .line("No other instance took over: it leads again.")?;
        }
        Ok(())
    }
}
