//! Who may connect, who may do what, and what nobody gets to read; on real servers.
//! `login` and `tls` are ways in, `permissions` limits within, `permissions_of_events` and
//! `permissions_of_commands` those of streams and buckets, `least` those that are generated, `revoked` the loss of a way in,
//! `rotated` a new one in its place, `shown` what the pages show, `messages` what all of that says, `flood` and `injection` what one client
//! can do to others;
//! `certificates` and `jwt` make what they need.

mod certificates;
mod flood;
mod injection;
mod jwt;
mod least;
mod login;
mod messages;
mod permissions;
mod permissions_of_commands;
mod permissions_of_events;
mod regranted;
mod revoked;
mod rotated;
mod shown;
mod tls;

use std::fmt::Write as _;
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{NatsServer, NatsServerBuilder};
use aegis::{Config, Error, Permissions};
use aegis_tests::soon;

/// Longer than any test waits: an attempt after the first would be noticed.
const FOR_EVER: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone)]
struct Till;

#[aegis::service(name = "till", version = "1.0.0")]
impl Till {
    #[rpc]
    async fn ring(&self, amount: u32) -> Result<u32, Failure> {
        Ok(amount + 1)
    }
}

fn server(config: &str) -> NatsServerBuilder {
    NatsServer::builder().without_jetstream().config(config)
}

async fn started(config: &str) -> NatsServer {
    server(config).start().await.unwrap()
}

/// The part of a server's configuration with these users, and no other.
fn users(all: &[(&str, Permissions)]) -> String {
    let one =
        |(name, block): &(&str, Permissions)| format!("{{user: {name}, password: pw, {block} }}");
    let all: Vec<String> = all.iter().map(one).collect();
    format!("authorization {{ users: [ {} ] }}", all.join("\n"))
}

/// The server's URL with a login, or with another scheme.
fn url(server: &NatsServer, start: &str) -> String {
    format!("{start}127.0.0.1:{}", server.port())
}

fn config(server: &NatsServer) -> Config {
    Config::default()
        .url(&server.url())
        .connect_timeout(FOR_EVER)
}

/// A service and a caller of its own both get in, and reach each other.
async fn works(config: Config) {
    let running = soon("the start", App::new(config.clone()).service(Till).start());
    let running = running.await.unwrap();
    let client = soon("the connection", Client::connect(config))
        .await
        .unwrap();
    assert_eq!(TillClient::new(&client).ring(6).await.unwrap(), 7);
    soon("the end", running.stop()).await.unwrap();
}

/// The connection is refused at once, and the error shows none of these secrets.
async fn refused(config: Config, secrets: &[&str]) -> Error {
    let shown = format!("{config:?}");
    let error = soon("the refusal", Client::connect(config))
        .await
        .unwrap_err();
    hides(&format!("{shown}\n{}", everything(&error)), secrets);
    error
}

/// Everything that an error can tell: itself and its causes, for people and for programmers.
fn everything(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}");
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let _ = write!(text, "\n{next}\n{next:?}");
        cause = next.source();
    }
    text
}

fn hides(text: &str, secrets: &[&str]) {
    assert!(!secrets.is_empty());
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[track_caller]
fn says(error: &Error, kind: ErrorKind, parts: &[&str]) {
    assert_eq!(error.kind(), kind, "{error:?}");
    for part in parts {
        assert!(error.to_string().contains(part), "{part} is in {error}");
    }
}
