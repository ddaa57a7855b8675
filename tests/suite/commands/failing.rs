//! A command fails: it is tried again, or not, and the sender always learns what became of it.

use aegis::DeadLetter;

use super::*;

async fn letters(client: &Client) -> Vec<DeadLetter> {
    client.dead_letters().list(100).await.unwrap()
}

#[tokio::test]
async fn retry_on_failure() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let job = works.fail(2).send().await.unwrap();
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), 3, "{}", ground.name);
        assert_eq!(seen.of("fail"), ["1", "2", "3"], "{}", ground.name);
        let ended = status(&client(&app), job.id()).await;
        assert_eq!((ended.state, ended.attempt), (JobState::Succeeded, 3));
        assert_eq!(ended.error, None);
        assert!(letters(&client(&app)).await.is_empty());
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn retry_policy() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let job = works.fail(99).send().await.unwrap();
        let error = job.result().within(PATIENCE).await.unwrap_err();
        let failure = error.service().expect("a failure of the service");
        assert_eq!(failure.code(), "BROKEN", "{error}");
        assert_eq!(failure.message(), "attempt 3", "{error}");
        // `retries = 2` is three attempts.
        assert_eq!(seen.of("fail"), ["1", "2", "3"], "{}", ground.name);
        let client = client(&app);
        let ended = until_buried(&client, job.id()).await;
        assert_eq!((ended.state, ended.attempt), (JobState::Failed, 3));
        let letters = letters(&client).await;
        let [letter] = letters.as_slice() else {
            panic!("{}: {letters:?}", ground.name);
        };
        assert_eq!(ended.dead_letter, Some(letter.sequence));
        assert_eq!((&*letter.id, &*letter.code), (job.id(), "BROKEN"));
        assert_eq!((&*letter.handler, letter.attempts), ("works__fail", 3));
        let body = serde_json::json!({"times": 99});
        assert_eq!(letter.payload(), Some(body), "{}", ground.name);
        let empty = async || ground.queued().await == 0;
        eventually("the queue is empty", empty).await;
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn failure_is_reported() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let job = works.refuse(7).send().await.unwrap();
        let error = job.result().within(PATIENCE).await.unwrap_err();
        assert!(
            matches!(error.service(), Some(Refused::Refused(7))),
            "{error}"
        );
        // It was said to be for good.
        assert_eq!(seen.of("refuse").len(), 1, "{}", ground.name);
        let ended = until_buried(&client(&app), job.id()).await;
        let error = ended.error.unwrap();
        assert_eq!((error.code(), error.message()), ("REFUSED", "7 is refused"));
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn panics_and_what_takes_too_long_are_failures() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        for (job, code, text) in [
            (works.panic().send().await.unwrap(), "INTERNAL", "oh no"),
            (works.hang().send().await.unwrap(), "TIMEOUT", "timeout of"),
        ] {
            let error = job.result().within(PATIENCE).await.unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
            let ended = status(&client(&app), job.id()).await;
            assert_eq!(ended.error.unwrap().code(), code, "{}", ground.name);
            assert_eq!(ended.attempt, 2, "{}", ground.name);
        }
        assert_eq!(seen.of("panic").len(), 2);
        // The first attempt was told, and had a second to tidy up.
        assert_eq!(seen.of("told"), ["hang", "hang"], "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_read_has_failed_and_the_worker_goes_on() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let sender = client(&app);
        let params = serde_json::json!({"number": "seven"});
        let wrong = sender.new_command("works", "double", &params);
        let job = wrong.send().await.unwrap();
        let error = job.result().within(PATIENCE).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Invalid), "{error}");
        assert!(error.to_string().contains("argument `number`"), "{error}");
        until_buried(&sender, job.id()).await;
        assert_eq!(letters(&sender).await.len(), 1, "{}", ground.name);
        ground
            .stored("commands.works.double.normal", "not JSON")
            .await;
        let failed = async || letters(&sender).await.len() == 2;
        eventually("the other has failed too", failed).await;
        let job = works.double(1).send().await.unwrap();
        assert_eq!(job.result().within(PATIENCE).await.unwrap(), 2);
        assert_eq!(seen.of("double"), [job.id()], "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_result_that_is_too_large_is_a_failure_that_says_so() {
    for ground in Ground::both().await {
        let (app, works, _, _) = working(&ground).await;
        let job = works.swell(3 << 20).send().await.unwrap();
        let error = job.result().within(PATIENCE).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::TooLarge), "{error}");
        assert!(error.to_string().contains("return where it is"), "{error}");
        let ended = until_buried(&client(&app), job.id()).await;
        assert_eq!((ended.state, ended.attempt), (JobState::Failed, 1));
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_failure_without_an_end_is_cut_and_told() {
    for ground in Ground::both().await {
        let (app, works, _, _) = working(&ground).await;
        let job = works.complain(3 << 20).send().await.unwrap();
        let error = job.result().within(PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("LONG: xxx"), "{}", ground.name);
        assert!(error.to_string().len() < 5000);
        until_buried(&client(&app), job.id()).await;
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_failed_job_is_brought_back_with_all_its_attempts() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let client = client(&app);
        for (round, by_letter) in [(1, false), (2, true)] {
            let job = works.later().send().await.unwrap();
            job.result().within(PATIENCE).await.unwrap_err();
            let ended = until_buried(&client, job.id()).await;
            assert_eq!(seen.of("later").len(), 4 * round - 2, "{}", ground.name);
            seen.note("healed", job.id());
            if by_letter {
                let letter = ended.dead_letter.unwrap();
                let back = client.dead_letters().retry(letter).await.unwrap();
                assert_eq!(back.id(), job.id());
            } else {
                job.retry().await.unwrap();
            }
            let result = job.result().within(PATIENCE).await;
            assert_eq!(result.unwrap(), "at last", "{}", ground.name);
            assert!(letters(&client).await.is_empty(), "{}", ground.name);
            // The first two attempts, and with its attempts anew the one that failed once more.
            assert_eq!(seen.of("later").len(), 4 * round, "{}", ground.name);
            let again = job.retry().await.unwrap_err();
            assert!(again.to_string().contains("is SUCCEEDED"), "{again}");
        }
        app.stop().await.unwrap();
    }
}

