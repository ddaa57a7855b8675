//! What a publisher is promised.

use aegis::testing::NatsServer;
use aegis::{Config, ErrorKind, TraceContext};
use aegis_tests::proxy::{Direction, Proxy};
use serde_json::json;

use super::*;

/// Publishes from inside handlers.
struct Shop {
    seen: Seen,
}

#[aegis::service(name = "shop", version = "1.0.0")]
impl Shop {
    #[rpc]
    async fn buy(&self, ctx: &Context, id: u32) -> Result<(), Failure> {
        ctx.publish(&Created { id }).await?;
        Ok(())
    }

    #[subscribe(mode = "compete")]
    async fn pay(&self, ctx: &Context, event: Created) -> Result<(), Failure> {
        ctx.publish(&Paid { id: event.id }).await?;
        Ok(())
    }

    #[subscribe("orders.*", mode = "compete")]
    async fn note(&self, ctx: &Context, event: AnyEvent) -> Result<(), Failure> {
        let traced = event
            .trace()
            .is_some_and(|trace| trace.trace_id().ends_with('7'));
        let source = event.source().unwrap_or_default();
        let (name, version) = (event.name(), event.version());
        let cause = event.correlation_id().is_some();
        assert_eq!(ctx.source(), event.source());
        let told = json!([name, version, source, cause, traced]);
        self.seen.note("note", &told);
        Ok(())
    }
}

#[tokio::test]
async fn source_trace_and_cause_travel() {
    for ground in Ground::both().await {
        for envelope in [false, true] {
            let seen = Seen::default();
            let shop = Shop { seen: seen.clone() };
            let prefix = format!("{}{envelope}", ground.prefix);
            let app = ground.app().service(shop);
            let app = app.configure(|config| speaking(config, &prefix, envelope));
            let app = app.start().await.unwrap();
            let trace = TraceContext::root(7, 8);
            let shop: ShopClient = app.client();
            shop.buy(1).trace(trace).await.unwrap();
            let mut told = seen.until("note", 2).await;
            told.sort();
            assert_eq!(
                told,
                [
                    json!(["orders.created", "1.0", "shop", false, true]).to_string(),
                    json!(["orders.paid", "2.0", "shop", true, true]).to_string(),
                ],
                "{} {envelope}",
                ground.name
            );
            app.stop().await.unwrap();
        }
    }
}

fn speaking(config: Config, prefix: &str, envelope: bool) -> Config {
    let config = config.subject_prefix(prefix);
    if envelope { config.envelope() } else { config }
}

async fn connect(ground: &Ground) -> Client {
    let config = Config::default().url(&ground.url);
    let config = config
        .subject_prefix(&ground.prefix)
        .events_max_bytes(16 << 20);
    Client::connect(config).await.unwrap()
}

#[tokio::test]
async fn an_id_is_stored_once_and_a_condition_is_kept() {
    for ground in Ground::both().await {
        let client = connect(&ground).await;
        let event = Created { id: 1 };
        let first = client.publish(&event).id("a").await.unwrap();
        let second = client.publish(&event).id("a").await.unwrap();
        assert!(
            !first.is_duplicate() && second.is_duplicate(),
            "{}",
            ground.name
        );
        assert_eq!((first.sequence(), second.id()), (second.sequence(), "a"));
        let other = client.publish(&event).await.unwrap();
        assert_eq!(other.sequence(), first.sequence() + 1);
        let late = client
            .publish(&event)
            .expect_last_sequence(first.sequence());
        assert_eq!(late.await.unwrap_err().kind(), ErrorKind::Conflict);
        let right = client
            .publish(&event)
            .expect_last_sequence(other.sequence());
        assert_eq!(right.await.unwrap().sequence(), other.sequence() + 1);

        let events: Vec<Created> = (0..2000).map(|id| Created { id }).collect();
        let all = client
            .publish_all(&events)
            .id_of(|event| format!("e{}", event.id));
        let published = all.await.all().unwrap();
        let sequences: Vec<u64> = published.iter().map(aegis::Published::sequence).collect();
        let begin = other.sequence() + 2;
        assert!(
            sequences.into_iter().eq(begin..begin + 2000),
            "{}",
            ground.name
        );
        let again = client
            .publish_all(&events)
            .id_of(|event| format!("e{}", event.id));
        let again = again.await.all().unwrap();
        assert!(
            again.iter().all(aegis::Published::is_duplicate),
            "{}",
            ground.name
        );
    }
}

