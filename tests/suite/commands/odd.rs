//! A service with commands that end in odd ways, and what its tests need.

use aegis::Config;
use aegis::port::Streams;
use aegis::testing::RunningTest;
use tokio::time::Instant;

use super::*;

/// Works in odd ways.
pub(super) struct Odd {
    pub(super) seen: Seen,
    pub(super) pace: Arc<Semaphore>,
}

#[aegis::service(name = "odd", version = "1.0.0")]
impl Odd {
    /// Charges, and fails for good.
    #[command(retries = 0)]
    async fn charges(&self, ctx: &Context) -> Result<(), Failure> {
        let step = ctx.once("charge", async || {
            self.seen.note("charge", "");
            Ok(())
        });
        step.await?;
        Err(Failure::new("AFTER", "it failed after its step"))
    }

    /// Ends as it is told to.
    #[command(retries = 0)]
    async fn polite(&self, ctx: &Context) -> Result<(), Failure> {
        self.seen.note("polite", "");
        ctx.cancelled().await;
        Err(Failure::new("TOLD", "it was told to end"))
    }

    #[command(retries = 0, ack_wait = "1s", concurrency = 1)]
    async fn works(&self, size: usize) -> Result<String, Failure> {
        self.seen.note("works", "");
        self.pace.acquire().await?.forget();
        self.seen.note("worked", "");
        Ok("x".repeat(size))
    }

    #[command(retries = 0, concurrency = 2)]
    async fn alone(&self, number: u32) -> Result<u32, Failure> {
        self.seen.note("alone", &number);
        self.pace.acquire().await?.forget();
        Ok(number)
    }

    #[command]
    async fn name(&self, name: String) -> Result<String, Failure> {
        self.seen.note("name", &name);
        self.pace.acquire().await?.forget();
        Ok(name)
    }

    /// Nobody knows whether its effect has happened.
    #[command(retries = 0, backoff = "1ms")]
    async fn unknown(&self) -> Result<(), Failure> {
        self.seen.note("unknown", "");
        Err(Failure::new("EFFECT_RUNNING", "somebody is at it"))
    }
}

pub(super) fn odd() -> (Odd, Seen, Arc<Semaphore>) {
    let (seen, pace) = (Seen::default(), Arc::new(Semaphore::new(0)));
    let odd = Odd {
        seen: seen.clone(),
        pace: pace.clone(),
    };
    (odd, seen, pace)
}

pub(super) async fn odd_on(ground: &Ground) -> (RunningTest, OddClient, Seen, Arc<Semaphore>) {
    let (odd, seen, pace) = odd();
    let app = ground.app().service(odd).start().await.unwrap();
    let sender = app.client();
    (app, sender, seen, pace)
}

pub(super) async fn streams(ground: &Ground) -> Arc<dyn Streams> {
    let config = Config::default().url(&ground.url);
    aegis::testing::streams(&config).await.unwrap()
}

pub(super) async fn remove(ground: &Ground, stream: &str) {
    let name = format!("{}_{stream}", ground.prefix);
    let deadline = Instant::now() + PATIENCE;
    let removed = streams(ground).await.remove(&name, deadline).await.unwrap();
    assert!(removed, "{}: there is no {name}", ground.name);
}

pub(super) async fn small(ground: &Ground, jobs_bytes: u64) -> Client {
    let config = Config::default().url(&ground.url);
    let config = config.subject_prefix(&ground.prefix);
    let config = config
        .commands_max_bytes(16 << 20)
        .jobs_max_bytes(jobs_bytes);
    Client::connect(config).await.unwrap()
}

/// Changes what stands in the record of a job.
pub(super) async fn rewrite(
    client: &Client,
    id: &str,
    change: impl FnOnce(&mut serde_json::Value),
) {
    let bucket = client.bucket("aegis_jobs").open().await.unwrap();
    let mut record: serde_json::Value = bucket.get(id).await.unwrap().unwrap();
    change(&mut record);
    bucket.put(id, &record).await.unwrap();
}
