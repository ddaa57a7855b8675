//! The service whose leader is taken away: a counter that only the leader counts on, kept in a
//! bucket under the fence.

use std::collections::BTreeMap;

use aegis::Bucket;
use aegis::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::ranges::Ranges;
use crate::child::{self, Place};
use crate::cli::FailoverInstance;
use crate::out::Out;

/// The bucket with the counter.
pub(super) const BUCKET: &str = "failover_counter";
const STATE: &str = "state";
const FENCE: &str = "raised-by";

/// All that is counted, as it is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) count: u64,
    /// The numbers of each client that were counted.
    pub(super) counted: BTreeMap<u32, Ranges>,
}

/// What became of an addition.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Added {
    /// The count with it; none if it was counted before, and only its answer was lost.
    pub(super) value: Option<u64>,
    pub(super) epoch: u64,
    pub(super) by: String,
}

/// Counts.
#[derive(Default)]
pub(super) struct Counter {
    /// What stands in the bucket, if that is sure.
    known: Mutex<Option<State>>,
}

/// Counts each number of each client once.
#[aegis::service(name = "counter", version = "1.0.0", group = "main")]
impl Counter {
    /// Counts a number.
    #[exclusive_rpc(idempotent)]
    async fn add(
        &self,
        ctx: &Context,
        leader: &Leadership,
        client: u32,
        number: u64,
    ) -> Result<Added, Failure> {
        let bucket: Bucket<State> = bucket(&ctx.client()).await?;
        let mut known = self.known.lock().await;
        // Taken out: should this be given up in the middle, nobody knows what stands there.
        let mut state = match known.take() {
            Some(state) => state,
            None => bucket.get(STATE).await?.unwrap_or_default(),
        };
        let new = state.counted.entry(client).or_default().insert(number);
        if new {
            state.count += 1;
            bucket.put(STATE, &state).fenced(leader).await?;
        }
        let value = new.then_some(state.count);
        *known = Some(state);
        Ok(Added {
            value,
            epoch: leader.epoch(),
            by: leader.instance().to_owned(),
        })
    }

    /// Answers, so that it is seen who leads.
    #[exclusive_rpc]
    async fn probe(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }

    #[on_leader]
    async fn promoted(&self, ctx: &Context, leader: &Leadership) -> Result<(), Failure> {
        let mut known = self.known.lock().await;
        *known = None;
        // From here on no write of a leader of the past is taken: what is read now stays.
        let fence: Bucket<u64> = bucket(&ctx.client()).await?;
        fence.put(FENCE, &leader.epoch()).fenced(leader).await?;
        let bucket: Bucket<State> = bucket(&ctx.client()).await?;
        *known = Some(bucket.get(STATE).await?.unwrap_or_default());
        Ok(())
    }
}

async fn bucket<T>(client: &Client) -> Result<Bucket<T>>
where
    T: Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    // In a cluster the counter is kept on as many servers as the leases are.
    let servers = std::env::var("AEGIS_LEADER_REPLICAS").ok();
    let bucket = client.bucket(BUCKET);
    match servers.and_then(|servers| servers.parse().ok()) {
        Some(servers) => bucket.replicas(servers).open().await,
        None => bucket.open().await,
    }
}

/// What stands in the bucket when everybody has gone.
pub(super) async fn read(client: &Client) -> Result<State> {
    let bucket: Bucket<State> = bucket(client).await?;
    Ok(bucket.get(STATE).await?.unwrap_or_default())
}

/// One instance of it, as a process.
pub(crate) async fn instance(wish: &FailoverInstance, out: &Out) -> anyhow::Result<()> {
    let place = Place {
        id: &wish.id,
        prefix: &wish.prefix,
        own_server: wish.own_server,
        server: &wish.server,
    };
    // A leader that wakes up says that it leads no more, as it must here.
    let config = place.config()?.failover(wish.preset).log("error");
    config.start_log();
    let app = App::new(config).service(Counter::default());
    child::serve(app.start(), out).await
}
