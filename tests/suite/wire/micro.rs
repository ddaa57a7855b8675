//! Self-description: NATS micro, ADR-32 revision 6.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::time::Duration;

use aegis_tests::eventually;
use serde_json::{Value, json};

use super::peer::{Peer, next};

/// How long answers are collected; a loaded machine may need another try.
const SHORT: Duration = Duration::from_millis(200);

/// All methods of the probe, sorted, with what stands in their endpoint metadata.
fn endpoints(prefix: &str) -> Vec<Value> {
    let row = |name: &str, metadata: Value| {
        json!({"name": name, "subject": format!("{prefix}.rpc.probe.{name}"),
            "queue_group": "rpc.probe", "metadata": metadata})
    };
    let usual = |arguments: &str| json!({"aegis.kind": "rpc", "aegis.idempotent": "false", "aegis.arguments": arguments});
    let mut facts = usual("");
    facts["description"] = json!("Time left in milliseconds, who calls, the trace.");
    vec![
        row(
            "add",
            json!({"aegis.kind": "rpc", "aegis.idempotent": "true", "aegis.arguments": "a,b",
                "aegis.timeout_ms": "2000", "description": "Adds two numbers."}),
        ),
        row("blob", usual("size")),
        row("count", usual("")),
        row("divide", usual("a,by")),
        row("facts", facts),
        row("greet", usual("name,title")),
        row("hold", usual("")),
        row("line", usual("")),
        row("panics", usual("")),
        row("sell", usual("")),
        row("single", usual("")),
        row("told", usual("name")),
    ]
}

fn identity(peer: &Peer, kind: &str) -> Value {
    json!({
        "type": format!("io.nats.micro.v1.{kind}_response"), "name": "probe",
        "id": peer.instance, "version": "1.2.3",
        "metadata": {"team": "core", "aegis.version": env!("CARGO_PKG_VERSION"),
            "aegis.state": "STARTED"},
    })
}

fn subjects(peer: &Peer, root: &str, verb: &str) -> [String; 3] {
    [
        format!("{root}.{verb}"),
        format!("{root}.{verb}.probe"),
        format!("{root}.{verb}.probe.{}", peer.instance),
    ]
}

/// What this instance answers on a subject that others may answer as well; exactly once.
async fn own_answer(peer: &Peer, subject: &str) -> Value {
    let inbox = |end: &str| format!("_INBOX.{}.{end}", peer.prefix);
    let mut answers = peer.listen(&inbox("*")).await;
    for end in ["first", "second"] {
        let sent = peer
            .nats
            .publish_with_reply(subject.to_owned(), inbox(end), "".into());
        sent.await.unwrap();
    }
    let mut firsts = Vec::new();
    loop {
        let message = next(&mut answers).await;
        let answer: Value = serde_json::from_slice(&message.payload).unwrap();
        if answer["id"] != *peer.instance {
            continue;
        }
        assert!(message.headers.is_none(), "{subject}");
        // The instance answers in order: after its second answer there is no more first one.
        if *message.subject == *inbox("second") {
            break;
        }
        firsts.push(answer);
    }
    assert_eq!(firsts.len(), 1, "{subject} is answered once");
    firsts.remove(0)
}

#[tokio::test]
async fn ping_and_info_are_complete_on_all_three_subjects() {
    let peer = Peer::start().await;
    let mut info = identity(&peer, "info");
    info["description"] = json!("Answers everything that can be asked.");
    info["endpoints"] = endpoints(&peer.prefix).into();
    for (verb, expected) in [("PING", identity(&peer, "ping")), ("INFO", info)] {
        for subject in subjects(&peer, "$SRV", verb) {
            assert_eq!(own_answer(&peer, &subject).await, expected, "{subject}");
        }
    }
}

#[tokio::test]
async fn stats_count_requests_errors_and_time_per_endpoint() {
    let peer = Peer::start().await;
    peer.assert_answers().await;
    peer.assert_answers().await;
    peer.ask("add", "{}").await;
    for subject in subjects(&peer, "$SRV", "STATS") {
        let mut stats = own_answer(&peer, &subject).await;
        let started = stats["started"].take();
        let started = started.as_str().unwrap();
        assert!(
            started.starts_with("20") && started.ends_with('Z'),
            "{started}"
        );
        let rows = stats["endpoints"].as_array_mut().unwrap();
        for row in rows.iter_mut() {
            let (total, requests) = (&row["processing_time"], &row["num_requests"]);
            let (total, requests) = (total.as_u64().unwrap(), requests.as_u64().unwrap());
            assert_eq!(total > 0, requests > 0, "{row}");
            let average = total.checked_div(requests).unwrap_or(0);
            assert_eq!(row["average_processing_time"], average, "{row}");
            row["processing_time"] = json!("TIME");
            row["average_processing_time"] = json!("TIME");
        }
        let error = rows[0]["last_error"].as_str().unwrap();
        assert!(error.starts_with("400:INVALID_PARAMS: "), "{error}");
        rows[0]["last_error"] = json!("ERROR");
        let mut expected = identity(&peer, "stats");
        expected["started"] = Value::Null;
        let mut figures = endpoints(&peer.prefix);
        for figure in &mut figures {
            let used = figure["name"] == "add";
            figure.as_object_mut().unwrap().remove("metadata");
            figure["num_requests"] = json!(if used { 3 } else { 0 });
            figure["num_errors"] = json!(i32::from(used));
            figure["last_error"] = json!(if used { "ERROR" } else { "" });
            figure["processing_time"] = json!("TIME");
            figure["average_processing_time"] = json!("TIME");
            figure["data"] = json!({"running": 0, "waiting": 0});
        }
        expected["endpoints"] = figures.into();
        assert_eq!(stats, expected, "{subject}");
    }
}

#[tokio::test]
async fn the_root_can_be_another_one() {
    let root = format!("{}srv", aegis_tests::unique_prefix());
    let peer = Peer::configured(|config| config.micro_prefix(&root)).await;
    for subject in subjects(&peer, &root, "PING") {
        let answer = own_answer(&peer, &subject).await;
        assert_eq!(answer, identity(&peer, "ping"), "{subject}");
    }
    let usual = format!("$SRV.PING.probe.{}", peer.instance);
    let nobody = peer.nats.request(usual, "".into()).await;
    assert_eq!(
        nobody.unwrap_err().kind(),
        async_nats::RequestErrorKind::NoResponders
    );
}

#[tokio::test]
async fn a_program_with_an_inbox_of_its_own_is_answered_there() {
    let inbox = format!("{}inbox", aegis_tests::unique_prefix());
    let peer = Peer::configured(|config| config.inbox_prefix(&inbox)).await;
    let mut questions = peer.listen("$SRV.INFO").await;
    // The server knows the subscription once it has taken what was sent after it.
    peer.assert_answers().await;
    let client = peer.app.running().client().clone();
    let listing = tokio::spawn(async move { client.services(SHORT).await });
    loop {
        // Other tests ask as well.
        let question = next(&mut questions).await;
        if question
            .reply
            .is_some_and(|reply| reply.starts_with(&*inbox))
        {
            break;
        }
    }
    listing.await.unwrap().unwrap();
    eventually("the program finds itself", async || {
        let listed = peer.app.running().client().services(SHORT).await.unwrap();
        listed.iter().any(|service| service.id == peer.instance)
    })
    .await;
}
