//! Writes of leaders, which a newer leader's fence keeps out.

use std::time::Duration;

use tokio::time::Instant;

use super::bucket::NatsBucket;
use super::write::Condition;
use crate::error::{ErrorKind, Result};
use crate::model::{KvFence, KvWrite, ServerVersion};
use crate::observe;

impl NatsBucket {
    pub(super) async fn write_fenced(
        &self,
        write: &KvWrite,
        fence: &KvFence,
        deadline: Instant,
    ) -> Result<u64> {
        let version = self.api.bus.server_version();
        if version.is_some_and(|version| version >= ServerVersion::FENCED_WRITES) {
            return self.publish(write, Condition::Fence(fence), deadline).await;
        }
        self.write_checked(write, fence, deadline).await
    }

    /// The same for a server that checks no other key than the one that is written: it is refused
    /// if the fence was raised before it was read here, or if a newer leader has written this key.
    async fn write_checked(
        &self,
        write: &KvWrite,
        fence: &KvFence,
        deadline: Instant,
    ) -> Result<u64> {
        loop {
            // First the key, then the fence: a newer leader that wrote the key before had raised
            // the fence before that, and one that writes it from now on moves its revision.
            let found = self.fetch(&write.key, deadline).await?;
            let raised = self.newest(&fence.key, deadline).await?;
            let newer = found
                .as_ref()
                .and_then(|found| found.epoch_of(&fence.key))
                .is_some_and(|epoch| epoch > fence.epoch);
            if newer || raised.map_or(0, |entry| entry.revision) != fence.revision {
                return Err(observe::fenced_off(&self.status.name, fence));
            }
            let revision = found.map_or(0, |found| found.entry.revision);
            let condition = Condition::Revision(revision);
            let conflict = match self.publish(write, condition, deadline).await {
                Err(error) if error.kind() == ErrorKind::Conflict => error,
                written => return written,
            };
            let pause = Duration::from_millis(1 + observe::random() % 10);
            if Instant::now() + pause >= deadline {
                return Err(conflict);
            }
            tokio::time::sleep(pause).await;
        }
    }
}
