//! Commands from a sender to workers, in memory and on a server: who works on them, in which order, how
//! often, and what a sender knows of that.

#[path = "commands/basics.rs"]
mod basics;

use std::sync::Arc;
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::RunningTest;
use aegis::{JobState, JobStatus};
use aegis_tests::{PATIENCE, eventually, soon};
use tokio::sync::Semaphore;

use crate::ground::{Ground, Seen, client};

/// How a job is that is known.
async fn status(client: &Client, id: &str) -> JobStatus {
    let status = client.command(id).status().await.unwrap();
    status.expect("the job is known")
}

/// Waits until a job is in a state.
async fn until(client: &Client, id: &str, state: JobState) -> JobStatus {
    let is = async || status(client, id).await.state == state;
    eventually(&format!("{id} is {state}"), is).await;
    status(client, id).await
}

/// Works as it is told to.
struct Works {
    seen: Seen,
    /// A permit lets one job that waits go on.
    pace: Arc<Semaphore>,
}

impl Works {
    fn new() -> (Self, Seen, Arc<Semaphore>) {
        let (seen, pace) = (Seen::default(), Arc::new(Semaphore::new(0)));
        let works = Self {
            seen: seen.clone(),
            pace: pace.clone(),
        };
        (works, seen, pace)
    }
}

#[derive(Debug, thiserror::Error, serde::Serialize, serde::Deserialize, aegis::Failure)]
enum Refused {
    #[error("{0} is refused")]
    #[failure(code = "REFUSED")]
    Refused(u32),
}

#[aegis::service(name = "works", version = "1.0.0")]
impl Works {
    /// Doubles a number.
    #[command]
    async fn double(&self, ctx: &Context, number: u32) -> Result<u32, Failure> {
        self.seen.note("double", ctx.job_id().unwrap_or_default());
        Ok(number * 2)
    }

    /// Waits for a permit.
    #[command(concurrency = 1)]
    async fn wait(&self, ctx: &Context, name: String) -> Result<String, Failure> {
        self.seen.note("began", &name);
        tokio::select! {
            permit = self.pace.acquire() => permit?.forget(),
            () = ctx.cancelled() => {
                self.seen.note("cancelled", &name);
                return Err(Failure::new("STOPPED", "it was told to stop"));
            }
        }
        self.seen.note("ended", &name);
        Ok(name)
    }

    /// Fails so many times.
    #[command(retries = 2, backoff = "1ms")]
    async fn fail(&self, ctx: &Context, times: u32) -> Result<u32, Failure> {
        let attempt = ctx.attempt().unwrap_or_default();
        self.seen.note("fail", &attempt);
        if attempt <= times {
            return Err(Failure::new("BROKEN", format!("attempt {attempt}")));
        }
        Ok(attempt)
    }

    /// Fails once and for all.
    #[command]
    async fn refuse(&self, number: u32) -> Result<(), Refused> {
        self.seen.note("refuse", &number);
        Err(Refused::Refused(number))
    }

    /// Reports how far it is.
    #[command]
    async fn report(&self, progress: &Progress, steps: u32) -> Result<u32, Failure> {
        for step in 1..=steps {
            let percent = 100.0 * f64::from(step) / f64::from(steps);
            progress.report(percent, &format!("step {step}")).await?;
        }
        Ok(steps)
    }
}

/// Works on one ground.
async fn working(ground: &Ground) -> (RunningTest, WorksClient, Seen, Arc<Semaphore>) {
    let (works, seen, pace) = Works::new();
    let app = ground.app().service(works).start().await.unwrap();
    let sender = app.client();
    (app, sender, seen, pace)
}
