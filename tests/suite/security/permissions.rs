//! What a user may not do is said at once, by the name of the subject.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aegis::Config;
use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis_tests::soon;

use super::{Till, TillClient, config, says, started};

/// A server with one limited user `joe`, and one `root` who may do everything.
async fn limited(permissions: &str) -> NatsServer {
    started(&format!(
        "authorization {{ users: [
            {{user: joe, password: pw, permissions: {{ {permissions} }}}},
            {{user: root, password: pw}}
        ] }}"
    ))
    .await
}

fn as_user(server: &NatsServer, user: &str) -> Config {
    config(server).user_and_password(user, "pw")
}

#[tokio::test]
async fn a_call_that_the_caller_may_not_make_is_denied_at_once() {
    let nats = limited("publish: {deny: \"rpc.till.*\"}").await;
    let running = App::new(as_user(&nats, "root"))
        .service(Till)
        .start()
        .await
        .unwrap();
    let client = Client::connect(as_user(&nats, "joe")).await.unwrap();
    let call = TillClient::new(&client).ring(1).within(super::FOR_EVER);
    let error = soon("the refusal", call.into_future()).await.unwrap_err();
    let CallError::Failed(error) = error else {
        panic!("{error}")
    };
    says(&error, ErrorKind::Denied, &["publish", "rpc.till.ring"]);
    running.stop().await.unwrap();
}

/// Counts its ends.
struct Hooked(Arc<AtomicUsize>);

#[aegis::service(name = "hooked", version = "1.0.0")]
impl Hooked {
    #[rpc]
    async fn ping(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[on_stop]
    async fn end(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_service_that_may_not_subscribe_does_not_start_and_is_undone() {
    let nats = limited("subscribe: {deny: \"rpc.hooked.>\"}").await;
    let ends = Arc::new(AtomicUsize::new(0));
    let app = App::new(as_user(&nats, "joe")).service(Hooked(ends.clone()));
    let error = soon("the refusal", app.start()).await.unwrap_err();
    says(&error, ErrorKind::Denied, &["subscribe", "rpc.hooked."]);
    assert_eq!(ends.load(Ordering::SeqCst), 1, "`#[on_stop]` ran");
    let root = Client::connect(as_user(&nats, "root")).await.unwrap();
    let error = HookedClient::new(&root).ping().await.unwrap_err();
    assert_eq!(
        error.kind(),
        Some(ErrorKind::NoService),
        "nothing stays subscribed"
    );
}

#[tokio::test]
async fn a_client_that_may_not_use_its_inbox_does_not_connect() {
    let nats = limited("subscribe: {deny: \"_INBOX.>\"}").await;
    let error = soon("the refusal", Client::connect(as_user(&nats, "joe")))
        .await
        .unwrap_err();
    says(&error, ErrorKind::Denied, &["_INBOX.", "nats.inbox_prefix"]);
}

#[tokio::test]
async fn an_inbox_of_its_own_works_both_ways() {
    let nats =
        limited("subscribe: {allow: [\"_INBOX_joe.>\", \"rpc.>\", \"cancel.>\", \"$SRV.>\"]}")
            .await;
    let joe = as_user(&nats, "joe").inbox_prefix("_INBOX_joe");
    super::works(joe).await;
}

#[tokio::test]
async fn a_service_may_answer_and_do_nothing_else() {
    let nats = limited("publish: {deny: \">\"}, allow_responses: true").await;
    let running = soon(
        "the start",
        App::new(as_user(&nats, "joe")).service(Till).start(),
    );
    let running = running.await.unwrap();
    let client = Client::connect(as_user(&nats, "root")).await.unwrap();
    assert_eq!(TillClient::new(&client).ring(1).await.unwrap(), 2);
    soon("the end", running.stop()).await.unwrap();
}
