//! What a caller names at run time becomes one token, or nothing: nobody reaches another subject by it.

use std::future::Future;
use std::pin::Pin;

use aegis::prelude::*;
use aegis::{Bucket, CallError, Config, DiscoveryMode, Error};
use aegis_tests::{shared_server, soon, unique_prefix};
use futures_util::StreamExt;
use proptest::prelude::{Strategy, proptest};
use serde_json::json;

type Entry = fn(Client, String) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

fn failed<T>(outcome: Result<T, CallError<Failure>>) -> Result<(), Error> {
    match outcome {
        Ok(_) | Err(CallError::Service(_)) => Ok(()),
        Err(CallError::Failed(error)) => Err(error),
    }
}

/// Every name that is given at run time and is one token.
const TOKENS: [(&str, Entry); 12] = [
    ("service", |client, text| {
        Box::pin(async move { failed(client.call(&text, "ring", &json!({})).await) })
    }),
    ("method", |client, text| {
        Box::pin(async move { failed(client.call("till", &text, &json!({})).await) })
    }),
    ("instance", |client, text| {
        let call = move || client.call("till", "ring", &json!({})).to_instance(&text);
        Box::pin(async move { failed(call().await) })
    }),
    ("service of a command", |client, text| {
        let send = client
            .new_command(&text, "import", &json!({}))
            .unchecked()
            .send();
        Box::pin(async move { send.await.map(drop) })
    }),
    ("command", |client, text| {
        let send = client
            .new_command("till", &text, &json!({}))
            .unchecked()
            .send();
        Box::pin(async move { send.await.map(drop) })
    }),
    ("job", |client, text| {
        Box::pin(async move { client.command(&text).status().await.map(drop) })
    }),
    ("job to cancel", |client, text| {
        Box::pin(async move { client.command(&text).cancel().await.map(drop) })
    }),
    ("service that leads", |client, text| {
        Box::pin(async move { client.leader(&text, "main").await.map(drop) })
    }),
    ("service to step down", |client, text| {
        Box::pin(async move { client.step_down(&text, "till-1").await.map(drop) })
    }),
    ("instance to step down", |client, text| {
        Box::pin(async move { client.step_down("till", &text).await.map(drop) })
    }),
    ("service to find", |client, text| {
        Box::pin(async move {
            let discovery = client.discovery(DiscoveryMode::Basic);
            discovery.instances(&text).await.map(drop)
        })
    }),
    ("bucket", |client, text| {
        Box::pin(async move { client.bucket(&text).open_bytes().await.map(drop) })
    }),
];

/// The names of events have dots, and no wildcards where one is meant.
const EVENTS: [(&str, Entry); 2] = [
    ("event", |client, text| {
        Box::pin(async move { client.publish_as(&text, &1).await.map(drop) })
    }),
    ("events to look at", |client, text| {
        // A wildcard is welcome here, and only as a whole token.
        let text = format!("{text}*");
        Box::pin(async move { client.observe(&text).open().await.map(drop) })
    }),
];

const HOSTILE: [&str; 16] = [
    "",
    " ",
    "*",
    ">",
    "a.b",
    "a.*",
    "a.>",
    ".",
    "a..b",
    "a b",
    "a\tb",
    "a\r\nPUB x 0\r\n",
    "$SYS",
    "$JS.API",
    "_INBOX.a",
    "ä",
];

#[tokio::test]
async fn hostile_names_are_refused_and_nothing_is_sent() {
    let (url, prefix) = (shared_server().await, unique_prefix());
    let config = Config::default().url(&url).subject_prefix(&prefix);
    let client = Client::connect(config).await.unwrap();
    let nats = async_nats::connect(&url).await.unwrap();
    let mut seen = nats.subscribe(format!("{prefix}.>")).await.unwrap();
    nats.flush().await.unwrap();
    for (what, entry) in TOKENS {
        // With a prefix, a bucket without a name of its own is called `{prefix}_`.
        let named = |text: &&str| what != "bucket" || !text.is_empty();
        for text in HOSTILE.into_iter().filter(named) {
            let outcome = soon(what, entry(client.clone(), text.to_owned())).await;
            let error = outcome
                .err()
                .unwrap_or_else(|| panic!("{what} takes {text:?}"));
            assert_eq!(error.kind(), ErrorKind::Invalid, "{what} {text:?}: {error}");
        }
    }
    for (what, entry) in EVENTS {
        for text in HOSTILE
            .iter()
            .filter(|text| !["a.b", "", "a."].contains(text))
        {
            let outcome = soon(what, entry(client.clone(), (*text).to_owned())).await;
            let error = outcome
                .err()
                .unwrap_or_else(|| panic!("{what} takes {text:?}"));
            assert_eq!(error.kind(), ErrorKind::Invalid, "{what} {text:?}: {error}");
        }
    }
    nats.publish(format!("{prefix}.end"), "".into())
        .await
        .unwrap();
    let first = soon("the end", seen.next()).await.unwrap();
    assert_eq!(
        first.subject.as_str(),
        format!("{prefix}.end"),
        "nothing was sent before"
    );
}

#[tokio::test]
async fn any_text_is_a_key_and_stays_in_its_bucket() {
    let (url, prefix) = (shared_server().await, unique_prefix());
    let config = Config::default().url(&url).subject_prefix(&prefix);
    let client = Client::connect(config).await.unwrap();
    let nats = async_nats::connect(&url).await.unwrap();
    let mut seen = nats
        .subscribe(format!("$KV.{prefix}_users.>"))
        .await
        .unwrap();
    nats.flush().await.unwrap();
    let users: Bucket<u32> = client.bucket("users").open().await.unwrap();
    for (number, text) in (0..).zip(HOSTILE) {
        users.put(text, &number).await.unwrap();
        let message = soon("the write", seen.next()).await.unwrap();
        let key = message
            .subject
            .strip_prefix(&*format!("$KV.{prefix}_users."))
            .unwrap();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_=.".contains(&byte);
        assert!(key.bytes().all(plain), "{text:?} is {key:?}");
        assert!(
            key.split('.').all(|token| !token.is_empty()),
            "{text:?} is {key:?}"
        );
        assert_eq!(users.get(text).await.unwrap(), Some(number), "{text:?}");
    }
    assert_eq!(
        users.keys().await.unwrap().len(),
        HOSTILE.len(),
        "no two are one"
    );
}

/// The id of a job is made of the key that its sender names: whatever that is, it is one token.
#[tokio::test]
async fn any_idempotency_key_is_one_job_and_no_other_subject() {
    let (url, prefix) = (shared_server().await, unique_prefix());
    let config = Config::default().url(&url).subject_prefix(&prefix);
    let client = Client::connect(config).await.unwrap();
    for text in HOSTILE.iter().filter(|text| !text.is_empty()) {
        let job = client.command_of_key("till", "import", text).unwrap();
        let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        assert!(job.id().bytes().all(token), "{text:?} is {}", job.id());
        assert!(job.status().await.unwrap().is_none());
    }
}

fn hostile() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_-]{0,5}[.*> \\t\\r\\n$\\x00-\\x1f\u{7f}-\u{2ff}][a-zA-Z0-9.*>_-]{0,5}"
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_hostile_name_gets_through_anywhere(text in hostile()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let memory = Config::default().url("memory://injection");
            let client = Client::connect(memory).await.unwrap();
            for (what, entry) in TOKENS {
                let error = entry(client.clone(), text.clone()).await;
                let error = error.err().unwrap_or_else(|| panic!("{what} takes {text:?}"));
                assert_eq!(error.kind(), ErrorKind::Invalid, "{what} {text:?}: {error}");
            }
        });
    }
}
