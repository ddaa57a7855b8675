//! What an event is called, and what tells its body from an envelope.

use aegis::port::{StreamMessage, Streams};
use aegis::{Config, ErrorKind, Once, Subject};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;

fn config(ground: &Ground, envelope: bool) -> Config {
    let config = Config::default().url(&ground.url);
    let config = config.subject_prefix(&format!("{}{envelope}", ground.prefix));
    let config = config.events_max_bytes(16 << 20).dead_max_bytes(16 << 20);
    if envelope { config.envelope() } else { config }
}

async fn seen(client: &Client, count: usize) -> Vec<AnyEvent> {
    let mut events = client.observe(">").all().open().await.unwrap();
    let mut all = Vec::new();
    while all.len() < count {
        let event = aegis_tests::soon("an event", events.next()).await;
        all.push(event.unwrap().unwrap());
    }
    all
}

/// Two events under one id; tells of both whether they were stored before.
async fn publish_both(client: &Client) -> [bool; 2] {
    let created = client.publish(&Created { id: 7 }).id("order-7");
    let paid = client.publish(&Paid { id: 7 }).id("order-7");
    let both = [created.await.unwrap(), paid.await.unwrap()];
    both.map(|published| {
        assert_eq!(published.id(), "order-7");
        published.is_duplicate()
    })
}

#[tokio::test]
async fn one_id_of_two_events_is_two_events_and_two_effects() {
    for ground in Ground::both().await {
        for envelope in [false, true] {
            let client = Client::connect(config(&ground, envelope)).await.unwrap();
            let shown = format!("{}, envelope: {envelope}", ground.name);
            assert_eq!(publish_both(&client).await, [false, false], "{shown}");
            assert_eq!(publish_both(&client).await, [true, true], "{shown}");
            let inbox = client.inbox("naming").max_bytes(1 << 20);
            let inbox = inbox.open().await.unwrap();
            let all = seen(&client, 2).await;
            let mut effects = Vec::new();
            for event in [&all[0], &all[1], &all[0]] {
                assert_eq!(event.id(), "order-7", "{shown}");
                let effect = inbox.once(&event.key()).run(async || Ok(()));
                effects.push(effect.await.unwrap());
            }
            let once = [Once::Done(()), Once::Done(()), Once::Before];
            assert_eq!(effects, once, "{shown}");
            let travels = all[1].headers().get("Nats-Msg-Id");
            assert_eq!(travels, Some("orders.paid/order-7"), "{shown}");
            let body: Value = serde_json::from_slice(all[1].body()).unwrap();
            let in_body = envelope.then_some("order-7");
            assert_eq!(body["message_id"].as_str(), in_body, "{shown}");
        }
    }
}

#[tokio::test]
async fn an_id_is_as_long_as_is_said() {
    let ground = &Ground::both().await[0];
    let client = Client::connect(config(ground, false)).await.unwrap();
    let long = format!("a.{}", "b".repeat(800));
    let (ascii, other) = ("x".repeat(256), "\u{fc}".repeat(128));
    for (name, id, right) in [
        ("a.b", ascii.clone(), true),
        ("a.b", other.clone(), true),
        ("a.b", format!("{ascii}x"), false),
        ("a.b", format!("{other}x"), false),
        ("a.b", "x\ny".to_owned(), false),
        // Together with the name it is longer than the server is to remember.
        (&long, ascii.clone(), false),
    ] {
        let published = client.publish_as(name, &1).id(&id).await;
        match published {
            Ok(published) => assert!(right && published.id() == id, "{name} {id}"),
            Err(error) => assert!(!right && error.kind() == ErrorKind::Invalid, "{error}"),
        }
    }
}

/// Looks like an envelope of `AegisSDK` 1.0, and is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, aegis::Event)]
#[event("audit.noted")]
struct Noted {
    domain: String,
    event_type: String,
    payload: u32,
}

#[tokio::test]
async fn an_event_that_looks_like_an_envelope_arrives_as_it_is() {
    for ground in Ground::both().await {
        for envelope in [false, true] {
            let client = Client::connect(config(&ground, envelope)).await.unwrap();
            let noted = Noted {
                domain: "orders".to_owned(),
                event_type: "created".to_owned(),
                payload: 7,
            };
            client.publish(&noted).await.unwrap();
            let all = seen(&client, 1).await;
            let shown = format!("{}, envelope: {envelope}", ground.name);
            assert_eq!(all[0].decode::<Noted>().unwrap(), noted, "{shown}");
            let payload = all[0].payload().unwrap();
            assert_eq!(payload, json!(noted), "{shown}");
            assert_eq!(all[0].source(), Some("aegis-client"), "{shown}");
        }
    }
}

/// Answers each event with another one.
struct Till {
    seen: Seen,
}

#[aegis::service(name = "till", version = "1.0.0")]
impl Till {
    #[subscribe(mode = "compete", retries = 0)]
    async fn pay(&self, ctx: &Context, event: Created) -> Result<(), Failure> {
        ctx.publish(&Paid { id: event.id }).await?;
        Ok(())
    }

    #[subscribe(mode = "compete")]
    async fn note(&self, ctx: &Context, _event: Paid) -> Result<(), Failure> {
        let event = ctx.event().and_then(AnyEvent::correlation_id);
        self.seen.note("note", event.unwrap_or("nothing"));
        Ok(())
    }
}

/// Stores an event as another program does.
async fn store(streams: &dyn Streams, subject: &str, body: &Value) {
    let subject = Subject::parse(subject).unwrap();
    let message = StreamMessage::new(subject, body.to_string());
    let deadline = Instant::now() + aegis_tests::PATIENCE;
    streams.store(message, deadline).await.unwrap();
}

#[tokio::test]
async fn what_another_program_says_of_its_event_stops_no_handler_from_publishing() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let till = Till { seen: seen.clone() };
        let app = ground.app().service(till).start().await.unwrap();
        let config = Config::default().url(&ground.url);
        let streams = aegis::testing::streams(&config).await.unwrap();
        let subject = format!("{}.events.orders.created", ground.prefix);
        let long = "x".repeat(20 << 10);
        for (field, said, passed_on) in [
            ("correlation_id", "basket-7", "basket-7"),
            ("correlation_id", "a\r\nb: c", "a  b: c"),
            ("message_id", "o\u{7}ne", "o ne"),
            ("correlation_id", &long, &long[..1024]),
        ] {
            let mut body = json!({"domain": "orders", "event_type": "created"});
            body["payload"] = json!({"id": 1});
            body[field] = json!(said);
            let before = seen.of("note").len();
            store(&*streams, &subject, &body).await;
            let told = seen.until("note", before + 1).await;
            assert_eq!(told[before], passed_on, "{}: {field}", ground.name);
        }
        app.stop().await.unwrap();
    }
}
