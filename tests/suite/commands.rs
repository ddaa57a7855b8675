//! Commands from a sender to workers, in memory and on a server: who works on them, in which order, how
//! often, and what a sender knows of that.

#[path = "commands/bad_input.rs"]
mod bad_input;
#[path = "commands/basics.rs"]
mod basics;
#[path = "commands/busy.rs"]
mod busy;
#[path = "commands/cancelling.rs"]
mod cancelling;
#[path = "commands/draining.rs"]
mod draining;
#[path = "commands/failing.rs"]
mod failing;
#[path = "commands/found.rs"]
mod found;
#[path = "commands/lanes.rs"]
mod lanes;
#[path = "commands/odd.rs"]
mod odd;
#[path = "commands/overtaken.rs"]
mod overtaken;
#[path = "commands/progress.rs"]
mod progress;
#[path = "commands/steps.rs"]
mod steps;

use std::sync::Arc;
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::RunningTest;
use aegis::{ErrorKind, Job, JobState, JobStatus};
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

/// Says when it is dropped.
struct Dropped(Seen);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.note("dropped", "");
    }
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

    /// Fails, with an error that the sender's type knows.
    #[command(retries = 0)]
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

    #[command(retries = 1, backoff = "1ms")]
    async fn panic(&self) -> Result<(), Failure> {
        self.seen.note("panic", "");
        panic!("oh no")
    }

    #[command(retries = 1, backoff = "1ms", timeout = "20ms")]
    async fn hang(&self, ctx: &Context) -> Result<(), Failure> {
        ctx.cancelled().await;
        self.seen.note("told", "hang");
        std::future::pending().await
    }

    /// Hears nothing.
    #[command]
    async fn deaf(&self) -> Result<(), Failure> {
        let _dropped = Dropped(self.seen.clone());
        self.seen.note("deaf", "");
        std::future::pending().await
    }

    /// Finishes what it is at, and tells of that.
    #[command]
    async fn finish(&self, ctx: &Context) -> Result<String, Failure> {
        self.seen.note("finish", "");
        ctx.cancelled().await;
        Ok("half".to_owned())
    }

    #[command(backoff = "1h")]
    async fn slow_to_retry(&self) -> Result<(), Failure> {
        self.seen.note("slow", "");
        Err(Failure::new("SLOW", "try again in an hour"))
    }

    /// Tells with how many others it was at work.
    #[command]
    async fn crowd(&self) -> Result<usize, Failure> {
        self.seen.note("crowd", "");
        self.pace.acquire().await?.forget();
        let at_once = self.seen.of("crowd").len() - self.seen.of("left").len();
        self.seen.note("left", "");
        Ok(at_once)
    }

    #[command]
    async fn swell(&self, bytes: usize) -> Result<String, Failure> {
        Ok("x".repeat(bytes))
    }

    #[command(retries = 0)]
    async fn complain(&self, bytes: usize) -> Result<(), Failure> {
        Err(Failure::new("LONG", "x".repeat(bytes)))
    }

    /// Fails twice before it is healed, and once after.
    #[command(retries = 1, backoff = "1ms")]
    async fn later(&self, ctx: &Context) -> Result<String, Failure> {
        self.seen.note("later", "");
        let id = ctx.job_id().unwrap_or_default().to_owned();
        let healed = self.seen.of("healed").contains(&id);
        if healed && ctx.attempt() == Some(2) {
            return Ok("at last".to_owned());
        }
        Err(Failure::new("LATER", "not yet"))
    }

    /// Says that it is half done, and waits for a permit.
    #[command]
    async fn halves(&self, progress: &Progress) -> Result<u32, Failure> {
        progress.report(50.0, "half").await?;
        self.pace.acquire().await?.forget();
        progress.report(100.0, "done").await?;
        Ok(2)
    }

    #[command]
    async fn back_and_forth(&self, progress: &Progress) -> Result<u32, Failure> {
        for (percent, text) in [(10.0, "on"), (60.0, "on"), (20.0, "back")] {
            progress.report(percent, text).await?;
        }
        Ok(3)
    }

    #[command(backoff = "1ms")]
    async fn fail_half_way(&self, ctx: &Context, progress: &Progress) -> Result<u32, Failure> {
        if ctx.attempt() == Some(1) {
            progress.report(80.0, "nearly").await?;
            return Err(Failure::new("HALF", "half way"));
        }
        progress.report(20.0, "again").await?;
        Ok(1)
    }
}

/// Works on one ground.
async fn working(ground: &Ground) -> (RunningTest, WorksClient, Seen, Arc<Semaphore>) {
    let (works, seen, pace) = Works::new();
    let app = ground.app().service(works).start().await.unwrap();
    let sender = app.client();
    (app, sender, seen, pace)
}
