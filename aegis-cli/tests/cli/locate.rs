//! `--url auto`.

use aegis::testing::NatsServer;

use crate::calculator::calculator;
use crate::{aegis, said};

#[tokio::test(flavor = "multi_thread")]
async fn the_tool_looks_for_nats_as_every_program_does() {
    let server = NatsServer::start().await.unwrap();
    let running = calculator(&server.url(), "calc-1").await;
    let words = [
        "call",
        "calculator",
        "add",
        r#"{"a":1,"b":2}"#,
        "--url",
        "auto",
    ];
    let mut command = aegis(&words);
    // Port 4222 of this machine may be anybody's: what is said comes first.
    command.env("NATS_URL", server.url());
    let found = tokio::task::spawn_blocking(move || said(command.output().unwrap()));
    let found = found.await.unwrap();
    assert_eq!((found.code, found.out.trim()), (0, "3"), "{}", found.err);
    running.stop().await.unwrap();
}
