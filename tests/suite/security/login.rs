//! Every way to log in, right and wrong.

use aegis::prelude::*;
use aegis_tests::soon;
use nkeys::KeyPair;

use super::jwt::{Operator, now};
use super::{config, everything, hides, refused, says, server, started, url, works};
use crate::log::capture;

const USER: &str = "authorization { user: joe, password: \"s3&cr:t/+?# %\" }";
const PASSWORD: &str = "s3&cr:t/+?# %";
const TOKEN: &str = "authorization { token: \"t0k/en@#?\" }";

#[tokio::test]
async fn user_and_password_in_the_settings_or_encoded_in_the_url() {
    let nats = started(USER).await;
    works(config(&nats).user_and_password("joe", PASSWORD)).await;
    let encoded = "nats://joe:s3%26cr%3At%2F%2B%3F%23%20%25@";
    works(config(&nats).url(&url(&nats, encoded))).await;
    // Only what has a meaning in a URL must be encoded.
    let bare = "nats://joe:s3&cr%3At%2F+%3F%23 %25@";
    works(config(&nats).url(&url(&nats, bare))).await;
    let several = format!("{},{}", url(&nats, encoded), nats.url());
    works(config(&nats).url(&several)).await;
}

#[tokio::test]
async fn token_in_the_settings_or_encoded_in_the_url() {
    let nats = started(TOKEN).await;
    works(config(&nats).token("t0k/en@#?")).await;
    works(config(&nats).url(&url(&nats, "nats://t0k%2Fen%40%23%3F@"))).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_once_and_shown_nowhere() {
    let nats = started(USER).await;
    let expected = [
        "refuses the login",
        "`nats.user` (\"joe\")",
        "`nats.password`",
    ];
    let (log, _guard) = capture();
    let wrong = config(&nats).user_and_password("joe", "wr0ng-pass");
    let error = refused(wrong, &["wr0ng"]).await;
    says(&error, ErrorKind::Denied, &expected);
    let wrong = config(&nats).url(&url(&nats, "nats://joe:wr0ng%2Dpass@"));
    let error = refused(wrong, &["wr0ng"]).await;
    says(&error, ErrorKind::Denied, &expected);
    works(config(&nats).user_and_password("joe", PASSWORD)).await;
    let text = log.text();
    assert!(text.contains("authorization violation"), "{text}");
    assert!(text.contains("connecting to server"), "all levels: {text}");
    hides(&text, &["wr0ng", "s3&cr", "s3%26cr"]);
}

#[tokio::test]
async fn a_wrong_token_is_refused_at_once_and_shown_nowhere() {
    let nats = started(TOKEN).await;
    let (log, _guard) = capture();
    let in_url = config(&nats).url(&url(&nats, "nats://wr0ng-token@"));
    for wrong in [config(&nats).token("wr0ng-token"), in_url] {
        let error = refused(wrong, &["wr0ng"]).await;
        says(&error, ErrorKind::Denied, &["check `nats.token`"]);
    }
    hides(&log.text(), &["wr0ng"]);
}

#[tokio::test]
async fn no_login_where_one_is_needed() {
    let nats = started(USER).await;
    let error = soon("the refusal", Client::connect(config(&nats)))
        .await
        .unwrap_err();
    let parts = ["wants a login", "nats.user", "nats.credentials_file"];
    says(&error, ErrorKind::Denied, &parts);
    let app = App::new(config(&nats)).service(super::Till);
    let error = soon("the refusal", app.start()).await.unwrap_err();
    says(&error, ErrorKind::Denied, &parts);
}

#[tokio::test]
async fn a_login_that_the_server_does_not_need_does_no_harm() {
    let nats = started("").await;
    works(config(&nats).user_and_password("joe", "any")).await;
}

#[tokio::test]
async fn the_right_nkey_gets_in_and_others_do_not() {
    let (user, other) = (KeyPair::new_user(), KeyPair::new_user());
    let users = format!(
        "authorization {{ users: [{{nkey: {}}}] }}",
        user.public_key()
    );
    let nats = started(&users).await;
    let (log, _guard) = capture();
    let (seed, wrong) = (user.seed().unwrap(), other.seed().unwrap());
    works(config(&nats).nkey(&seed)).await;
    let error = refused(config(&nats).nkey(&wrong), &[&wrong]).await;
    let parts = ["refuses the login", "`nats.nkey`", "public key"];
    says(&error, ErrorKind::Denied, &parts);
    hides(&log.text(), &[&seed, &wrong]);
}

#[tokio::test]
async fn a_text_that_is_no_seed_is_a_mistake_in_the_configuration() {
    let user = KeyPair::new_user();
    let users = format!(
        "authorization {{ users: [{{nkey: {}}}] }}",
        user.public_key()
    );
    let nats = started(&users).await;
    let mut damaged = user.seed().unwrap();
    damaged.truncate(50);
    for text in [damaged, user.public_key(), "SU-none".to_owned()] {
        let error = refused(config(&nats).nkey(&text), &[&text]).await;
        says(&error, ErrorKind::Config, &["`nats.nkey`", "SU"]);
    }
}

#[tokio::test]
async fn credentials_files_of_the_servers_own_operator_get_in() {
    let (own, foreign) = (Operator::new(), Operator::new());
    let nats = started(&own.config()).await;
    let (log, _guard) = capture();
    let (user, expired) = (own.user(None), own.user(Some(now() - 10)));
    works(config(&nats).credentials_file(&user.file)).await;
    for wrong in [foreign.user(None), expired] {
        let secrets = [wrong.seed.as_str(), &wrong.token];
        let error = refused(config(&nats).credentials_file(&wrong.file), &secrets).await;
        let path = wrong.file.display().to_string();
        let parts = ["refuses the login", "`nats.credentials_file`", &path];
        says(&error, ErrorKind::Denied, &parts);
        hides(&log.text(), &secrets);
    }
    hides(&log.text(), &[&user.seed, &user.token]);
}

#[tokio::test]
async fn unusable_credentials_files_are_a_mistake_in_the_configuration() {
    let own = Operator::new();
    let nats = started(&own.config()).await;
    let user = own.user(None);
    let folder = tempfile::tempdir().unwrap();
    let without_seed = folder.path().join("without_seed.creds");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END-----\n",
        user.token
    );
    std::fs::write(&without_seed, text).unwrap();
    let damaged_seed = folder.path().join("damaged_seed.creds");
    let text = std::fs::read_to_string(&user.file).unwrap();
    let damaged = text.replace(&user.seed, &user.seed[..50]);
    std::fs::write(&damaged_seed, damaged).unwrap();
    let missing = folder.path().join("missing.creds");
    for path in [without_seed, damaged_seed, missing] {
        let secrets = [user.token.as_str(), &user.seed[..50]];
        let error = refused(config(&nats).credentials_file(&path), &secrets).await;
        let shown = path.display().to_string();
        says(&error, ErrorKind::Config, &["credentials", &shown]);
    }
}

#[tokio::test]
async fn two_ways_to_log_in_are_one_too_many() {
    let nats = server("").start().await.unwrap();
    let both = config(&nats).url(&url(&nats, "nats://joe:s3cret@"));
    let error = refused(both.token("t0ken"), &["s3cret", "t0ken"]).await;
    says(&error, ErrorKind::Config, &["user and password and token"]);
}

#[tokio::test]
async fn a_login_that_breaks_the_url_is_refused_and_not_shown() {
    for start in [
        "nats://joe:12/s3cret@",
        "nats://joe:12?s3cret@",
        "nats://joe:12#s3cret@",
        "nats://joe:s3cret/x@",
        "nats://s3cret/x@",
        "nats://:s3cret@",
    ] {
        let nobody = aegis::Config::default().url(&format!("{start}127.0.0.1:1"));
        let error = refused(nobody, &["s3cret", "joe:12"]).await;
        says(&error, ErrorKind::Config, &["`nats.url`"]);
        hides(&everything(&error), &["s3cret"]);
    }
}
