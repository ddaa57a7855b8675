//! How a delivery ends: done, again, given up, handed back.

use std::collections::HashMap;

use aegis::DeadLetter;
use aegis_tests::soon;
use tokio::sync::Semaphore;

use super::*;

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("jobs.wanted")]
struct Wanted {
    id: u32,
    fate: String,
}

/// Does what the event says, and notes each attempt.
struct Clerk {
    seen: Seen,
    tries: Mutex<HashMap<u32, u32>>,
    gate: Arc<Semaphore>,
}

impl Clerk {
    fn new(seen: &Seen) -> Self {
        Self {
            seen: seen.clone(),
            tries: Mutex::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn again(&self, id: u32) -> u32 {
        let mut tries = self.tries.lock().unwrap();
        let count = tries.entry(id).or_default();
        *count += 1;
        *count
    }
}

#[derive(Debug, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
enum ClerkError {
    #[error("{0} is not known")]
    Unknown(u32),
}

#[aegis::service(name = "clerk", version = "1.0.0")]
impl Clerk {
    #[subscribe(
        mode = "compete",
        retries = 3,
        backoff(first = "5ms", max = "20ms"),
        ack_wait = "1s",
        concurrency = 4
    )]
    async fn work(&self, ctx: &Context, event: Wanted) -> Result<(), Failure> {
        let attempt = ctx.event().map_or(0, AnyEvent::attempt);
        self.seen.note("work", &format!("{} {attempt}", event.id));
        match event.fate.as_str() {
            "never" => Err(Failure::new("NO_WAY", "it cannot be\ndone").terminal()),
            // More often than there are attempts.
            "running" if self.again(event.id) <= 8 => {
                Err(Failure::new(aegis::Inbox::RUNNING, "another is at it"))
            }
            "always" => Err(Failure::new("NOT_NOW", "busy")),
            "panics" if self.again(event.id) == 1 => panic!("on purpose"),
            "twice" if self.again(event.id) <= 2 => {
                Err(Failure::internal("soon").retry_after(Duration::from_millis(1)))
            }
            // Longer than the server waits.
            "slow" => {
                tokio::time::sleep(Duration::from_millis(2500)).await;
                self.seen.note("slow", &event.id);
                Ok(())
            }
            "waits" => {
                let _pass = self.gate.acquire().await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    #[subscribe("jobs.*", mode = "compete", exactly)]
    async fn watch(&self, event: AnyEvent) -> Result<(), ClerkError> {
        self.seen.note("watch", event.id());
        let id = event.payload().unwrap_or_default()["id"].as_u64();
        match id {
            Some(404) if event.attempt() == 1 => Err(ClerkError::Unknown(404)),
            _ => Ok(()),
        }
    }
}

fn wanted(id: u32, fate: &str) -> Wanted {
    let fate = fate.to_owned();
    Wanted { id, fate }
}

async fn letters(client: &Client, count: usize) -> Vec<DeadLetter> {
    let dead = client.dead_letters();
    let there = async || dead.list(100).await.unwrap().len() >= count;
    eventually("dead letters", there).await;
    let letters = dead.list(100).await.unwrap();
    assert_eq!(letters.len(), count);
    if let [first, others @ ..] = &letters[..] {
        let page = dead.list_from(first.sequence + 1, 100).await.unwrap();
        // The order of headers is nobody's promise.
        let numbers = |letters: &[DeadLetter]| -> Vec<u64> {
            letters.iter().map(|letter| letter.sequence).collect()
        };
        assert_eq!(numbers(&page), numbers(others));
    }
    letters
}

#[tokio::test]
async fn an_event_is_tried_again_until_it_is_done() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let app = ground.app().service(Clerk::new(&seen)).start().await;
        let app = app.unwrap();
        let client = client(&app);
        for (id, fate) in [(1, "ok"), (2, "twice"), (3, "panics"), (404, "ok")] {
            client.publish(&wanted(id, fate)).await.unwrap();
        }
        let mut all = seen.until("work", 1 + 3 + 2 + 1).await;
        all.sort();
        let expected = ["1 1", "2 1", "2 2", "2 3", "3 1", "3 2", "404 1"];
        assert_eq!(all, expected, "{}", ground.name);
        seen.until("watch", 5).await;
        app.stop().await.unwrap();
        assert!(client.dead_letters().list(1).await.is_err(), "it is closed");
    }
}

#[tokio::test]
async fn what_another_attempt_is_at_is_not_given_up_so_soon() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let app = ground.app().service(Clerk::new(&seen)).start().await;
        let app = app.unwrap();
        let client = client(&app);
        client.publish(&wanted(1, "running")).await.unwrap();
        let all = seen.until("work", 9).await;
        let expected = (1..=9).map(|attempt| format!("1 {attempt}"));
        assert!(all.into_iter().eq(expected), "{}", ground.name);
        let dead = client.dead_letters().list(9).await.unwrap();
        assert!(dead.is_empty(), "{}: {dead:?}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_handled_is_a_dead_letter_once_and_can_be_brought_back() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let app = ground.app().service(Clerk::new(&seen)).start().await;
        let app = app.unwrap();
        let client = client(&app);
        assert!(client.dead_letters().list(9).await.unwrap().is_empty());
        client.publish(&wanted(1, "never")).id("one").await.unwrap();
        client
            .publish(&wanted(2, "always"))
            .id("two")
            .await
            .unwrap();
        let odd = serde_json::json!({"id": "three"});
        client
            .publish_as("jobs.wanted", &odd)
            .id("three")
            .await
            .unwrap();
        let letters = letters(&client, 3).await;
        let told = |id: &str| {
            let letter = letters.iter().find(|letter| letter.id == id).unwrap();
            (letter.code.as_str(), letter.attempts, letter.reason.clone())
        };
        assert_eq!(told("one"), ("NO_WAY", 1, "it cannot be done".to_owned()));
        assert_eq!(told("two"), ("NOT_NOW", 4, "busy".to_owned()));
        let (code, attempts, reason) = told("three");
        assert_eq!((code, attempts), ("INVALID_PARAMS", 1));
        assert!(reason.contains("jobs.wanted cannot be read"), "{reason}");
        assert!(letters.iter().all(|one| one.handler == "clerk__work"));
        assert_eq!(
            letters[0].subject,
            format!("{}.events.jobs.wanted", ground.prefix)
        );
        assert_eq!(letters[0].headers.get("Aegis-Source"), Some("clerk"));

        // It goes to who gave it up, and to nobody else, with the id that it had.
        let before = (seen.of("work").len(), seen.until("watch", 3).await.len());
        let two = letters.iter().find(|letter| letter.id == "two").unwrap();
        client.dead_letters().retry(two.sequence).await.unwrap();
        let gone = client.dead_letters().retry(two.sequence).await.unwrap_err();
        assert!(gone.to_string().contains("no dead letter"), "{gone}");
        let after = self::letters(&client, 3).await;
        assert_eq!(seen.of("work").len(), before.0 + 4, "{}", ground.name);
        assert_eq!(seen.of("watch").len(), before.1, "{}", ground.name);
        let again = after.iter().find(|letter| letter.id == "two").unwrap();
        assert!(again.sequence > two.sequence && again.attempts == 4);
        assert!(client.dead_letters().remove(again.sequence).await.unwrap());
        assert!(!client.dead_letters().remove(again.sequence).await.unwrap());
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn work_that_takes_longer_than_the_server_waits_is_not_done_twice() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let app = ground.app().service(Clerk::new(&seen)).start().await;
        let app = app.unwrap();
        client(&app).publish(&wanted(7, "slow")).await.unwrap();
        seen.until("slow", 1).await;
        app.stop().await.unwrap();
        assert_eq!(seen.of("work"), ["7 1"], "{}", ground.name);
    }
}

