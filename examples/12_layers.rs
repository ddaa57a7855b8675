//! Layers and guards: an audit log, a limit for each caller, a token, and who may call what.
//!
//! ```text
//! cargo run -p aegis-examples --bin 12_layers
//! ```
//!
//! It runs on the server that `AEGIS_NATS_URL` names; if that is not set, without any server.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU32;

use aegis::prelude::*;
use aegis::{Config, Layer, Next, Operation, Outcome, Side};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

struct Vault;

/// Keeps what is worth keeping.
#[aegis::service(name = "vault", version = "1.0.0")]
impl Vault {
    /// How much there is. Everybody may ask.
    #[rpc(idempotent)]
    async fn balance(&self) -> Result<u64, Failure> {
        Ok(1_000)
    }

    /// Gives something out, to whoever has a token.
    #[rpc(guard = "with_token")]
    async fn withdraw(&self, amount: u64) -> Result<u64, Failure> {
        Ok(amount)
    }
}

/// A guard sees the call, and refuses with a failure: the caller gets `FORBIDDEN`, number 403.
fn with_token(call: &Context) -> Result<(), Failure> {
    match call.header("Token") {
        Some("open sesame") => Ok(()),
        Some(_) => Err(Failure::forbidden("the token is not valid")),
        None => Err(Failure::forbidden(format!(
            "{} needs a token",
            call.method()
        ))),
    }
}

/// Writes down who asked for what, and what came of it.
struct Audit;

impl Layer for Audit {
    async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
        let outcome = next.run(operation).await;
        if operation.side() == Side::Server {
            let desk = operation.header("Desk").unwrap_or("unknown");
            let ended = outcome.failure().map_or("ok", Failure::code);
            println!("audit: {desk} {}: {ended}", operation.name());
        }
        outcome
    }
}

/// Lets each desk ask so often a second.
struct EachDesk(DefaultKeyedRateLimiter<String>);

impl EachDesk {
    fn new(a_second: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(Quota::per_second(a_second)))
    }
}

impl Layer for EachDesk {
    async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
        if operation.side() == Side::Client {
            return next.run(operation).await;
        }
        let desk = operation.header("Desk").unwrap_or("unknown").to_owned();
        // Desks that were not heard of for a while need no place.
        if self.0.len() > 10_000 {
            self.0.retain_recent();
        }
        match self.0.check_key(&desk) {
            Ok(()) => next.run(operation).await,
            // Nothing ran, so a caller with a retry policy tries again.
            Err(_) => Outcome::overloaded(format!("{desk} asks too often")),
        }
    }
}

/// Puts the name of a desk, and perhaps a token, on everything that is sent.
struct Desk(&'static str, Option<&'static str>);

impl Layer for Desk {
    async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
        let named = operation.set_header("Desk", self.0);
        let signed = self
            .1
            .map_or(Ok(()), |token| operation.set_header("Token", token));
        match named.and(signed) {
            Ok(()) => next.run(operation).await,
            Err(error) => Failure::internal(error.to_string()).into(),
        }
    }
}

#[aegis::main]
async fn main(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let app = App::new(config).layer(Audit).layer(EachDesk::new(THREE));
    let running = app.service(Vault).start().await?;

    let alice = running.client().layer(Desk("alice", Some("open sesame")));
    let bob = running.client().layer(Desk("bob", None));
    println!(
        "alice withdraws {:?}",
        VaultClient::new(&alice).withdraw(10).await.ok()
    );
    let refused = VaultClient::new(&bob).withdraw(10).await.err();
    println!(
        "bob: {}",
        refused.map_or_else(String::new, |error| error.to_string())
    );

    let mut answers = 0;
    for _ in 0..10 {
        answers += usize::from(VaultClient::new(&bob).balance().await.is_ok());
    }
    println!("bob got {answers} of 10 answers; alice is not held up:");
    println!(
        "alice sees {:?}",
        VaultClient::new(&alice).balance().await.ok()
    );
    running.stop().await
}

const THREE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
