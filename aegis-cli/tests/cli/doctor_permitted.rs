//! `aegis doctor` as a user who may do exactly what `aegis permissions --doctor` prints.

use aegis::testing::{NatsServer, RunningTest, TestApp};
use aegis::{Client, Config};
use serde_json::{Value, json};

use super::billing::Billing;
use super::importer::Importer;
use super::leader::Ledger;
use super::{PATIENCE, Said, aegis, run, said};

const INBOX: &str = "_INBOX.doctor";

/// A server with an almighty user `root`, and these.
async fn server(users: &str) -> NatsServer {
    let config = format!("authorization {{ users: [ {{user: root, password: pw}}\n{users} ] }}");
    NatsServer::builder().config(config).start().await.unwrap()
}

fn printed(words: &[&str]) -> String {
    let flags = ["permissions", "--doctor", "--inbox-prefix", INBOX];
    let said = run(&[&flags[..], words].concat());
    assert_eq!(said.code, 0, "{said:?}");
    said.out
}

fn as_user(server: &NatsServer, user: &str) -> String {
    server.url().replace("//", &format!("//{user}:pw@"))
}

fn doctor(url: &str, words: &[&str]) -> Said {
    let mut command = aegis(&[&["doctor", "--json", "--url", url], words].concat());
    said(
        command
            .env("AEGIS_NATS_INBOX_PREFIX", INBOX)
            .output()
            .unwrap(),
    )
}

/// What may not be asked, and what was not looked at for it.
fn missed(said: &Said) -> Vec<Value> {
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let groups = found["groups"].as_array().unwrap().iter();
    let all = groups.flat_map(|group| group["findings"].as_array().unwrap());
    let missed =
        all.filter(|finding| finding["code"] == "denied" || finding["code"] == "not_asked");
    missed.cloned().collect()
}

/// Handlers of every kind, and a dead letter, so that there is something of everything.
async fn everything(server: &NatsServer) -> RunningTest {
    let url = as_user(server, "root");
    let app = TestApp::new().on_nats(&url);
    let app = app.configure(|config| config.instance_id("one"));
    let app = app.service(Billing::default()).service(Importer::default());
    let running = app.service(Ledger).start().await.unwrap();
    let root = Client::connect(Config::default().url(&url)).await.unwrap();
    let order = json!({"id": "7"});
    root.publish_as("orders.created", &order).await.unwrap();
    let sent = root.new_command("importer", "order", &json!({"sku": "a"}));
    sent.send().await.unwrap();
    let all = async {
        let letters = root.dead_letters();
        let dead = async || letters.list(10).await.unwrap().len();
        let led = async || root.leaders("ledger").await.unwrap().len();
        while dead().await < 2 || led().await < 1 {}
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    running
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_printed_for_it_is_enough() {
    let users = format!(
        "{{user: doctor, password: pw, {} }}\n{{user: cleaner, password: pw, {} }}",
        printed(&[]),
        printed(&["--bucket", "service_registry"])
    );
    let server = server(&users).await;
    let _running = everything(&server).await;
    for (user, words) in [("doctor", &[][..]), ("cleaner", &["--clean"])] {
        let said = doctor(&as_user(&server, user), words);
        assert_eq!((said.code, &*said.err), (0, ""), "{said:?}");
        assert_eq!(missed(&said), [json!(null); 0], "{user}");
    }
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    let refused = log.lines().filter(|line| line.contains("Violation"));
    assert_eq!(refused.collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_one_of_them_it_tells_which_is_missing() {
    let all: Value = serde_json::from_str(&printed(&["--json"])).unwrap();
    let all: Vec<&str> = all["pub"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    // Its own inbox only spares the server a line in its log; flow is for more than there is here.
    let spare = |subject: &str| subject.starts_with(INBOX) || subject.starts_with("$JS.FC.");
    let needed: Vec<&str> = all.iter().copied().filter(|one| !spare(one)).collect();
    let user = |(number, without): (usize, &&str)| {
        let left: Vec<&&str> = all.iter().filter(|one| *one != without).collect();
        let permissions = json!({"publish": left, "subscribe": [format!("{INBOX}.>")]});
        format!("{{user: u{number}, password: pw, permissions: {permissions} }}")
    };
    let users: Vec<String> = needed.iter().enumerate().map(user).collect();
    let server = server(&users.join("\n")).await;
    let _running = everything(&server).await;
    let mut unnoticed = Vec::new();
    for (number, subject) in needed.iter().enumerate() {
        let said = doctor(
            &as_user(&server, &format!("u{number}")),
            &["--wait", "500ms"],
        );
        // That a consumer is not removed is only in the log: it goes by itself.
        let told =
            said.out.contains(*subject) || said.err.contains(subject.trim_end_matches(['*', '>']));
        if !told {
            unnoticed.push(format!("{subject}: {said:?}"));
        }
        for missed in missed(&said).iter().filter(|one| one["code"] == "denied") {
            let what = missed["what"].as_str().unwrap();
            let flag = "`aegis permissions --doctor` prints what is needed";
            assert!(what.contains(flag), "{what}");
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}
