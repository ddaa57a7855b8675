//! What travels through a program that records nothing, in memory.

use aegis::prelude::*;
use aegis::testing::TestApp;
use aegis_tests::soon;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

const CARRIED: [(&str, &str); 3] = [
    ("tracestate", "vendor=a:1,other=b"),
    ("baggage", "desk=7,limit=1%2C000"),
    ("Aegis-Correlation-Id", "visit-7"),
];

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("passing.passed")]
struct Passed {}

/// Sends on what comes, and tells what came with it.
struct Pass {
    seen: mpsc::UnboundedSender<(&'static str, Vec<Option<String>>)>,
}

impl Pass {
    fn note(&self, who: &'static str, ctx: &Context) {
        let names = CARRIED.into_iter().map(|(name, _)| name);
        let names = names.chain(["traceparent"]);
        let came = names.map(|name| ctx.header(name).map(str::to_owned));
        let _ = self.seen.send((who, came.collect()));
    }
}

#[aegis::service(name = "pass", version = "1.0.0")]
impl Pass {
    #[rpc]
    async fn first(&self, ctx: &Context) -> Result<(), Failure> {
        self.note("first", ctx);
        PassClient::new(&ctx.client()).second().await?;
        Ok(())
    }

    #[rpc]
    async fn second(&self, ctx: &Context) -> Result<(), Failure> {
        self.note("second", ctx);
        ctx.publish(&Passed {}).await?;
        Ok(())
    }

    #[subscribe(mode = "compete")]
    async fn event(&self, ctx: &Context, _event: Passed) -> Result<(), Failure> {
        self.note("event", ctx);
        PassClient::new(&ctx.client()).last().send().await?;
        Ok(())
    }

    #[command]
    async fn last(&self, ctx: &Context) -> Result<(), Failure> {
        self.note("last", ctx);
        Ok(())
    }
}

#[tokio::test]
async fn a_trace_and_what_belongs_to_it_pass_through_calls_events_and_commands() {
    let (seen, mut told) = mpsc::unbounded_channel();
    let app = TestApp::new().service(Pass { seen }).start().await.unwrap();
    let pass = PassClient::new(app.running().client());
    for flags in ["01", "00"] {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let text = format!("00-{trace}-00f067aa0ba902b7-{flags}");
        let mut call = pass
            .first()
            .trace(aegis::TraceContext::parse(&text).unwrap());
        for (name, value) in CARRIED {
            call = match name {
                "Aegis-Correlation-Id" => call.correlation_id(value),
                _ => call.header(name, value),
            };
        }
        call.await.unwrap();
        let mut spans = Vec::new();
        for expected in ["first", "second", "event", "last"] {
            let (who, came) = soon(expected, told.recv()).await.unwrap();
            assert_eq!(who, expected);
            for ((name, value), came) in CARRIED.iter().zip(&came) {
                assert_eq!(came.as_deref(), Some(*value), "{name} at {who}");
            }
            let parent = came[3].clone().unwrap();
            assert!(
                parent.starts_with(&format!("00-{trace}-")),
                "{parent} at {who}"
            );
            assert!(parent.ends_with(&format!("-{flags}")), "{parent} at {who}");
            spans.push(parent);
        }
        spans.sort();
        spans.dedup();
        assert_eq!(spans.len(), 4, "each its own parent");
    }
}

#[tokio::test]
async fn nothing_that_did_not_come_is_added_to_calls() {
    let (seen, mut told) = mpsc::unbounded_channel();
    let app = TestApp::new().service(Pass { seen }).start().await.unwrap();
    let pass = PassClient::new(app.running().client());
    pass.first().await.unwrap();
    for expected in ["first", "second"] {
        let (who, came) = soon(expected, told.recv()).await.unwrap();
        assert_eq!((who, came), (expected, vec![None; 4]));
    }
}
