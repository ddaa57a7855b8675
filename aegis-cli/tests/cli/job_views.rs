//! `aegis command`: jobs listed and shown, and what is refused.

use aegis::testing::NatsServer;
use serde_json::{Value, json};

use super::events::Tool;
use super::importer::{Importer, importer};
use super::jobs::{has, sent, words};
use super::{aegis, run, said};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_listed_newest_first() {
    let tool = Tool::start().await;
    let none = tool.out(&["command", "list"]);
    assert!(none.starts_with("There are no jobs at nats://"), "{none}");
    let ids: Vec<String> = ["a", "b", "b"]
        .map(|command| sent(&tool, &["later", command, "--unchecked"]))
        .into();
    let listed = |words: &[&str]| {
        let out = tool.out(&[&["command", "list", "--json"], words].concat());
        let all: Value = serde_json::from_str(&out).unwrap();
        let jobs = all["jobs"].as_array().unwrap();
        let ids = jobs
            .iter()
            .map(|job| job["id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), all["more"] == true)
    };
    let [one, two, three] = &ids[..] else {
        unreachable!("three were sent")
    };
    let all = |ids: &[&String]| ids.iter().map(|id| (*id).clone()).collect::<Vec<_>>();
    for (words, expected, more) in [
        (&[][..], all(&[three, two, one]), false),
        (&["--limit", "2"], all(&[three, two]), true),
        (&["--command", "a"], all(&[one]), false),
        (
            &["--service", "later", "--state", "QUEUED"],
            all(&[three, two, one]),
            false,
        ),
        (&["--service", "late"], vec![], false),
        (&["--state", "running"], vec![], false),
    ] {
        assert_eq!(listed(words), (expected, more), "{words:?}");
    }
    let list = tool.run(&["command", "list", "--limit", "1"]);
    let lines: Vec<String> = list.out.lines().map(words).collect();
    assert_eq!(
        lines[0],
        "JOB STATE COMMAND PRIORITY ATTEMPT DONE SENT WHAT"
    );
    let row = format!("{three} QUEUED later.b normal 0 - 20");
    assert!(lines[1].starts_with(&row), "{list:?}");
    assert!(lines[1].ends_with("Z it waits for a worker"), "{list:?}");
    assert!(
        list.err.contains("there are more: `--limit 10`"),
        "{list:?}"
    );
    let none = tool.out(&["command", "list", "--state", "failed"]);
    has(
        &none,
        &[
            "There are no such jobs at nats://",
            "`aegis command list` shows all",
        ],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_meant_is_refused() {
    let tool = Tool::start().await;
    let _running = importer(&tool.url, Importer::default()).await;
    for (words, part) in [
        (
            &["send", "importer", "imprt"][..],
            "importer has no command imprt; it has import, order",
        ),
        (
            &["send", "nobody", "import"],
            "no instance of nobody has served commands yet",
        ),
        (
            &["send", "importer", "import", "{rows"],
            "the arguments are not JSON",
        ),
        (&["send", "imp.orter", "import"], "imp.orter"),
        (&["send", "importer", "im port"], "im port"),
        (
            &["send", "importer", "import", "--priority", "urgent"],
            "`normal`, `high` or `critical`",
        ),
        (
            &["send", "importer", "import", "--key", ""],
            "an idempotency key is 1 to 256 bytes",
        ),
        (
            &["send", "importer", "import", "--delay", "5"],
            "a time needs a unit: 5s or 5ms",
        ),
        (
            &["send", "importer", "import", "--delay", "31d"],
            "delayed by 30 days at most",
        ),
        (&["send", "importer"], "<NAME>"),
        (&["list", "--state", "done"], "QUEUED, RUNNING"),
        (&["list", "--limit", "0"], "--limit"),
        (&["watch", "a.b"], "\"a.b\" is no id of a job"),
        (&["show", "a b"], "is no id of a job"),
        (&["cancel", "*"], "is no id of a job"),
        (&["retry", ">"], "is no id of a job"),
    ] {
        tool.refused(&[&["command"], words].concat(), 64, part);
    }
    for word in ["watch", "show", "cancel", "retry"] {
        tool.refused(
            &["command", word, "nobody-7"],
            1,
            "there is no job nobody-7 at nats://",
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_jetstream_there_are_no_jobs() {
    let without = NatsServer::builder().without_jetstream();
    let without = without.start().await.unwrap();
    for words in [
        &["send", "importer", "import"][..],
        &["send", "importer", "import", "--unchecked"],
        &["list"],
        &["show", "a"],
        &["watch", "a"],
        &["cancel", "a"],
        &["retry", "a"],
    ] {
        let said = run(&[&["command", "--url", &without.url()], words].concat());
        assert_eq!((said.code, &*said.out), (2, ""), "{words:?}: {said:?}");
        assert!(said.err.contains("JetStream"), "{words:?}: {said:?}");
    }
}

/// Writes the record of a job as no worker is there to do.
fn write(tool: &Tool, id: &str, state: &str, more: &Value) {
    let mut record = json!({
        "id": id, "service": "importer", "command": "import", "priority": "low", "state": state,
        "created_at": "2026-01-31T09:00:00Z", "updated_at": "2026-01-31T09:00:00Z",
    });
    for (name, value) in more.as_object().unwrap() {
        record[name] = value.clone();
    }
    let record = record.to_string();
    tool.out(&["kv", "put", "aegis_jobs", id, &record, "--make-bucket"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_says_what_can_be_done() {
    let tool = Tool::start().await;
    let failure = |code: &str| json!({"code": code, "message": "m", "details": {"row": 7}});
    for (id, state, more, parts) in [
        (
            "running",
            "RUNNING",
            json!({"attempt": 2, "progress": {"percent": 99.9, "message": "a", "at": "2026-01-31T09:00:01Z"}}),
            &[
                "  progress  99 %  a  at 2026-01-31T09:00:01.000Z\n",
                "aegis command cancel running",
            ][..],
        ),
        (
            "cancelling",
            "RUNNING",
            json!({"cancel": true}),
            &[
                "It is being cancelled: its worker was told",
                "aegis command watch cancelling",
            ],
        ),
        (
            "unnoted",
            "FAILED",
            json!({"error": failure("X")}),
            &[
                "  error\n    X: m\n      details: {\"row\":7}\n",
                "Its dead letter is not noted yet",
            ],
        ),
        (
            "gone",
            "FAILED",
            json!({"error": failure("X"), "dead_letter": 7}),
            &["Its dead letter 7 was removed: it cannot be brought back."],
        ),
        (
            "done",
            "SUCCEEDED",
            json!({"result": {"rows": 7}}),
            &["\n  result\n    {\n      \"rows\": 7\n    }\n"],
        ),
    ] {
        write(&tool, id, state, &more);
        has(&tool.out(&["command", "show", id]), parts);
    }
    // Its worker is lost, and so nobody ends it.
    let mut cancel = aegis(&["command", "cancel", "running", "--url", &tool.url]);
    let said = said(cancel.env("AEGIS_CALL_TIMEOUT", "300ms").output().unwrap());
    assert_eq!((said.code, &*said.out), (2, ""), "{said:?}");
    let still = "the job running is to be cancelled, and RUNNING still: its worker does not answer";
    assert!(said.err.contains(still), "{said:?}");
}
