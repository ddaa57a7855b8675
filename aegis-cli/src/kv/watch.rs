//! What changes, one event on a line.

use aegis::{Change, Watch, WatchHealth};
use bytes::Bytes;

use super::Session;
use super::show::{Json, line};
use crate::cli::KvWatch;
use crate::out::now;

impl Session<'_> {
    /// Follows keys for ever.
    pub(super) async fn watch(&self, wish: &KvWatch) -> anyhow::Result<()> {
        let bucket = self.bucket(&wish.bucket).await?;
        let request = match (&wish.key, &wish.prefix) {
            (Some(key), _) => bucket.watch(key),
            (None, Some(prefix)) => bucket.watch_prefix(prefix),
            (None, None) => bucket.watch_all(),
        };
        let mut watch: Watch<Bytes> = request.await?;
        let mut health = watch.health();
        let mut stale = false;
        loop {
            tokio::select! {
                change = watch.next() => match change {
                    Some(Ok(change)) => self.tell(&wish.bucket, &change)?,
                    // It goes on by itself when that is over.
                    Some(Err(error)) => self.tell_error(&error)?,
                    None => anyhow::bail!("the watch has ended: the connection was closed"),
                },
                changed = health.changed() => {
                    if changed.is_err() {
                        anyhow::bail!("the watch has ended: the connection was closed");
                    }
                    let now = *health.borrow_and_update() != WatchHealth::Live;
                    if now != std::mem::replace(&mut stale, now) {
                        self.tell_health(now)?;
                    }
                }
            }
        }
    }

    fn tell(&self, bucket: &str, change: &Change<Bytes>) -> anyhow::Result<()> {
        if self.json {
            return self.event(&Json::change(bucket, change));
        }
        let line = line(change).unwrap_or_else(|| match change {
            Change::Reset => said(
                "reset",
                "forget what was told: what follows is all there is",
            ),
            _ => said("live", "this is all there is; what changes follows"),
        });
        self.out.line(line)?;
        Ok(())
    }

    fn tell_health(&self, stale: bool) -> anyhow::Result<()> {
        let (event, words) = if stale {
            (
                "stale",
                "the server is not heard; what was told may be out of date",
            )
        } else {
            ("heard", "the server is heard again")
        };
        if self.json {
            return self.event(&Json::event(event));
        }
        self.out.line(said(event, words))?;
        Ok(())
    }

    fn tell_error(&self, error: &aegis::Error) -> anyhow::Result<()> {
        let text = error.to_string();
        if self.json {
            let error = Some(text);
            return self.event(&Json {
                error,
                ..Json::event("error")
            });
        }
        self.out.line(said("error", &text))?;
        Ok(())
    }

    fn event(&self, event: &Json<'_>) -> anyhow::Result<()> {
        self.out.line(serde_json::to_string(event)?)?;
        Ok(())
    }
}

/// A line about the watch itself, as those about keys begin.
fn said(event: &str, words: &str) -> String {
    format!("{}  {event:7}  {words}", now())
}
