//! Layers around exclusive work with a key, whose result is kept; and the trace of an envelope.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::TestApp;
use aegis::{CallError, Config, Layer, Next, Operation, Outcome, Side};
use aegis_tests::soon;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Default)]
struct Till(Arc<AtomicU32>);

#[aegis::service(name = "till", version = "1.0.0")]
impl Till {
    #[exclusive_rpc]
    async fn pay(&self, cents: u32) -> Result<u32, Failure> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(cents)
    }
}

/// Refuses so many, in its way.
struct Refuses(AtomicU32, fn() -> Outcome);

impl Layer for Refuses {
    async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
        let left = |left: u32| left.checked_sub(1);
        let refuses = operation.side() == Side::Server
            && self
                .0
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
                .is_ok();
        if refuses {
            return (self.1)();
        }
        next.run(operation).await
    }
}

#[tokio::test]
async fn what_a_layer_refused_may_be_asked_for_again_with_its_key() {
    for (refusal, tried_again) in [
        (
            (|| Outcome::overloaded("too much")) as fn() -> Outcome,
            true,
        ),
        (|| Failure::new("TOO_OFTEN", "come back").into(), false),
        (|| Failure::forbidden("not you").into(), false),
    ] {
        let till = Till::default();
        let app = TestApp::new().layer(Refuses(AtomicU32::new(2), refusal));
        let app = app.service(till.clone()).start().await.unwrap();
        let client: TillClient = app.client();
        let quick = RetryPolicy::default().initial_delay(Duration::from_millis(1));
        let pay = || client.pay(7).idempotency_key("order-7").retry(quick);
        let mut paid = soon("an answer", pay().into_future()).await;
        if !tried_again {
            assert!(paid.is_err());
            assert!(pay().await.is_err());
            paid = pay().await;
        }
        assert_eq!(paid.unwrap(), 7);
        assert_eq!(till.0.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_result_that_is_kept_is_handed_out_inside_the_layers() {
    struct WithToken;
    impl Layer for WithToken {
        async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
            if operation.side() == Side::Server && operation.header("Token").is_none() {
                return Failure::forbidden("no token").into();
            }
            next.run(operation).await
        }
    }
    let till = Till::default();
    let app = TestApp::new().layer(WithToken).service(till.clone());
    let app = app.start().await.unwrap();
    let client = app.running().client();
    let pay = || {
        let call = client.call("till", "pay", &json!({"cents": 7}));
        call.idempotency_key("order-7").exclusive()
    };
    let with_token = || pay().header("Token", "yes");
    assert_eq!(with_token().await.unwrap(), 7);
    let refused = pay().await.unwrap_err();
    assert!(
        matches!(&refused, CallError::Failed(error) if error.kind() == ErrorKind::Denied),
        "{refused}"
    );
    assert_eq!(with_token().await.unwrap(), 7);
    assert_eq!(till.0.load(Ordering::SeqCst), 1);
}

#[derive(Debug, Serialize, Deserialize, Event)]
#[event("till.paid")]
struct Paid {
    cents: u32,
}

/// The trace of an event stands in its envelope too, for those who know only that.
#[tokio::test]
async fn the_trace_of_a_handler_stands_in_the_envelope_of_its_events() {
    struct Publishes;
    #[aegis::service(name = "publishes", version = "1.0.0")]
    impl Publishes {
        #[rpc]
        async fn pay(&self, ctx: &Context) -> Result<String, Failure> {
            ctx.publish(&Paid { cents: 7 }).await?;
            Ok(ctx
                .trace()
                .map(|trace| trace.trace_id())
                .unwrap_or_default())
        }
    }
    let url = "memory://trace-in-envelope";
    let config = Config::default().url(url).envelope();
    let running = App::new(config.clone())
        .service(Publishes)
        .start()
        .await
        .unwrap();
    let client = Client::connect(config).await.unwrap();
    let mut events = client.observe("till.paid").open().await.unwrap();
    let trace = aegis::TraceContext::root(7, 8);
    let call = client.call("publishes", "pay", &json!({})).trace(trace);
    let told = call.await.unwrap();
    assert_eq!(told, trace.trace_id());
    let event = soon("the event", events.next()).await.unwrap().unwrap();
    let body = String::from_utf8(event.body().to_vec()).unwrap();
    assert!(body.contains(&trace.trace_id()), "{body}");
    running.stop().await.unwrap();
}
