//! Typed values under text keys: shared by all programs on one NATS, kept over restarts.
//!
//! ```text
//! cargo run -p aegis-examples --bin 05_key_value
//! ```
//!
//! It runs on the server that `AEGIS_NATS_URL` names, or without any server if that is not set.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use aegis::prelude::*;
use aegis::{Bucket, Change, Config, Watch};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    visits: u32,
}

impl User {
    fn new(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, visits: 0 }
    }
}

/// Put, get, and the two writes that happen only under a condition.
async fn write(users: &Bucket<User>) -> Result<()> {
    let mut ann = User::new("Ann");
    let first = users.create("user:1", &ann).await?;
    if let Err(error) = users.create("user:1", &User::new("Eve")).await {
        println!("a second create: {:?}", error.kind());
    }
    ann.visits = 1;
    users.update("user:1", &ann, first).await?;
    if let Err(error) = users.update("user:1", &ann, first).await {
        println!("an update of what has changed: {:?}", error.kind());
    }
    users.put("user:1", &User::new("Anna")).await?; // Whatever was there.
    println!("user:1 is {:?}", users.get("user:1").await?);
    println!("user:2 is {:?}", users.get("user:2").await?);
    Ok(())
}

#[expect(dead_code, reason = "it takes a leader, which this program has not")]
/// A write of a leader; none once a newer leader has written here.
async fn write_as(leader: &Leadership, users: &Bucket<User>) -> Result<bool> {
    let written = users.put("user:1", &User::new("Ann")).fenced(leader).await;
    match written {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotActive => Ok(false), // Stop here.
        Err(error) => Err(error),
    }
}

/// Counts a visit, however many programs do so at once: read, change, write if nobody else did.
async fn visit(users: &Bucket<User>, key: &str) -> Result<u32> {
    loop {
        let Some(mut entry) = users.entry(key).await? else {
            return Ok(0);
        };
        entry.value.visits += 1;
        match users.update(key, &entry.value, entry.revision).await {
            Ok(_) => return Ok(entry.value.visits),
            Err(error) if error.kind() == ErrorKind::Conflict => {} // Somebody was faster.
            Err(error) => return Err(error),
        }
    }
}

/// Tells what happens to some keys, up to the removal of one.
async fn follow(mut changes: Watch<User>) -> Result<()> {
    while let Some(change) = changes.next().await {
        match change? {
            Change::Put(entry) => println!("{} = {}", entry.key, entry.value.name),
            Change::Removed(removed) => {
                println!("{} is gone: {:?}", removed.key, removed.why);
                return Ok(());
            }
            Change::Ready => println!("that is all, for now"),
            _ => println!("forget it all: from the beginning"), // Change::Reset
        }
    }
    Ok(())
}

#[aegis::main]
async fn main(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let client = Client::connect(config).await?;
    for name in ["example-users", "example-sessions"] {
        client.bucket(name).remove().await?; // Left by an earlier run.
    }
    let users: Bucket<User> = client.bucket("example-users").history(5).open().await?;
    write(&users).await?;
    let visit = || visit(&users, "user:1");
    tokio::try_join!(visit(), visit(), visit())?;

    let many = ["Bob", "Cem"].map(|name| (format!("team A/{name} 🙂"), User::new(name)));
    for written in users.put_many(many).await? {
        written?;
    }
    println!("keys: {:?}", users.keys().await?);
    let read = users.get_many(["user:1", "nobody"]).await?;
    println!("{read:?}");
    users.delete("user:1").await?;
    for change in users.history("user:1").await? {
        match change {
            Change::Put(entry) => println!("was {} ({})", entry.value.name, entry.value.visits),
            Change::Removed(removed) => println!("was {:?}", removed.why),
            _ => {}
        }
    }

    // A time to live for one value: NATS 2.11.2.
    let sessions: Bucket<User> = client.bucket("example-sessions").key_ttl().open().await?;
    sessions.put("session:1", &User::new("Ann")).await?;
    let changes = sessions.watch_prefix("session:").await?;
    let session = sessions.put("session:2", &User::new("Bob"));
    session.ttl(Duration::from_secs(1)).await?;
    follow(changes).await
}