#[tokio::test]
async fn a_leader_of_the_past_publishes_nothing() {
    for ground in Ground::both().await {
        let client = connect(&ground).await;
        let old = aegis::testing::leadership("ledger", "main", 5).unwrap();
        let new = aegis::testing::leadership("ledger", "main", 6).unwrap();
        let event = Created { id: 1 };
        client.publish(&event).fenced(&old).await.unwrap();
        let published = client.publish(&event).fenced(&new).await.unwrap();
        let refused = client.publish(&event).fenced(&old).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotActive, "{refused}");
        let after = client.publish(&event).fenced(&new).await.unwrap();
        assert_eq!(
            after.sequence(),
            published.sequence() + 1,
            "{}",
            ground.name
        );
        let both = client.publish(&event).fenced(&new).expect_last_sequence(1);
        assert_eq!(both.await.unwrap_err().kind(), ErrorKind::Invalid);
    }
}

/// The limits of the stream have taken the fence of the newer leader; the older one has passed all
/// questions, and its lease ends while it raises its own.
#[tokio::test]
async fn a_leader_of_the_past_publishes_nothing_although_its_fence_is_lost() {
    let mut server = NatsServer::start().await.unwrap();
    let config = Config::default().url(&server.url());
    let client = Client::connect(config.clone()).await.unwrap();
    let streams = aegis::testing::streams(&config).await.unwrap();
    let soon = || tokio::time::Instant::now() + aegis_tests::PATIENCE;
    let old = aegis::testing::leadership("ledger", "main", 5).unwrap();
    let new = aegis::testing::leadership("ledger", "main", 6).unwrap();
    let event = Created { id: 1 };
    client.publish(&event).fenced(&new).await.unwrap();
    assert!(
        streams.delete("EVENTS", 1, soon()).await.unwrap(),
        "its fence"
    );
    server.pause().await.unwrap();
    let mut late = client.publish(&event).fenced(&old).into_future();
    assert!(futures_util::poll!(&mut late).is_pending());
    old.end();
    server.resume().unwrap();
    let error = late.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotActive, "{error}");
    client.publish(&event).fenced(&new).await.unwrap();
    let subject = aegis::Pattern::parse("events.>").unwrap();
    let stored = streams.subjects("EVENTS", &subject, soon()).await.unwrap();
    assert_eq!(stored["events.orders.created"], 2, "{stored:?}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_before_it_is() {
    for ground in Ground::both().await {
        let client = connect(&ground).await;
        for (name, text) in [
            ("orders", "has one token"),
            ("orders.*", "has a wildcard"),
            ("orders..x", "empty token"),
            ("1.x", "starts with a character"),
        ] {
            let error = client.publish_as(name, &json!({})).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(text), "{error}");
        }
        let large = "x".repeat(2 << 20);
        let error = client.publish_as("orders.large", &large).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        assert!(error.to_string().contains("orders.large"), "{error}");
        let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
        let error = client
            .publish_as("orders.odd", &unwritable)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode, "{error}");
        let own = client
            .publish(&Created { id: 1 })
            .header("Nats-Msg-Id", "x");
        assert_eq!(own.await.unwrap_err().kind(), ErrorKind::Invalid);
        let odd = client.publish(&Created { id: 1 }).id("");
        assert_eq!(odd.await.unwrap_err().kind(), ErrorKind::Invalid);
    }
}

