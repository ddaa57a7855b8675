//! A credentials file that is replaced while programs run.

use std::path::Path;
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, ConnectionState, RetryPolicy};
use aegis_tests::{eventually, soon};

use super::jwt::{Credentials, Operator, now};
use super::{Till, TillClient, config, hides, server};
use crate::log::capture;

/// As a rotation does it: whoever reads sees one or the other.
fn replace(file: &Path, with: &[u8]) {
    let new = file.with_extension("new");
    std::fs::write(&new, with).unwrap();
    std::fs::rename(new, file).unwrap();
}

fn text(user: &Credentials) -> Vec<u8> {
    std::fs::read(&user.file).unwrap()
}

async fn answers(client: &Client) {
    let mut connection = client.connection();
    let back = connection.wait_for(|state| *state == ConnectionState::Connected);
    soon("the connection", back).await.unwrap();
    let patient = RetryPolicy::default().max_attempts(1000);
    let patient = patient.max_delay(Duration::from_millis(50));
    let till = TillClient::new(client);
    let call = till.ring(1).within(Duration::from_secs(20)).retry(patient);
    assert_eq!(call.await.unwrap(), 2);
}

/// The same server on the same port, with another configuration.
async fn instead(of: &mut NatsServer, config: &str) -> NatsServer {
    of.stop().await.unwrap();
    server(config).port(of.port()).start().await.unwrap()
}

#[tokio::test]
async fn a_credentials_file_is_read_anew_at_each_connection() {
    let (log, _guard) = capture();
    let own = Operator::new();
    let (first, second) = (own.user(None), own.user(None));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("till.creds");
    replace(&file, &text(&first));
    let mut old = server(&own.config()).start().await.unwrap();
    let login: Config = config(&old).credentials_file(&file);
    let running = App::new(login.clone()).service(Till).start().await.unwrap();
    let client = Client::connect(login).await.unwrap();
    answers(&client).await;

    // What is there for a moment, or by mistake, is said and tried again.
    replace(&file, b"-----BEGIN NATS USER JWT-----");
    let mut next = instead(&mut old, &own.config_without(&[&first])).await;
    eventually("both say that the file cannot be used", || async {
        log.text()
            .matches("no login to NATS: the file is read again")
            .count()
            >= 2
    })
    .await;
    assert!(
        log.text().contains("till.creds cannot be used"),
        "{}",
        log.text()
    );
    replace(&file, &text(&second));
    answers(&client).await;

    // And so it is each time.
    let third = own.user(None);
    replace(&file, &text(&third));
    let _last = instead(&mut next, &own.config_without(&[&first, &second])).await;
    answers(&client).await;
    let secrets = [&first, &second, &third].map(|user| user.seed.as_str());
    hides(&log.text(), &secrets);
    soon("the end", running.stop()).await.unwrap();
}

#[tokio::test]
async fn credentials_that_run_out_are_said_and_replaced() {
    let (log, _guard) = capture();
    let own = Operator::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("till.creds");
    replace(&file, &text(&own.user(Some(now() + 2))));
    let nats = server(&own.config()).start().await.unwrap();
    let login = config(&nats).credentials_file(&file);
    let client = Client::connect(login.clone()).await.unwrap();
    eventually("it is said that they have expired", || async {
        log.text()
            .contains("the credentials have expired: replace the file")
    })
    .await;
    replace(&file, &text(&own.user(None)));
    let running = App::new(login).service(Till).start().await.unwrap();
    answers(&client).await;
    soon("the end", running.stop()).await.unwrap();
}
