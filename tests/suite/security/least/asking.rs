//! A client under its own permissions: it calls, publishes, sends, keeps and looks.

use aegis::prelude::*;
use aegis::{Bucket, DiscoveryMode, ErrorKind, Permissions, Select, Storage};
use aegis_tests::PATIENCE;
use bytes::Bytes;
use serde_json::json;

use super::super::says;
use super::mill::{Ground, Mill, MillClient, cancelled};
use super::world::{User, connected, needs_each, oversteps, text, works};

/// More than the server sends before it asks whether more can be taken.
const MUCH: usize = 40;
const LARGE: usize = 100_000;

fn desk(prefix: &str) -> Permissions {
    let all = || {
        Permissions::new()
            .subject_prefix(prefix)?
            .micro_prefix(&format!("{prefix}.srv"))?
            .inbox_prefix(&format!("_INBOX.{prefix}"))?
            .calls("mill.grind")?
            .calls("mill.wait")?
            .publishes("mill.ground")?
            .sends("mill.load")?
            .bucket("users")?
            .reads_bucket("prices")?
            .observes("mill.*")
            .map_err(aegis::Error::from)
    };
    all().unwrap().discovers()
}

/// What a client does.
async fn ask(user: User) -> Result<(), String> {
    let (desk, root) = (
        connected(user.limited()).await?,
        connected(user.root()).await?,
    );
    // Nobody has served that yet, and there is no stream.
    let early = desk
        .new_command("mill", "load", &json!({"sack": "a"}))
        .send()
        .await;
    match early {
        Err(error) if error.kind() == ErrorKind::Invalid => {}
        other => return Err(format!("{other:?}")),
    }
    desk.publish(&Ground { id: 1 }).await.map_err(text)?;
    let load = MillClient::new(&desk)
        .load("wheat".to_owned())
        .send()
        .await
        .map_err(text)?;
    let mill = Mill::default();
    let running = App::new(user.root().instance_id("mill-1"))
        .service(mill.clone())
        .start();
    let running = running.await.map_err(text)?;
    assert_eq!(
        load.result().within(PATIENCE / 2).await.map_err(text)?,
        "wheat"
    );
    calls(&desk, &mill).await?;
    commands(&desk).await?;
    finds(&user, &desk, &root).await?;
    let mut events = desk.observe("mill.*").all().open().await.map_err(text)?;
    let first = events.next().await.ok_or("no event")?.map_err(text)?;
    assert_eq!(first.name(), "mill.ground");
    keeps(&desk, &root).await?;
    user.is_forgotten(&mut events).await?;
    drop(events);
    desk.close().await.map_err(text)?;
    running.stop().await.map_err(text)
}

async fn calls(desk: &Client, mill: &Mill) -> Result<(), String> {
    let calls = MillClient::new(desk);
    assert_eq!(calls.grind(1).await.map_err(text)?, 2);
    let chosen = calls.grind(1).select(Select::RoundRobin).await;
    assert_eq!(chosen.map_err(text)?, 2);
    let one = tokio::spawn(
        calls
            .wait()
            .to_instance("mill-1")
            .within(PATIENCE)
            .into_future(),
    );
    mill.begun.notified().await;
    one.abort();
    mill.cancelled.notified().await;
    let any = tokio::spawn(calls.wait().within(PATIENCE).into_future());
    mill.begun.notified().await;
    any.abort();
    mill.cancelled.notified().await;
    Ok(())
}

async fn commands(desk: &Client) -> Result<(), String> {
    let calls = MillClient::new(desk);
    let named = desk
        .new_command("mill", "load", &json!({"sack": "rye"}))
        .send();
    let named = named
        .await
        .map_err(text)?
        .result()
        .within(PATIENCE / 2)
        .await;
    assert_eq!(named.map_err(text)?, "rye");
    let late = calls.load("late".to_owned()).delay(PATIENCE).send().await;
    late.map_err(text)?.cancel().await.map_err(text)?;
    cancelled(&calls).await?;
    Ok(())
}

