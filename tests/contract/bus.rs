//! The contract of `Bus`: subjects, wildcards, queue groups, answers, limits, orderly ends.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aegis::port::{Bus, ConnectionState, Message, Outgoing, Subscription};
use aegis::{ErrorKind, Headers};
use aegis_tests::soon;
use tokio::time::Instant;

use crate::fixture::Fixture;

async fn next(subscription: &mut Subscription) -> Message {
    soon("a message", subscription.next())
        .await
        .expect("the subscription goes on")
}

fn text(message: &Message) -> &str {
    std::str::from_utf8(&message.payload).unwrap()
}

/// Answers every message with its own payload, until the subscription ends.
fn echo(bus: Arc<dyn Bus>, mut questions: Subscription) -> tokio::task::JoinHandle<usize> {
    tokio::spawn(async move {
        let mut answered = 0;
        while let Some(question) = questions.next().await {
            let Some(reply) = question.reply else {
                continue;
            };
            let answer = Outgoing::new(reply, question.payload).with_headers(question.headers);
            bus.publish(answer).await.unwrap();
            answered += 1;
        }
        answered
    })
}

#[tokio::test]
async fn a_message_arrives_whole() {
    for fixture in Fixture::all().await {
        let mut messages = fixture.listen("a.b", None).await;
        let mut headers = Headers::new();
        headers.set("Tenant", "grüße 👋").unwrap();
        headers.set("Empty", "").unwrap();
        let reply = fixture.subject("answers");
        let message = Outgoing::new(fixture.subject("a.b"), vec![0u8, 255, 13, 10])
            .with_headers(headers)
            .with_reply(reply.clone());
        fixture.here.publish(message).await.unwrap();
        let message = next(&mut messages).await;
        assert_eq!(message.subject, fixture.subject("a.b"), "{}", fixture.name);
        assert_eq!(message.reply, Some(reply), "{}", fixture.name);
        assert_eq!(message.payload, &[0u8, 255, 13, 10][..], "{}", fixture.name);
        assert_eq!(
            message.headers.get("tenant"),
            Some("grüße 👋"),
            "{}",
            fixture.name
        );
        assert_eq!(message.headers.get("Empty"), Some(""), "{}", fixture.name);
    }
}

#[tokio::test]
async fn patterns_select_and_order_is_kept() {
    for fixture in Fixture::all().await {
        let mut exact = fixture.listen("a.b", None).await;
        let mut star = fixture.listen("a.*", None).await;
        let mut tail = fixture.listen("a.>", None).await;
        for (subject, payload) in [
            ("a.b", "1"),
            ("a.b.c", "2"),
            ("a.c", "3"),
            ("a", "4"),
            ("a.b", "5"),
        ] {
            fixture.publish(subject, payload).await;
        }
        for (messages, expected) in [
            (&mut exact, &["1", "5"][..]),
            (&mut star, &["1", "3", "5"]),
            (&mut tail, &["1", "2", "3", "5"]),
        ] {
            for payload in expected {
                assert_eq!(text(&next(messages).await), *payload, "{}", fixture.name);
            }
        }
    }
}

#[tokio::test]
async fn a_queue_group_gets_each_message_once_and_shares_them() {
    for fixture in Fixture::all().await {
        let plain = fixture.listen("work", None).await;
        let members = [
            fixture.listen("work", Some("group")).await,
            fixture.listen("work", Some("group")).await,
            fixture.listen("*", Some("group")).await,
        ];
        let other = fixture.listen("work", Some("other")).await;
        for n in 0..300 {
            fixture.publish("work", &n.to_string()).await;
        }
        fixture.here.flush().await.unwrap();
        fixture.there.flush().await.unwrap();
        assert_eq!(
            ended(plain).await.len(),
            300,
            "{}: a plain listener gets all",
            fixture.name
        );
        assert_eq!(
            ended(other).await.len(),
            300,
            "{}: each group gets all",
            fixture.name
        );
        let mut all = HashSet::new();
        for member in members {
            let own = ended(member).await;
            assert!(
                own.len() > 30,
                "{}: each member gets a share, not {}",
                fixture.name,
                own.len()
            );
            for payload in own {
                assert!(all.insert(payload), "{}: nobody else got it", fixture.name);
            }
        }
        assert_eq!(all.len(), 300, "{}", fixture.name);
    }
}

/// Stops a subscription, and returns everything that was in it.
async fn ended(mut subscription: Subscription) -> Vec<String> {
    (subscription.stop_handle())().await.unwrap();
    let mut payloads = Vec::new();
    while let Some(message) = soon("the end", subscription.next()).await {
        payloads.push(text(&message).to_owned());
    }
    payloads
}

