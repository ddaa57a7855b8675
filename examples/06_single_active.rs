//! One instance leads: what two must not do at a time, the leader alone does.
//!
//! ```text
//! cargo run -p aegis-examples --bin 06_single_active           # a stop and a crash, in one process
//! cargo run -p aegis-examples --bin 06_single_active server    # one instance, until Ctrl-C
//! cargo run -p aegis-examples --bin 06_single_active client    # calls and tells who leads, until Ctrl-C
//! ```
//!
//! `server` and `client` need a NATS server: `cargo run -p aegis-cli -- dev`. Without an argument
//! it runs on the server that `AEGIS_NATS_URL` names; if that is not set, without any server.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aegis::Config;
use aegis::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

struct LeaderEcho;

/// An answer, who gave it, and under which leadership.
#[derive(Debug, Serialize, Deserialize)]
struct Echoed {
    text: String,
    instance: String,
    epoch: u64,
}

/// Instances of one service and one group have one leader.
#[aegis::service(
    name = "leader-echo",
    version = "1.0.0",
    group = "main",
    failover = "aggressive"
)]
impl LeaderEcho {
    /// Any instance answers.
    #[rpc(idempotent)]
    async fn echo(&self, ctx: &Context, text: String) -> Result<String, Failure> {
        Ok(format!("{text}, from {}", ctx.instance()))
    }

    /// The leader alone answers. The epoch is greater than that of every leader before it.
    #[exclusive_rpc(idempotent)]
    async fn echo_alone(&self, leader: &Leadership, text: String) -> Result<Echoed, Failure> {
        let (instance, epoch) = (leader.instance().to_owned(), leader.epoch());
        Ok(Echoed {
            text,
            instance,
            epoch,
        })
    }

    /// Runs before the first exclusive call comes: open, load, begin. After an error another leads.
    #[on_leader]
    async fn promoted(&self, leader: &Leadership) -> Result<(), Failure> {
        println!("{} leads as epoch {}", leader.instance(), leader.epoch());
        Ok(())
    }

    /// Runs when it leads no more, whatever the reason: close, forget.
    #[on_standby]
    async fn demoted(&self, ctx: &Context) {
        println!("{} stands by", ctx.instance());
    }
}

#[aegis::main]
async fn main(config: Config) -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("server") => App::new(config).service(LeaderEcho).run().await,
        Some("client") => follow(&Client::connect(config).await?).await,
        _ => both(config).await,
    }
}

/// A call waits inside its time while nobody leads; one whose answer is lost is made again.
async fn ask(client: &Client) -> Result<Echoed> {
    let call = LeaderEchoClient::new(client).echo_alone("hello".to_owned());
    let call = call.within(Duration::from_secs(20));
    Ok(call.retry(RetryPolicy::default().max_attempts(10)).await?)
}

/// The first answer of a leader after that one.
async fn ask_next(client: &Client, last: &Echoed) -> Result<Echoed> {
    loop {
        let echoed = ask(client).await?;
        if echoed.epoch > last.epoch {
            return Ok(echoed);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Calls ten times a second, and tells who answers and how long that took when it is another one.
async fn follow(client: &Client) -> Result<()> {
    let mut last = 0;
    loop {
        let asked = Instant::now();
        let Echoed {
            instance, epoch, ..
        } = ask(client).await?;
        if epoch != last {
            let took = asked.elapsed().as_millis();
            println!("{instance} answers as epoch {epoch}, after {took} ms");
            last = epoch;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn both(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let client = Client::connect(config.clone()).await?;
    let start = |id| App::new(config.clone().instance_id(id)).service(LeaderEcho);
    let one = start("echo-1").start().await?;
    let first = ask(&client).await?;
    let two = start("echo-2").start().await?;
    for id in ["echo-1", "echo-2"] {
        let call = LeaderEchoClient::new(&client).echo("hello".to_owned());
        println!("everybody: {}", call.to_instance(id).await?);
    }
    let standby = client.call("leader-echo", "echo_alone", &json!({"text": "hello"}));
    let error = standby.to_instance("echo-2").await.err();
    println!("a standby says {:?}", error.and_then(|error| error.kind()));

    let end = Arc::new(AtomicBool::new(false));
    let caller = tokio::spawn(call_on(client.clone(), end.clone()));
    one.stop().await?; // It finishes what runs, and gives its leadership up.
    let second = ask_next(&client, &first).await?;
    println!("after a stop: {}, as a greater epoch", second.instance);
    let three = start("echo-3").start().await?;
    drop(two); // As if it crashed: nothing is given up, its lease runs out.
    let third = ask_next(&client, &second).await?;
    println!("after a crash: {}, as a greater epoch", third.instance);
    end.store(true, Ordering::Relaxed);
    let answered = caller.await.is_ok_and(|all| all.is_ok());
    println!("every call meanwhile was answered: {answered}");
    three.stop().await
}

/// Calls without a pause until it is told to end.
async fn call_on(client: Client, end: Arc<AtomicBool>) -> Result<()> {
    while !end.load(Ordering::Relaxed) {
        ask(&client).await?;
    }
    Ok(())
}
