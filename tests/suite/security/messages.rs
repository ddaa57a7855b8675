//! What goes wrong with a server says what it is and what to do, and `docs/troubleshooting.md` knows
//! it by those words.

use std::collections::BTreeSet;
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, Error, Storage};
use aegis_tests::soon;
use nkeys::KeyPair;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::certificates::Authority;
use super::jwt::{Operator, now};
use super::tls::tls;
use super::{config, started, url};

/// An error of the real thing, and the words that the page knows it by.
type Found = (&'static str, Error);

async fn refused(symptom: &'static str, config: Config) -> Found {
    let connecting = soon("the refusal", Client::connect(config));
    (symptom, connecting.await.unwrap_err())
}

fn soon_enough(config: Config) -> Config {
    config.connect_timeout(Duration::from_millis(300))
}

async fn logins() -> Vec<Found> {
    let nats = started("authorization { user: joe, password: right }").await;
    let wrong = config(&nats).user_and_password("joe", "wrong");
    let mut found = vec![
        refused("refuses the login: check `nats.user`", wrong).await,
        refused("wants a login, and none is set", config(&nats)).await,
    ];
    let nats = started("authorization { token: right }").await;
    let wrong = config(&nats).token("wrong");
    found.push(refused("refuses the login: check `nats.token`", wrong).await);
    let [known, other] = [KeyPair::new_user(), KeyPair::new_user()];
    let users = format!(
        "authorization {{ users: [{{nkey: {}}}] }}",
        known.public_key()
    );
    let nats = started(&users).await;
    let wrong = config(&nats).nkey(&other.seed().unwrap());
    found.push(refused("knows the public key of the seed in `nats.nkey`", wrong).await);
    let wrong = config(&nats).nkey(&other.public_key());
    found.push(refused("`nats.nkey` is not a seed to log in with", wrong).await);
    let (own, foreign) = (Operator::new(), Operator::new());
    let nats = started(&own.config()).await;
    let file = |file: &std::path::Path| config(&nats).credentials_file(file);
    let expired = own.user(Some(now() - 10));
    found.push(
        refused(
            "the credentials in `nats.credentials_file`",
            file(&expired.file),
        )
        .await,
    );
    let other = foreign.user(None);
    found.push(refused("is of this server's operator", file(&other.file)).await);
    let garbled = own.user(None).file;
    std::fs::write(&garbled, "garbled").unwrap();
    for unusable in [garbled.as_path(), std::path::Path::new("/no/such.creds")] {
        found.push(refused("the credentials file", file(unusable)).await);
    }
    found
}

async fn certificates() -> Vec<Found> {
    let (authority, other) = (Authority::new(), Authority::new());
    let own = authority.server(&["127.0.0.1"]);
    let nats = started(&tls(&authority, &own, "")).await;
    let wrong = config(&nats).tls_ca(&other.file);
    let mut found = vec![
        refused("is not trusted: check that `nats.tls_ca`", wrong).await,
        // TLS is needed, and nothing is said of it.
        refused("is not trusted: check that `nats.tls_ca`", config(&nats)).await,
    ];
    let wrong = config(&nats).tls_ca("/no/such.pem");
    found.push(refused("cannot be set up: check the files of", wrong).await);
    let nats = started(&tls(&authority, &own, "verify: true")).await;
    let wrong = config(&nats).tls_ca(&authority.file);
    found.push(refused("wants a client certificate", wrong).await);
    let own = authority.server(&["nats.example.com"]);
    let nats = started(&tls(&authority, &own, "")).await;
    let wrong = config(&nats).tls_ca(&authority.file);
    found.push(refused("is for another host", wrong).await);
    let own = authority.expired(&["127.0.0.1"]);
    let nats = started(&tls(&authority, &own, "")).await;
    let wrong = config(&nats).tls_ca(&authority.file);
    found.push(refused("has expired, or is not valid yet", wrong).await);
    let plain = started("").await;
    let wrong = config(&plain).url(&url(&plain, "tls://"));
    found.push(refused("no TLS with NATS", wrong).await);
    found
}

/// Says that it is an old server, and answers no more than is asked first.
async fn old_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let info = json!({
                "server_id": "old", "server_name": "old", "version": "2.9.10", "proto": 1,
                "host": "127.0.0.1", "port": port, "headers": true, "max_payload": 1_048_576,
                "client_id": 1, "go": "go1",
            });
            let greeting = format!("INFO {info}\r\n");
            if stream.write_all(greeting.as_bytes()).await.is_err() {
                continue;
            }
            tokio::spawn(async move {
                let mut asked = vec![0; 4096];
                while stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(b"PONG\r\n").await;
                }
            });
        }
    });
    port
}

async fn servers() -> Vec<Found> {
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let at = |host: &str| soon_enough(Config::default().url(&format!("nats://{host}")));
    let old = old_server().await;
    let mut found = vec![
        refused("no connection to NATS at", at(&format!("127.0.0.1:{free}"))).await,
        refused("was not found within", at("no.such.host.invalid")).await,
        refused("is the oldest that works", at(&format!("127.0.0.1:{old}"))).await,
    ];
    let nats = started("max_connections: 1\nmax_payload: 1KB").await;
    let client = Client::connect(config(&nats)).await.unwrap();
    found.push(refused("takes no more connections", soon_enough(config(&nats))).await);
    let large = client
        .call("a", "b", &json!({"text": "x".repeat(2000)}))
        .await;
    found.push(("is larger than the", failed(large.unwrap_err())));
    found
}