#[tokio::test]
async fn a_request_gets_its_own_answer() {
    for fixture in Fixture::all().await {
        let questions = fixture.listen("echo", None).await;
        let _answers = echo(fixture.there.clone(), questions);
        let calls = (0..200).map(|n| {
            let (bus, subject) = (fixture.here.clone(), fixture.subject("echo"));
            tokio::spawn(async move {
                let mut headers = Headers::new();
                headers.set("N", &n.to_string()).unwrap();
                let message = Outgoing::new(subject, n.to_string()).with_headers(headers);
                let until = Instant::now() + Duration::from_secs(10);
                let answer = bus.request(message, &bus.new_call(), until).await.unwrap();
                assert_eq!(answer.payload, n.to_string().as_bytes());
                assert_eq!(answer.headers.get("N"), Some(n.to_string().as_str()));
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    }
}

#[tokio::test]
async fn nobody_listens_is_known_at_once() {
    for fixture in Fixture::all().await {
        let long = Duration::from_secs(3600);
        let answer = soon("no responders", fixture.request("nobody", long)).await;
        assert_eq!(
            answer.unwrap_err().kind(),
            ErrorKind::NoService,
            "{}",
            fixture.name
        );
        let listener = fixture.listen("somebody", None).await;
        drop(listener);
        fixture.there.flush().await.unwrap();
        let answer = soon("no responders", fixture.request("somebody", long)).await;
        assert_eq!(
            answer.unwrap_err().kind(),
            ErrorKind::NoService,
            "{}",
            fixture.name
        );
    }
}

#[tokio::test]
async fn a_question_to_all_without_listeners_is_answered_by_the_bus() {
    for fixture in Fixture::all().await {
        let mut answers = fixture.listen("answers", None).await;
        let question =
            Outgoing::new(fixture.subject("nobody"), "").with_reply(fixture.subject("answers"));
        fixture.there.publish(question).await.unwrap();
        let answer = next(&mut answers).await;
        assert_eq!(
            answer.headers.get("Status"),
            Some("503"),
            "{}",
            fixture.name
        );
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    for fixture in Fixture::all().await {
        let _silent = fixture.listen("silent", None).await;
        let answer = soon(
            "a timeout",
            fixture.request("silent", Duration::from_millis(50)),
        )
        .await;
        assert_eq!(
            answer.unwrap_err().kind(),
            ErrorKind::Timeout,
            "{}",
            fixture.name
        );
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_and_the_bus_goes_on() {
    for fixture in Fixture::all().await {
        let limit = fixture.here.max_payload();
        assert_eq!(limit, 1024 * 1024, "{}", fixture.name);
        let mut messages = fixture.listen("big", None).await;
        let subject = fixture.subject("big");
        let sized = |size: usize| Outgoing::new(subject.clone(), vec![b'x'; size]);
        let error = fixture.here.publish(sized(limit + 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{}", fixture.name);
        assert!(
            error.to_string().contains("1048576"),
            "{}: {error}",
            fixture.name
        );
        let mut headers = Headers::new();
        headers.set("Some", "header").unwrap();
        let with_headers = sized(limit).with_headers(headers);
        let error = fixture.here.publish(with_headers).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::TooLarge,
            "{}: headers count",
            fixture.name
        );
        let until = Instant::now() + Duration::from_secs(5);
        let error = fixture
            .here
            .request(sized(limit + 1), &fixture.here.new_call(), until)
            .await;
        assert_eq!(
            error.unwrap_err().kind(),
            ErrorKind::TooLarge,
            "{}",
            fixture.name
        );
        fixture.here.publish(sized(limit)).await.unwrap();
        assert_eq!(
            next(&mut messages).await.payload.len(),
            limit,
            "{}",
            fixture.name
        );
    }
}

/// Asks one question after the other, until it is done.
fn ask_until(fixture: &Fixture, done: &Arc<AtomicBool>) -> impl Future<Output = ()> + use<> {
    let (bus, subject) = (fixture.here.clone(), fixture.subject("flood"));
    let done = done.clone();
    async move {
        while !done.load(Ordering::Relaxed) {
            let message = Outgoing::new(subject.clone(), "x");
            let until = Instant::now() + Duration::from_secs(20);
            bus.request(message, &bus.new_call(), until).await.unwrap();
        }
    }
}

/// Members of a queue group come and go under load; every question must be answered. (With the
/// drain of `async-nats` instead of ours, this fails within a few of the rounds.)
#[tokio::test]
async fn stopping_loses_nothing_that_was_delivered() {
    for fixture in Fixture::all().await {
        let staying = echo(
            fixture.there.clone(),
            fixture.listen("flood", Some("group")).await,
        );
        let done = Arc::new(AtomicBool::new(false));
        let calls: Vec<_> = (0..64)
            .map(|_| tokio::spawn(ask_until(&fixture, &done)))
            .collect();
        for _ in 0..60 {
            let mut member = fixture.listen("flood", Some("group")).await;
            let stop = member.stop_handle();
            let first = next(&mut member).await;
            let answer = Outgoing::new(first.reply.unwrap(), "x");
            fixture.there.publish(answer).await.unwrap();
            let member = echo(fixture.there.clone(), member);
            stop().await.unwrap();
            soon("the stopped member's end", member).await.unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for call in calls {
            soon("every question's answer", call).await.unwrap();
        }
        staying.abort();
    }
}

#[tokio::test]
async fn stopping_twice_is_once_and_a_dropped_subscription_has_nothing_to_stop() {
    for fixture in Fixture::all().await {
        let mut messages = fixture.listen("x", None).await;
        let stop = messages.stop_handle();
        stop().await.unwrap();
        stop().await.unwrap();
        assert!(
            soon("the end", messages.next()).await.is_none(),
            "{}",
            fixture.name
        );
        drop(messages);
        stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_bus_says_so() {
    for fixture in Fixture::all().await {
        let mut messages = fixture.listen("x", None).await;
        assert_eq!(*fixture.there.state().borrow(), ConnectionState::Connected);
        fixture.there.close().await.unwrap();
        assert_eq!(
            *fixture.there.state().borrow(),
            ConnectionState::Closed,
            "{}",
            fixture.name
        );
        assert!(
            soon("the end", messages.next()).await.is_none(),
            "{}",
            fixture.name
        );
        let until = Instant::now() + Duration::from_secs(5);
        let call = fixture.there.new_call();
        let message = Outgoing::new(fixture.subject("x"), "");
        let error = soon("an error", fixture.there.request(message, &call, until))
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Disconnected,
            "{}: {error}",
            fixture.name
        );
        assert!(!error.was_sent(), "{}", fixture.name);
        let until_here = fixture.request("x", Duration::from_secs(5)).await;
        assert_eq!(
            until_here.unwrap_err().kind(),
            ErrorKind::NoService,
            "{}",
            fixture.name
        );
    }
}
