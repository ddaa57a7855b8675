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
    App, Config, Delivered, Event, EventHandler, EventMode, EventStart, Failure, HandlerDescriptor,
    HandlerKind, Reply, Request, RpcHandler, Service, Source, Subject,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

/// The service: an ordinary type with ordinary methods.
#[derive(Clone, Default)]
struct Adder {
    total: Arc<AtomicI64>,
    noted: Arc<Notify>,
}

/// An event; `#[derive(aegis::Event)]` writes what follows it.
#[derive(Serialize, Deserialize)]
struct Counted {
    pieces: i64,
}

impl Event for Counted {
    const NAME: &'static str = "pieces.counted"; // On `events.pieces.counted`.
}

impl Adder {
    fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        let sum = a.checked_add(b);
        let sum = sum.ok_or_else(|| Failure::new("TOO_LARGE_A_SUM", format!("{a} + {b}")))?;
        self.total.fetch_add(sum, Ordering::Relaxed);
        Ok(sum)
    }

    fn note(&self, event: &Counted) {
        self.total.fetch_add(event.pieces, Ordering::Relaxed);
        self.noted.notify_one();
    }
}

impl Service for Adder {
    const NAME: &'static str = "adder";
    const VERSION: &'static str = "1.0.0";
    /// As many as there are rows: a row that the linker lost is noticed at the start.
    const HANDLERS: usize = 2;
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
            guard: None,
            concurrency: None,
            queue: None,
            call: call_add,
        }),
    }
}

/// The same for an event: reads it, runs the method, says how that ended.
fn call_note(
    service: Arc<dyn Any + Send + Sync>,
    delivered: Delivered,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        // What cannot be read is given up, and not tried again.
        let event: Counted = delivered.event().decode()?;
        match service.downcast_ref::<Adder>() {
            Some(adder) => adder.note(&event),
            None => return Err(Failure::internal("this row belongs to another type")),
        }
        Ok(())
    })
}

// What `#[subscribe(mode = "compete")]` writes.
inventory::submit! {
    HandlerDescriptor {
        service: TypeId::of::<Adder>,
        name: "note",
        docs: "Adds what was counted elsewhere.",
        signature: "(event: Counted) -> Result<(), Failure>",
        source: Source { function: "note", file: file!(), line: line!() },
        kind: HandlerKind::Event(EventHandler {
            service: Adder::NAME,
            pattern: None, // The names say which events it wants.
            names: &[Counted::NAME],
            mode: EventMode::Compete,
            start: EventStart::New,
            retries: None,
            backoff: None,
            ack_wait: None,
            concurrency: None,
            durable: false,
            timeout: None,
            exactly: false,
            call: call_note,
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
    let adder = Adder::default();
    let app = App::new(config).service(adder.clone()).start().await?;

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
    app.client().publish(&Counted { pieces: 90 }).await?;
    adder.noted.notified().await;
    println!("in all: {}", adder.total.load(Ordering::Relaxed));
    app.stop().await
}
