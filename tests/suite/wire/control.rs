//! Subjects beside the shared one: instance, prefix, cancellation, reply subjects.

use aegis::prelude::*;
use aegis::testing::{NatsServer, TestApp};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use serde_json::json;

use super::peer::{Answer, LONG, Peer, is_silent, next, reached};

struct Bare;

/// Mounted without a prefix: on the shared server by one test only.
#[aegis::service(name = "wire-bare", version = "1.0.0")]
impl Bare {
    #[rpc]
    async fn ping(&self, ctx: &Context) -> Result<String, Failure> {
        Ok(ctx.instance().to_owned())
    }
}

#[tokio::test]
async fn subjects_stand_as_they_are_without_a_prefix() {
    let url = shared_server().await;
    let start = |instance: &'static str| {
        let app = TestApp::new().on_nats(&url);
        app.configure(|config| config.instance_id(instance))
            .service(Bare)
            .start()
    };
    let (_one, _two) = (start("one").await.unwrap(), start("two").await.unwrap());
    let nats = async_nats::connect(&url).await.unwrap();
    for instance in ["one", "two"] {
        let subject = format!("rpc.wire-bare.ping.{instance}");
        let answer = nats.request(subject, "".into()).await.unwrap();
        assert_eq!(answer.payload, format!("\"{instance}\""));
    }
    // The queue group shares: 20 requests get 20 answers.
    let mut answers = nats.subscribe("_INBOX.bare").await.unwrap();
    for _ in 0..20 {
        let sent = nats.publish_with_reply("rpc.wire-bare.ping", "_INBOX.bare", "".into());
        sent.await.unwrap();
    }
    for _ in 0..20 {
        next(&mut answers).await;
    }
    for instance in ["one", "two"] {
        // Its answer comes after whatever the instance had answered too much.
        let subject = format!("rpc.wire-bare.ping.{instance}");
        nats.request(subject, "".into()).await.unwrap();
    }
    assert!(is_silent(&mut answers), "one answer per request");
}