async fn finds(user: &User, desk: &Client, root: &Client) -> Result<(), String> {
    let there = desk.services(std::time::Duration::from_millis(200)).await;
    assert_eq!(there.map_err(text)?.len(), 1);
    for mode in [DiscoveryMode::Basic, DiscoveryMode::Watched] {
        let found = desk.discovery(mode).instances("mill").await.map_err(text)?;
        assert_eq!(found.len(), 1);
    }
    if user.lacks("$JS.FC.") && user.lacks("registry") {
        let registry = root
            .bucket("service_registry")
            .open_bytes()
            .await
            .map_err(text)?;
        fill(&registry, "service-instances.big.").await?;
        desk.discovery(DiscoveryMode::Basic)
            .everybody()
            .await
            .map_err(text)?;
    }
    Ok(())
}

async fn fill(bucket: &Bucket<Bytes>, before: &str) -> Result<(), String> {
    for number in 0..MUCH {
        let large = Bytes::from(vec![b'x'; LARGE]);
        bucket
            .put(&format!("{before}{number}"), &large)
            .await
            .map_err(text)?;
    }
    Ok(())
}

async fn keeps(desk: &Client, root: &Client) -> Result<(), String> {
    let open = |client: &Client, name: &str| {
        let bucket = client.bucket(name).storage(Storage::Memory);
        bucket.max_bytes(16 << 20)
    };
    let users = open(desk, "users").open_bytes().await.map_err(text)?;
    let ann = Bytes::from("ann");
    let revision = users.create("ann", &ann).await.map_err(text)?;
    users.update("ann", &ann, revision).await.map_err(text)?;
    assert_eq!(users.get("ann").await.map_err(text)?, Some(ann.clone()));
    fill(&users, "").await?;
    assert_eq!(users.entries("").await.map_err(text)?.len(), MUCH + 1);
    let prices = open(root, "prices").open_bytes().await.map_err(text)?;
    fill(&prices, "").await?;
    let prices = desk.bucket("prices").find_bytes().await.map_err(text)?;
    let prices = prices.ok_or("it is there")?;
    assert_eq!(prices.keys().await.map_err(text)?.len(), MUCH);
    assert_eq!(prices.entries("").await.map_err(text)?.len(), MUCH);
    prices.get("1").await.map_err(text)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_works_with_what_is_generated() {
    works("desk", desk, ask).await;
}

/// What it does not need.
async fn overstep(user: User) -> Result<(), String> {
    let desk = connected(user.limited()).await?;
    let other = Ground { id: 1 };
    let event = desk.publish_as("mill.other", &other).await.map(drop);
    let call = desk.call("mill", "post", &json!({"n": 1})).await;
    let call = call.map(drop).map_err(|error| match error {
        CallError::Failed(error) => error,
        CallError::Service(failure) => panic!("{failure}"),
    });
    let command = desk
        .new_command("other", "load", &json!({}))
        .unchecked()
        .send();
    let command = command.await.map(drop);
    let bucket = desk.bucket("others").open_bytes().await.map(drop);
    let observed = desk.observe("other.*").open().await.map(drop);
    for (outcome, subject) in [
        (event, "events.mill.other"),
        (call, "rpc.mill.post"),
        (command, "commands.other.load.normal"),
        (bucket, "$JS.API.STREAM.INFO.KV_"),
        (observed, "$JS.API.CONSUMER.CREATE."),
    ] {
        let error = outcome
            .err()
            .ok_or_else(|| format!("{subject} is permitted"))?;
        says(
            &error,
            ErrorKind::Denied,
            &[subject, "publish", "`aegis permissions`"],
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_does_not_need_is_refused_by_name() {
    oversteps("desk", desk, overstep).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_generated_permission_of_a_client_is_needed() {
    needs_each(("desk", None), desk, |_| true, ask).await;
}
