//! A job, its message, its record and its dead letter are four things, and each may be gone without the
//! others: nothing is lost by that, and nothing happens twice.

use aegis::Subject;
use aegis::port::StreamMessage;
use aegis::testing::{NatsServer, TestApp};
use tokio::time::Instant;

use super::odd::{OddClient, odd, odd_on, remove, rewrite, small, streams};
use super::*;

/// Waits so long for what ought to come at once.
const SHORT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn what_was_refused_for_want_of_room_is_run_when_it_is_sent_again() {
    for ground in Ground::both().await {
        let sender = small(&ground, 2000).await;
        let works = WorksClient::new(&sender);
        let bulk = async || works.double(1).send().await;
        while bulk().await.is_ok() {}
        let refused = works.double(21).idempotency_key("load 7").send().await;
        let error = refused.unwrap_err();
        assert!(error.to_string().contains("is not queued"), "{error}");
        // Somebody makes room.
        assert!(sender.bucket("aegis_jobs").remove().await.unwrap());
        let (app, works, _, _) = working(&ground).await;
        let job = works.double(21).idempotency_key("load 7");
        let job = job.send().await.unwrap();
        let result = job.result().within(SHORT).await;
        let how = job.status().await.unwrap().map(|status| status.state);
        assert_eq!(result.ok(), Some(42), "{}: {how:?}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_has_ended_well_is_not_done_again_for_want_of_room() {
    for ground in Ground::both().await {
        let sender = small(&ground, 6000).await;
        let (odd, seen, pace) = odd();
        let app = ground.app();
        let app = app.configure(|config| config.jobs_max_bytes(6000));
        let odd_sender = OddClient::new(&sender);
        let job = odd_sender.works(200).send().await.unwrap();
        let app = app.service(odd).start().await.unwrap();
        seen.until("works", 1).await;
        let mut fillers = Vec::new();
        while let Ok(filler) = WorksClient::new(&sender).double(1).send().await {
            fillers.push(filler);
        }
        pace.add_permits(1);
        seen.until("worked", 1).await;
        let _ = job.result().within(Duration::from_secs(2)).await;
        // Others end, and are forgotten.
        let records = sender.bucket("aegis_jobs").open::<serde_json::Value>();
        let records = records.await.unwrap();
        for filler in fillers {
            records.purge(filler.id()).await.unwrap();
        }
        pace.add_permits(1);
        let result = job.result().within(PATIENCE).await;
        assert!(result.is_ok(), "{}: {result:?}", ground.name);
        assert_eq!(seen.of("worked").len(), 1, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_queued_again_under_its_id_is_not_thrown_away_for_anothers_message() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let odd_sender = OddClient::new(&sender);
        let lost = odd_sender.name("lost".to_owned()).send().await.unwrap();
        remove(&ground, "COMMANDS").await;
        let (app, odd, seen, pace) = odd_on(&ground).await;
        // It gets the number that the lost one had.
        let other = odd.name("other".to_owned()).send().await.unwrap();
        seen.until("name", 1).await;
        let subject = format!("{}.commands.odd.name.normal", ground.prefix);
        let message = StreamMessage::new(Subject::parse(&subject).unwrap(), r#"{"name":"lost"}"#);
        let mut headers = aegis::Headers::new();
        headers.set("Aegis-Job-Id", lost.id()).unwrap();
        let message = message.with_headers(headers);
        let deadline = Instant::now() + PATIENCE;
        streams(&ground)
            .await
            .store(message, deadline)
            .await
            .unwrap();
        pace.add_permits(2);
        let result = other.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), "other");
        let result = lost.result().within(SHORT).await;
        assert_eq!(result.ok().as_deref(), Some("lost"), "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_queue_that_somebody_removes_is_told_with_what_is_lost() {
    for ground in Ground::both().await {
        let (log, _guard) = crate::log::capture();
        let (app, works, _, _) = working(&ground).await;
        remove(&ground, "COMMANDS").await;
        let lost = format!(
            "the stream {}_COMMANDS was deleted and is made anew",
            ground.prefix
        );
        eventually("the loss is told", async || {
            let text = log.text();
            let mut lines = text.lines();
            lines.any(|line| line.contains("ERROR") && line.contains(&lost))
        })
        .await;
        let job = works.double(21).send().await.unwrap();
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), 42, "{}", ground.name);
        assert!(!log.text().contains("`ensure`"), "{}", log.text());
        app.stop().await.unwrap();
    }
}

/// Its worker died between the dead letter and the word to the queue; it is brought back, and fails
/// again before its second message is read.
#[tokio::test]
async fn what_fails_again_has_a_dead_letter_again() {
    for ground in Ground::both().await {
        let (app, works, _, _) = working(&ground).await;
        let _ = works.refuse(1).send().await.unwrap().result().await;
        app.stop().await.unwrap();
        let sender = ground.client().await;
        let job = OddClient::new(&sender).charges().send().await.unwrap();
        let (streams, queue) = (
            streams(&ground).await,
            format!("{}_COMMANDS", ground.prefix),
        );
        let sequence = status(&sender, job.id()).await.sequence.unwrap();
        let deadline = Instant::now() + PATIENCE;
        let sent = streams.message(&queue, sequence, deadline).await.unwrap();
        let sent = sent.unwrap();
        let dead = format!("{}.dead.commands.odd.charges.normal", ground.prefix);
        let mut headers = aegis::Headers::new();
        headers
            .set("Aegis-Dead-Subject", sent.subject.as_str())
            .unwrap();
        headers.set("Aegis-Dead-Message-Id", job.id()).unwrap();
        headers.set("Aegis-Dead-Handler", "odd__charges").unwrap();
        let nanos = sent.stored.unix_timestamp_nanos();
        let letter = StreamMessage::new(Subject::parse(&dead).unwrap(), sent.payload.clone())
            .with_headers(headers)
            .with_id(format!("dead.odd__charges.{sequence}.{nanos}"));
        let letter = streams.store(letter, deadline).await.unwrap();
        rewrite(&sender, job.id(), |record| {
            record["state"] = "FAILED".into();
            record["dead_letter"] = letter.sequence.into();
        })
        .await;
        job.retry().await.unwrap();
        let (app, _, _, _) = odd_on(&ground).await;
        let failed = async || status(&sender, job.id()).await.dead_letter.is_some();
        let _ = job.result().within(PATIENCE).await;
        eventually("it is buried", failed).await;
        let number = status(&sender, job.id()).await.dead_letter.unwrap();
        let letter = sender.dead_letters().get(number).await.unwrap();
        assert!(
            letter.is_some(),
            "{}: there is no letter {number}",
            ground.name
        );
        app.stop().await.unwrap();
    }
}

/// What stands in its record says that another delivery was begun; its consumer was made anew since.
#[tokio::test]
async fn a_consumer_that_was_made_anew_holds_nothing_up() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let job = OddClient::new(&sender).works(1).send().await.unwrap();
        rewrite(&sender, job.id(), |record| {
            record["state"] = "RETRYING".into();
            record["attempt"] = 1.into();
            record["failures"] = 1.into();
            // Ten retries, and some hands back.
            record["delivery"] = 20.into();
        })
        .await;
        let (app, _, seen, pace) = odd_on(&ground).await;
        pace.add_permits(1);
        let began = async { seen.until("works", 1).await };
        let began = tokio::time::timeout(SHORT, began).await;
        assert!(began.is_ok(), "{}: 20 ack waits", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_upgraded_goes_on_with_its_jobs() {
    let store = tempfile::tempdir().unwrap();
    let old = NatsServer::builder()
        .version("2.10.26")
        .store_dir(store.path());
    let mut old = old.start().await.unwrap();
    let (works, _, _) = Works::new();
    let app = TestApp::new().on_nats(&old.url()).service(works);
    let app = app.start().await.unwrap();
    let works: WorksClient = app.client();
    let job = works.double(1).send().await.unwrap();
    assert_eq!(job.result().within(PATIENCE).await.unwrap(), 2);
    app.stop().await.unwrap();
    old.stop().await.unwrap();
    let new = NatsServer::builder().store_dir(store.path());
    let new = new.start().await.unwrap();
    let (works, _, _) = Works::new();
    let app = TestApp::new().on_nats(&new.url()).service(works);
    let app = app.start().await.unwrap();
    let works: WorksClient = app.client();
    let job = works.double(2).send().await.unwrap();
    assert_eq!(job.result().within(PATIENCE).await.unwrap(), 4);
    app.stop().await.unwrap();
}

/// The worker writes when it will begin it, if the sender did not.
#[tokio::test]
async fn what_is_delayed_by_two_days_does_not_begin_after_one() {
    for ground in Ground::both().await {
        let (app, _, _, _) = working(&ground).await;
        let subject = format!("{}.commands.works.double.normal", ground.prefix);
        let message = StreamMessage::new(Subject::parse(&subject).unwrap(), r#"{"number":3}"#);
        let two_days = Duration::from_secs(48 * 3600);
        let mut headers = aegis::Headers::new();
        let delay = two_days.as_millis().to_string();
        headers.set("Aegis-Delay-Ms", &delay).unwrap();
        headers.set("Aegis-Job-Id", "later").unwrap();
        let message = message.with_headers(headers);
        let deadline = Instant::now() + PATIENCE;
        streams(&ground)
            .await
            .store(message, deadline)
            .await
            .unwrap();
        let sender = client(&app);
        let known = async || sender.command("later").status().await.unwrap().is_some();
        eventually("it is noted", known).await;
        let status = status(&sender, "later").await;
        let waits = status.run_at.unwrap() - status.created;
        let hours = waits.whole_hours();
        assert!(
            hours >= 47,
            "{}: it begins after {hours} hours",
            ground.name
        );
        app.stop().await.unwrap();
    }
}