/// Waits until it is noted that there is a dead letter.
async fn until_buried(client: &Client, id: &str) -> JobStatus {
    let is = async || status(client, id).await.dead_letter.is_some();
    eventually("it has a dead letter", is).await;
    status(client, id).await
}

#[tokio::test]
async fn only_the_letter_of_a_job_brings_it_back() {
    for ground in Ground::both().await {
        let (app, works, _, _) = working(&ground).await;
        let client = client(&app);
        let [one, other] = [works.refuse(1).send().await, works.refuse(2).send().await];
        let (one, other) = (one.unwrap(), other.unwrap());
        for job in [&one, &other] {
            until_buried(&client, job.id()).await;
        }
        // The stream of dead letters was made anew, and counts from one again.
        let jobs = client.bucket("aegis_jobs").open().await.unwrap();
        let mut record: serde_json::Value = jobs.get(one.id()).await.unwrap().unwrap();
        let letter = status(&client, other.id()).await.dead_letter;
        record["dead_letter"] = letter.into();
        jobs.put(one.id(), &record).await.unwrap();
        let error = one.retry().await.unwrap_err();
        assert!(
            error.to_string().contains("is not there any more"),
            "{error}"
        );
        assert_eq!(letters(&client).await.len(), 2, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

/// Writes into the record of a job that it was begun so often, and nobody said how that ended.
async fn begun(client: &Client, id: &str, times: u32) {
    let bucket = client.bucket("aegis_jobs").open().await.unwrap();
    let mut record: serde_json::Value = bucket.get(id).await.unwrap().unwrap();
    record["attempt"] = times.into();
    record["state"] = "RUNNING".into();
    bucket.put(id, &record).await.unwrap();
}

#[tokio::test]
async fn one_that_ends_its_workers_is_given_up_at_last() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let works = WorksClient::new(&sender);
        let job = works.double(1).send().await.unwrap();
        // Four attempts, and ten accidents.
        begun(&sender, job.id(), 14).await;
        let (app, works, seen, _) = working(&ground).await;
        let error = job.result().within(PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("begun 14 times"), "{error}");
        until_buried(&sender, job.id()).await;
        assert_eq!(seen.of("double").len(), 0, "{}", ground.name);
        let other = works.double(1).send().await.unwrap();
        assert_eq!(other.result().within(PATIENCE).await.unwrap(), 2);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn those_that_may_end_their_worker_run_one_at_a_time() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let works = WorksClient::new(&sender);
        let mut jobs = Vec::new();
        for _ in 0..5 {
            let job = works.crowd().send().await.unwrap();
            begun(&sender, job.id(), 4).await;
            jobs.push(job);
        }
        let (app, _, seen, pace) = working(&ground).await;
        for number in 1..=5 {
            seen.until("crowd", number).await;
            pace.add_permits(1);
        }
        for job in jobs {
            let at_once = job.result().within(PATIENCE).await;
            assert_eq!(at_once.unwrap(), 1, "{}", ground.name);
        }
        app.stop().await.unwrap();
    }
}
