//! A job is cancelled: one that waits never runs, one that runs is told, and ends.

use super::*;

#[tokio::test]
async fn cancel_queued_and_running() {
    for ground in Ground::both().await {
        let (app, works, seen, pace) = working(&ground).await;
        let client = client(&app);
        let running = works.wait("running".to_owned()).send().await.unwrap();
        seen.until("began", 1).await;
        let queued = works.wait("queued".to_owned()).send().await.unwrap();
        let third = works.wait("third".to_owned()).send().await.unwrap();
        let cancelled = queued.cancel().await.unwrap();
        assert_eq!(cancelled.state, JobState::Cancelled, "{}", ground.name);
        assert_eq!(cancelled.attempt, 0);
        let other = ground.client().await;
        let cancelled = other.command(running.id()).cancel().await.unwrap();
        assert_eq!(cancelled.state, JobState::Cancelled, "{}", ground.name);
        seen.until("cancelled", 1).await;
        for job in [&running, &queued] {
            let error = job.result().within(PATIENCE).await.unwrap_err();
            assert_eq!(error.kind(), Some(ErrorKind::Cancelled), "{error}");
            // To ask again changes nothing.
            assert_eq!(job.cancel().await.unwrap().state, JobState::Cancelled);
        }
        pace.add_permits(1);
        assert_eq!(third.result().within(PATIENCE).await.unwrap(), "third");
        assert_eq!(seen.of("began"), ["running", "third"], "{}", ground.name);
        // One that has ended stays as it is.
        let late = third.cancel().await.unwrap();
        assert_eq!(late.state, JobState::Succeeded, "{}", ground.name);
        assert!(client.dead_letters().list(9).await.unwrap().is_empty());
        let empty = async || ground.queued().await == 0;
        eventually("the queue is empty", empty).await;
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn one_that_does_not_listen_is_dropped() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let job = works.deaf().send().await.unwrap();
        seen.until("deaf", 1).await;
        let cancelled = job.cancel().await.unwrap();
        assert_eq!(cancelled.state, JobState::Cancelled, "{}", ground.name);
        seen.until("dropped", 1).await;
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn one_that_waits_for_its_next_attempt_does_not_get_it() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let client = client(&app);
        let job = works.slow_to_retry().send().await.unwrap();
        until(&client, job.id(), JobState::Retrying).await;
        let cancelled = job.cancel().await.unwrap();
        assert_eq!(cancelled.state, JobState::Cancelled, "{}", ground.name);
        let empty = async || ground.queued().await == 0;
        eventually("the queue is empty", empty).await;
        assert_eq!(seen.of("slow").len(), 1);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn one_that_is_to_end_and_waits_again_is_ended() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let works = WorksClient::new(&sender);
        let job = works.double(1).send().await.unwrap();
        // Its attempt failed between the word and its being heard.
        let jobs = sender.bucket("aegis_jobs").open().await.unwrap();
        let mut record: serde_json::Value = jobs.get(job.id()).await.unwrap().unwrap();
        record["state"] = "RETRYING".into();
        record["cancel"] = true.into();
        jobs.put(job.id(), &record).await.unwrap();
        let cancelled = job.cancel().await.unwrap();
        assert_eq!(cancelled.state, JobState::Cancelled, "{}", ground.name);
        assert_eq!(ground.queued().await, 0, "{}", ground.name);
    }
}

#[tokio::test]
async fn one_that_ends_well_although_it_was_told_keeps_what_came_of_it() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let job = works.finish().send().await.unwrap();
        seen.until("finish", 1).await;
        let cancelled = job.cancel().await.unwrap();
        assert_eq!(cancelled.state, JobState::Cancelled, "{}", ground.name);
        assert_eq!(cancelled.result, "half", "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn nobody_is_cancelled_who_is_not_there() {
    for ground in Ground::both().await {
        let client = ground.client().await;
        for (id, text) in [
            ("nobody", "there is no job nobody"),
            ("a.b", "is no id of a job"),
            ("", "is no id of a job"),
        ] {
            let job = client.command(id);
            let cancelled = job.cancel().await.unwrap_err();
            let result = job.result().within(PATIENCE).await.unwrap_err();
            let update = job.progress().next().await.unwrap().unwrap_err();
            let again = job.retry().await.unwrap_err();
            for error in [&cancelled, &update, &again] {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{}", ground.name);
                assert!(error.to_string().contains(text), "{error}");
            }
            assert_eq!(result.kind(), Some(ErrorKind::Invalid), "{result}");
        }
        let unknown = client.command("nobody").status().await;
        assert_eq!(unknown.unwrap(), None, "{}", ground.name);
    }
}
