//! What cannot be sent is told, and why.

use aegis::testing::NatsServer;
use serde_json::json;

use super::*;

async fn refused<T, E>(command: aegis::Command<T, E>, kind: ErrorKind, text: &str) {
    let error = command.send().await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(text), "{text:?}: {error}");
}

#[tokio::test]
async fn a_command_that_nobody_has_is_refused_with_those_that_there_are() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let unknown = |service, command| sender.new_command(service, command, &json!({}));
        let nobody = "no instance of works has served commands yet";
        refused(unknown("works", "double"), ErrorKind::Invalid, nobody).await;
        let (app, _, _, _) = working(&ground).await;
        let others = "works has no command dubble; it has back_and_forth, complain,";
        refused(unknown("works", "dubble"), ErrorKind::Invalid, others).await;
        refused(unknown("wo.rks", "x"), ErrorKind::Invalid, "service name").await;
        refused(unknown("works", "x y"), ErrorKind::Invalid, "method name").await;
        let known = sender.new_command("works", "double", &json!({"number": 2}));
        let job = known.send().await.unwrap();
        assert_eq!(job.result().within(PATIENCE).await.unwrap(), 4);
        let early = unknown("to_come", "soon").unchecked().send().await;
        let early = status(&sender, early.unwrap().id()).await;
        assert_eq!(early.state, JobState::Queued, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_said_wrongly_is_refused_before_anything_is_sent() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let works = WorksClient::new(&sender);
        let double = || works.double(1);
        let long = "x".repeat(257);
        for key in ["", " a", "a\nb", &long] {
            let command = double().idempotency_key(key);
            refused(
                command,
                ErrorKind::Invalid,
                "an idempotency key is 1 to 256",
            )
            .await;
        }
        let month = Duration::from_secs(31 * 24 * 3600);
        refused(double().delay(month), ErrorKind::Invalid, "30 days at most").await;
        let own = double().header("Aegis-Job-Id", "7");
        refused(own, ErrorKind::Invalid, "is the framework's own").await;
        let own = double().header("Aegis-Correlation-Id", "7");
        refused(own, ErrorKind::Invalid, "say `.correlation_id(..)`").await;
        let large = works.wait("x".repeat(1 << 20));
        refused(large, ErrorKind::TooLarge, "store what is large").await;
        assert!(sender.jobs().list(9).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_full_queue_refuses_and_nothing_is_known_of_what_it_refused() {
    for ground in Ground::both().await {
        let config = aegis::Config::default().url(&ground.url);
        let config = config.subject_prefix(&ground.prefix);
        let config = config.commands_max_bytes(20_000).jobs_max_bytes(16 << 20);
        let sender = Client::connect(config).await.unwrap();
        let works = WorksClient::new(&sender);
        let mut taken = 0;
        let error = loop {
            match works.wait("x".repeat(5000)).send().await {
                Ok(_) => taken += 1,
                Err(error) => break error,
            }
            assert!(taken < 10, "{}: it is never full", ground.name);
        };
        assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
        assert!(error.to_string().contains("is not queued"), "{error}");
        assert_eq!(sender.jobs().list(99).await.unwrap().len(), taken);
    }
}

#[tokio::test]
async fn full_records_refuse_and_leave_nothing_in_the_queue() {
    for ground in Ground::both().await {
        let config = aegis::Config::default().url(&ground.url);
        let config = config.subject_prefix(&ground.prefix);
        let config = config.commands_max_bytes(16 << 20).jobs_max_bytes(2000);
        let sender = Client::connect(config).await.unwrap();
        let works = WorksClient::new(&sender);
        let mut taken = 0;
        let error = loop {
            match works.double(1).send().await {
                Ok(_) => taken += 1,
                Err(error) => break error,
            }
            assert!(taken < 20, "{}: it is never full", ground.name);
        };
        assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
        assert!(error.to_string().contains("is not queued"), "{error}");
        assert_eq!(ground.queued().await, taken, "{}", ground.name);
    }
}

#[tokio::test]
async fn a_key_whose_job_was_refused_or_forgotten_is_that_of_a_new_one() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let client = client(&app);
        let send = async || works.double(1).idempotency_key("a").send().await.unwrap();
        let first = send().await;
        first.result().within(PATIENCE).await.unwrap();
        let empty = async || ground.queued().await == 0;
        eventually("the queue is empty", empty).await;
        // Its id is remembered by the queue for two minutes, and by nobody else.
        let jobs = client.bucket("aegis_jobs");
        let jobs: aegis::Bucket<serde_json::Value> = jobs.open().await.unwrap();
        jobs.purge(first.id()).await.unwrap();
        let second = send().await;
        assert_eq!((second.id(), second.is_new()), (first.id(), true));
        let result = second.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), 2, "{}", ground.name);
        assert_eq!(seen.of("double").len(), 2, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_key_whose_job_the_queue_has_lost_is_queued_again() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let works = WorksClient::new(&sender);
        let send = async || works.double(1).idempotency_key("a").send().await.unwrap();
        let first = send().await;
        ground.remove_queue().await;
        let second = send().await;
        assert_eq!((second.id(), second.is_new()), (first.id(), true));
        let (app, _, seen, _) = working(&ground).await;
        let result = second.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), 2, "{}", ground.name);
        assert_eq!(seen.of("double").len(), 1, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn the_id_of_a_job_of_another_command_is_refused_loudly() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let job = works.double(1).send().await.unwrap();
        job.result().within(PATIENCE).await.unwrap();
        ground
            .stored_as("commands.works.wait.normal", r#"{"name":"a"}"#, job.id())
            .await;
        let dead = client(&app).dead_letters();
        let noted = async || dead.list(9).await.unwrap().len() == 1;
        eventually("it is a dead letter", noted).await;
        let letter = dead.list(9).await.unwrap().remove(0);
        assert!(
            letter.reason.contains("a job of works.double"),
            "{}",
            letter.reason
        );
        assert_eq!(seen.of("began").len(), 0, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn nobody_waits_for_what_will_never_come() {
    for ground in Ground::both().await {
        let sender = ground.client().await;
        let works = WorksClient::new(&sender);
        let (purged, forgotten) = (
            works.double(1).send().await.unwrap(),
            works.double(2).send().await.unwrap(),
        );
        let mut updates = forgotten.progress();
        soon("it waits", updates.next()).await.unwrap().unwrap();
        ground.remove_queue().await;
        let jobs = sender.bucket("aegis_jobs");
        let jobs: aegis::Bucket<serde_json::Value> = jobs.open().await.unwrap();
        jobs.purge(forgotten.id()).await.unwrap();
        let error = forgotten.result().within(PATIENCE).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Invalid), "{error}");
        let error = soon("the end", updates.next()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let error = purged.result().within(PATIENCE).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NoService), "{error}");
        assert!(error.to_string().contains("send it again"), "{error}");
    }
}

