//! Streams and places that are gone and made anew, processes that end at an event, dead letters
//! that find no room: nothing is passed over, and nothing runs only because of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use aegis::port::{ConsumerSpec, DeliverFrom, Settling, Streams};
use aegis::testing::NatsServer;
use aegis::{Config, Storage};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::*;

async fn publish(client: &Client, ids: std::ops::Range<u32>) {
    for id in ids {
        let word = client.publish(&Created { id }).id(&format!("id-{id}"));
        word.within(aegis_tests::PATIENCE).await.unwrap();
    }
}

async fn has_seen(seen: &Seen, who: &str, ids: std::ops::Range<u32>) {
    let all = async || {
        let seen = seen.of(who);
        ids.clone().all(|id| seen.contains(&id.to_string()))
    };
    eventually(&format!("{ids:?} for {who}"), all).await;
}

fn patient() -> Instant {
    Instant::now() + aegis_tests::PATIENCE
}

/// Says when it leads no more; the event 49 waits for a permit.
struct Leader {
    seen: Seen,
    pace: Arc<Semaphore>,
}

#[aegis::service(name = "leader", version = "1.0.0", failover = "aggressive")]
impl Leader {
    #[on_standby]
    async fn rest(&self) {
        self.seen.note("rest", "it leads no more");
    }

    #[subscribe(mode = "exclusive")]
    async fn one(&self, event: Created) -> Result<(), Failure> {
        if event.id == 49 {
            self.seen.note("begun", &event.id);
            let _permit = self.pace.acquire().await;
        }
        self.seen.note("one", &event.id);
        Ok(())
    }
}

async fn lead(server: &NatsServer, permits: usize) -> (RunningTest, Seen, Arc<Semaphore>) {
    let (seen, pace) = (Seen::default(), Arc::new(Semaphore::new(permits)));
    let leader = Leader {
        seen: seen.clone(),
        pace: pace.clone(),
    };
    let app = TestApp::new().on_nats(&server.url());
    let app = app.configure(|config| {
        let config = config.events_max_bytes(16 << 20);
        config.events_storage(Storage::Memory)
    });
    (app.service(leader).start().await.unwrap(), seen, pace)
}

#[tokio::test]
async fn a_leader_that_leads_again_handles_all_of_a_stream_made_anew() {
    let mut server = NatsServer::start().await.unwrap();
    let (app, seen, _) = lead(&server, 1).await;
    let client = client(&app);
    publish(&client, 0..50).await;
    has_seen(&seen, "one", 0..50).await;
    // It is in memory: gone.
    server.kill().await;
    seen.until("rest", 1).await;
    server.restart().await.unwrap();
    publish(&client, 100..130).await;
    has_seen(&seen, "one", 100..130).await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_late_end_of_an_event_says_nothing_of_a_stream_made_anew() {
    let server = NatsServer::start().await.unwrap();
    let (app, seen, pace) = lead(&server, 0).await;
    let client = client(&app);
    publish(&client, 0..50).await;
    seen.until("begun", 1).await;
    let config = Config::default().url(&server.url());
    let streams = aegis::testing::streams(&config).await.unwrap();
    assert!(streams.remove("EVENTS", patient()).await.unwrap());
    publish(&client, 100..130).await;
    eventually("it reads the new one", async || {
        let all = streams.consumers("EVENTS", &|_| true, patient()).await;
        all.is_ok_and(|all| !all.is_empty())
    })
    .await;
    pace.add_permits(100);
    has_seen(&seen, "one", 100..130).await;
    app.stop().await.unwrap();
}

/// Counts how many events it works on at once.
struct Counting {
    seen: Seen,
    at_once: AtomicUsize,
}

#[aegis::service(name = "counting", version = "1.0.0")]
impl Counting {
    #[subscribe(mode = "compete", retries = 0, concurrency = 8)]
    async fn count(&self, event: Created) -> Result<(), Failure> {
        let others = self.at_once.fetch_add(1, Ordering::SeqCst);
        self.seen.note("others", &others);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.seen.note("count", &event.id);
        Ok(())
    }
}

async fn counting(ground: &Ground, seen: &Seen) -> RunningTest {
    let counting = Counting {
        seen: seen.clone(),
        at_once: AtomicUsize::new(0),
    };
    ground.app().service(counting).start().await.unwrap()
}

/// The streams of a ground, and the name of that of events.
async fn streams(ground: &Ground) -> (Arc<dyn Streams>, String) {
    let config = Config::default().url(&ground.url);
    let streams = aegis::testing::streams(&config).await.unwrap();
    (streams, format!("{}_EVENTS", ground.prefix))
}

#[tokio::test]
async fn a_place_made_anew_by_one_that_knew_nothing_is_put_right() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let app = counting(&ground, &seen).await;
        let client = client(&app);
        publish(&client, 0..10).await;
        has_seen(&seen, "count", 0..10).await;
        let (streams, stream) = streams(&ground).await;
        let name = "counting__count";
        let removed = streams.remove_consumer(&stream, name, patient());
        assert!(removed.await.unwrap());
        publish(&client, 10..15).await;
        // As an instance that starts now.
        let spec = ConsumerSpec::new(name);
        streams.consumer(&stream, spec, patient()).await.unwrap();
        publish(&client, 15..20).await;
        has_seen(&seen, "count", 10..20).await;
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn events_that_came_too_often_are_worked_on_one_at_a_time() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        // It makes the stream, and its place.
        counting(&ground, &seen).await.stop().await.unwrap();
        let config = Config::default()
            .url(&ground.url)
            .subject_prefix(&ground.prefix);
        let publisher = Client::connect(config).await.unwrap();
        publish(&publisher, 0..8).await;
        let (streams, stream) = streams(&ground).await;
        let mut spec = ConsumerSpec::new("counting__count");
        spec.ack_wait = Duration::from_secs(30);
        spec.max_ack_pending = 10_000;
        spec.from = DeliverFrom::All;
        let place = streams.consumer(&stream, spec, patient()).await.unwrap();
        let mut pull = place.pull().await.unwrap();
        for _ in 0..2 {
            pull.more(8).await.unwrap();
            let mut taken = Vec::new();
            for _ in 0..8 {
                let next = aegis_tests::soon("a delivery", pull.next()).await;
                taken.push(next.unwrap().unwrap());
            }
            for delivery in taken {
                let after = Duration::ZERO;
                delivery.settle(Settling::Retry { after }).await.unwrap();
            }
        }
        drop(pull);
        let app = counting(&ground, &seen).await;
        has_seen(&seen, "count", 0..8).await;
        assert_eq!(seen.of("others"), ["0"; 8], "{}", ground.name);
        app.stop().await.unwrap();
    }
}