#[tokio::test]
async fn who_stops_hands_back_what_it_did_not_begin_and_what_it_cannot_end() {
    for ground in Ground::both().await {
        let (first, second) = (Seen::default(), Seen::default());
        let slow = ground.instance("clerk-1");
        let slow = slow.configure(|config| config.drain_timeout(Duration::from_millis(100)));
        let slow = slow.service(Clerk::new(&first)).start().await.unwrap();
        let client = Client::connect(
            aegis::Config::default()
                .url(&ground.url)
                .subject_prefix(&ground.prefix),
        );
        let client = client.await.unwrap();
        let events: Vec<Wanted> = (0..20).map(|id| wanted(id, "waits")).collect();
        client.publish_all(&events).await.all().unwrap();
        // As many as may be worked on at once.
        first.until("work", 4).await;
        let quick = Clerk::new(&second);
        quick.gate.add_permits(100);
        let quick = ground.instance("clerk-2").service(quick).start().await;
        let quick = quick.unwrap();
        soon("the first one stops", slow.stop()).await.unwrap();
        // Long before the server would have waited for the first one.
        let others = second.until("work", 20).await;
        let mut ids: Vec<&str> = others
            .iter()
            .filter_map(|one| one.split(' ').next())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 20, "{}", ground.name);
        assert_eq!(first.of("work").len(), 4, "{}", ground.name);
        quick.stop().await.unwrap();
    }
}

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("races.run")]
struct Run {
    id: u32,
    fate: String,
}

struct Runner {
    seen: Seen,
}

#[aegis::service(name = "runner", version = "1.0.0")]
impl Runner {
    #[subscribe(
        mode = "compete",
        timeout = "50ms",
        retries = 1,
        backoff = "1ms",
        concurrency = 1
    )]
    async fn run(&self, ctx: &Context, event: Run) -> Result<(), Failure> {
        let attempt = ctx.event().map_or(0, AnyEvent::attempt);
        self.seen.note("run", &format!("{} {attempt}", event.id));
        match event.fate.as_str() {
            "hangs" => std::future::pending().await,
            "hangs once" if attempt == 1 => std::future::pending().await,
            "listens" => {
                ctx.cancelled().await;
                Err(Failure::new("STOPPED", "it was told to").terminal())
            }
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_ended_and_tried_again() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let runner = Runner { seen: seen.clone() };
        let app = ground.app().service(runner).start().await.unwrap();
        let client = client(&app);
        for (id, fate) in [(1, "hangs once"), (2, "hangs"), (3, "ok"), (4, "listens")] {
            let fate = fate.to_owned();
            client.publish(&Run { id, fate }).await.unwrap();
        }
        let mut all = seen.until("run", 6).await;
        all.sort();
        let expected = ["1 1", "1 2", "2 1", "2 2", "3 1", "4 1"];
        assert_eq!(all, expected, "{}", ground.name);
        let mut codes: Vec<_> = letters(&client, 2).await;
        codes.sort_by_key(|letter| letter.attempts);
        let codes: Vec<_> = codes
            .iter()
            .map(|letter| (letter.code.as_str(), letter.attempts))
            .collect();
        let expected = [("STOPPED", 1), ("TIMEOUT", 2)];
        assert_eq!(codes, expected, "{}", ground.name);
        app.stop().await.unwrap();
    }
}
