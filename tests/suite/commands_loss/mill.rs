//! The process that works on commands: each has one effect, and a result that follows from it.

use std::sync::OnceLock;

use super::*;

/// The role of this process.
pub(super) const ROLE: &str = concat!(module_path!(), "::grinds");
/// Where effects are made: each once, under the id of its job.
pub(super) const EFFECTS: &str = "effects";

/// The service.
struct Mill {
    journal: Journal,
    effects: OnceLock<Bucket<String>>,
}

#[aegis::service(name = "mill", version = "1.0.0")]
impl Mill {
    #[on_start]
    async fn open(&self, ctx: &Context) -> Result<(), Failure> {
        let effects = ctx.client().bucket(EFFECTS).open().await?;
        let _ = self.effects.set(effects);
        Ok(())
    }

    // What a killed process had is to come again soon. An outage is to give nothing up.
    #[command(
        retries = 100,
        backoff(first = "20ms", max = "200ms"),
        ack_wait = "1s",
        concurrency = 8
    )]
    async fn grind(&self, ctx: &Context, name: String) -> Result<String, Failure> {
        let (job, attempt) = (id(ctx), ctx.attempt().unwrap());
        self.began(&name, &job, attempt);
        let ground = self.ground(ctx, &name, &job, attempt).await;
        self.ended(job, attempt, ground.as_ref());
        ground
    }

    #[command(
        retries = 2,
        backoff(first = "20ms", max = "200ms"),
        ack_wait = "1s",
        concurrency = 8
    )]
    async fn spoil(&self, ctx: &Context, name: String) -> Result<String, Failure> {
        let (job, attempt) = (id(ctx), ctx.attempt().unwrap());
        self.began(&name, &job, attempt);
        let spoiled = Err(Failure::new("SPOILED", "it always fails"));
        self.ended(job, attempt, spoiled.as_ref());
        spoiled
    }
}

impl Mill {
    async fn ground(
        &self,
        ctx: &Context,
        name: &str,
        job: &str,
        attempt: u32,
    ) -> Result<String, Failure> {
        let plan = Plan::of(name);
        match plan {
            Plan::Refused => return Err(Failure::new("REFUSED", "not this one").terminal()),
            Plan::FailsBefore if attempt == 1 => return Err(Failure::new("BUSY", "not now")),
            _ => {}
        }
        // Each time another one: what is kept is known from what comes later.
        let receipt = format!("{name}/{attempt}/{}", now());
        let effect = ctx.once("effect", || self.take(job, &receipt));
        let receipt = effect.resolve(|| self.ask(job)).await?;
        match plan {
            Plan::RefusedLate => return Err(Failure::new("REFUSED", "not this one").terminal()),
            Plan::FailsBehind if attempt == 1 => return Err(Failure::new("BUSY", "not now")),
            _ => {}
        }
        let second = ctx.once("grind", || async { Ok(ground(&receipt)) });
        second.idempotent().await
    }

    /// Makes the effect, if nobody has.
    async fn take(&self, job: &str, receipt: &String) -> Result<String, Failure> {
        let effects = self.effects.get().unwrap();
        let is_first = match effects.create(job, receipt).await {
            Err(error) if error.kind() == ErrorKind::Conflict => false,
            made => made.map(|_| true)?,
        };
        let took = Note::Took {
            job: job.to_owned(),
            is_first,
        };
        self.journal.write(took);
        if is_first {
            return Ok(receipt.clone());
        }
        let made = effects.get(job).await?;
        made.ok_or_else(|| Failure::internal("the effect is there, and is not there"))
    }

    /// Asks whether it was made.
    async fn ask(&self, job: &str) -> Result<Option<String>, Failure> {
        let found = self.effects.get().unwrap().get(job).await?;
        let asked = Note::Asked {
            job: job.to_owned(),
            found: found.is_some(),
        };
        self.journal.write(asked);
        Ok(found)
    }

    fn began(&self, name: &str, job: &str, attempt: u32) {
        self.journal.write(Note::Began {
            name: name.to_owned(),
            job: job.to_owned(),
            attempt,
        });
    }

    fn ended(&self, job: String, attempt: u32, ended: Result<&String, &Failure>) {
        self.journal.write(match ended {
            Ok(result) => Note::Returned {
                job,
                attempt,
                result: result.clone(),
            },
            Err(failure) => Note::Failed {
                job,
                attempt,
                code: failure.code().to_owned(),
            },
        });
    }
}

/// What follows from an effect.
pub(super) fn ground(receipt: &str) -> String {
    format!("ground {receipt}")
}

fn id(ctx: &Context) -> String {
    ctx.job_id().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other tests here start and disturb"]
async fn grinds() {
    let mut told = Told::read();
    let mill = Mill {
        journal: told.journal(),
        effects: OnceLock::new(),
    };
    // The same after each start.
    let (instance, _) = told.name.rsplit_once('-').unwrap();
    let config = told.config.clone().instance_id(instance);
    let config = config.heartbeat(Duration::from_millis(500));
    let running = App::new(config).service(mill).start().await.unwrap();
    told.note(Note::Ready);
    // Any number is the end.
    told.numbers.recv().await;
    running.stop().await.unwrap();
}