struct Cache {
    seen: Seen,
    name: &'static str,
}

#[aegis::service(name = "cache", version = "1.0.0")]
impl Cache {
    #[subscribe(mode = "broadcast", start = "all")]
    async fn fill(&self, event: Created) -> Result<(), Failure> {
        self.seen.note(self.name, &event.id);
        Ok(())
    }
}

#[tokio::test]
async fn an_instance_that_comes_back_after_a_crash_fills_its_cache_anew() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let begin = |name| {
            let seen = seen.clone();
            let cache = Cache { seen, name };
            ground.instance("cache-1").service(cache).start()
        };
        let first = begin("first").await.unwrap();
        publish(&client(&first), 0..5).await;
        has_seen(&seen, "first", 0..5).await;
        drop(first);
        let second = begin("second").await.unwrap();
        publish(&client(&second), 5..6).await;
        has_seen(&seen, "second", 0..6).await;
        second.stop().await.unwrap();
    }
}

/// Gives up everything.
struct Gloomy {
    seen: Seen,
}

#[aegis::service(name = "gloomy", version = "1.0.0")]
impl Gloomy {
    #[subscribe(mode = "compete", backoff(first = "1ms", max = "1ms"))]
    async fn sigh(&self, event: Created) -> Result<(), Failure> {
        self.seen.note("sigh", &event.id);
        Err(Failure::new("IN_VAIN", "it is of no use").terminal())
    }
}

#[tokio::test]
async fn what_finds_no_room_among_the_dead_letters_waits_and_does_not_run_again() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let app = ground.app().service(Gloomy { seen: seen.clone() });
        let app = app.start().await.unwrap();
        let client = client(&app);
        let config = Config::default().url(&ground.url);
        let streams = aegis::testing::streams(&config).await.unwrap();
        let dead = format!("{}_DEAD", ground.prefix);
        let found = streams.status(&dead, patient()).await.unwrap().unwrap();
        let limited = |messages| {
            let subjects = found.subjects.iter();
            let subjects = subjects.map(|text| aegis::Pattern::parse(text).unwrap());
            let mut spec = aegis::port::StreamSpec::new(&dead, subjects);
            spec.max_messages = Some(messages);
            streams.ensure(spec, patient())
        };
        limited(1).await.unwrap();
        publish(&client, 0..2).await;
        seen.until("sigh", 2).await;
        let place = async || {
            let stream = format!("{}_EVENTS", ground.prefix);
            let all = streams
                .consumers(&stream, &|_| true, patient())
                .await
                .unwrap();
            all.into_iter().next().unwrap()
        };
        eventually("one waits, and came again", async || {
            let place = place().await;
            place.ack_pending == 1 && place.redelivered == 1
        })
        .await;
        limited(10).await.unwrap();
        let letters = async || client.dead_letters().list(9).await.unwrap();
        eventually("both are noted", async || letters().await.len() == 2).await;
        for letter in letters().await {
            assert_eq!(letter.code, "IN_VAIN", "{}: {letter:?}", ground.name);
        }
        assert_eq!(seen.of("sigh").len(), 2, "{}", ground.name);
        app.stop().await.unwrap();
    }
}
