//! What a user may not do is said at once, by the name of the subject.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, Error, Running};
use aegis_tests::{eventually, soon};
use serde_json::json;

use super::{Till, TillClient, config, says, started};
use crate::log::capture;

/// A server with an almighty user `root`, and `joe`, who has these permissions.
async fn limited(permissions: &str) -> NatsServer {
    let joe = format!("{{user: joe, password: pw, permissions: {{ {permissions} }}}}");
    started(&format!(
        "authorization {{ users: [{{user: root, password: pw}}, {joe}] }}"
    ))
    .await
}

fn user(server: &NatsServer, name: &str) -> Config {
    config(server).user_and_password(name, "pw")
}

async fn connected(config: Config) -> Client {
    soon("the connection", Client::connect(config))
        .await
        .unwrap()
}

async fn serving(config: Config) -> Running {
    soon("the start", App::new(config).service(Till).start())
        .await
        .unwrap()
}

fn failed<E: std::fmt::Debug>(error: CallError<E>) -> Error {
    match error {
        CallError::Failed(error) => error,
        CallError::Service(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_call_on_a_forbidden_subject_is_denied_at_once_and_others_go_on() {
    let nats = limited("publish: { deny: \"rpc.safe.>\" }").await;
    let running = serving(user(&nats, "root")).await;
    let client = connected(user(&nats, "joe")).await;
    let call = client
        .call("safe", "open", &json!({}))
        .within(Duration::from_secs(3600));
    let error = soon("the refusal", call.into_future()).await.unwrap_err();
    let error = failed(error);
    says(&error, ErrorKind::Denied, &["rpc.safe.open", "publish"]);
    assert!(!error.is_retryable(true));
    assert_eq!(TillClient::new(&client).ring(1).await.unwrap(), 2);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn who_may_not_ask_who_is_there_is_told_so() {
    let nats = limited("publish: { deny: \"$SRV.>\" }").await;
    let running = serving(user(&nats, "root")).await;
    let client = connected(user(&nats, "joe")).await;
    let asked = client.services(Duration::from_millis(50));
    let error = soon("the refusal", asked).await.unwrap_err();
    says(&error, ErrorKind::Denied, &["$SRV.INFO", "publish"]);
    running.stop().await.unwrap();
}

/// Knows whether it was started and stopped.
#[derive(Clone, Default)]
struct Safe {
    started: Arc<AtomicUsize>,
    stopped: Arc<AtomicUsize>,
}

#[aegis::service(name = "safe", version = "1.0.0")]
impl Safe {
    #[on_start]
    async fn begin(&self) -> Result<(), Failure> {
        self.started.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[on_stop]
    async fn end(&self) {
        self.stopped.fetch_add(1, Ordering::SeqCst);
    }

    #[rpc]
    async fn open(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[rpc]
    async fn close(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_a_forbidden_subscription_is_denied_and_undone() {
    for (forbidden, named) in [
        ("rpc.safe.open", "rpc.safe.open"),
        ("rpc.safe.*.*", "rpc.safe.*."),
        ("$SRV.>", "$SRV."),
        ("cancel.>", "cancel.safe"),
    ] {
        let nats = limited(&format!("subscribe: {{ deny: \"{forbidden}\" }}")).await;
        let safe = Safe::default();
        let app = App::new(user(&nats, "joe"))
            .service(safe.clone())
            .service(Till);
        let error = soon("the refusal", app.start()).await.unwrap_err();
        says(&error, ErrorKind::Denied, &[named, "subscribe"]);
        assert_eq!(safe.started.load(Ordering::SeqCst), 1, "{forbidden}");
        assert_eq!(safe.stopped.load(Ordering::SeqCst), 1, "{forbidden}");
        let watcher = connected(user(&nats, "root")).await;
        let error = SafeClient::new(&watcher).close().await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NoService), "{forbidden}");
        let error = TillClient::new(&watcher).ring(1).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NoService), "{forbidden}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_users_without_a_login_are_told_as_well() {
    let joe = "{user: joe, password: pw, permissions: {subscribe: {deny: \"rpc.>\"}}}";
    let nats = started(&format!(
        "authorization {{ users: [{joe}] }}\nno_auth_user: joe"
    ))
    .await;
    let app = App::new(config(&nats)).service(Till);
    let error = soon("the refusal", app.start()).await.unwrap_err();
    says(&error, ErrorKind::Denied, &["rpc.till.", "subscribe"]);
}

#[tokio::test]
async fn a_connection_that_may_not_receive_answers_is_denied() {
    let nats = limited("subscribe: { deny: \"_INBOX.>\" }").await;
    let connecting = Client::connect(user(&nats, "joe"));
    let error = soon("the refusal", connecting).await.unwrap_err();
    says(&error, ErrorKind::Denied, &["_INBOX.", "nats.inbox_prefix"]);
    let app = App::new(user(&nats, "joe")).service(Till);
    let error = soon("the refusal", app.start()).await.unwrap_err();
    says(&error, ErrorKind::Denied, &["_INBOX.", "nats.inbox_prefix"]);
}

#[tokio::test]
async fn a_service_that_may_not_reply_says_so_and_its_callers_time_out() {
    let (log, _guard) = capture();
    let nats = limited("publish: { deny: \"_INBOX.>\" }").await;
    let running = serving(user(&nats, "joe")).await;
    let client = connected(user(&nats, "root")).await;
    let till = TillClient::new(&client);
    let error = till.ring(1).within(Duration::from_millis(300)).await;
    assert_eq!(error.unwrap_err().kind(), Some(ErrorKind::Timeout));
    eventually("the service logs it", || async {
        let text = log.text();
        let mut lines = text.lines();
        lines.any(|line| line.contains("ERROR") && line.contains("for Publish to \"_INBOX."))
    })
    .await;
    soon("the end", running.stop()).await.unwrap();
}

#[tokio::test]
async fn permission_to_answer_what_was_asked_is_enough_for_a_service() {
    let nats = limited(
        "subscribe: [\"rpc.till.>\", \"cancel.till.>\", \"$SRV.>\", \"_INBOX.>\"]\n\
         publish: { allow: [] }\nallow_responses: true",
    )
    .await;
    let (log, _guard) = capture();
    let running = serving(user(&nats, "joe")).await;
    let client = connected(user(&nats, "root")).await;
    assert_eq!(TillClient::new(&client).ring(1).await.unwrap(), 2);
    let services = client.services(Duration::from_millis(300)).await.unwrap();
    assert_eq!(services.len(), 1, "{services:?}");
    let stopping = log.text().len();
    soon("the end", running.stop()).await.unwrap();
    let text = log.text().split_off(stopping);
    assert!(!text.contains("did not end cleanly"), "{text}");
}

#[tokio::test]
async fn a_private_inbox_is_enough_for_both_sides() {
    for prefix in ["_INBOX.joe", "_INBOX_joe", "private.joe"] {
        let nats = limited(&format!(
            "subscribe: [\"rpc.>\", \"cancel.>\", \"$SRV.>\", \"{prefix}.>\"]\n\
             publish: [\"rpc.>\", \"cancel.>\", \"$SRV.>\", \"{prefix}.>\"]"
        ))
        .await;
        let joe = user(&nats, "joe").inbox_prefix(prefix);
        let running = serving(joe.clone()).await;
        let client = connected(joe).await;
        assert_eq!(TillClient::new(&client).ring(1).await.unwrap(), 2);
        assert_eq!(TillClient::new(running.client()).ring(2).await.unwrap(), 3);
        let services = client.services(Duration::from_millis(300)).await.unwrap();
        assert_eq!(services.len(), 1, "{prefix}: {services:?}");
        soon("the end", running.stop()).await.unwrap();
    }
}

#[tokio::test]
async fn private_and_common_inboxes_go_together() {
    let nats = limited(
        "subscribe: [\"rpc.>\", \"cancel.>\", \"$SRV.>\", \"_INBOX.joe.>\"]\n\
         publish: [\"rpc.>\", \"cancel.>\", \"_INBOX.>\"]",
    )
    .await;
    let joe = user(&nats, "joe").inbox_prefix("_INBOX.joe");
    for (service, caller) in [
        (joe.clone(), user(&nats, "root")),
        (user(&nats, "root"), joe),
    ] {
        let running = serving(service).await;
        let client = connected(caller).await;
        assert_eq!(TillClient::new(&client).ring(1).await.unwrap(), 2);
        soon("the end", running.stop()).await.unwrap();
    }
}

#[tokio::test]
async fn an_inbox_prefix_that_is_no_subject_is_a_mistake_in_the_configuration() {
    for prefix in ["", "a b", "_INBOX.", "_INBOX..a", "a.*", "$SYS", ".a"] {
        let nobody = Config::default().inbox_prefix(prefix);
        let error = soon("the refusal", Client::connect(nobody))
            .await
            .unwrap_err();
        says(&error, ErrorKind::Config, &["`nats.inbox_prefix`"]);
    }
}
