//! A command is sent, worked on, and its sender gets what came of it.

use super::*;

#[tokio::test]
async fn completion_notice() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let job = works.double(21).send().await.unwrap();
        assert!(job.is_new(), "{}", ground.name);
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), 42, "{}", ground.name);
        assert_eq!(seen.of("double"), [job.id()]);
        let ended = status(&client(&app), job.id()).await;
        assert_eq!((ended.state, ended.attempt), (JobState::Succeeded, 1));
        assert_eq!(ended.result, 42);
        assert!(ended.finished.is_some());
        // Nothing is left of it in the queue.
        assert_eq!(ground.queued().await, 0, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn any_process_attaches_by_id_and_gets_the_result() {
    for ground in Ground::both().await {
        let (app, works, seen, pace) = working(&ground).await;
        let sender = works.wait("a".to_owned()).send().await.unwrap();
        let id = sender.id().to_owned();
        drop((works, sender));
        seen.until("began", 1).await;
        let other = ground.client().await;
        let job = other.command(&id).returning::<String>();
        assert!(!job.is_new());
        pace.add_permits(1);
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), "a", "{}", ground.name);
        // Also long after it.
        let again = other.command(&id).result().within(PATIENCE).await;
        assert_eq!(again.unwrap(), "a", "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn idempotency_key_returns_first_job() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let send = async |number, key| {
            let command = works.double(number).idempotency_key(key);
            command.send().await.unwrap()
        };
        let first = send(1, "load-7").await;
        assert_eq!(first.result().within(PATIENCE).await.unwrap(), 2);
        let second = send(1000, "load-7").await;
        assert_eq!((second.id(), second.is_new()), (first.id(), false));
        assert_eq!(second.result().within(PATIENCE).await.unwrap(), 2);
        let other = send(3, "load-8").await;
        assert!(other.is_new() && other.id() != first.id());
        other.result().within(PATIENCE).await.unwrap();
        // Two at the same moment are one as well.
        let both = tokio::join!(send(4, "load-9"), send(4, "load-9"));
        assert_eq!(both.0.id(), both.1.id(), "{}", ground.name);
        both.0.result().within(PATIENCE).await.unwrap();
        assert_eq!(seen.of("double").len(), 3, "{}", ground.name);
        let client = client(&app);
        let known = status(&client, first.id()).await;
        assert_eq!(known.idempotency_key.as_deref(), Some("load-7"));
        let found = client.command_of_key("works", "double", "load-7");
        assert_eq!(found.unwrap().id(), first.id());
        let unknown = client.command_of_key("works", "double", "load-10");
        assert_eq!(unknown.unwrap().status().await.unwrap(), None);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_waits_is_worked_on_when_somebody_is_there() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let works = WorksClient::new(&sender);
        let job = works.double(4).send().await.unwrap();
        let waiting = status(&sender, job.id()).await;
        assert_eq!((waiting.state, waiting.attempt), (JobState::Queued, 0));
        let (app, _, _, _) = working(&ground).await;
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), 8, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn many_workers_share_and_none_runs_twice() {
    for ground in Ground::both().await {
        let mut all = Vec::new();
        let seen = Seen::default();
        for number in 1..=3 {
            let (mut works, _, _) = Works::new();
            works.seen = seen.clone();
            let app = ground.instance(&format!("works-{number}"));
            all.push(app.service(works).start().await.unwrap());
        }
        let works: WorksClient = all[0].client();
        let mut jobs = Vec::new();
        for number in 0..60 {
            jobs.push(works.double(number).send().await.unwrap());
        }
        for (number, job) in (0..).zip(&jobs) {
            let result = job.result().within(PATIENCE).await;
            assert_eq!(result.unwrap(), number * 2, "{}", ground.name);
        }
        let mut ran = seen.of("double");
        ran.sort();
        let mut sent: Vec<&str> = jobs.iter().map(Job::id).collect();
        sent.sort_unstable();
        assert_eq!(ran, sent, "{}", ground.name);
        for app in all {
            app.stop().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_command_of_a_raw_client_is_worked_on_as_well() {
    for ground in Ground::both().await {
        let (app, _, seen, _) = working(&ground).await;
        let message = ground
            .stored("commands.works.double.high", r#"{"number":4}"#)
            .await;
        seen.until("double", 1).await;
        let id = seen.of("double").remove(0);
        assert!(id.starts_with(&format!("{}-", message.sequence)), "{id}");
        let client = client(&app);
        let ended = until(&client, &id, JobState::Succeeded).await;
        assert_eq!((ended.priority, ended.result), (Priority::High, 8.into()));
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn jobs_are_listed_newest_first() {
    for ground in Ground::both().await {
        let (app, works, _, _) = working(&ground).await;
        let client = client(&app);
        assert!(client.jobs().list(10).await.unwrap().is_empty());
        let mut sent = Vec::new();
        for number in 0..4 {
            let job = works.double(number).send().await.unwrap();
            job.result().within(PATIENCE).await.unwrap();
            sent.insert(0, job.id().to_owned());
        }
        let refused = works.refuse(7).send().await.unwrap();
        refused.result().within(PATIENCE).await.unwrap_err();
        let ids = |jobs: Vec<JobStatus>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
        let doubled = client.jobs().command("double").list(3).await.unwrap();
        assert_eq!(ids(doubled), sent[..3], "{}", ground.name);
        let failed = client.jobs().state(JobState::Failed).list(9).await.unwrap();
        assert_eq!(ids(failed), [refused.id()], "{}", ground.name);
        let all = client.jobs().service("works").list(100).await.unwrap();
        assert_eq!(all.len(), 5, "{}", ground.name);
        let others = client.jobs().service("other").list(100).await.unwrap();
        assert!(others.is_empty(), "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_came_of_a_job_is_known_for_as_long_as_is_said() {
    for ground in Ground::both().await {
        let kept = Duration::from_secs(1);
        let (works, _, _) = Works::new();
        let app = ground.app().configure(move |config| config.jobs_kept(kept));
        let app = app.service(works).start().await.unwrap();
        let works: WorksClient = app.client();
        let job = works.double(1).idempotency_key("a").send().await.unwrap();
        job.result().within(PATIENCE).await.unwrap();
        let unknown = async || job.status().await.unwrap().is_none();
        eventually("it is not known any more", unknown).await;
        // From then on its key is that of another job.
        let again = works.double(1).idempotency_key("a").send().await;
        assert!(again.is_ok(), "{}", ground.name);
        app.stop().await.unwrap();
    }
}
