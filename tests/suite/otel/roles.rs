//! What the processes do: three services, and callers.

use std::process::ExitCode;
use std::time::Duration;

use aegis::prelude::*;
use aegis::{AnyEvent, Config, TraceContext};
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

/// The test that a process runs.
pub(super) const PLAYS: &str = concat!(module_path!(), "::plays");

/// Calls that the role `flood` makes, one after another.
pub(super) const FLOOD: usize = 300;
/// Orders that the role `orders` places.
pub(super) const ORDERS: usize = 40;

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("otel.placed")]
struct Placed {
    id: String,
}

/// Takes orders.
struct Desk;

#[aegis::service(name = "desk", version = "1.2.3")]
impl Desk {
    #[rpc]
    async fn place(&self, ctx: &Context, id: String) -> Result<(), Failure> {
        tracing::info!("takes an order");
        let publish = async {
            tracing::info!("looks");
            ctx.publish(&Placed { id: id.clone() }).id(&id).await
        };
        let looking = tracing::info_span!("looks at the shelf", number = 7);
        publish.instrument(looking).await?;
        Ok(())
    }

    #[rpc]
    async fn fails(&self) -> Result<(), Failure> {
        Err(Failure::new("NO_STOCK", "there is none"))
    }

    #[rpc]
    async fn panics(&self) -> Result<(), Failure> {
        panic!("on purpose")
    }

    #[rpc]
    async fn quick(&self) -> Result<(), Failure> {
        let _inside = tracing::info_span!("inside").entered();
        Ok(())
    }

    /// The header `traceparent`, as it came.
    #[rpc]
    async fn header(&self, ctx: &Context) -> Result<Option<String>, Failure> {
        Ok(ctx.header("traceparent").map(str::to_owned))
    }

    /// The same of a call made here.
    #[rpc]
    async fn asks(&self, ctx: &Context) -> Result<Option<String>, Failure> {
        Ok(DeskClient::new(&ctx.client()).header().await?)
    }
}

/// Handles events.
struct Back;

#[aegis::service(name = "back", version = "1.0.0")]
impl Back {
    #[subscribe(mode = "compete", backoff(first = "1ms", max = "5ms"))]
    async fn bill(&self, ctx: &Context, event: Placed) -> Result<(), Failure> {
        tracing::info!("bills an order");
        let attempt = ctx.event().map_or(0, AnyEvent::attempt);
        if attempt == 1 && event.id.starts_with("again") {
            return Err(Failure::new("NOT_NOW", "the till is shut"));
        }
        MillClient::new(&ctx.client())
            .grind(event.id)
            .send()
            .await?;
        Ok(())
    }
}

/// Works on commands.
struct Mill;

#[aegis::service(name = "mill", version = "1.0.0")]
impl Mill {
    #[command]
    async fn grind(&self, id: String) -> Result<String, Failure> {
        tracing::info!("grinds an order");
        Ok(id)
    }
}

/// Says in each of its hooks that it runs.
struct Watch;

#[aegis::service(name = "watch", version = "1.0.0")]
impl Watch {
    #[on_start]
    async fn begin(&self) -> Result<(), Failure> {
        tracing::info!("begins");
        let refused = std::env::var("AEGIS_TEST_REFUSED").is_ok();
        if refused {
            return Err(Failure::new("TOO_DARK", "nothing can be seen\nat night"));
        }
        Ok(())
    }

    #[on_leader]
    async fn lead(&self) -> Result<(), Failure> {
        tracing::info!("has the lead");
        Ok(())
    }

    #[on_standby]
    async fn stand_by(&self) {
        tracing::info!("has the lead no more");
    }

    #[health]
    async fn feels(&self) -> Health {
        tracing::info!("is asked");
        Health::healthy()
    }

    #[on_stop]
    async fn end(&self) {
        tracing::info!("ends");
    }

    #[exclusive_rpc]
    async fn look(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
#[ignore = "a process that the tests of this module start"]
fn plays() {
    // It ends with its starter.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_line(&mut String::new());
        std::process::exit(1);
    });
    assert_eq!(format!("{:?}", main()), format!("{:?}", ExitCode::SUCCESS));
}

