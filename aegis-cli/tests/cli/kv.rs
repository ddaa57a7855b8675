//! `aegis kv`: what is written is read, and "no" is never taken for "could not ask".

use aegis::testing::NatsServer;
use aegis::{Client, Config};
use serde_json::{Value, json};

use super::{Said, aegis, output_with_input, run, said};

/// `aegis kv` with a server.
pub(crate) struct Kv {
    server: NatsServer,
}

impl Kv {
    pub(crate) async fn start() -> Self {
        let server = NatsServer::start().await.unwrap();
        Self { server }
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        let url = self.server.url();
        run(&[&["kv", "--url", &url], words].concat())
    }

    /// What a command that succeeds prints.
    pub(crate) fn out(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!((said.code, &*said.err), (0, ""), "{words:?}: {said:?}");
        said.out
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.out(&[words, &["--json"]].concat())).unwrap()
    }

    /// That a command ends with this code, prints nothing, and says this.
    fn refused(&self, words: &[&str], code: i32, part: &str) {
        let said = self.run(words);
        assert_eq!((said.code, &*said.out), (code, ""), "{words:?}: {said:?}");
        assert!(said.err.contains(part), "{words:?}: {said:?}");
    }

    pub(crate) fn server(&mut self) -> &mut NatsServer {
        &mut self.server
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_is_read() {
    let kv = Kv::start().await;
    assert_eq!(kv.out(&["ls"]), "");
    let make = [
        "put",
        "users",
        "user:1",
        "{\"name\":\"Ann\"}",
        "--make-bucket",
    ];
    assert_eq!(kv.out(&make), "1\n");
    assert_eq!(kv.out(&["ls"]), "users\n");
    assert_eq!(kv.out(&["put", "users", "user:2", "-7"]), "2\n");
    assert_eq!(kv.out(&["put", "users", "other", "text"]), "3\n");
    assert_eq!(kv.out(&["get", "users", "user:1"]), "{\"name\":\"Ann\"}");
    assert_eq!(kv.out(&["ls", "users"]), "other\nuser:1\nuser:2\n");
    assert_eq!(kv.out(&["ls", "users", "user:"]), "user:1\nuser:2\n");
    assert_eq!(kv.out(&["ls", "users", "nothing"]), "");
    assert_eq!(kv.out(&["del", "users", "user:2"]), "");
    assert_eq!(kv.out(&["ls", "users"]), "other\nuser:1\n");
    // A typed bucket of the library reads it.
    let config = Config::default().url(&kv.server.url());
    let client = Client::connect(config).await.unwrap();
    let users = client.bucket("users").open::<Value>().await.unwrap();
    assert_eq!(
        users.get("user:1").await.unwrap(),
        Some(json!({"name": "Ann"}))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shape_of_the_json() {
    let kv = Kv::start().await;
    let put = ["put", "box", "a", "[1]", "--make-bucket"];
    let written = json!({"bucket": "box", "key": "a", "revision": 1});
    assert_eq!(kv.json(&put), written);
    let mut entry = kv.json(&["get", "box", "a"]);
    let created = entry["created"].take();
    assert!(created.as_str().unwrap().ends_with('Z'), "{created}");
    let expected = json!({"bucket": "box", "key": "a", "revision": 1, "created": null,
        "text": "[1]", "value": [1]});
    assert_eq!(entry, expected);
    kv.out(&["put", "box", "a", "not JSON"]);
    let entry = kv.json(&["get", "box", "a"]);
    assert_eq!(entry["text"], "not JSON");
    assert!(entry.get("value").is_none() && entry.get("base64").is_none());
    assert_eq!(
        kv.json(&["ls", "box"]),
        json!({"bucket": "box", "keys": ["a"]})
    );
    let about = kv.json(&["ls"]);
    let about = &about["buckets"][0];
    for (key, value) in [
        ("bucket", json!("box")),
        ("entries", json!(1)),
        ("last_revision", json!(2)),
        ("history", json!(1)),
        ("ttl_seconds", json!(null)),
        ("storage", json!("file")),
    ] {
        assert_eq!(about[key], value, "{about}");
    }
    assert_eq!(
        kv.json(&["del", "box", "a"]),
        json!({"bucket": "box", "key": "a"})
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_keys_are_keys() {
    let kv = Kv::start().await;
    let keys = [
        "user 1/\u{fc}",
        "\u{1f600}",
        "a..b.",
        "",
        "*.>",
        "tab\there",
        "x=41",
        "'quoted \"key\"'",
    ];
    for key in keys {
        kv.out(&["put", "odd", key, key, "--make-bucket"]);
        assert_eq!(kv.out(&["get", "odd", key]), key);
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(kv.json(&["ls", "odd"])["keys"], json!(sorted));
    let lines = kv.out(&["ls", "odd"]);
    assert!(lines.contains("tab\\there\n"), "{lines}");
    assert_eq!(kv.out(&["ls", "odd", "user 1/"]), "user 1/\u{fc}\n");
    kv.out(&["put", "odd", "--", "-key", "-value"]);
    assert_eq!(kv.out(&["get", "odd", "--", "-key"]), "-value");
    kv.refused(&["get", "odd", &"x".repeat(3000)], 64, "too long");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_bytes() {
    let kv = Kv::start().await;
    let url = kv.server.url();
    let value: Vec<u8> = (0..=255).collect();
    let words = ["kv", "--url", &url, "put", "box", "b", "-", "--make-bucket"];
    let put = said(output_with_input(&words, &value));
    assert_eq!((put.code, &*put.out), (0, "1\n"), "{put:?}");
    let got = aegis(&["kv", "--url", &url, "get", "box", "b"]).output();
    assert_eq!(got.unwrap().stdout, value);
    let json = kv.json(&["get", "box", "b"]);
    assert!(
        json["base64"].as_str().unwrap().starts_with("AAEC"),
        "{json}"
    );
    assert!(json.get("text").is_none(), "{json}");
    let lines = kv.out(&["history", "box", "b"]);
    assert!(
        lines.ends_with("  put      1  b  (256 bytes, no text)\n"),
        "{lines}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicts_have_a_code_of_their_own() {
    let kv = Kv::start().await;
    kv.out(&["put", "box", "a", "1", "--make-bucket"]);
    let hint = "nothing was written";
    kv.refused(&["put", "box", "a", "2", "--create"], 3, hint);
    assert_eq!(kv.out(&["put", "box", "a", "2", "--revision", "1"]), "2\n");
    kv.refused(&["put", "box", "a", "3", "--revision", "1"], 3, hint);
    kv.refused(&["del", "box", "a", "--revision", "1"], 3, hint);
    kv.refused(&["del", "box", "never", "--revision", "1"], 3, hint);
    assert_eq!(kv.out(&["get", "box", "a"]), "2");
    kv.out(&["del", "box", "a", "--revision", "2"]);
    assert_eq!(kv.out(&["put", "box", "a", "4", "--create"]), "4\n");
    let both = ["put", "box", "a", "1", "--create", "--revision", "1"];
    kv.refused(&both, 64, "cannot be used with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_no_and_what_cannot_be_asked_is_not() {
    let kv = Kv::start().await;
    let make = "there is none: `--make-bucket` makes it";
    kv.refused(&["put", "box", "a", "1"], 1, make);
    assert_eq!(kv.out(&["ls"]), "", "it was not made");
    kv.out(&["put", "box", "a", "1", "--make-bucket"]);
    for words in [
        &["get", "box", "b"][..],
        &["history", "box", "b"],
        &["del", "box", "b"],
        &["del", "box", "b", "--purge"],
    ] {
        kv.refused(words, 1, "`aegis kv ls box` lists its keys");
    }
    for words in [
        &["ls", "crate"][..],
        &["get", "crate", "a"],
        &["watch", "crate"],
        &["del", "crate", "a"],
    ] {
        kv.refused(words, 1, "there is no bucket crate at ");
        kv.refused(words, 1, "; there are box");
    }
    kv.refused(&["get", "a b", "c"], 64, "the bucket name");
    let ttl = ["put", "box", "a", "1", "--ttl", "100ms"];
    kv.refused(&ttl, 64, "at least 1 s");
    let away = ["--url", "nats://127.0.0.1:9"];
    let without = NatsServer::builder().without_jetstream();
    let without = without.start().await.unwrap();
    let url = without.url();
    let no_store = ["--url", &url];
    for place in [&away, &no_store] {
        for words in [&["kv", "get", "box", "a"][..], &["kv", "ls"]] {
            let said = run(&[words, &place[..]].concat());
            assert_eq!((said.code, &*said.out), (2, ""), "{said:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_is_that_of_services() {
    let kv = Kv::start().await;
    let url = kv.server.url();
    let staging = |words: &[&str]| {
        let mut command = aegis(&[&["kv", "--url", &url], words].concat());
        command.env("AEGIS_SUBJECT_PREFIX", "eu.staging");
        said(command.output().unwrap())
    };
    let put = staging(&["put", "box", "a", "1", "--make-bucket"]);
    assert_eq!(put.code, 0, "{put:?}");
    assert_eq!(staging(&["ls"]).out, "box\n");
    assert_eq!(kv.out(&["ls"]), "eu_staging_box\n");
    assert_eq!(kv.out(&["get", "eu_staging_box", "a"]), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_are_told_and_purged() {
    let kv = Kv::start().await;
    let config = Config::default().url(&kv.server.url());
    let client = Client::connect(config).await.unwrap();
    let made = client.bucket("log").history(5).open_bytes().await;
    made.unwrap();
    kv.out(&["put", "log", "a", "1"]);
    kv.out(&["put", "log", "a", "two"]);
    kv.out(&["del", "log", "a"]);
    kv.refused(&["get", "log", "a"], 1, "`aegis kv history log ..`");
    let lines = kv.out(&["history", "log", "a"]);
    let ends = [
        "  put      1  a  1",
        "  put      2  a  two",
        "  deleted  3  a",
    ];
    assert_eq!(lines.lines().count(), 3, "{lines}");
    for (line, end) in lines.lines().zip(ends) {
        assert!(line.ends_with(end), "{lines}");
    }
    let all = kv.json(&["history", "log", "a"]);
    let changes = all["changes"].as_array().unwrap();
    let names: Vec<&Value> = changes.iter().map(|change| &change["event"]).collect();
    assert_eq!(names, ["put", "put", "deleted"]);
    assert_eq!(changes[0]["value"], 1);
    kv.out(&["del", "log", "a", "--purge"]);
    let lines = kv.out(&["history", "log", "a"]);
    assert!(lines.contains("  purged   4  a\n"), "{lines}");
    assert_eq!(lines.lines().count(), 1, "{lines}");
    kv.refused(&["del", "log", "a", "--purge"], 1, "no value");
}