fn failed<E: std::fmt::Debug>(error: CallError<E>) -> Error {
    match error {
        CallError::Failed(error) => error,
        CallError::Service(error) => panic!("{error:?}"),
    }
}

async fn permissions() -> Vec<Found> {
    let joe = |limits: &str| {
        let joe = format!("{{user: joe, password: pw, permissions: {{ {limits} }}}}");
        format!("authorization {{ users: [{joe}] }}")
    };
    let nats = started(&joe("publish: {deny: \"rpc.>\"}")).await;
    let login = config(&nats).user_and_password("joe", "pw");
    let client = Client::connect(login).await.unwrap();
    let error = client.call("a", "b", &json!({})).await.unwrap_err();
    let nats = started(&joe("subscribe: {deny: \"_INBOX.>\"}")).await;
    let login = config(&nats).user_and_password("joe", "pw");
    vec![
        ("NATS does not allow this user to", failed(error)),
        refused("where answers to its calls come in", login).await,
    ]
}

async fn stores() -> Vec<Found> {
    let event = json!({"text": "x".repeat(400)});
    let without = started("").await;
    let client = Client::connect(config(&without)).await.unwrap();
    let off = client.publish_as("a.b", &event).await.unwrap_err();
    let account = "accounts { A { users: [{user: joe, password: pw}] } }";
    let nats = NatsServer::builder().config(account).start().await.unwrap();
    let login = config(&nats).user_and_password("joe", "pw");
    let client = Client::connect(login).await.unwrap();
    let not_for_it = client.publish_as("a.b", &event).await.unwrap_err();
    let small = "jetstream { max_mem: 64KB, max_file: 64KB }";
    let nats = NatsServer::builder().config(small).start().await.unwrap();
    let client = Client::connect(config(&nats)).await.unwrap();
    let no_room = client
        .bucket("large")
        .max_bytes(1 << 20)
        .open_bytes()
        .await
        .unwrap_err();
    let bucket = client
        .bucket("small")
        .max_bytes(1 << 10)
        .storage(Storage::Memory);
    let bucket = bucket.open_bytes().await.unwrap();
    let value = bytes::Bytes::from(vec![0; 900]);
    let mut full = None;
    for key in 0..3 {
        full = full.or(bucket.put(&key.to_string(), &value).await.err());
    }
    let refusing = config(&nats)
        .events_max_bytes(1 << 10)
        .events_storage(Storage::Memory);
    let client = Client::connect(refusing.events_refuse_when_full(true))
        .await
        .unwrap();
    let mut refused = None;
    for _ in 0..5 {
        let within = Duration::from_millis(300);
        refused = refused.or(client.publish_as("a.b", &event).within(within).await.err());
    }
    vec![
        ("has no JetStream for this account", off),
        ("has no JetStream for this account", not_for_it),
        ("has no room: lower `max_bytes`", no_room),
        ("is full, nothing was written", full.unwrap()),
        ("is full and refuses", refused.unwrap()),
    ]
}

/// The first column of the table, without the rest.
fn known() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/troubleshooting.md");
    let page = std::fs::read_to_string(path).unwrap();
    let table = page.split("## By the text of the error").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| \""))
        .map(|line| {
            let symptom = line.trim_start_matches("| \"").split("\" |").next();
            symptom.unwrap().replace("\\|", "|")
        });
    rows.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_is_found_on_the_page_by_its_text() {
    let all = tokio::join!(logins(), certificates(), servers(), permissions(), stores());
    let (known, mut seen) = (known(), BTreeSet::new());
    for (symptom, error) in [all.0, all.1, all.2, all.3, all.4].into_iter().flatten() {
        let text = error.to_string();
        assert!(text.contains(symptom), "{symptom:?} is in {text}");
        // What is wrong, and behind it what to do.
        assert!(text.contains(": ") && text.len() > 60, "{text}");
        seen.insert(symptom.to_owned());
    }
    assert_eq!(known, seen, "the page and the errors know the same");
}

#[test]
fn what_the_page_quotes_of_the_log_is_said_by_the_code() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = std::fs::read_to_string(format!("{root}/docs/troubleshooting.md")).unwrap();
    let table = page.split("## While it runs").nth(1).unwrap();
    let code = ["connect.rs", "credentials.rs"].map(|file| {
        let path = format!("{root}/aegis/src/adapter/nats/{file}");
        std::fs::read_to_string(path).unwrap()
    });
    let quoted = table.lines().filter(|line| line.starts_with("| \""));
    let quoted: Vec<&str> = quoted.filter_map(|line| line.split('"').nth(1)).collect();
    assert!(quoted.len() > 3);
    for text in quoted {
        assert!(
            code.iter().any(|code| code.contains(text)),
            "nobody says {text:?}"
        );
    }
}