#[tokio::test]
async fn a_prefix_stands_before_shared_instance_and_cancel_subject() {
    let peer = Peer::start().await;
    let own = format!("{}.rpc.probe.add.{}", peer.prefix, peer.instance);
    let answer = peer.request(own, &[], r#"{"a":1,"b":2}"#).await;
    assert_eq!(answer, Answer::plain("3"));
    let other = format!("{}.rpc.probe.add.nobody", peer.prefix);
    let nobody = peer.nats.request(other, "".into()).await;
    assert_eq!(
        nobody.unwrap_err().kind(),
        async_nats::RequestErrorKind::NoResponders
    );
}

#[tokio::test]
async fn a_message_on_the_cancel_subject_ends_the_call_that_named_it() {
    let peer = Peer::start().await;
    let cancel = |call: &str| format!("{}.cancel.probe.{call}", peer.prefix);
    let mut answers = peer.listen("_INBOX.cancel.*").await;
    for (call, started) in [("one", 1), ("two", 2)] {
        let subject = cancel(call);
        let headers = [LONG, ("Aegis-Cancel", &*subject)];
        let reply = format!("_INBOX.cancel.{call}");
        peer.publish("hold", &reply, &headers, "").await;
        reached(&peer.seen.started, started).await;
    }
    for (call, cancelled) in [("two", 1), ("one", 2)] {
        let nats = &peer.nats;
        nats.publish(cancel("nobody"), "".into()).await.unwrap();
        nats.publish(cancel(call), "any body".into()).await.unwrap();
        let answer = next(&mut answers).await;
        assert_eq!(&*answer.subject, format!("_INBOX.cancel.{call}"));
        Answer::of(&answer).assert_failure("CANCELLED", "499", false);
        reached(&peer.seen.cancelled, cancelled).await;
    }
    peer.assert_answers().await;
}

#[tokio::test]
async fn a_call_is_cancelled_on_the_instance_subject_as_well() {
    let peer = Peer::start().await;
    let cancel = format!("{}.cancel.probe.own", peer.prefix);
    let headers = [LONG, ("Aegis-Cancel", &*cancel)];
    let method = format!("hold.{}", peer.instance);
    let mut answers = peer.listen("_INBOX.own").await;
    peer.publish(&method, "_INBOX.own", &headers, "").await;
    reached(&peer.seen.started, 1).await;
    peer.nats.publish(cancel, "".into()).await.unwrap();
    Answer::of(&next(&mut answers).await).assert_failure("CANCELLED", "499", false);
}

#[tokio::test]
async fn a_call_that_waits_for_its_turn_is_cancelled_and_does_not_run() {
    let peer = Peer::start().await;
    let cancel = |call: &str| format!("{}.cancel.probe.{call}", peer.prefix);
    let mut answers = peer.listen("_INBOX.line.*").await;
    for call in ["runs", "waits"] {
        let subject = cancel(call);
        let headers = [LONG, ("Aegis-Cancel", &*subject)];
        let reply = format!("_INBOX.line.{call}");
        peer.publish("line", &reply, &headers, "").await;
    }
    reached(&peer.seen.started, 1).await;
    eventually("one runs and one waits", async || {
        peer.stats("line").await["data"] == json!({"running": 1, "waiting": 1})
    })
    .await;
    for call in ["waits", "runs"] {
        peer.nats.publish(cancel(call), "".into()).await.unwrap();
        let answer = next(&mut answers).await;
        assert_eq!(&*answer.subject, format!("_INBOX.line.{call}"));
        Answer::of(&answer).assert_failure("CANCELLED", "499", false);
    }
    assert_eq!(*peer.seen.started.borrow(), 1);
}

#[tokio::test]
async fn only_inboxes_are_answered() {
    let inbox = format!("{}own", unique_prefix());
    let peer = Peer::configured(|config| config.inbox_prefix(&inbox)).await;
    let victim = |end: &str| format!("{}.victim.{end}", peer.prefix);
    let unknown = format!("nothing.{}", peer.instance);
    let sentinel = format!("_INBOX.{}.sentinel", peer.prefix);
    for (reply, answered) in [
        (format!("_INBOX.{}.a", peer.prefix), true),
        (format!("{inbox}.a"), true),
        (victim("rpc"), false),
        (format!("{inbox}s.a"), false),
        (format!("_INBOXES.{}", peer.prefix), false),
    ] {
        // An unknown method is answered on the same subjects as a known one.
        for method in ["count", &unknown] {
            let mut answers = peer.listen(&reply).await;
            let mut sentinels = peer.listen(&sentinel).await;
            peer.publish(method, &reply, &[], "").await;
            peer.publish(method, &sentinel, &[], "").await;
            next(&mut sentinels).await;
            let got = !is_silent(&mut answers);
            assert_eq!(got, answered, "{method} with reply {reply}");
        }
    }
}

#[tokio::test]
async fn a_caller_in_another_account_is_answered() {
    // The server puts `_R_.` reply subjects in the place of the caller's; no client may send one.
    let accounts = r#"
        accounts {
            services {
                users = [{user: s, password: s}]
                exports = [{service: "rpc.>"}, {service: "$SRV.>", response: stream}]
            }
            callers {
                users = [{user: c, password: c}]
                imports = [
                    {service: {account: services, subject: "rpc.>"}}
                    {service: {account: services, subject: "$SRV.>"}}
                ]
            }
        }"#;
    let builder = NatsServer::builder().without_jetstream().config(accounts);
    let server = builder.start().await.unwrap();
    let app = TestApp::new()
        .on_nats(&server.url().replace("//", "//s:s@"))
        .configure(|config| config.instance_id("far"))
        .service(Bare)
        .start();
    let _app = app.await.unwrap();
    let options = async_nats::ConnectOptions::with_user_and_password("c".into(), "c".into());
    let nats = options.connect(server.url()).await.unwrap();
    for (subject, expected) in [
        ("rpc.wire-bare.ping", "\"far\""),
        ("rpc.wire-bare.ping.far", "\"far\""),
        ("rpc.wire-bare.nothing.far", "UNKNOWN_METHOD"),
        ("$SRV.PING.wire-bare", "io.nats.micro.v1.ping_response"),
    ] {
        let answer = nats.request(subject, "".into()).await.unwrap();
        let body = String::from_utf8_lossy(&answer.payload).into_owned();
        assert!(body.contains(expected), "{subject}: {body}");
    }
}

#[tokio::test]
async fn self_descriptions_go_to_inboxes_only() {
    let peer = Peer::start().await;
    let victim = format!("{}.victim.micro", peer.prefix);
    let inbox = format!("_INBOX.{}.micro", peer.prefix);
    let mut victims = peer.listen(&victim).await;
    let mut answers = peer.listen(&inbox).await;
    for verb in ["PING", "INFO", "STATS"] {
        let subject = format!("$SRV.{verb}.probe.{}", peer.instance);
        let nats = &peer.nats;
        nats.publish(subject.clone(), "".into()).await.unwrap();
        for reply in [&victim, &inbox] {
            let sent = nats.publish_with_reply(subject.clone(), reply.clone(), "".into());
            sent.await.unwrap();
        }
        next(&mut answers).await;
        assert!(is_silent(&mut victims), "{verb}");
    }
}

#[tokio::test]
async fn a_stopped_service_answers_nobody() {
    let peer = Peer::start().await;
    peer.assert_answers().await;
    let subject = peer.subject("add");
    soon("the end", peer.app.stop()).await.unwrap();
    for subject in [subject, format!("$SRV.PING.probe.{}", peer.instance)] {
        let nobody = peer.nats.request(subject, "".into()).await;
        assert_eq!(
            nobody.unwrap_err().kind(),
            async_nats::RequestErrorKind::NoResponders
        );
    }
}
