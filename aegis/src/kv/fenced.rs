//! Writes of a leader: the fence of the bucket is raised before the first one.

use std::sync::Arc;

use tokio::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::lease::Leadership;
use crate::model::{Expect, KvFence, KvKey, KvWrite};
use crate::observe;
use crate::port::KvBucket;

/// A write is tried under so many fences: tasks of one leader may raise it again for one another.
const RAISES: u32 = 4;

/// Writes unless a newer leader has raised the fence.
pub(super) async fn write(
    bucket: &Arc<dyn KvBucket>,
    write: KvWrite,
    leader: &Leadership,
    deadline: Instant,
) -> Result<u64> {
    if write.expect != Expect::Any {
        return Err(observe::fence_and_condition(bucket.name()));
    }
    let fences = leader.fences();
    for _ in 1..RAISES {
        leader.ensure()?;
        let fence = match fences.get(bucket.name()) {
            Some(revision) => fence(leader, revision)?,
            None => raise(bucket, leader, deadline).await?,
        };
        let known = fence.revision;
        match send(bucket, write.clone().fenced(fence), leader, deadline).await {
            Err(error) if error.kind() == ErrorKind::NotActive => {}
            written => return written,
        }
        // By a newer leader, which is found now; or by another task of this one. Or the bucket was
        // made anew, and its fence is gone.
        fences.forget(bucket.name(), known);
    }
    leader.ensure()?;
    let fence = raise(bucket, leader, deadline).await?;
    send(bucket, write.fenced(fence), leader, deadline).await
}

/// Sees to it that nothing lands any more that an older leader, or an earlier write of this one whose
/// outcome is unknown, has on its way: what is read from now on is changed by this leader alone.
pub(super) async fn keep_out(
    bucket: &Arc<dyn KvBucket>,
    leader: &Leadership,
    deadline: Instant,
) -> Result<()> {
    leader.ensure()?;
    if leader.fences().get(bucket.name()).is_none() {
        raise(bucket, leader, deadline).await?;
    }
    Ok(())
}

/// Sends a write. If its outcome is not known, or nobody waits for it any more, it may land later:
/// the next one raises the fence once more, which keeps it out.
async fn send(
    bucket: &Arc<dyn KvBucket>,
    write: KvWrite,
    leader: &Leadership,
    deadline: Instant,
) -> Result<u64> {
    let revision = write.fence.as_ref().map_or(0, |fence| fence.revision);
    let under_way = leader.fences().under_way(bucket.name(), revision);
    let written = bucket.write(write, deadline).await;
    let unknown = written.as_ref().is_err_and(|error| {
        let lost = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected);
        lost && error.was_sent()
    });
    if !unknown {
        under_way.ended();
    }
    written
}

/// The fence of a leader's group.
fn fence(leader: &Leadership, revision: u64) -> Result<KvFence> {
    Ok(KvFence {
        key: KvKey::fence(leader.service(), leader.group())?,
        revision,
        epoch: leader.epoch(),
    })
}

/// Raises the fence to the leader's epoch, unless a greater one stands there.
async fn raise(
    bucket: &Arc<dyn KvBucket>,
    leader: &Leadership,
    deadline: Instant,
) -> Result<KvFence> {
    let mut fence = fence(leader, 0)?;
    loop {
        let found = bucket.latest(&fence.key, deadline).await?;
        let stands = found.as_ref().filter(|entry| entry.is_value());
        let stands = stands.map(|entry| epoch(bucket.name(), &entry.value));
        let newest = found.as_ref().map_or(0, |entry| entry.revision);
        fence.revision = match stands.transpose()? {
            Some(epoch) if epoch > fence.epoch => {
                return Err(observe::fenced_off(bucket.name(), &fence));
            }
            // By another task of this leader.
            Some(epoch)
                if epoch == fence.epoch && !leader.fences().doubts(bucket.name(), newest) =>
            {
                newest
            }
            _ => {
                let value = fence.epoch.to_string();
                let write = KvWrite::put(fence.key.clone(), value);
                let write = write.expecting(Expect::Revision(newest));
                match bucket.write(write, deadline).await {
                    // It is read again who was faster.
                    Err(error) if error.kind() == ErrorKind::Conflict => continue,
                    written => written?,
                }
            }
        };
        leader.fences().learn(bucket.name(), fence.revision);
        return Ok(fence);
    }
}

fn epoch(bucket: &str, value: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(value).ok();
    let epoch = text.and_then(|text| text.trim().parse().ok());
    epoch.ok_or_else(|| {
        let text = format!(
            "a fence of the bucket {bucket} holds no epoch, so it cannot be told who leads: \
             nothing was written; look at its key `=FE..`, and whoever writes it"
        );
        Error::new(ErrorKind::Decode, text)
    })
}
