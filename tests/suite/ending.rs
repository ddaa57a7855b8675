//! What ends with a program, and what a retryable failure of a service means to a caller.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::TestApp;
use aegis_tests::{PATIENCE, eventually, shared_server, unique_prefix};

struct Shy {
    refusals: AtomicU32,
    retryable: bool,
}

#[aegis::service(name = "shy", version = "1.0.0")]
impl Shy {
    /// Refuses a few times, then answers how often it was asked.
    #[rpc]
    async fn ask(&self) -> Result<u32, Failure> {
        let asked = self.refusals.fetch_add(1, Ordering::Relaxed) + 1;
        match (asked < 3, self.retryable) {
            (false, _) => Ok(asked),
            (true, true) => Err(Failure::new("NOT_YET", "ask again").retryable()),
            (true, false) => Err(Failure::new("NEVER", "do not ask again")),
        }
    }
}

fn shy(retryable: bool) -> Shy {
    Shy {
        refusals: AtomicU32::new(0),
        retryable,
    }
}

#[tokio::test]
async fn dropping_a_program_ends_its_services() {
    let url = shared_server().await;
    let prefix = unique_prefix();
    let config = aegis::Config::default().url(&url).subject_prefix(&prefix);
    let on_nats = || TestApp::new().configure(|_| config.clone());
    let memory = aegis::Config::default().url("memory://dropped");
    for (name, config) in [("nats", config.clone()), ("memory", memory)] {
        let app = TestApp::new().configure(|_| config.clone());
        let running = app.service(shy(true)).start().await.unwrap();
        let client = Client::connect(config).await.unwrap();
        let soon = Duration::from_millis(200);
        let ask = || async { client.call("shy", "ask", &()).within(soon).await };
        assert!(ask().await.unwrap_err().service().is_some(), "{name}");
        drop(running);
        eventually(name, || async {
            ask().await.unwrap_err().kind() == Some(ErrorKind::NoService)
        })
        .await;
    }
    // The name is free again.
    on_nats().service(shy(true)).start().await.unwrap();
}

#[tokio::test]
async fn a_retryable_failure_is_retried_by_who_asked_for_it() {
    let policy = RetryPolicy::default().initial_delay(Duration::from_millis(1));
    for (retryable, policy, expected) in [
        (true, policy, Ok(3)),
        (true, policy.max_attempts(2), Err("NOT_YET")),
        (true, RetryPolicy::never(), Err("NOT_YET")),
        (false, policy, Err("NEVER")),
    ] {
        let app = TestApp::new().service(shy(retryable)).start().await;
        let shy: ShyClient = app.as_ref().unwrap().client();
        let answer = shy.ask().within(PATIENCE).retry(policy).await;
        let answer = answer.map_err(|error| error.service().unwrap().code().to_owned());
        assert_eq!(answer, expected.map_err(str::to_owned), "{policy:?}");
    }
}
