//! Encryption, and whom to trust.

use std::path::Path;

use aegis::Config;
use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis_tests::soon;

use super::certificates::{Authority, Certificate};
use super::{config, says, started, url, works};

pub(super) fn tls(authority: &Authority, own: &Certificate, more: &str) -> String {
    let [cert, key, ca] = [&own.file, &own.key, &authority.file].map(|path| path.display());
    format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{ca}\", {more} }}")
}

async fn with_tls(authority: &Authority, more: &str) -> NatsServer {
    let own = authority.server(&["127.0.0.1", "localhost"]);
    started(&tls(authority, &own, more)).await
}

async fn refused(config: Config) -> aegis::Error {
    soon("the refusal", Client::connect(config))
        .await
        .unwrap_err()
}

fn with(config: Config, own: &Certificate) -> Config {
    config.tls_certificate(&own.file, &own.key)
}

#[tokio::test]
async fn the_right_authority_is_enough_for_either_scheme_and_for_required_tls() {
    let authority = Authority::new();
    let nats = with_tls(&authority, "").await;
    let base = config(&nats).tls_ca(&authority.file);
    works(base.clone()).await;
    works(base.clone().url(&url(&nats, "tls://"))).await;
    works(base.clone().require_tls()).await;
    works(base.url(&format!("tls://localhost:{}", nats.port()))).await;
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let nats = with_tls(&authority, "").await;
    let parts = ["is not trusted", "`nats.tls_ca`", &nats.url()];
    // Without a word about TLS: this server wants it, and the system does not know its authority.
    for wrong in [config(&nats).tls_ca(&other.file), config(&nats)] {
        says(&refused(wrong).await, ErrorKind::Denied, &parts);
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_trusted() {
    let authority = Authority::new();
    let own = authority.server(&["nats.example.com"]);
    let nats = started(&tls(&authority, &own, "")).await;
    let error = refused(config(&nats).tls_ca(&authority.file)).await;
    says(
        &error,
        ErrorKind::Denied,
        &["is for another host", "`nats.url`"],
    );
}

#[tokio::test]
async fn a_server_without_tls_gets_no_login_where_tls_is_required() {
    let nats = started("trace: true\nauthorization { user: joe, password: s3cret }").await;
    let login = config(&nats).user_and_password("joe", "s3cret");
    let required = login.clone().require_tls();
    let scheme = login.clone().url(&url(&nats, "tls://"));
    for insists in [required, scheme] {
        let error = refused(insists).await;
        says(&error, ErrorKind::Denied, &["no TLS", "`nats.tls`"]);
    }
    assert!(!nats.log().contains("[CONNECT"), "{}", nats.log());
    soon("the connection", Client::connect(login))
        .await
        .unwrap();
    assert!(nats.log().contains("[CONNECT"), "{}", nats.log());
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_the_server_wants_one() {
    let (authority, other) = (Authority::new(), Authority::new());
    let nats = with_tls(&authority, "verify: true").await;
    let base = config(&nats).tls_ca(&authority.file);
    works(with(base.clone(), &authority.client("joe@example.com"))).await;
    let foreign = with(base.clone(), &other.client("joe@example.com"));
    for wrong in [base, foreign] {
        let error = refused(wrong).await;
        let parts = ["wants a client certificate", "`nats.tls_cert`"];
        says(&error, ErrorKind::Denied, &parts);
    }
}

#[tokio::test]
async fn a_client_certificate_can_be_the_login() {
    let authority = Authority::new();
    let own = authority.server(&["127.0.0.1"]);
    let users = "authorization { users: [{user: \"joe@example.com\"}] }\n";
    let mapped = tls(&authority, &own, "verify_and_map: true");
    let nats = started(&format!("{users}{mapped}")).await;
    let base = config(&nats).tls_ca(&authority.file);
    works(with(base.clone(), &authority.client("joe@example.com"))).await;
    let stranger = authority.client("eve@example.com");
    let error = refused(with(base, &stranger)).await;
    says(&error, ErrorKind::Denied, &["wants a login"]);
}

#[tokio::test]
async fn unusable_files_are_a_mistake_in_the_configuration() {
    let authority = Authority::new();
    let nats = with_tls(&authority, "").await;
    let joe = authority.client("joe@example.com");
    let eve = authority.client("eve@example.com");
    let base = config(&nats).tls_ca(&authority.file);
    let missing = Path::new("/no/such/file.pem");
    for wrong in [
        config(&nats).tls_ca(missing),
        base.clone().tls_certificate(missing, &joe.key),
        base.clone().tls_certificate(&joe.file, missing),
        base.clone().tls_certificate(&joe.file, &eve.key),
        base.tls_certificate(&joe.file, &joe.file),
    ] {
        let error = refused(wrong).await;
        let parts = ["cannot be set up", "`nats.tls_ca`", "`nats.tls_key`"];
        says(&error, ErrorKind::Config, &parts);
    }
}