#[tokio::test]
async fn without_jetstream_that_is_said() {
    let server = NatsServer::builder().without_jetstream();
    let server = server.start().await.unwrap();
    let config = aegis::Config::default().url(&server.url());
    let sender = Client::connect(config).await.unwrap();
    let works = WorksClient::new(&sender);
    let text = "JetStream";
    refused(works.double(1), ErrorKind::NoService, text).await;
    let untyped = sender.new_command("works", "double", &json!({}));
    refused(untyped, ErrorKind::NoService, text).await;
    let (works, _, _) = Works::new();
    let app = aegis::testing::TestApp::new().on_nats(&server.url());
    let error = app.service(works).start().await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cannot get commands"), "{text}");
}

#[tokio::test]
async fn records_that_are_removed_are_made_anew() {
    for ground in Ground::both().await {
        let (app, works, seen, pace) = working(&ground).await;
        let job = works.wait("a".to_owned()).send().await.unwrap();
        seen.until("began", 1).await;
        let sender = client(&app);
        assert!(sender.bucket("aegis_jobs").remove().await.unwrap());
        pace.add_permits(1);
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), "a", "{}", ground.name);
        let job = works.double(3).send().await.unwrap();
        assert_eq!(job.result().within(PATIENCE).await.unwrap(), 6);
        app.stop().await.unwrap();
    }
}
