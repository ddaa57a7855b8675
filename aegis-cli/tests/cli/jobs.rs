//! `aegis command`: what is sent is followed to its end, ended before it, and brought back.

use std::process::Child;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::events::Tool;
use super::importer::{Importer, importer};
use super::{Said, read_notes_until, run_with_input, said, signal, start, wait_for};

/// Sends a command; returns the id of its job.
pub(crate) fn sent(tool: &Tool, words: &[&str]) -> String {
    let out = tool.out(&[&["command", "send"], words].concat());
    out.trim_end().to_owned()
}

/// How a job is, as JSON.
fn status(tool: &Tool, id: &str) -> Value {
    let out = tool.out(&["command", "show", id, "--json"]);
    serde_json::from_str(&out).unwrap()
}

fn wait_for_state(tool: &Tool, id: &str, state: &str) {
    wait_for(state, || status(tool, id)["state"] == state);
}

/// Waits until the dead letter of a failed job is noted.
fn wait_for_letter(tool: &Tool, id: &str) {
    wait_for("dead letter", || status(tool, id)["dead_letter"].is_u64());
}

/// Follows a job, or sends it and does.
fn follow(tool: &Tool, words: &[&str]) -> Child {
    start(&[&["command", "--url", &tool.url], words].concat())
}

fn ended(child: Child) -> Said {
    said(child.wait_with_output().unwrap())
}

/// That a text has all of these.
pub(crate) fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is in {text}");
    }
}

