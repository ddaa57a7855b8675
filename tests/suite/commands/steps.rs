//! Steps that happen once, whatever becomes of the attempt.

use std::future::IntoFuture;

use super::*;

/// Takes steps as it is told to.
struct Steps(Seen);

#[aegis::service(name = "steps", version = "1.0.0")]
impl Steps {
    /// The second step fails twice; the first is taken once.
    #[command(backoff = "1ms")]
    async fn two(&self, ctx: &Context) -> Result<(u32, u32), Failure> {
        let first = ctx.once("first", async || {
            self.0.note("first", "");
            Ok(7)
        });
        let first = first.await?;
        let attempt = ctx.attempt().unwrap_or_default();
        let second = ctx.once("second", async || {
            self.0.note("second", &attempt);
            if attempt < 3 {
                return Err(Failure::new("SECOND", "not yet"));
            }
            Ok(first + attempt)
        });
        Ok((first, second.await?))
    }

    /// The first attempt is dropped in the middle of its step.
    #[command(backoff = "1ms", timeout = "20ms")]
    async fn dropped(&self, ctx: &Context, way: String) -> Result<u32, Failure> {
        let attempt = ctx.attempt().unwrap_or_default();
        let step = ctx.once("step", async || {
            self.0.note(&way, &attempt);
            if attempt == 1 {
                std::future::pending::<()>().await;
            }
            Ok(attempt)
        });
        match way.as_str() {
            "idempotent" => step.idempotent().await,
            "has happened" => step.resolve(async || Ok(Some(70))).await,
            "has not happened" => step.resolve(async || Ok(None)).await,
            _ => step.await,
        }
    }

    /// The first attempt does not hear of its effect.
    #[command(backoff = "1ms")]
    async fn unheard(&self, ctx: &Context) -> Result<u32, Failure> {
        let attempt = ctx.attempt().unwrap_or_default();
        let step = ctx.once("step", async || {
            self.0.note("unheard", &attempt);
            Err(Failure::new("SILENT", "no answer"))
        });
        step.resolve(async || Ok((attempt > 1).then_some(70))).await
    }

    /// A step outside of a command.
    #[rpc]
    async fn nowhere(&self, ctx: &Context) -> Result<u32, Failure> {
        ctx.once("step", async || Ok(1)).await
    }

    /// Keeps too much.
    #[command(retries = 5)]
    async fn hoard(&self, ctx: &Context) -> Result<(), Failure> {
        let step = ctx.once("step", async || Ok("x".repeat(3 << 20)));
        step.await.map(drop)
    }

    /// Takes one step twice at once.
    #[command]
    async fn twice(&self, ctx: &Context) -> Result<u32, Failure> {
        let step = || {
            ctx.once("step", async || {
                self.0.note("twice", "");
                tokio::task::yield_now().await;
                Ok(1)
            })
        };
        let (one, other) = tokio::join!(step().into_future(), step().into_future());
        Ok(one? + other?)
    }

    /// Leaves a task behind, which takes a step when the attempt has ended.
    #[command(backoff = "1ms")]
    async fn left_over(&self, ctx: &Context) -> Result<u32, Failure> {
        let (seen, attempt) = (self.0.clone(), ctx.attempt().unwrap_or_default());
        let step = ctx.once("step", async move || {
            seen.note("left over", &attempt);
            Ok(attempt)
        });
        if attempt > 1 {
            return step.await;
        }
        let (ctx, seen) = (ctx.clone(), self.0.clone());
        tokio::spawn(async move {
            let over = async || seen.of("over").len() == 1;
            eventually("the attempt is over", over).await;
            let taken = ctx.once("step", async || {
                seen.note("left over", "by a task");
                Ok(0)
            });
            let refused: Result<u32, Failure> = taken.await;
            seen.note("refused", &refused.is_err());
        });
        Err(Failure::new("FIRST", "not yet").retry_after(Duration::from_millis(200)))
    }

    #[command]
    async fn nameless(&self, ctx: &Context) -> Result<(), Failure> {
        ctx.once("", async || Ok(())).await
    }
}

async fn taking(ground: &Ground) -> (RunningTest, StepsClient, Seen) {
    let seen = Seen::default();
    let app = ground.app().service(Steps(seen.clone()));
    let app = app.start().await.unwrap();
    let steps = app.client();
    (app, steps, seen)
}

