//! A start hook may end with any error that `?` turns into a `Failure`, and the start tells it.

use std::fmt;

use aegis::prelude::*;
use aegis::testing::TestApp;
use serde::{Deserialize, Serialize};

/// An error of the service's own that is no `std::error::Error`.
#[derive(Debug, Serialize, Deserialize, aegis::Failure)]
enum Cold {
    NoFuel,
}

impl fmt::Display for Cold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the tank is empty")
    }
}

/// An error of the service's own that is one.
#[derive(Debug, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
enum Locked {
    #[error("the door is locked")]
    NoKey,
}

struct OfAegis;

#[aegis::service(name = "of_aegis", version = "1.0.0")]
impl OfAegis {
    #[on_start]
    async fn begin(&self, ctx: &Context) -> Result<()> {
        let ask = ctx.client().call("nobody", "ping", &());
        ask.await?;
        Ok(())
    }
}

struct OfTheStandardLibrary;

#[aegis::service(name = "of_the_standard_library", version = "1.0.0")]
impl OfTheStandardLibrary {
    #[on_start]
    async fn begin(&self) -> Result<(), std::num::ParseIntError> {
        "x".parse::<u8>().map(drop)
    }
}

struct OfItsOwn;

#[aegis::service(name = "of_its_own", version = "1.0.0")]
impl OfItsOwn {
    #[on_start]
    async fn begin(&self) -> Result<(), Cold> {
        Err(Cold::NoFuel)
    }
}

struct OfBothKinds;

#[aegis::service(name = "of_both_kinds", version = "1.0.0")]
impl OfBothKinds {
    #[on_start]
    async fn begin(&self) -> Result<(), Locked> {
        Err(Locked::NoKey)
    }
}

#[tokio::test]
async fn a_start_hook_may_end_with_any_error() {
    let app = TestApp::new;
    for (app, text) in [
        (app().service(OfAegis), "INTERNAL: "),
        (
            app().service(OfTheStandardLibrary),
            "INTERNAL: invalid digit found in string",
        ),
        (app().service(OfItsOwn), "NO_FUEL: the tank is empty"),
        (app().service(OfBothKinds), "NO_KEY: the door is locked"),
    ] {
        let error = app.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lifecycle);
        let told = error.to_string();
        assert!(told.contains(" failed: ") && told.contains(text), "{told}");
    }
}