pub(crate) fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_followed_to_its_result() {
    let tool = Tool::start().await;
    let service = Importer::default();
    let _running = importer(&tool.url, service.clone()).await;
    let import = ["send", "importer", "import", "{\"rows\":20}"];
    let mut child = follow(&tool, &[&import[..], &["--wait"]].concat());
    let mut notes = read_notes_until(&mut child, "row 8 of\\n20\n");
    service.pace.add_permits(1);
    let said = ended(child);
    notes += &said.err;
    assert_eq!((said.code, &*said.out), (0, "\"20 rows\"\n"), "{notes}");
    let (id, rest) = notes.split_once('\n').unwrap();
    let id = id.strip_prefix("job ").unwrap();
    let lines: Vec<String> = rest.lines().map(words).collect();
    let told = |end: &str| lines.iter().any(|line| line.ends_with(end));
    assert!(told("Z RUNNING attempt 1 42 % row 8 of\\n20"), "{notes}");
    assert!(told("Z SUCCEEDED attempt 1 100 %"), "{notes}");
    assert!(!notes.contains('\u{1b}'), "{notes:?}");

    let again = tool.run(&["command", "watch", id]);
    assert_eq!((again.code, &*again.out), (0, "\"20 rows\"\n"), "{again:?}");
    let all = tool.lines(&["command", "watch", id]);
    let found = (&all[0]["state"], &all[0]["result"]);
    assert_eq!(
        (all.len(), found),
        (1, (&json!("SUCCEEDED"), &json!("20 rows")))
    );

    service.pace.add_permits(1);
    let all = tool.lines(&[&["command"], &import[..], &["--wait"]].concat());
    assert_eq!(all[0]["new"], true);
    let last = all.last().unwrap();
    assert_eq!(
        (&last["id"], &last["state"]),
        (&all[0]["id"], &json!("SUCCEEDED"))
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_ends_the_waiting_and_not_the_job() {
    let tool = Tool::start().await;
    let service = Importer::default();
    let _running = importer(&tool.url, service.clone()).await;
    let id = sent(&tool, &["importer", "import", "{\"rows\":3}"]);
    let mut child = follow(&tool, &["watch", &id]);
    read_notes_until(&mut child, "row 8");
    signal(&child, "-INT");
    let said = ended(child);
    assert_eq!((said.code, &*said.out), (130, ""), "{said:?}");
    let back = format!("the job goes on: `aegis command watch {id}` comes back to it");
    assert!(said.err.contains(&back), "{said:?}");
    assert_eq!(status(&tool, &id)["state"], "RUNNING");
    service.pace.add_permits(1);
    assert_eq!(tool.out(&["command", "watch", &id]), "\"3 rows\"\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_says_what_it_belongs_to() {
    let tool = Tool::start().await;
    let _running = importer(&tool.url, Importer::default()).await;
    let order = ["importer", "order", "{\"sku\":\"a\"}"];
    let id = sent(
        &tool,
        &[&order[..], &["--correlation-id", "visit-7"]].concat(),
    );
    wait_for_letter(&tool, &id);
    let letter = tool.out(&["dead", "show", "1", "--json"]);
    let letter: Value = serde_json::from_str(&letter).unwrap();
    let headers = &letter["headers"];
    assert_eq!(headers["Aegis-Correlation-Id"], "visit-7", "{letter}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_one_job_and_its_words_are_kept() {
    let tool = Tool::start().await;
    let service = Importer::default();
    let _running = importer(&tool.url, service.clone()).await;
    let delayed = ["--key", "load-7", "--priority", "high", "--delay", "1h"];
    let import = ["importer", "import", "{\"rows\":1}"];
    let send = [&["command", "send"], &import[..], &delayed].concat();
    let first = tool.run(&send);
    assert_eq!((first.code, &*first.err), (0, ""), "{first:?}");
    let second = tool.run(&send);
    assert_eq!((second.code, &second.out), (0, &first.out), "{second:?}");
    let there = "nothing was sent: a job with the key load-7 was there already, and is this one";
    assert!(second.err.contains(there), "{second:?}");
    let id = first.out.trim_end();
    assert_eq!(tool.lines(&send), [json!({"id": id, "new": false})]);
    let shown = tool.out(&["command", "show", id]);
    has(
        &shown,
        &[
            &format!("job {id}\n"),
            "  command       importer.import\n",
            "  priority      high\n",
            "  key           load-7\n",
            "\n  goes on       20",
            &format!("\n  aegis command watch {id}   follows it\n"),
            &format!("\n  aegis command cancel {id}  ends it\n"),
        ],
    );
    let input = [
        "command", "send", "importer", "order", "-", "--url", &tool.url,
    ];
    service.works.store(true, Ordering::SeqCst);
    let said = run_with_input(&input, "{\"sku\": \"chair\"}");
    assert_eq!(said.code, 0, "{said:?}");
    let watched = tool.out(&["command", "watch", said.out.trim_end()]);
    assert_eq!(watched, "\"1 chair\"\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_understood_and_brought_back() {
    let tool = Tool::start().await;
    let service = Importer::default();
    let _running = importer(&tool.url, service.clone()).await;
    let send = [
        "command",
        "send",
        "importer",
        "order",
        "{\"sku\":\"chair\"}",
        "--wait",
    ];
    let said = tool.run(&send);
    assert_eq!((said.code, &*said.out), (1, ""), "{said:?}");
    let id = said.err.lines().next().unwrap();
    let id = id.strip_prefix("job ").unwrap().to_owned();
    has(
        &said.err,
        &[
            &format!("error: the job {id} has failed: `aegis command show {id}` tells"),
            "because: NO_STOCK: there is\nno chair",
        ],
    );
    wait_for_letter(&tool, &id);
    let shown = tool.out(&["command", "show", &id]);
    has(
        &shown,
        &[
            "  state        FAILED\n",
            "  attempt      1\n  worker       one\n",
            "  dead letter  1\n",
            "\n  error\n    NO_STOCK: there is\n    no chair\n",
            "\n  steps\n    ask: done\n",
            "\n`aegis dead show 1` shows what was sent.\n",
            &format!("\n  aegis command retry {id}  brings it back\n"),
        ],
    );
    let list = tool.out(&["command", "list", "--state", "failed"]);
    let row = words(list.lines().nth(1).unwrap());
    assert!(row.starts_with(&format!("{id} FAILED importer.order normal 1 - 20")));
    assert!(row.ends_with("NO_STOCK: there is\\nno chair"), "{list}");

    service.works.store(true, Ordering::SeqCst);
    let back = tool.out(&["command", "retry", &id]);
    assert!(back.starts_with(&format!("{id}  brought back: ")), "{back}");
    assert_eq!(tool.out(&["command", "watch", &id]), "\"1 chair\"\n");
    assert!(!tool.out(&["command", "show", &id]).contains("dead letter"));
    let ended = format!("the job {id} is SUCCEEDED: only what has failed");
    tool.refused(&["command", "retry", &id], 1, &ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_of_commands_lead_to_their_jobs() {
    let tool = Tool::start().await;
    let service = Importer::default();
    let _running = importer(&tool.url, service.clone()).await;
    let id = sent(&tool, &["importer", "order", "{\"sku\":\"chair\"}"]);
    wait_for_letter(&tool, &id);
    let list = tool.out(&["dead", "list", "--handler", "importer__order"]);
    has(
        &words(&list),
        &["importer__order commands.importer.order.normal"],
    );
    let shown = tool.out(&["dead", "show", "1"]);
    has(
        &shown,
        &[
            &format!("  id         {id}\n"),
            "\n    {\n      \"sku\": \"chair\"\n    }\n",
            &format!("\n  It is a command: `aegis command show {id}` tells about its job\n"),
        ],
    );
    let named = ["dead", "retry", "1", "--for", "importer.import"];
    tool.refused(&named, 1, "it is a command, and goes back to its queue");
    service.works.store(true, Ordering::SeqCst);
    let back = tool.out(&["dead", "retry", "1"]);
    let text = "1  brought back: commands.importer.order.normal for importer__order, now number ";
    assert!(back.starts_with(text), "{back}");
    assert_eq!(tool.out(&["command", "watch", &id]), "\"1 chair\"\n");

    service.works.store(false, Ordering::SeqCst);
    let id = sent(&tool, &["importer", "order", "{\"sku\":\"table\"}"]);
    wait_for_letter(&tool, &id);
    assert_eq!(tool.out(&["dead", "drop", "2"]), "2  removed\n");
    let shown = tool.out(&["command", "show", &id]);
    has(
        &shown,
        &["Its dead letter 2 was removed: it cannot be brought back. Send it anew."],
    );
    tool.refused(
        &["command", "retry", &id],
        1,
        "the dead letter 2 of the job",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_never_ends_well() {
    let tool = Tool::start().await;
    let service = Importer::default();
    let _running = importer(&tool.url, service.clone()).await;
    let queued = sent(
        &tool,
        &["importer", "import", "{\"rows\":1}", "--delay", "1h"],
    );
    let again = sent(&tool, &["importer", "upload"]);
    wait_for_state(&tool, &again, "RETRYING");
    let shown = tool.out(&["command", "show", &again]);
    has(
        &shown,
        &["error of the last attempt that failed\n    AWAY: nobody is there"],
    );
    let running = sent(&tool, &["importer", "import", "{\"rows\":2}"]);
    let mut child = follow(&tool, &["watch", &running]);
    read_notes_until(&mut child, "row 8");
    for id in [&queued, &again, &running] {
        let cancel = ["command", "cancel", id];
        assert_eq!(tool.out(&cancel), format!("{id}  cancelled\n"));
        assert_eq!(tool.out(&cancel), format!("{id}  cancelled already\n"));
        assert_eq!(tool.lines(&cancel)[0]["state"], "CANCELLED");
        let none = format!("the job {id} is CANCELLED: there is no result");
        tool.refused(&["command", "watch", id], 1, &none);
    }
    let said = ended(child);
    assert_eq!((said.code, &*said.out), (1, ""), "{said:?}");

    service.works.store(true, Ordering::SeqCst);
    let done = sent(&tool, &["importer", "order", "{\"sku\":\"chair\"}"]);
    tool.out(&["command", "watch", &done]);
    let stays = format!("the job {done} is SUCCEEDED: it has ended, and stays as it is");
    tool.refused(&["command", "cancel", &done], 1, &stays);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_goes_on_after_a_restart_of_the_server() {
    let mut tool = Tool::start().await;
    let service = Importer::default();
    let _running = importer(&tool.url, service.clone()).await;
    let id = sent(&tool, &["importer", "import", "{\"rows\":5}"]);
    let mut child = follow(&tool, &["watch", &id]);
    read_notes_until(&mut child, "row 8");
    tool.server.kill().await;
    read_notes_until(&mut child, " is not heard; the job does not mind");
    tool.server.restart().await.unwrap();
    read_notes_until(&mut child, " is heard again");
    service.pace.add_permits(1);
    let said = ended(child);
    assert_eq!((said.code, &*said.out), (0, "\"5 rows\"\n"), "{said:?}");
}
