//! A service that uses everything, and one that competes for events only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aegis::prelude::*;
use aegis::{Bucket, JobState, Storage};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::world::{text, until};

/// Longer than a third of `ack_wait`: it is told that somebody is at it before it is told that it is
/// done, which takes more than the permission to answer once.
const WORK: Duration = Duration::from_millis(450);

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("mill.ground")]
pub(super) struct Ground {
    pub(super) id: u32,
}

/// What the instances of one program have done together.
#[derive(Clone, Default)]
pub(super) struct Mill {
    pub(super) shared: Arc<AtomicU32>,
    pub(super) told: Arc<AtomicU32>,
    pub(super) written: Arc<AtomicU32>,
    pub(super) begun: Arc<Notify>,
    pub(super) cancelled: Arc<Notify>,
}

#[aegis::service(
    name = "mill",
    version = "1.0.0",
    group = "main",
    failover = "aggressive"
)]
impl Mill {
    #[rpc]
    async fn grind(&self, n: u32) -> Result<u32, Failure> {
        Ok(n + 1)
    }

    #[rpc]
    async fn wait(&self, ctx: &Context) -> Result<(), Failure> {
        self.begun.notify_one();
        ctx.cancelled().await;
        self.cancelled.notify_one();
        Ok(())
    }

    #[exclusive_rpc]
    async fn post(&self, ctx: &Context, leader: &Leadership, n: u32) -> Result<u32, Failure> {
        ctx.publish(&Ground { id: n }).fenced(leader).await?;
        let flour = ctx.client().bucket("flour").storage(Storage::Memory);
        let flour: Bucket<u32> = flour.max_bytes(1 << 20).open().await?;
        flour.put("sacks", &n).await?;
        assert_eq!(flour.get("sacks").await?, Some(n));
        assert_eq!(flour.entries("").await?.len(), 1);
        Ok(n)
    }

    #[subscribe(mode = "compete", ack_wait = "1s")]
    async fn share(&self, event: Ground) -> Result<(), Failure> {
        match event.id {
            13 => return Err(Failure::new("UNLUCKY", "13").terminal()),
            7 => tokio::time::sleep(WORK).await,
            _ => {}
        }
        self.shared.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[subscribe(mode = "broadcast")]
    async fn tell(&self, _event: Ground) -> Result<(), Failure> {
        self.told.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[subscribe("mill.*", mode = "exclusive")]
    async fn write(&self, _event: AnyEvent) -> Result<(), Failure> {
        self.written.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[command(ack_wait = "1s")]
    async fn load(&self, ctx: &Context, p: &Progress, sack: String) -> Result<String, Failure> {
        match sack.as_str() {
            "unlucky" => return Err(Failure::new("UNLUCKY", "13").terminal()),
            "slow" => ctx.cancelled().await,
            _ => tokio::time::sleep(WORK).await,
        }
        p.report(50.0, "half").await?;
        ctx.once("note", async || Ok(sack)).await
    }
}

/// Takes its share of events, and nothing else.
#[derive(Clone, Default)]
pub(super) struct Press(pub(super) Arc<AtomicU32>);

#[aegis::service(name = "press", version = "1.0.0")]
impl Press {
    #[subscribe(mode = "compete", ack_wait = "1s")]
    async fn press(&self, _event: Ground) -> Result<(), Failure> {
        tokio::time::sleep(WORK).await;
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A command that runs is cancelled.
pub(super) async fn cancelled(calls: &MillClient) -> Result<(), String> {
    let slow = calls.load("slow".to_owned()).send().await.map_err(text)?;
    until("it runs", async || {
        let status = slow.status().await.ok().flatten();
        status.is_some_and(|status| status.state == JobState::Running)
    })
    .await?;
    slow.cancel().await.map_err(text)?;
    Ok(())
}