/// Its first answer is lost: the second one says that the condition does not hold any more.
#[tokio::test]
async fn whoever_hears_of_a_conflict_that_is_its_own_has_published() {
    let server = NatsServer::start().await.unwrap();
    let address = server.url().replace("nats://", "").parse().unwrap();
    let proxy = Proxy::start(address);
    let direct = Client::connect(Config::default().url(&server.url())).await;
    let direct = direct.unwrap();
    let cut_off = Client::connect(Config::default().url(&proxy.url())).await;
    let cut_off = cut_off.unwrap();
    let first = direct.publish(&Created { id: 1 }).await.unwrap();
    proxy.blackhole(Direction::ToClient);
    let mine = Created { id: 2 };
    let mine = cut_off
        .publish(&mine)
        .id("mine")
        .expect_last_sequence(first.sequence());
    let mine = tokio::spawn(mine.into_future());
    let config = Config::default().url(&server.url());
    let streams = aegis::testing::streams(&config).await.unwrap();
    eventually("it is stored", async || {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        let status = streams.status("EVENTS", deadline).await.unwrap();
        status.is_some_and(|status| status.last_sequence == 2)
    })
    .await;
    proxy.reset_all();
    proxy.heal();
    let published = mine.await.unwrap().unwrap();
    assert_eq!((published.sequence(), published.id()), (2, "mine"));
    let other = Created { id: 3 };
    let late = direct.publish(&other).expect_last_sequence(1).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Conflict, "of another");
}

/// Filled to the brim, it refuses: the first that it refuses is the last that is sent.
#[tokio::test]
async fn of_many_none_is_sent_behind_one_that_was_refused() {
    for ground in Ground::both().await {
        let prefix = format!("{}full", ground.prefix);
        let config = Config::default().url(&ground.url).subject_prefix(&prefix);
        let config = config
            .events_max_bytes(16 << 10)
            .events_refuse_when_full(true);
        let client = Client::connect(config).await.unwrap();
        let events: Vec<Created> = (0..3000).map(|id| Created { id }).collect();
        let named = |event: &Created| format!("e{}", event.id);
        let all = client.publish_all(&events).window(1).id_of(named).await;
        let failed: Vec<(usize, ErrorKind, bool)> = all
            .failed()
            .map(|(at, error)| (at, error.kind(), error.was_sent()))
            .collect();
        let first = failed[0].0;
        assert!(first > 0, "{}: some are stored", ground.name);
        let behind = (first..3000).map(|at| (at, ErrorKind::Overloaded, false));
        assert!(failed.into_iter().eq(behind), "{}", ground.name);
        let texts: Vec<String> = all.failed().map(|(_, error)| error.to_string()).collect();
        assert!(texts[0].contains("was not published"), "{}", texts[0]);
        let unsent = "was not sent: an event before it was not published";
        let mut behind = texts[1..].iter();
        assert!(behind.all(|text| text.ends_with(unsent)), "{}", ground.name);
        let error = all.all().unwrap_err();
        assert_eq!(
            (error.kind(), error.was_sent()),
            (ErrorKind::Overloaded, false)
        );
        let told = format!(
            "{} of 3000 events were not published, 0 of them may be stored nevertheless; once \
             that is put right, publish the whole again under the same ids: ",
            3000 - first
        );
        assert!(error.to_string().starts_with(&told), "{error}");
    }
}

/// The whole ends with those that were on their way, not one window after the other.
#[tokio::test]
async fn of_many_none_is_begun_once_nobody_answers() {
    let server = NatsServer::start().await.unwrap();
    let address = server.url().replace("nats://", "").parse().unwrap();
    let proxy = Proxy::start(address);
    let client = Client::connect(Config::default().url(&proxy.url())).await;
    let client = client.unwrap();
    client.publish(&Created { id: 0 }).await.unwrap();
    proxy.blackhole(Direction::ToClient);
    let events: Vec<Created> = (0..20_000).map(|id| Created { id }).collect();
    let all = client.publish_all(&events).window(100);
    let all = all.within(Duration::from_millis(500)).await;
    let sent = |error: &aegis::Error| error.was_sent();
    let perhaps = all.failed().filter(|(_, error)| sent(error)).count();
    assert!((1..=200).contains(&perhaps), "{perhaps} were begun");
    let count = all.outcomes().iter().filter(|one| one.is_err()).count();
    assert_eq!(count, 20_000);
    let error = all.all().unwrap_err();
    assert!(error.was_sent(), "{error}");
    let told = format!("20000 of 20000 events were not published, {perhaps} of them may be stored");
    assert!(error.to_string().starts_with(&told), "{error}");
}
