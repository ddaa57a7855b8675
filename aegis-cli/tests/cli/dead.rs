//! `aegis dead`: what was given up is found, understood, brought back once, or removed.

use std::sync::atomic::Ordering;

use aegis::testing::NatsServer;
use serde_json::{Value, json};

use super::billing::{Billing, billing, renamed};
use super::events::Tool;
use super::{run, wait_for};

fn letters(tool: &Tool, words: &[&str]) -> Vec<Value> {
    let out = tool.out(&[&["dead", "list", "--json"], words].concat());
    let all: Value = serde_json::from_str(&out).unwrap();
    all["dead_letters"].as_array().unwrap().clone()
}

fn wait_for_letters(tool: &Tool, count: usize) {
    wait_for("dead letters", || {
        letters(tool, &["--limit", "1000"]).len() == count
    });
}

/// The list has its heads and one row, which ends so.
fn lists_one(tool: &Tool, end: &str) {
    let list = tool.out(&["dead", "list"]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = list.lines().map(words).collect();
    let heads = "NUMBER GIVEN UP HANDLER SUBJECT ID ATTEMPTS WHY";
    assert_eq!((&*lines[0], lines.len()), (heads, 2), "{list}");
    let row = &lines[1];
    assert!(row.starts_with("1 20") && row.ends_with(end), "{list}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_understood_and_brought_back_once() {
    let tool = Tool::start().await;
    let service = Billing::default();
    let _running = billing(&tool.url, service.clone()).await;
    let none = tool.out(&["dead", "list"]);
    assert!(
        none.starts_with("There are no dead letters at nats://"),
        "{none}"
    );
    let payload = "{\"id\":\"7\"}";
    let words = [
        "publish",
        "orders.created",
        payload,
        "--id",
        "o-7",
        "--header",
        "Tenant=acme",
    ];
    tool.out(&words);
    wait_for_letters(&tool, 1);
    let row = "billing__bill events.orders.created o-7 1 NO_STOCK: there is no chair";
    lists_one(&tool, row);
    let mut letter = letters(&tool, &[]).remove(0);
    for time in ["given_up", "published"] {
        assert!(letter[time].take().as_str().unwrap().ends_with('Z'));
    }
    let expected = json!({
        "sequence": 1, "given_up": null, "handler": "billing__bill", "instance": "one",
        "attempts": 1, "code": "NO_STOCK", "reason": "there is no chair",
        "subject": "events.orders.created", "id": "o-7", "stream": "EVENTS", "number": 1,
        "published": null, "headers": {"Aegis-Source": "aegis-client", "Tenant": "acme"},
        "body_left": false, "payload": {"id": "7"},
    });
    assert_eq!(letter, expected);
    let shown = tool.out(&["dead", "show", "1"]);
    for part in [
        "dead letter 1\n  given up   20",
        "\n  handler    billing__bill\n  instance   one\n  attempts   1\n",
        "\n  reason     there is no chair\n",
        "\n  stream     EVENTS, number 1\n\n  headers\n",
        "\n    Tenant        acme\n",
        "\n\n  body\n    {\n      \"id\": \"7\"\n    }\n",
    ] {
        assert!(shown.contains(part), "{part} is in {shown}");
    }
    service.works.store(true, Ordering::SeqCst);
    let back = "1  brought back: events.orders.created for billing__bill, now number 2\n";
    assert_eq!(tool.out(&["dead", "retry", "1"]), back);
    wait_for("bill", || *service.billed.lock().unwrap() == ["7"]);
    let gone = "there is no dead letter 1 (any more): `aegis dead list` shows";
    for words in [
        ["dead", "retry", "1"],
        ["dead", "show", "1"],
        ["dead", "drop", "1"],
    ] {
        tool.refused(&words, 1, gone);
    }
    assert!(letters(&tool, &[]).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_of_many_are_chosen() {
    let tool = Tool::start().await;
    let service = Billing::default();
    let _running = billing(&tool.url, service.clone()).await;
    tool.out(&[
        "publish",
        "orders.created",
        "{\"id\":\"7\"}",
        "--count",
        "240",
    ]);
    wait_for_letters(&tool, 240);
    tool.out(&["publish", "audit.one", "1"]);
    wait_for_letters(&tool, 241);
    let some = tool.run(&["dead", "list"]);
    assert_eq!((some.code, some.out.lines().count()), (0, 1 + 50));
    assert!(
        some.err.contains("there are more: `--limit 500`"),
        "{}",
        some.err
    );
    let audit = letters(&tool, &["--handler", "billing__note"]);
    assert_eq!((audit.len(), &audit[0]["sequence"]), (1, &json!(241)));
    let nobody = tool.out(&["dead", "list", "--handler", "billing__bil"]);
    let others = "; there are of billing__bill, billing__note.\n";
    assert!(nobody.starts_with("There are no dead letters of billing__bil at "));
    assert!(nobody.ends_with(others), "{nobody}");
    // One that is there, and one that is not.
    let said = tool.run(&["dead", "drop", "1", "999"]);
    assert_eq!((said.code, &*said.out), (1, "1  removed\n"));
    assert!(said.err.contains("there is no dead letter 999"), "{said:?}");
    service.works.store(true, Ordering::SeqCst);
    let back = tool.lines(&["dead", "retry", "--all", "--handler", "billing__note"]);
    assert_eq!(
        (back.len(), &back[0]["subject"]),
        (1, &json!("events.audit.one"))
    );
    let back = tool.lines(&["dead", "retry", "3", "2"]);
    let numbers: Vec<&Value> = back.iter().map(|back| &back["sequence"]).collect();
    assert_eq!(numbers, [3, 2]);
    wait_for("bills", || service.billed.lock().unwrap().len() == 2);
    let dropped = tool.out(&["dead", "drop", "--all", "--yes"]);
    assert_eq!(dropped.lines().count(), 240 - 3);
    let none = tool.out(&["dead", "retry", "--all"]);
    assert!(none.starts_with("There are no dead letters at "), "{none}");
    assert_eq!(tool.out(&["dead", "drop", "--all", "--yes", "--json"]), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_is_there_to_take_stays_and_holds_up_no_other() {
    let tool = Tool::start().await;
    let service = Billing::default();
    let running = billing(&tool.url, service.clone()).await;
    tool.out(&["publish", "orders.created", "{\"id\":\"7\"}"]);
    wait_for_letters(&tool, 1);
    tool.out(&["publish", "audit.one", "1"]);
    wait_for_letters(&tool, 2);
    running.stop().await.unwrap();
    let gone = "nobody takes events as billing__bill now: start its service";
    tool.refused(&["dead", "retry", "1"], 1, gone);

    let _later = renamed(&tool.url, service.clone()).await;
    let said = tool.run(&["dead", "retry", "--all"]);
    let back = "2  brought back: events.audit.one for billing__note, now number 3\n";
    assert_eq!((said.code, &*said.out), (1, back), "{said:?}");
    for part in [
        "the dead letter 1 is not brought back: nobody takes events as billing__bill now",
        "`aegis dead retry 1 --for SERVICE.HANDLER`",
        "error: 1 of 2 dead letters were not brought back, and stay, as told above: 1\n",
    ] {
        assert!(said.err.contains(part), "{part} is in {}", said.err);
    }
    assert_eq!(letters(&tool, &[]).len(), 1);

    let nobody = "no handler billing__chrage has a place in the stream of events";
    tool.refused(
        &["dead", "retry", "1", "--for", "billing.chrage"],
        1,
        nobody,
    );
    let back = "1  brought back: events.orders.created for billing__charge, now number 4\n";
    assert_eq!(
        tool.out(&["dead", "retry", "1", "--for", "billing.charge"]),
        back
    );
    wait_for("bill", || *service.billed.lock().unwrap() == ["7"]);
    assert!(letters(&tool, &[]).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_meant_is_refused() {
    let tool = Tool::start().await;
    for (words, part) in [
        (&["drop", "--all"][..], "`--yes` says that this is meant"),
        (&["drop"], "<SEQUENCE|--all>"),
        (&["retry"], "<SEQUENCE|--all>"),
        (&["retry", "1", "--all"], "cannot be used with"),
        (&["retry", "1", "--handler", "a__b"], "cannot be used with"),
        (&["retry", "1", "--for", "billing"], "it is SERVICE.HANDLER"),
        (&["retry", "1", "--for", "billing.a b"], "billing.a b"),
        (&["retry", "--all", "--for", "a.b"], "say `--handler` too"),
        (&["show", "0"], "0 is not in 1.."),
        (&["show", "x"], "invalid"),
        (&["list", "--limit", "0"], "--limit"),
    ] {
        tool.refused(&[&["dead"], words].concat(), 64, part);
    }
    let without = NatsServer::builder().without_jetstream();
    let without = without.start().await.unwrap();
    for words in [
        &["list"][..],
        &["show", "1"],
        &["retry", "1"],
        &["drop", "1"],
    ] {
        let said = run(&[&["dead", "--url", &without.url()], words].concat());
        assert_eq!((said.code, &*said.out), (2, ""), "{said:?}");
        assert!(said.err.contains("JetStream"), "{said:?}");
    }
}
