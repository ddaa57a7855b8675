//! Gets the right to run an effect.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::claim::Claim;
use super::effect::Resolve;
use super::{Inbox, Shared};
use crate::error::{ErrorKind, Result};
use crate::kv::failed;
use crate::model::{EffectStage, EffectState, EffectStep, Failure, FoundEffect};
use crate::observe;

/// So many steps decide; more would mean that others come and go at this id all the time.
const STEPS: u32 = 16;
/// A record is looked at so often within the patience.
const LOOKS: u32 = 8;

/// One attempt at an effect, the only one in this inbox as long as it lives.
pub(super) struct Attempt {
    pub(super) inbox: Arc<Shared>,
    pub(super) id: String,
    nonce: String,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.inbox.running(|ids| ids.remove(&self.id));
    }
}

/// What was found, and at which revision.
#[derive(Clone, Copy)]
struct Seen {
    found: FoundEffect,
    revision: u64,
}

impl Attempt {
    pub(super) fn new(inbox: Arc<Shared>, id: String) -> Result<Self, Failure> {
        if !inbox.running(|ids| ids.insert(id.clone())) {
            return Err(busy(&inbox, &id));
        }
        let nonce = format!("{:016x}", observe::random());
        Ok(Self { inbox, id, nonce })
    }

    pub(super) fn owner(&self) -> String {
        format!("{}-{}", self.inbox.nonce, self.nonce)
    }

    /// Claims the effect; none if it has happened.
    pub(super) async fn claim(
        self,
        mut resolve: Option<Resolve<'_>>,
    ) -> Result<Option<Claim>, Failure> {
        let asks = resolve.is_some();
        let mut stage = EffectStage::Fresh;
        let mut seen = Seen {
            found: FoundEffect::Nothing,
            revision: 0,
        };
        for _ in 0..STEPS {
            let step = stage.next(seen.found, asks);
            let written = match (step, resolve.take()) {
                (EffectStep::Run, _) => return Ok(Some(Claim::new(self, seen.revision))),
                (EffectStep::Before, _) => return Ok(None),
                (EffectStep::Ask, Some(ask)) => {
                    stage = answered(ask().await?);
                    continue;
                }
                (EffectStep::Busy | EffectStep::Ask, _) => break,
                (EffectStep::Wait, kept) => {
                    resolve = kept;
                    (stage, seen) = self.watched(seen).await.map_err(failed)?;
                    continue;
                }
                (EffectStep::Create, kept) => {
                    resolve = kept;
                    self.write(EffectState::Began, None).await
                }
                (EffectStep::TakeOver, _) => {
                    self.write(EffectState::Began, Some(seen.revision)).await
                }
                (EffectStep::Confirm, _) => {
                    self.write(EffectState::Done, Some(seen.revision)).await
                }
            };
            match written {
                Ok(_) if step == EffectStep::Confirm => return Ok(None),
                Ok(revision) => return Ok(Some(Claim::new(self, revision))),
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    seen = self.look().await.map_err(failed)?;
                    if step != EffectStep::Create {
                        stage = EffectStage::Beaten;
                    }
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(busy(&self.inbox, &self.id))
    }

    async fn write(&self, state: EffectState, over: Option<u64>) -> Result<u64> {
        self.inbox.write(&self.id, &self.owner(), state, over).await
    }

    async fn look(&self) -> Result<Seen> {
        let entry = self.inbox.read(&self.id).await?;
        Ok(match entry {
            None => Seen {
                found: FoundEffect::Nothing,
                revision: 0,
            },
            Some(entry) => Seen {
                found: FoundEffect::of(&entry.value, &self.inbox.nonce, &self.nonce),
                revision: entry.revision,
            },
        })
    }

    /// Watches a record of somebody else, for the patience at most. Only what was seen at both its
    /// ends counts: who could not look has not seen it stand still.
    async fn watched(&self, before: Seen) -> Result<(EffectStage, Seen)> {
        let start = Instant::now();
        loop {
            sleep(self.inbox.patience / LOOKS).await;
            let waited = start.elapsed() >= self.inbox.patience;
            let seen = self.look().await?;
            if seen.revision != before.revision {
                let found = match seen.found {
                    FoundEffect::Others => FoundEffect::Alive,
                    found => found,
                };
                return Ok((EffectStage::Fresh, Seen { found, ..seen }));
            }
            if waited {
                return Ok((EffectStage::Waited, seen));
            }
        }
    }
}

fn answered(happened: bool) -> EffectStage {
    if happened {
        EffectStage::Confirmed
    } else {
        EffectStage::Denied
    }
}

fn busy(inbox: &Shared, id: &str) -> Failure {
    let id: String = id.chars().take(80).collect();
    let text = format!(
        "nothing ran: another attempt at the effect of {id:?} is under way (inbox {}); let the \
         event come again",
        inbox.records.name()
    );
    Failure::new(Inbox::RUNNING, text).retry_after(inbox.patience)
}
