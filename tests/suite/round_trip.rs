//! Calls arrive and come back, typed and untyped, in both encodings and both forms.

use aegis::Codec;
use aegis::prelude::*;
use aegis::testing::TestApp;
use aegis_tests::{shared_server, unique_prefix};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

struct Calculator;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair {
    a: i64,
    b: i64,
}

#[derive(Debug, PartialEq, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
enum MathError {
    #[error("{0} cannot be divided by nothing")]
    #[failure(code = "DIVISION_BY_ZERO", status = 422)]
    DivisionByZero(i64),
}

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    /// Adds two numbers.
    #[rpc]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }

    /// Adds the numbers of a pair.
    #[rpc(idempotent)]
    async fn sum(&self, pair: Params<Pair>) -> Result<i64, Failure> {
        Ok(pair.a + pair.b)
    }

    #[rpc]
    async fn divide(&self, a: i64, by: i64) -> Result<i64, MathError> {
        if by == 0 {
            Err(MathError::DivisionByZero(a))
        } else {
            Ok(a / by)
        }
    }

    #[rpc]
    async fn whoami(
        &self,
        ctx: &Context,
        _unused: Option<String>,
    ) -> Result<(String, String), Failure> {
        Ok((
            ctx.instance().to_owned(),
            ctx.header("Tenant").unwrap_or("").to_owned(),
        ))
    }
}

async fn apps() -> Vec<(&'static str, TestApp)> {
    let url = shared_server().await;
    let on_nats = || {
        TestApp::new()
            .on_nats(&url)
            .configure(|c| c.subject_prefix(&unique_prefix()))
    };
    vec![
        ("memory", TestApp::new()),
        ("nats", on_nats()),
        (
            "nats, msgpack",
            on_nats().configure(|c| c.codec(Codec::MessagePack)),
        ),
        (
            "nats, envelope",
            on_nats().configure(aegis::Config::envelope),
        ),
        (
            "nats, envelope, msgpack",
            on_nats().configure(|c| c.envelope().codec(Codec::MessagePack)),
        ),
    ]
}

#[tokio::test]
async fn round_trip() {
    for (name, app) in apps().await {
        let app = app.service(Calculator).start().await.unwrap();
        let calculator: CalculatorClient = app.client();
        assert_eq!(calculator.add(1, 2).await.unwrap(), 3, "{name}");
        assert_eq!(
            calculator.sum(Params(Pair { a: 3, b: 4 })).await.unwrap(),
            7,
            "{name}"
        );
        let client = app.running().client();
        let sum: Value = client
            .call("calculator", "add", &json!({"a": 1, "b": 2}))
            .await
            .unwrap();
        assert_eq!(sum, json!(3), "{name}");
        let instance = app.running().instance("calculator").unwrap().to_owned();
        let me = calculator
            .whoami(None)
            .header("Tenant", "acme")
            .to_instance(&instance)
            .await;
        assert_eq!(me.unwrap(), (instance, "acme".to_owned()), "{name}");
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn domain_error_is_typed_on_both_sides() {
    for (name, app) in apps().await {
        let app = app.service(Calculator).start().await.unwrap();
        let calculator: CalculatorClient = app.client();
        let error = calculator.divide(7, 0).await.unwrap_err();
        assert_eq!(
            error.service(),
            Some(&MathError::DivisionByZero(7)),
            "{name}: {error:?}"
        );
        let client = app.running().client();
        let error = client
            .call("calculator", "divide", &json!({"a": 7, "by": 0}))
            .await
            .unwrap_err();
        let failure = error.service().unwrap();
        assert_eq!(
            (failure.code(), failure.status()),
            ("DIVISION_BY_ZERO", 422),
            "{name}"
        );
        assert_eq!(
            failure.message(),
            "7 cannot be divided by nothing",
            "{name}"
        );
    }
}