#[tokio::test]
async fn a_step_that_is_done_is_not_taken_again() {
    for ground in Ground::both().await {
        let (app, steps, seen) = taking(&ground).await;
        let job = steps.two().send().await.unwrap();
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), (7, 10), "{}", ground.name);
        assert_eq!(seen.of("first").len(), 1, "{}", ground.name);
        assert_eq!(seen.of("second"), ["1", "2", "3"], "{}", ground.name);
        let known = status(&client(&app), job.id()).await;
        let steps = known.steps.iter().map(|step| (&*step.name, step.done));
        let steps: Vec<_> = steps.collect();
        let expected = [("first", true), ("second", true)];
        assert_eq!(steps, expected, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_may_have_happened_is_asked_for_or_left_to_a_person() {
    for ground in Ground::both().await {
        let (app, steps, seen) = taking(&ground).await;
        for (way, result, taken) in [
            ("idempotent", 2, 2),
            ("has happened", 70, 1),
            ("has not happened", 2, 2),
        ] {
            let job = steps.dropped(way.to_owned()).send().await.unwrap();
            let found = job.result().within(PATIENCE).await;
            assert_eq!(found.unwrap(), result, "{} {way}", ground.name);
            assert_eq!(seen.of(way).len(), taken, "{} {way}", ground.name);
        }
        let job = steps.dropped("nobody knows".to_owned()).send().await;
        let job = job.unwrap();
        let error = job.result().within(PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("MAYBE_EXECUTED"), "{error}");
        assert_eq!(seen.of("nobody knows").len(), 1, "{}", ground.name);
        // Whoever brings it back has looked.
        let client = client(&app);
        let buried = async || status(&client, job.id()).await.dead_letter.is_some();
        eventually("it has a dead letter", buried).await;
        job.retry().await.unwrap();
        eventually("it is taken again", async || {
            seen.of("nobody knows").len() >= 2
        })
        .await;
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn an_error_is_not_the_last_word_where_it_can_be_asked() {
    for ground in Ground::both().await {
        let (app, steps, seen) = taking(&ground).await;
        let job = steps.unheard().send().await.unwrap();
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), 70, "{}", ground.name);
        assert_eq!(seen.of("unheard"), ["1"], "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_step_is_taken_by_one_at_a_time_and_only_while_its_attempt_runs() {
    for ground in Ground::both().await {
        let (app, steps, seen) = taking(&ground).await;
        let client = client(&app);
        let job = steps.twice().send().await.unwrap();
        let error = job.result().within(PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("taken already"), "{error}");
        assert_eq!(seen.of("twice").len(), 1, "{}", ground.name);
        let job = steps.left_over().send().await.unwrap();
        until(&client, job.id(), JobState::Retrying).await;
        seen.note("over", "");
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), 2, "{}", ground.name);
        assert_eq!(seen.until("refused", 1).await, ["true"], "{}", ground.name);
        assert_eq!(seen.of("left over"), ["2"], "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_has_failed_is_not_brought_back_when_its_steps_are_forgotten() {
    for ground in Ground::both().await {
        let (app, steps, _) = taking(&ground).await;
        let client = client(&app);
        let job = steps.dropped("nobody knows".to_owned()).send().await;
        let job = job.unwrap();
        job.result().within(PATIENCE).await.unwrap_err();
        let buried = async || status(&client, job.id()).await.dead_letter.is_some();
        eventually("it has a dead letter", buried).await;
        let letter = status(&client, job.id()).await.dead_letter.unwrap();
        let dead = client.dead_letters();
        let found = dead.get(letter).await.unwrap().unwrap();
        assert_eq!(found.steps, "step begun", "{}", ground.name);
        let jobs = client.bucket("aegis_jobs");
        let jobs: aegis::Bucket<serde_json::Value> = jobs.open().await.unwrap();
        jobs.purge(job.id()).await.unwrap();
        let error = dead.retry(letter).await.unwrap_err();
        assert!(error.to_string().contains("(step begun)"), "{error}");
        assert!(dead.get(letter).await.unwrap().is_some(), "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_a_step_is_told() {
    for ground in Ground::both().await {
        let (app, steps, _) = taking(&ground).await;
        let error = steps.nowhere().await.unwrap_err();
        assert!(error.to_string().contains("`#[command]`"), "{error}");
        let job = steps.nameless().send().await.unwrap();
        let error = job.result().within(PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("1 to 128 bytes"), "{error}");
        let job = steps.hoard().send().await.unwrap();
        let error = job.result().within(PATIENCE).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::TooLarge), "{error}");
        let known = status(&client(&app), job.id()).await;
        assert_eq!(known.attempt, 1, "{}", ground.name);
        app.stop().await.unwrap();
    }
}
