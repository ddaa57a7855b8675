//! A service under its own permissions.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aegis::prelude::*;
use aegis::{Config, DiscoveryMode, Permissions, RetryPolicy, Running};
use aegis_tests::PATIENCE;
use bytes::Bytes;

use super::mill::{Ground, Mill, MillClient, Press, cancelled};
use super::world::{User, connected, needs_each, text, until, works};

fn manifest(app: App, prefix: &str) -> Permissions {
    let app = app.configure(|config| config.subject_prefix(prefix));
    Permissions::new()
        .subject_prefix(prefix)
        .and_then(|all| all.micro_prefix(&format!("{prefix}.srv")))
        .and_then(|all| all.inbox_prefix(&format!("_INBOX.{prefix}")))
        .unwrap()
        .serves(&app.manifest().unwrap())
}

fn mill(prefix: &str) -> Permissions {
    let app = App::new(Config::default()).service(Mill::default());
    let all = manifest(app, prefix).publishes("mill.ground").unwrap();
    all.bucket("flour").unwrap()
}

fn press(prefix: &str) -> Permissions {
    manifest(
        App::new(Config::default()).service(Press::default()),
        prefix,
    )
}

fn patient() -> RetryPolicy {
    RetryPolicy::default()
        .max_attempts(1000)
        .max_delay(Duration::from_millis(50))
}

/// Everything that a service does, on two instances.
async fn serve(user: User) -> Result<(), String> {
    let mill = Mill::default();
    let start = |id: &str, config: Config| {
        let app = App::new(config.instance_id(id).drain_timeout(Duration::from_secs(5)));
        app.service(mill.clone()).start()
    };
    let first = start("mill-1", user.limited()).await.map_err(text)?;
    let desk = connected(user.root()).await?;
    if user.lacks("MSG.GET.KV_") {
        // What a process of the same name has left that is no more.
        let registry = desk
            .bucket("service_registry")
            .open_bytes()
            .await
            .map_err(text)?;
        let left = registry.put("service-instances.mill.mill-2", &Bytes::from("{}"));
        left.await.map_err(text)?;
    }
    // Its configuration says something else: the streams are changed to that.
    let more = user
        .limited()
        .events_max_bytes(8 << 20)
        .dead_max_bytes(2 << 20);
    let second = start("mill-2", more.commands_max_bytes(2 << 20))
        .await
        .map_err(text)?;
    calls(&desk, &mill).await?;
    leads(&desk).await?;
    events(&desk, &mill).await?;
    commands(&desk).await?;
    if user.lacks("STREAM.MSG.GET.") {
        twice(&user).await;
    }
    end(first).await?;
    end(second).await
}

async fn end(running: Running) -> Result<(), String> {
    running.stop().await.map_err(text)
}

async fn calls(desk: &Client, mill: &Mill) -> Result<(), String> {
    let calls = MillClient::new(desk);
    assert_eq!(calls.grind(1).await.map_err(text)?, 2);
    let one = calls.grind(2).to_instance("mill-2").await;
    assert_eq!(one.map_err(text)?, 3);
    let waiting = tokio::spawn(calls.wait().within(PATIENCE).into_future());
    mill.begun.notified().await;
    waiting.abort();
    mill.cancelled.notified().await;
    let there = desk
        .services(Duration::from_millis(200))
        .await
        .map_err(text)?;
    assert_eq!(there.len(), 2, "{there:?}");
    until("both are in the registry", async || {
        let found = desk.discovery(DiscoveryMode::Basic).instances("mill").await;
        found.is_ok_and(|found| found.len() == 2)
    })
    .await
}

async fn leads(desk: &Client) -> Result<(), String> {
    let calls = MillClient::new(desk);
    let post = |n| calls.post(n).within(PATIENCE / 2).retry(patient());
    assert_eq!(post(1).idempotency_key("one").await.map_err(text)?, 1);
    assert_eq!(post(1).idempotency_key("one").await.map_err(text)?, 1);
    let leader = async || desk.leader("mill", "main").await.ok().flatten();
    let before = leader().await.ok_or("nobody leads")?;
    desk.step_down("mill", &before.instance)
        .await
        .map_err(text)?;
    until("the other one leads", async || {
        leader()
            .await
            .is_some_and(|now| now.instance != before.instance && !now.released)
    })
    .await?;
    assert_eq!(post(2).await.map_err(text)?, 2);
    Ok(())
}

