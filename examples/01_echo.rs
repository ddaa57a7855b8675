//! An echo service and its client: instances share the calls.
//!
//! ```text
//! cargo run -p aegis-examples --bin 01_echo            # two instances and a client in one process
//! cargo run -p aegis-examples --bin 01_echo server     # one instance, until Ctrl-C
//! cargo run -p aegis-examples --bin 01_echo client     # calls whatever instances there are
//! ```
//!
//! `server` and `client` need a NATS server: `cargo run -p aegis-cli -- dev`. Without an argument
//! it runs on the server that `AEGIS_NATS_URL` names; if that is not set, without any server.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aegis::Config;
use aegis::prelude::*;
use serde::{Deserialize, Serialize};

/// The service. Its state is fields; each instance has its own.
#[derive(Default)]
struct Echo {
    echoed: AtomicU64,
}

/// How a text comes back. On the wire: `"plain"`, `"reverse"`, `"upper"`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Plain,
    Reverse,
    Upper,
}

/// An answer, and who gave it.
#[derive(Debug, Serialize, Deserialize)]
struct Echoed {
    text: String,
    instance: String,
}

/// Gives texts back.
#[aegis::service(name = "echo", version = "1.0.0")]
impl Echo {
    /// Gives a text back, as it is or transformed.
    #[rpc(idempotent)]
    async fn echo(&self, ctx: &Context, text: String, mode: Mode) -> Result<Echoed, Failure> {
        self.echoed.fetch_add(1, Ordering::Relaxed);
        let text = match mode {
            Mode::Plain => text,
            Mode::Reverse => text.chars().rev().collect(),
            Mode::Upper => text.to_uppercase(),
        };
        let instance = ctx.instance().to_owned();
        Ok(Echoed { text, instance })
    }

    /// Gives a text back after a while; gives up when nobody waits for it any more.
    #[rpc(idempotent, timeout = "2s")]
    async fn delayed(&self, ctx: &Context, text: String, millis: u64) -> Result<Echoed, Failure> {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(millis)) => {}
            () = ctx.cancelled() => return Err(Failure::new("GIVEN_UP", "nobody waits")),
        }
        self.echo(ctx, text, Mode::Plain).await
    }

    /// How many texts this instance has given back.
    #[rpc(idempotent)]
    async fn count(&self) -> Result<u64, Failure> {
        Ok(self.echoed.load(Ordering::Relaxed))
    }
}

#[aegis::main]
async fn main(config: Config) -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("server") => App::new(config).service(Echo::default()).run().await,
        Some("client") => call(&Client::connect(config).await?).await,
        _ => both(config).await,
    }
}

async fn both(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let app = |id| App::new(config.clone().instance_id(id)).service(Echo::default());
    let (one, two) = (app("echo-1").start().await?, app("echo-2").start().await?);
    call(one.client()).await?;
    two.stop().await?;
    one.stop().await
}

async fn call(client: &Client) -> Result<()> {
    let echo = EchoClient::new(client);
    for mode in [Mode::Plain, Mode::Reverse, Mode::Upper] {
        let echoed = echo.echo("hello".to_owned(), mode).await?;
        println!("{mode:?}: {}, from {}", echoed.text, echoed.instance);
    }
    let mut shares: BTreeMap<String, u32> = BTreeMap::new();
    for number in 0..100 {
        let call = echo.delayed(format!("text {number}"), 1);
        *shares.entry(call.await?.instance).or_default() += 1;
    }
    println!("100 delayed texts, from: {shares:?}");
    for instance in shares.keys() {
        let count = echo.count().to_instance(instance).await?;
        println!("{instance} counts {count}");
    }
    let late = echo.delayed("too late".to_owned(), 1000);
    let error = late.within(Duration::from_millis(20)).await.err();
    println!("after 20 ms: {:?}", error.and_then(|error| error.kind()));
    Ok(())
}