#[aegis::main]
async fn main(config: Config) -> Result<()> {
    tracing::info!("is there");
    let role = std::env::var("AEGIS_TEST_WORD").unwrap();
    let app = App::new(config.clone());
    match role.as_str() {
        "desk" => return app.service(Desk).run().await,
        "back" => return app.service(Back).run().await,
        "mill" => return app.service(Mill).run().await,
        // Its services are in the same process, and on a bus in memory.
        "all" => {
            let running = app
                .service(Desk)
                .service(Back)
                .service(Mill)
                .start()
                .await?;
            plays_alone(running.client()).await?;
            return running.stop().await;
        }
        "watch" => {
            let running = app.service(Watch).start().await?;
            let look = WatchClient::new(running.client()).look();
            look.within(Duration::from_secs(20)).await.unwrap();
            return running.stop().await;
        }
        "busy" => {
            let running = app.service(Desk).start().await?;
            is_busy(running.client()).await;
            return running.stop().await;
        }
        "flood" => return floods(app).await,
        "orders" => return places_orders(app).await,
        _ => {}
    }
    let client = Client::connect(config).await?;
    let desk = DeskClient::new(&client);
    let id = std::env::var("AEGIS_TEST_ORDER").unwrap_or_default();
    let visit = tracing::info_span!("visit");
    let visited = async {
        tracing::info!("visits");
        desk.place(id.clone()).await
    };
    visited.instrument(visit).await.unwrap();
    tracing::info!("has ordered");
    Ok(())
}

async fn floods(app: App) -> Result<()> {
    let running = app.service(Desk).start().await?;
    let desk = DeskClient::new(running.client());
    for _ in 0..FLOOD {
        desk.quick().await.unwrap();
    }
    running.stop().await?;
    let left_out = aegis::metrics().counter("aegis_traces_left_out_total", &[]);
    tracing::info!("left out: {left_out}");
    Ok(())
}

async fn places_orders(app: App) -> Result<()> {
    let app = app.service(Desk).service(Back).service(Mill);
    let running = app.start().await?;
    let desk = DeskClient::new(running.client());
    for number in 0..ORDERS {
        desk.place(number.to_string()).await.unwrap();
    }
    eventually_ground(ORDERS as u64).await;
    running.stop().await
}

/// Every kind of call once.
async fn plays_alone(client: &Client) -> Result<()> {
    let desk = DeskClient::new(client);
    let said = |code: &str, error: String| assert!(error.contains(code), "{error}");
    said("NO_STOCK", desk.fails().await.unwrap_err().to_string());
    said("INTERNAL", desk.panics().await.unwrap_err().to_string());
    let nobody = client.call("nobody", "there", &()).await;
    said("nobody", nobody.unwrap_err().to_string());
    desk.quick().await.unwrap();
    let header = desk.header().await.unwrap();
    tracing::info!("header without: {header:?}");
    let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let unsampled = TraceContext::parse(unsampled).unwrap();
    desk.quick().trace(unsampled).await.unwrap();
    let header = desk.header().trace(unsampled).await.unwrap();
    tracing::info!("header of one left out: {header:?}");
    let header = desk.asks().trace(unsampled).await.unwrap();
    tracing::info!("header behind one left out: {header:?}");
    if let Ok(recorded) = std::env::var("AEGIS_TEST_TRACE") {
        let recorded = TraceContext::parse(&recorded).unwrap();
        desk.quick().trace(recorded).await.unwrap();
    }
    let order = std::env::var("AEGIS_TEST_ORDER").unwrap_or_default();
    if !order.is_empty() {
        desk.place(order).await.unwrap();
        eventually_ground(1).await;
    }
    Ok(())
}

/// Waits until the commands of so many orders were handled.
async fn eventually_ground(orders: u64) {
    let labels = [("service", "mill"), ("outcome", "succeeded")];
    let handled = || aegis::metrics().counter("aegis_commands_handled_total", &labels);
    aegis_tests::eventually("a command", async || handled() >= orders).await;
}

/// More spans than there is room for, while calls have to be answered.
async fn is_busy(client: &Client) {
    let desk = DeskClient::new(client);
    let dropped = || aegis::metrics().counter("aegis_spans_dropped_total", &[]);
    let mut calls = 0;
    while dropped() == 0 {
        // An error is one of a call that was not answered in time.
        let answered = desk.quick().within(Duration::from_secs(5)).await;
        answered.unwrap();
        calls += 1;
        assert!(calls < 20_000, "nothing was dropped");
    }
    tracing::info!("drops");
    let mut after = 0;
    while !std::path::Path::new("go on").exists() {
        desk.quick().within(Duration::from_secs(5)).await.unwrap();
        after += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tracing::info!("goes on after {after}");
    let last = tracing::info_span!("after the outage");
    desk.quick().into_future().instrument(last).await.unwrap();
}