async fn events(desk: &Client, mill: &Mill) -> Result<(), String> {
    for id in [7, 13] {
        desk.publish(&Ground { id }).await.map_err(text)?;
    }
    until("each handler had its events", async || {
        let done = [&mill.shared, &mill.told, &mill.written];
        let done = done.map(|count| count.load(Ordering::SeqCst));
        done[0] >= 3 && done[1] >= 8 && done[2] >= 4
    })
    .await?;
    until("one is given up", async || {
        let letters = desk.dead_letters().list(10).await;
        letters.is_ok_and(|letters| letters.len() == 1)
    })
    .await
}

async fn commands(desk: &Client) -> Result<(), String> {
    let calls = MillClient::new(desk);
    let mut jobs = Vec::new();
    for priority in [
        Priority::Low,
        Priority::Normal,
        Priority::High,
        Priority::Critical,
    ] {
        let job = calls
            .load("wheat".to_owned())
            .priority(priority)
            .send()
            .await;
        jobs.push(job.map_err(text)?);
    }
    for job in jobs {
        let loaded = job.result().within(PATIENCE / 2).await;
        assert_eq!(loaded.map_err(text)?, "wheat");
    }
    cancelled(&calls).await?;
    let unlucky = calls
        .load("unlucky".to_owned())
        .send()
        .await
        .map_err(text)?;
    let error = unlucky.result().within(PATIENCE / 2).await.unwrap_err();
    if !error.to_string().contains("UNLUCKY") {
        return Err(error.to_string());
    }
    until("its dead letter is noted", async || {
        let letters = desk.dead_letters().list(10).await;
        letters.is_ok_and(|letters| letters.len() == 2)
    })
    .await
}

/// One job, under two messages.
async fn twice(user: &User) {
    let nats = user.plain().await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Aegis-Job-Id", "twice");
    let lane = format!("{}.commands.mill.load.normal", user.name);
    for _ in 0..2 {
        let body = "{\"sack\": \"slow\"}".into();
        let sent = nats.request_with_headers(lane.clone(), headers.clone(), body);
        sent.await.unwrap();
    }
    // What is missing is noticed meanwhile.
    tokio::time::timeout(PATIENCE / 2, std::future::pending::<()>())
        .await
        .ok();
}

/// A place that was removed, and made anew by one that did not know where it was.
async fn made_anew(user: &User) {
    let nats = user.plain().await;
    let stream = format!("{}_EVENTS", user.name);
    for _ in 0..1000 {
        let delete = format!("$JS.API.CONSUMER.DELETE.{stream}.press__press");
        nats.request(delete, "".into()).await.unwrap();
        let create = format!("$JS.API.CONSUMER.CREATE.{stream}.press__press");
        let body = format!(
            "{{\"stream_name\":\"{stream}\",\"action\":\"create\",\"config\":{{\"name\":\"press__press\",\
             \"durable_name\":\"press__press\",\"ack_policy\":\"explicit\",\"deliver_policy\":\"new\"}}}}"
        );
        nats.request(create, body.into()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn compete(user: User) -> Result<(), String> {
    let press = Press::default();
    let running = App::new(user.limited()).service(press.clone()).start();
    let running = running.await.map_err(text)?;
    let desk = connected(user.root()).await?;
    desk.publish(&Ground { id: 1 }).await.map_err(text)?;
    until("it is handled", async || press.0.load(Ordering::SeqCst) > 0).await?;
    if user.lacks("CONSUMER.DELETE.") {
        made_anew(&user).await;
    }
    end(running).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_works_with_what_is_generated() {
    works("mill", mill, serve).await;
    works("press", press, compete).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_generated_permission_of_a_service_is_needed() {
    let chosen = |subject: &str| !NOT_MISSED.iter().any(|part| subject.contains(part));
    needs_each(("mill", None), mill, chosen, serve).await;
}

/// What nobody misses here, and why it stands there all the same.
const NOT_MISSED: [&str; 2] = [
    // A service may answer what it was asked, so also whether it can take more: but once, and for
    // two minutes, while a reader may take longer. A client misses it: see `asking`.
    "$JS.FC.",
    // Of older servers: see below.
    "$JS.API.STREAM.NAMES",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_nats_2_11_7_a_leader_has_to_find_the_stream() {
    let chosen = |subject: &str| subject == "$JS.API.STREAM.NAMES";
    needs_each(("old", Some("2.10.26")), mill, chosen, serve).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_competes_needs_its_own_place_only() {
    let chosen = |subject: &str| subject.contains("press__");
    needs_each(("press", None), press, chosen, compete).await;
}
