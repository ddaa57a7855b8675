//! The command-line tool under its own permissions: what its commands do, but for their output.

use aegis::prelude::*;
use aegis::{Bucket, JobState, Permissions, Storage};
use aegis_tests::PATIENCE;
use bytes::Bytes;

use super::mill::{Ground, Mill, MillClient};
use super::world::{User, connected, needs_each, text, until, works};

fn tool(prefix: &str) -> Permissions {
    let all = || {
        Permissions::new()
            .subject_prefix(prefix)?
            .micro_prefix(&format!("{prefix}.srv"))?
            .inbox_prefix(&format!("_INBOX.{prefix}"))
    };
    all().unwrap().tool()
}

/// What somebody does who looks after a service.
async fn look(user: User) -> Result<(), String> {
    let (ops, root) = (
        connected(user.limited()).await?,
        connected(user.root()).await?,
    );
    // It makes the stream.
    let mut events = ops.observe(">").all().open().await.map_err(text)?;
    let mill = Mill::default();
    let running = App::new(user.root().instance_id("mill-1"))
        .service(mill)
        .start();
    let running = running.await.map_err(text)?;
    let there = ops.services(std::time::Duration::from_millis(200)).await;
    assert_eq!(there.map_err(text)?.len(), 1);
    let found = ops.discovery(aegis::DiscoveryMode::Basic).everybody().await;
    assert_eq!(found.map_err(text)?.len(), 1);
    until("it leads", async || {
        ops.leader("mill", "main")
            .await
            .is_ok_and(|one| one.is_some())
    })
    .await?;
    let leader = ops
        .leader("mill", "main")
        .await
        .map_err(text)?
        .ok_or("nobody leads")?;
    ops.step_down("mill", &leader.instance)
        .await
        .map_err(text)?;
    root.publish(&Ground { id: 13 }).await.map_err(text)?;
    events.next().await.ok_or("no event")?.map_err(text)?;
    jobs(&ops, &root).await?;
    letters(&ops).await?;
    ops.buckets().await.map_err(text)?;
    if user.lacks("MSG.GET.") && user.lacks("_EVENTS") {
        large_letter(&ops, &root).await?;
    }
    if user.lacks("$JS.FC.") {
        much(&user, &ops, &root).await?;
    }
    user.is_forgotten(&mut events).await?;
    drop(events);
    running.stop().await.map_err(text)
}

async fn jobs(ops: &Client, root: &Client) -> Result<(), String> {
    let calls = MillClient::new(root);
    let slow = calls.load("slow".to_owned()).send().await.map_err(text)?;
    let late = calls
        .load("late".to_owned())
        .delay(PATIENCE)
        .send()
        .await
        .map_err(text)?;
    let unlucky = calls
        .load("unlucky".to_owned())
        .send()
        .await
        .map_err(text)?;
    until("one runs, one has failed", async || {
        let of = async |state| {
            ops.jobs()
                .state(state)
                .list(10)
                .await
                .is_ok_and(|all| all.len() == 1)
        };
        of(JobState::Running).await && of(JobState::Failed).await
    })
    .await?;
    let mut updates = ops.command(slow.id()).progress();
    updates.next().await.ok_or("no update")?.map_err(text)?;
    for job in [slow.id(), late.id()] {
        ops.command(job).cancel().await.map_err(text)?;
    }
    until("it is brought back", async || {
        ops.command(unlucky.id()).retry().await.is_ok()
    })
    .await
}

/// Of the event, and of the command that has failed again.
async fn letters(ops: &Client) -> Result<(), String> {
    let dead = ops.dead_letters();
    until("there are two", async || {
        dead.list(10).await.is_ok_and(|all| all.len() == 2)
    })
    .await?;
    for letter in dead.list(10).await.map_err(text)? {
        dead.get(letter.sequence).await.map_err(text)?;
        dead.retry(letter.sequence).await.map_err(text)?;
    }
    until("both are given up again", async || {
        dead.list(10).await.is_ok_and(|all| all.len() == 2)
    })
    .await?;
    for letter in dead.list(10).await.map_err(text)? {
        dead.remove(letter.sequence).await.map_err(text)?;
    }
    Ok(())
}

/// Of an event that was too large for its dead letter: its body stays where it was.
async fn large_letter(ops: &Client, root: &Client) -> Result<(), String> {
    let large = serde_json::json!({"id": 13, "rest": "x".repeat(1_048_200)});
    root.publish_as("mill.ground", &large).await.map_err(text)?;
    let dead = ops.dead_letters();
    until("it is given up", async || {
        dead.list(10).await.is_ok_and(|all| all.len() == 1)
    })
    .await?;
    let letter = dead.list(10).await.map_err(text)?.remove(0);
    dead.retry(letter.sequence).await.map(drop).map_err(text)
}

/// Buckets with more than the server sends before it asks whether more can be taken.
async fn much(user: &User, ops: &Client, root: &Client) -> Result<(), String> {
    let registry = user.lacks("registry");
    let (name, before) = if registry {
        ("service_registry", "service-instances.big.")
    } else {
        ("aegis_jobs", "big")
    };
    let bucket = root.bucket(name).storage(Storage::Memory).open_bytes();
    let bucket: Bucket<Bytes> = bucket.await.map_err(text)?;
    for number in 0..40 {
        let large = Bytes::from(vec![b'x'; 100_000]);
        bucket
            .put(&format!("{before}{number}"), &large)
            .await
            .map_err(text)?;
    }
    if registry {
        let all = ops.discovery(aegis::DiscoveryMode::Basic).everybody().await;
        return all.map(drop).map_err(text);
    }
    ops.jobs().list(10).await.map(drop).map_err(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tool_works_with_what_is_generated() {
    works("ops", tool, look).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_generated_permission_of_the_tool_is_needed() {
    needs_each(("ops", None), tool, |_| true, look).await;
}
