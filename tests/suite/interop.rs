//! Peers in other languages, with their own NATS clients: Python calls and is called, Node calls.
//!
//! The scripts are in `tests/interop/`. Without `python3` or `node` a test says that it was not
//! run; with them their clients must install.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod commands;
mod events;
mod install;
mod script;
mod stored;

use std::time::Duration;

use aegis::prelude::*;
use aegis::{Codec, Config};
use aegis_tests::{eventually, shared_server, unique_prefix};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::wire::peer::Peer;
use script::{Responder, run_checks};

async fn ask(language: &install::Language, script: &str) {
    let peer = Peer::start().await;
    let arguments = [("PREFIX", &*peer.prefix), ("INSTANCE", &*peer.instance)];
    run_checks(language, script, &arguments).await;
    peer.assert_answers().await;
}

#[tokio::test]
async fn python_discovers_a_service_by_nats_micro() {
    if let Some(python) = install::python().await {
        ask(&python, "discovery.py").await;
    }
}

#[tokio::test]
async fn python_calls_plain_and_with_the_envelope() {
    if let Some(python) = install::python().await {
        ask(&python, "calls.py").await;
    }
}

#[tokio::test]
async fn python_sends_bad_input() {
    if let Some(python) = install::python().await {
        ask(&python, "bad_input.py").await;
    }
}

#[tokio::test]
async fn node_discovers_and_calls() {
    if let Some(node) = install::node().await {
        ask(&node, "client.cjs").await;
    }
}

#[derive(Debug, PartialEq, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
enum PriceError {
    #[error("{0} has no price")]
    #[failure(code = "NO_PRICE")]
    NoPrice(String),
}

/// A service written with `AegisSDK` 1.0.
#[aegis::client(service = "pricing", envelope)]
trait Pricing {
    async fn quote(&self, sku: String) -> Result<i64, PriceError>;

    /// The next call of `quote` finds a standby.
    async fn stand_by(&self) -> Result<(), Failure>;
}

/// A service of nats-py, and one that is a bare subscription: both without an envelope.
#[aegis::client(service = "stock")]
trait Stock {
    async fn level(&self, sku: String) -> Result<i64, PriceError>;
    async fn bare(&self, a: i64, b: i64) -> Result<i64, Failure>;
    async fn quiet(&self) -> Result<(), Failure>;
    async fn fails(&self) -> Result<(), Failure>;
}

async fn clients(prefix: &str) -> [(&'static str, Client); 2] {
    let url = shared_server().await;
    let config = || Config::default().url(&url).subject_prefix(prefix);
    let msgpack = config().codec(Codec::MessagePack);
    [
        ("JSON", Client::connect(config()).await.unwrap()),
        ("MessagePack", Client::connect(msgpack).await.unwrap()),
    ]
}

#[tokio::test]
async fn rust_calls_a_python_service_with_the_envelope() {
    let Some(python) = install::python().await else {
        return;
    };
    let prefix = unique_prefix();
    let responder = Responder::start(&python, "responder.py", &prefix).await;
    for (name, client) in clients(&prefix).await {
        let pricing = PricingClient::new(&client);
        assert_eq!(pricing.quote("chair".into()).await.unwrap(), 7, "{name}");
        // The envelope has no details: the code and the text arrive, the type cannot.
        let untyped = pricing.quote("ghost".into()).failing_with::<Failure>();
        let error = untyped.await.unwrap_err();
        let failure = error.service().unwrap();
        assert_eq!(
            (failure.code(), failure.message()),
            ("NO_PRICE", "ghost has no price"),
            "{name}"
        );
        let error = pricing.quote("ghost".into()).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Rejected), "{name}: {error}");
        assert_eq!(error.to_string(), "NO_PRICE: ghost has no price", "{name}");

        pricing.stand_by().await.unwrap();
        let error = pricing.quote("chair".into()).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NotActive), "{name}: {error}");
        pricing.stand_by().await.unwrap();
        let soon = RetryPolicy::default().initial_delay(Duration::from_millis(1));
        let price = pricing.quote("chair".into()).retry(soon).await;
        assert_eq!(price.unwrap(), 7, "{name}: the second attempt");
    }
    responder.stop().await;
}

#[tokio::test]
async fn rust_calls_plain_python_responders() {
    let Some(python) = install::python().await else {
        return;
    };
    let prefix = unique_prefix();
    let responder = Responder::start(&python, "responder.py", &prefix).await;
    for (name, client) in clients(&prefix).await {
        let stock = StockClient::new(&client);
        assert_eq!(stock.level("chair".into()).await.unwrap(), 12, "{name}");
        assert_eq!(stock.bare(1, 2).await.unwrap(), 3, "{name}");
        stock.quiet().await.unwrap();
        let error = stock.level("ghost".into()).await.unwrap_err();
        let expected = PriceError::NoPrice("ghost".into());
        assert_eq!(error.service(), Some(&expected), "{name}: {error:?}");
        let params = json!({"sku": "nothing"});
        let error = client.call("stock", "level", &params).await.unwrap_err();
        let failure = error.service().unwrap();
        assert_eq!(
            (failure.code(), failure.message(), failure.status()),
            ("SOLD_OUT", "no nothing left", 409),
            "{name}: headers without a body"
        );
        let error = stock.fails().await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Internal), "{name}: {error}");
        assert!(error.to_string().contains("on purpose"), "{name}: {error}");
    }
    responder.stop().await;
}

#[tokio::test]
async fn rust_discovers_a_python_service() {
    let Some(python) = install::python().await else {
        return;
    };
    let prefix = unique_prefix();
    let responder = Responder::start(&python, "responder.py", &prefix).await;
    let [(_, client), _] = clients(&prefix).await;
    let subject = format!("{prefix}.rpc.stock.level");
    eventually("the service in Python is listed", async || {
        let services = client.services(Duration::from_millis(300)).await.unwrap();
        services.iter().any(|service| {
            let mut endpoints = service.endpoints.iter();
            service.name == "stock" && endpoints.any(|endpoint| endpoint.subject == subject)
        })
    })
    .await;
    responder.stop().await;
}

#[tokio::test]
async fn python_follows_the_leader() {
    let Some(python) = install::python().await else {
        return;
    };
    crate::leader::two_instances(async |prefix, standby| {
        let arguments = [("PREFIX", prefix), ("STANDBY", standby)];
        run_checks(&python, "sticky.py", &arguments).await;
    })
    .await;
}
