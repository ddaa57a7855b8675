//! Workers that are busy, slow or stop: others, and those who wait, do not suffer from it.

use aegis::{Config, Subject};

use super::odd::{OddClient, odd, odd_on};
use super::*;

/// Waits so long for what ought to come at once.
const SHORT: Duration = Duration::from_secs(5);

#[derive(Debug, serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("slow.event")]
struct Slow;

/// Handles one event slowly.
struct SlowEvents {
    seen: Seen,
    pace: Arc<Semaphore>,
}

impl SlowEvents {
    fn new() -> (Self, Seen, Arc<Semaphore>) {
        let (seen, pace) = (Seen::default(), Arc::new(Semaphore::new(0)));
        let own = Self {
            seen: seen.clone(),
            pace: pace.clone(),
        };
        (own, seen, pace)
    }
}

#[aegis::service(name = "slow_events", version = "1.0.0")]
impl SlowEvents {
    #[subscribe(mode = "compete")]
    async fn event(&self, _event: Slow) -> Result<(), Failure> {
        self.seen.note("event", "");
        self.pace.acquire().await?.forget();
        Ok(())
    }

    #[command]
    async fn quick(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_that_ends_when_its_instance_stops_has_not_failed() {
    for ground in Ground::both().await {
        let (odd, seen, _) = odd();
        let app = ground.app();
        let app = app.configure(|config| config.drain_timeout(Duration::from_millis(50)));
        let app = app.service(odd).start().await.unwrap();
        let sender = ground.client().await;
        let job = OddClient::new(&sender).polite().send().await.unwrap();
        seen.until("polite", 1).await;
        app.stop().await.unwrap();
        let state = status(&sender, job.id()).await.state;
        assert_eq!(state, JobState::Queued, "{}", ground.name);
    }
}

#[tokio::test]
async fn jobs_that_wait_for_their_turn_alone_leave_places_to_others() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let odd_sender = OddClient::new(&sender);
        let records = sender.bucket("aegis_jobs").open().await;
        let mut lost = Vec::new();
        for number in 0..2 {
            let job = odd_sender.alone(number).send().await.unwrap();
            // One worker was lost with it, once: of one without retries that is enough.
            let records = match &records {
                Ok(records) => records,
                Err(error) => panic!("{error}"),
            };
            let mut record: serde_json::Value = records.get(job.id()).await.unwrap().unwrap();
            record["attempt"] = 1.into();
            record["state"] = "RUNNING".into();
            records.put(job.id(), &record).await.unwrap();
            lost.push(job);
        }
        let (app, odd, seen, pace) = odd_on(&ground).await;
        seen.until("alone", 1).await;
        let fresh = odd.alone(7).send().await.unwrap();
        let began = async { seen.until("alone", 2).await };
        let began = tokio::time::timeout(SHORT, began).await;
        assert!(began.is_ok(), "{}: one of two places is used", ground.name);
        pace.add_permits(9);
        drop((fresh, lost));
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_job_that_waits_behind_a_slow_event_is_left_to_others_when_its_instance_stops() {
    for ground in Ground::both().await {
        let (slow, seen, pace) = SlowEvents::new();
        let app = ground.app();
        let app = app.configure(|config| config.drain_timeout(Duration::from_secs(10)));
        let app = app.service(slow).start().await.unwrap();
        let sender = ground.client().await;
        sender.publish(&Slow).await.unwrap();
        seen.until("event", 1).await;
        let asks = async || ground.asks("slow_events__quick__normal").await;
        eventually("it asks", async || asks().await > 0).await;
        let stopped = tokio::spawn(app.stop());
        // Its handler for events ends when it may; meanwhile no command is to begin.
        let ended = async { eventually("it asks no more", async || asks().await == 0).await };
        let ended = tokio::time::timeout(SHORT, ended).await;
        pace.add_permits(1);
        assert!(
            ended.is_ok(),
            "{}: it takes commands while it stops",
            ground.name
        );
        soon("the end", stopped).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn whoever_does_not_look_for_a_while_sees_the_newest_then() {
    for ground in Ground::both().await {
        let (app, works, seen, pace) = working(&ground).await;
        let job = works.halves().send().await.unwrap();
        let mut updates = job.progress();
        let sender = client(&app);
        eventually("it reports", async || {
            status(&sender, job.id()).await.progress.is_some()
        })
        .await;
        let first = soon("the first", updates.next()).await.unwrap().unwrap();
        assert_eq!(first.state, JobState::Running);
        // It reports for a long time, and nobody looks.
        let bus = aegis::testing::bus(&Config::default().url(&ground.url))
            .await
            .unwrap();
        let subject = format!("{}.jobs.{}.progress", ground.prefix, job.id());
        for report in 0..2000_u32 {
            let body = serde_json::json!({
                "attempt": 1, "percent": 50.0, "message": format!("row {report}"),
                "at": format!("2200-01-01T00:{:02}:{:02}Z", report / 60 % 60, report % 60),
            });
            let subject = Subject::parse(&subject).unwrap();
            let news = aegis::port::Outgoing::new(subject, body.to_string());
            bus.publish(news).await.unwrap();
        }
        bus.flush().await.unwrap();
        pace.add_permits(1);
        eventually("it has ended", async || {
            status(&sender, job.id()).await.state == JobState::Succeeded
        })
        .await;
        let mut told = 0;
        while let Some(update) = soon("an update", updates.next()).await {
            update.unwrap();
            told += 1;
        }
        assert!(
            told < 100,
            "{}: {told} old reports were told first",
            ground.name
        );
        drop(seen);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn as_long_as_it_takes_can_be_said() {
    for ground in Ground::both().await {
        let (app, works, _, _) = working(&ground).await;
        let job = works.double(1).within(Duration::MAX).send().await.unwrap();
        assert_eq!(job.result().within(Duration::MAX).await.unwrap(), 2);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn without_retries_it_is_not_tried_again() {
    for ground in Ground::both().await {
        let (app, odd, seen, _) = odd_on(&ground).await;
        let job = odd.unknown().send().await.unwrap();
        let _ = job.result().within(PATIENCE).await;
        assert_eq!(seen.of("unknown").len(), 1, "{}", ground.name);
        app.stop().await.unwrap();
    }
}
