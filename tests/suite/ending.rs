//! What ends with a program that is dropped.

use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::TestApp;
use aegis_tests::{eventually, shared_server, unique_prefix};

struct Here;

#[aegis::service(name = "here", version = "1.0.0")]
impl Here {
    #[rpc]
    async fn ask(&self) -> Result<(), Failure> {
        Ok(())
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
        let running = app.service(Here).start().await.unwrap();
        let client = Client::connect(config).await.unwrap();
        let soon = Duration::from_millis(200);
        let ask = || async { client.call("here", "ask", &()).within(soon).await };
        assert!(ask().await.is_ok(), "{name}");
        drop(running);
        eventually(name, || async {
            ask()
                .await
                .is_err_and(|error| error.kind() == Some(ErrorKind::NoService))
        })
        .await;
    }
    // The name is free again.
    on_nats().service(Here).start().await.unwrap();
}
