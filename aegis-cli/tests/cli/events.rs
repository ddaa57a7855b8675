//! `aegis publish` and `aegis events`: what is stored is told, and only what is asked for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;

use aegis::testing::NatsServer;
use serde_json::{Value, json};

use super::{Said, Watchdog, read_line_with, run, run_with_input, signal, start};

/// `aegis` with a server.
pub(crate) struct Tool {
    pub(crate) server: NatsServer,
    pub(crate) url: String,
}

impl Tool {
    pub(crate) async fn start() -> Self {
        let server = NatsServer::start().await.unwrap();
        let url = server.url();
        Self { server, url }
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        run(&[words, &["--url", &self.url]].concat())
    }

    /// What a command that succeeds prints.
    pub(crate) fn out(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!(said.code, 0, "{words:?}: {said:?}");
        said.out
    }

    pub(crate) fn lines(&self, words: &[&str]) -> Vec<Value> {
        let out = self.out(&[words, &["--json"]].concat());
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// That a command ends with this code, prints nothing, and says this.
    pub(crate) fn refused(&self, words: &[&str], code: i32, part: &str) {
        let said = self.run(words);
        assert_eq!((said.code, &*said.out), (code, ""), "{words:?}: {said:?}");
        assert!(said.err.contains(part), "{words:?}: {said:?}");
    }

    /// Follows events, and returns when it does.
    fn follow(&self, words: &[&str]) -> Child {
        let mut child = start(&[&["events", "--url", &self.url], words].concat());
        let _watchdog = Watchdog::of(&child);
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        assert!(line.ends_with("; Ctrl-C ends it\n"), "{line}");
        // It is written to as long as it runs.
        child.stderr = Some(stderr.into_inner());
        child
    }

    /// Stores a body as no client of ours would.
    fn store(&self, subject: &str, body: &[u8]) {
        let address = self.url.trim_start_matches("nats://");
        let mut nats = TcpStream::connect(address).unwrap();
        let head = format!("CONNECT {{}}\r\nPUB {subject} {}\r\n", body.len());
        let message = [head.as_bytes(), body, b"\r\nPING\r\n"].concat();
        nats.write_all(&message).unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"PONG\r\n") {
            let mut more = [0; 1024];
            let length = nats.read(&mut more).unwrap();
            assert_ne!(length, 0, "{}", String::from_utf8_lossy(&said));
            said.extend_from_slice(&more[..length]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_told_when_it_is_stored() {
    let tool = Tool::start().await;
    let words = ["publish", "orders.created", "{\"id\":7}", "--id", "o-7"];
    assert_eq!(tool.out(&words), "orders.created  sequence 1  id o-7\n");
    let again = tool.out(&words);
    assert!(again.starts_with("orders.created  sequence 1  id o-7  not stored again"));
    let told = json!({"event": "orders.created", "id": "o-7", "sequence": 1, "duplicate": true});
    assert_eq!(tool.lines(&words), [told]);
    let many = ["publish", "a.b", "-7", "--id", "n", "--count", "3"];
    let ids: Vec<Value> = tool
        .lines(&many)
        .iter()
        .map(|told| told["id"].clone())
        .collect();
    assert_eq!(ids, ["n-1", "n-2", "n-3"]);
    let words = ["publish", "--url", &tool.url, "a.b", "-", "--timeout", "4s"];
    let said = run_with_input(&words, "[1,\n2]");
    assert!(said.out.starts_with("a.b  sequence 5  id "), "{said:?}");
    let words = [
        "publish",
        "a.b",
        "1",
        "--envelope",
        "--header",
        "Tenant=acme",
        "--correlation-id",
        "visit-7",
    ];
    assert!(tool.out(&words).starts_with("a.b  sequence 6  id "));
    let last = &tool.lines(&["events", "--from", "6", "--count", "1"])[0];
    let shown = (
        &last["payload"],
        &last["headers"]["Tenant"],
        &last["source"],
    );
    assert_eq!(shown, (&json!(1), &json!("acme"), &json!("aegis-client")));
    assert_eq!(last["correlation_id"], "visit-7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_published_is_told_before_it_is_sent() {
    let tool = Tool::start().await;
    for (words, part) in [
        (
            &["orders", "1"][..],
            "the event name \"orders\" has one token",
        ),
        (&["orders..x", "1"], "an empty token"),
        (&["orders.*", "1"], "the event name"),
        (&["orders.created", "{a"], "the payload is not JSON: "),
        (&["orders.created", ""], "in single quotes: "),
        (&["orders.created", "1", "--id", ""], "1 to 256 bytes"),
        (
            &["orders.created", "1", "--header", "Nats-Msg-Id=1"],
            "framework's own",
        ),
        (
            &["orders.created", "1", "--header", "Aegis-Correlation-Id=7"],
            "it is said with `--correlation-id 7`",
        ),
        (
            &["orders.created", "1", "--header", "x"],
            "a name and a value",
        ),
        (&["orders.created", "1", "--count", "0"], "--count"),
        (&["orders.created"], "<JSON>"),
    ] {
        tool.refused(&[&["publish"], words].concat(), 64, part);
    }
    for words in [
        &["publish", "a.b", "1", "--timeout", "300ms"][..],
        &["events"],
    ] {
        let said = run(&[words, &["--url", "nats://127.0.0.1:9"]].concat());
        assert_eq!((said.code, &*said.out), (2, ""), "{said:?}");
    }
    let without = NatsServer::builder().without_jetstream();
    let without = without.start().await.unwrap();
    let url = without.url();
    for words in [
        &["publish", "a.b", "1", "--timeout", "300ms"][..],
        &["events"],
    ] {
        let said = run(&[words, &["--url", &url]].concat());
        assert_eq!((said.code, &*said.out), (2, ""), "{said:?}");
        // A busy machine may not get its answer in the time of the first.
        let why = words[0] == "publish" || said.err.contains("JetStream");
        assert!(why, "{said:?}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_nobody_answers_for_may_be_stored() {
    let mut tool = Tool::start().await;
    let words = [
        "publish", "--url", &tool.url, "a.b", "1", "--count", "100000",
    ];
    for (id, way_out) in [
        (&[][..], "with `--id` it can be repeated"),
        (&["--id", "x"], "the same command again stores it once"),
    ] {
        let mut publish = start(&[&words[..], &["--timeout", "300ms"], id].concat());
        read_line_with(&mut publish, "a.b");
        tool.server.pause().await.unwrap();
        let _watchdog = Watchdog::of(&publish);
        let ended = publish.wait_with_output().unwrap();
        tool.server.resume().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{said}");
        for part in [
            " of 100000 events were published",
            "not known whether",
            way_out,
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_were_are_chosen_and_shown() {
    let tool = Tool::start().await;
    let publish = |name, payload| tool.out(&["publish", name, payload, "--id", payload]);
    publish("orders.created", "{\"id\":1,\"by\":{\"land\":\"CH\"}}");
    publish("orders.paid", "{\"id\":2,\"price\":1.5}");
    publish("stock.low", "{\"id\":1}");
    let numbers = |words: &[&str]| -> Vec<u64> {
        let events = tool.lines(&[&["events"], words].concat());
        let numbers = events.iter().map(|event| event["sequence"].as_u64());
        numbers.map(Option::unwrap).collect()
    };
    for (words, expected) in [
        (&["--all", "--count", "3"][..], &[1, 2, 3][..]),
        (&["orders.*", "--all", "--count", "2"], &[1, 2]),
        (&["stock.>", "--all", "--count", "1"], &[3]),
        (&["--from", "2", "--count", "1"], &[2]),
        (&["--since", "1h", "--count", "1"], &[1]),
        (&["--since", "2020-01-01T00:00:00Z", "--count", "1"], &[1]),
        (&["--all", "--where", "id=1", "--count", "2"], &[1, 3]),
        (
            &[
                "--all",
                "--where",
                "by.land=CH",
                "--where",
                "id=1",
                "--count",
                "1",
            ],
            &[1],
        ),
        (&["--all", "--where", "price=1.50", "--count", "1"], &[2]),
        (&["--all", "--source", "aegis-client", "--count", "1"], &[1]),
    ] {
        assert_eq!(numbers(words), expected, "{words:?}");
    }
    let line =
        |words: &[&str]| tool.out(&[&["events", "--from", "3", "--count", "1"], words].concat());
    let facts = "Z       3  stock.low  aegis-client  -  {\"id\":1}";
    let shown = line(&[]);
    assert!(
        shown.ends_with(&format!("{facts}  {{\"id\":1}}\n")),
        "{shown}"
    );
    assert!(line(&["--body", "none"]).ends_with(&format!("{facts}\n")));
    for (words, part) in [
        (
            &["orders"][..],
            "the event pattern \"orders\" has one token",
        ),
        (&["a..b"], "an empty token"),
        (&["--since", "5"], "a time ago with its unit"),
        (&["--all", "--since", "5m"], "cannot be used with"),
        (&["--where", "id"], "a name and a value"),
    ] {
        tool.refused(&[&["events"], words].concat(), 64, part);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_json_are_shown_all_the_same() {
    let tool = Tool::start().await;
    tool.out(&["publish", "first.one", "1"]);
    tool.store("events.raw.text", b"it is\x1b[2J text");
    tool.store("events.raw.bytes", b"\xc3\x28\xff");
    let words = ["events", "raw.*", "--all", "--count", "2"];
    let shown = tool.out(&words);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].ends_with("  it is\\u{1b}[2J text"), "{shown}");
    assert!(lines[1].ends_with("  \u{fffd}(\u{fffd}"), "{shown}");
    let [text, bytes] = &tool.lines(&words)[..] else {
        panic!("two events: {shown}")
    };
    assert_eq!(text["text"], "it is\u{1b}[2J text");
    assert_eq!(bytes["base64"], "wyj/");
    for event in [text, bytes] {
        assert_eq!(
            (event.get("payload"), &event["source"]),
            (None, &Value::Null)
        );
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_followed_through_a_restart_until_ctrl_c() {
    let mut tool = Tool::start().await;
    tool.out(&["publish", "orders.old", "0"]);
    let mut events = tool.follow(&["orders.*", "--json"]);
    tool.out(&["publish", "stock.low", "1"]);
    tool.out(&["publish", "orders.first", "2"]);
    let said = read_line_with(&mut events, "orders.first");
    assert_eq!(said.lines().count(), 1, "{said}");
    tool.server.kill().await;
    tool.server.restart().await.unwrap();
    tool.out(&["publish", "orders.second", "3", "--timeout", "20s"]);
    let said = read_line_with(&mut events, "orders.second");
    assert_eq!(said.lines().count(), 1, "told once: {said}");
    signal(&events, "-INT");
    let ended = events.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{told}");
    assert!(told.contains(" is heard again; "), "{told}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_end_when_nobody_reads_them_any_more() {
    let tool = Tool::start().await;
    tool.out(&["publish", "orders.created", "1"]);
    let mut events = tool.follow(&["--all"]);
    read_line_with(&mut events, "orders.created");
    // As `| head -1`; no other event comes.
    drop(events.stdout.take());
    let _watchdog = Watchdog::of(&events);
    assert_eq!(events.wait().unwrap().code(), Some(0));
}
