//! A worker that was away too long: somebody else has its job, and what it says at last changes
//! nothing.

use serde_json::{Value, json};

use super::*;

/// Ends as it is told to, behind a step that is refused.
struct Late {
    seen: Seen,
    pace: Arc<Semaphore>,
}

#[aegis::service(name = "late", version = "1.0.0")]
impl Late {
    #[command]
    async fn work(&self, ctx: &Context, way: String) -> Result<String, Failure> {
        self.seen.note("began", &way);
        self.pace.acquire().await?.forget();
        let step = ctx.once("step", async || Ok(1)).await;
        self.seen.note("step", &step.is_ok());
        match way.as_str() {
            "succeeds" => Ok(way),
            "fails" => Err(Failure::new("LATE", "it may be tried again")),
            _ => Err(Failure::new("LATE", "it may not").terminal()),
        }
    }
}

/// Takes a job over, as another worker would.
async fn take_over(client: &Client, id: &str) {
    let jobs = client.bucket("aegis_jobs").find::<Value>().await.unwrap();
    let jobs = jobs.expect("a bucket of jobs");
    let mut entry = jobs.entry(id).await.unwrap().expect("a job");
    entry.value["worker"] = json!({"instance": "another", "nonce": "another"});
    entry.value["attempt"] = json!(2);
    jobs.update(id, &entry.value, entry.revision).await.unwrap();
}

#[tokio::test]
async fn who_was_overtaken_settles_nothing() {
    for way in ["succeeds", "fails", "gives up"] {
        for ground in Ground::both().await {
            let (seen, pace) = (Seen::default(), Arc::new(Semaphore::new(0)));
            let late = Late {
                seen: seen.clone(),
                pace: pace.clone(),
            };
            let app = ground.app().service(late).start().await.unwrap();
            let job = app.client::<LateClient>().work(way.to_owned()).send();
            let job = job.await.unwrap();
            seen.until("began", 1).await;
            let client = ground.client().await;
            take_over(&client, job.id()).await;
            pace.add_permits(1);
            assert_eq!(seen.until("step", 1).await, ["false"]);
            app.stop().await.unwrap();
            let known = status(&client, job.id()).await;
            let told = format!("{} {way}: {known:?}", ground.name);
            assert_eq!(
                (known.state, known.attempt),
                (JobState::Running, 2),
                "{told}"
            );
            assert_eq!(known.worker.as_deref(), Some("another"), "{told}");
            // It is the other one's to remove.
            assert_eq!(ground.queued().await, 1, "{told}");
            let letters = client.dead_letters().list(9).await.unwrap();
            assert!(letters.is_empty(), "{told}");
        }
    }
}
