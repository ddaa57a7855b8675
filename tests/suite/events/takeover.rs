//! What happens to the events of an exclusive handler when its leader changes.

use tokio::sync::Semaphore;

use super::*;

/// Works slowly: one event for each permit.
struct Ledger {
    seen: Seen,
    name: &'static str,
    pace: Arc<Semaphore>,
}

#[aegis::service(name = "ledger", version = "1.0.0", failover = "aggressive")]
impl Ledger {
    #[subscribe(mode = "exclusive", ack_wait = "30s", retries = 9, backoff = "10ms")]
    async fn book(&self, leader: &Leadership, event: Created) -> Result<(), Failure> {
        if let Ok(permit) = self.pace.acquire().await {
            permit.forget();
        }
        leader.ensure()?;
        self.seen.note("book", &event.id);
        self.seen.note(self.name, &event.id);
        Ok(())
    }
}

async fn start(ground: &Ground, seen: &Seen, name: &'static str) -> (RunningTest, Arc<Semaphore>) {
    let pace = Arc::new(Semaphore::new(0));
    let ledger = Ledger {
        seen: seen.clone(),
        name,
        pace: pace.clone(),
    };
    let app = ground.instance(name).service(ledger);
    // What waits for a permit then is handed back.
    let app = app.configure(|config| config.drain_timeout(Duration::from_millis(300)));
    (app.start().await.unwrap(), pace)
}

async fn leads(client: &Client, name: &str) {
    let is_leader = async || {
        let leader = client.leader("ledger", "main").await.ok().flatten();
        leader.is_some_and(|leader| leader.instance == name && !leader.released)
    };
    eventually(&format!("{name} leads"), is_leader).await;
}

#[tokio::test]
async fn the_next_leader_goes_on_in_order_where_the_last_one_ended() {
    for ground in Ground::both().await {
        for crash in [false, true] {
            let ground = Ground {
                prefix: format!("{}{crash}", ground.prefix),
                ..ground.clone()
            };
            let seen = Seen::default();
            let (first, slow) = start(&ground, &seen, "ledger-1").await;
            leads(&client(&first), "ledger-1").await;
            let (second, quick) = start(&ground, &seen, "ledger-2").await;
            let client = client(&second);
            let events: Vec<Created> = (0..30).map(|id| Created { id }).collect();
            client.publish_all(&events).await.all().unwrap();
            slow.add_permits(10);
            seen.until("ledger-1", 10).await;
            quick.add_permits(100);
            if crash {
                drop(first);
            } else {
                // What runs may be finished first.
                slow.add_permits(1);
                first.stop().await.unwrap();
            }
            let booked = seen.until("book", 30).await;
            let expected: Vec<String> = (0..30).map(|id| id.to_string()).collect();
            assert_eq!(booked, expected, "{} crash: {crash}", ground.name);
            assert!(!seen.of("ledger-2").is_empty());
            second.stop().await.unwrap();
        }
    }
}

/// Does not survive the event that it is told to die of: it never ends it.
struct Mortal {
    seen: Seen,
    survives: bool,
}

#[aegis::service(name = "mortal", version = "1.0.0", failover = "aggressive")]
impl Mortal {
    #[subscribe(mode = "exclusive", retries = 0, start = "all")]
    async fn work(&self, event: Created, ctx: &Context) -> Result<(), Failure> {
        let attempt = ctx.event().map_or(0, AnyEvent::attempt);
        self.seen.note("work", &format!("{} {attempt}", event.id));
        if event.id == 13 && !self.survives {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

async fn live(ground: &Ground, seen: &Seen, survives: bool) -> RunningTest {
    let seen = seen.clone();
    let app = ground.app().service(Mortal { seen, survives });
    app.start().await.unwrap()
}

#[tokio::test]
async fn attempts_are_counted_over_all_leaders() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let first = live(&ground, &seen, false).await;
        let events = [12, 13, 14].map(|id| Created { id });
        client(&first).publish_all(&events).await.all().unwrap();
        seen.until("work", 2).await;
        drop(first);
        let second = live(&ground, &seen, false).await;
        seen.until("work", 3).await;
        drop(second);
        let third = live(&ground, &seen, true).await;
        let all = seen.until("work", 5).await;
        let expected = ["12 1", "13 1", "13 2", "13 3", "14 1"];
        assert_eq!(all, expected, "{}", ground.name);
        third.stop().await.unwrap();
    }
}

#[tokio::test]
async fn an_event_that_no_leader_survives_is_given_up() {
    for ground in Ground::both().await {
        let config = aegis::Config::default()
            .url(&ground.url)
            .subject_prefix(&ground.prefix);
        let publisher = Client::connect(config.clone().events_max_bytes(16 << 20));
        let publisher = publisher.await.unwrap();
        // One after the other: the first one makes the stream.
        for id in [13, 14] {
            publisher.publish(&Created { id }).await.unwrap();
        }
        // What eleven leaders left behind.
        let streams = aegis::testing::streams(&config).await.unwrap();
        let mut left = aegis::port::ConsumerSpec::new("mortal__work__0-1");
        left.from = aegis::port::DeliverFrom::All;
        left.description = Some("message 1 was begun 11 times before".to_owned());
        let stream = format!("{}_EVENTS", ground.prefix);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        streams.consumer(&stream, left, deadline).await.unwrap();
        let seen = Seen::default();
        let app = live(&ground, &seen, false).await;
        assert_eq!(seen.until("work", 1).await, ["14 1"], "{}", ground.name);
        let letters = client(&app).dead_letters().list(9).await.unwrap();
        let letters: Vec<_> = letters.iter().map(|letter| letter.attempts).collect();
        assert_eq!(letters, [12], "{}", ground.name);
        app.stop().await.unwrap();
    }
}
