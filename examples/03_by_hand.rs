//! What the macros write, written by hand: a service is a few constants and a row per handler.
//!
//! ```text
//! cargo run -p aegis-examples --bin 03_by_hand
//! ```
//!
//! It runs on the server that `AEGIS_NATS_URL` names, or without any server if that is not set.
//! Compare it with `#[aegis::service(name = "adder", version = "1.0.0")]` on an `impl` block.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::any::{Any, TypeId};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aegis::by_hand::{BoxFuture, arguments, inventory, reply};
use aegis::{
    App, Config, Failure, HandlerDescriptor, HandlerKind, Reply, Request, RpcHandler, Service,
    Source, Subject,
};
use serde_json::json;

/// The service: an ordinary type with ordinary methods.
#[derive(Default)]
struct Adder {
    total: AtomicI64,
}

impl Adder {
    fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        let sum = a.checked_add(b);
        let sum = sum.ok_or_else(|| Failure::new("TOO_LARGE_A_SUM", format!("{a} + {b}")))?;
        self.total.fetch_add(sum, Ordering::Relaxed);
        Ok(sum)
    }
}

impl Service for Adder {
    const NAME: &'static str = "adder";
    const VERSION: &'static str = "1.0.0";
    /// As many as there are rows: a row that the linker lost is noticed at the start.
    const HANDLERS: usize = 1;
}

/// The names of `add`'s arguments on the wire.
const NAMES: &[&str] = &["a", "b"];

/// The code of a row: reads the arguments, runs the method, makes the reply.
fn call_add(service: Arc<dyn Any + Send + Sync>, request: Request) -> BoxFuture<'static, Reply> {
    Box::pin(async move {
        let (a, b) = match arguments::<(i64, i64)>(&request, NAMES) {
            Ok(arguments) => arguments,
            Err(says_why) => return says_why,
        };
        let outcome = match service.downcast_ref::<Adder>() {
            Some(adder) => adder.add(a, b),
            None => Err(Failure::internal("this row belongs to another type")),
        };
        reply(&request, outcome)
    })
}

// A row is data. The linker collects the rows of the whole program.
inventory::submit! {
    HandlerDescriptor {
        service: TypeId::of::<Adder>,
        name: "add",
        docs: "Adds two numbers.",
        signature: "(a: i64, b: i64) -> Result<i64, Failure>",
        source: Source { function: "add", file: file!(), line: line!() },
        kind: HandlerKind::Rpc(RpcHandler {
            subject: Subject::literal("rpc.adder.add"), // A wrong one does not compile.
            arguments: NAMES,
            timeout: None,
            idempotent: false,
            exclusive: false,
            concurrency: None,
            queue: None,
            call: call_add,
        }),
    }
}

/// What `#[aegis::main]` writes, more or less.
#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> aegis::Result<()> {
    let config = Config::load_over(Config::default().url("memory://"))?;
    config.start_log();
    let app = App::new(config).service(Adder::default()).start().await?;

    // A generated client is a convenience too: any call can be made by its names.
    let sum = app
        .client()
        .call("adder", "add", &json!({"a": 1, "b": 2}))
        .await?;
    println!("1 + 2 = {sum}");
    let typed: i64 = app
        .client()
        .call("adder", "add", &json!({"a": 3, "b": 4}))
        .returning()
        .await?;
    println!("3 + 4 = {typed}");
    for wrong in [json!({"a": i64::MAX, "b": 1}), json!({"a": 1})] {
        if let Err(error) = app.client().call("adder", "add", &wrong).await {
            println!("{wrong}: {error}");
        }
    }
    app.stop().await
}
