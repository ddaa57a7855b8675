//! Dead letters: they keep what they are, and are brought back to somebody, or stay.

use std::sync::atomic::{AtomicBool, Ordering};

use aegis::port::StreamMessage;
use aegis::{DeadLetter, ErrorKind, Subject};
use tokio::time::Instant;

use super::*;

/// Gives up what it gets until it works.
#[derive(Clone, Default)]
struct Books {
    seen: Seen,
    works: Arc<AtomicBool>,
}

impl Books {
    fn take(&self, who: &str, event: &AnyEvent) -> Result<(), Failure> {
        let tenant = event.headers().get("Tenant").unwrap_or_default();
        self.seen.note(who, &format!("{}{tenant}", event.id()));
        if self.works.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(Failure::new("CLOSED", "the books are closed").terminal())
    }
}

#[aegis::service(name = "books", version = "1.0.0")]
impl Books {
    #[subscribe("books.*", mode = "compete")]
    async fn enter(&self, event: AnyEvent) -> Result<(), Failure> {
        self.take("enter", &event)
    }
}

/// The same in a later version.
struct Renamed(Books);

#[aegis::service(name = "books", version = "2.0.0")]
impl Renamed {
    #[subscribe("books.*", mode = "compete")]
    async fn keep(&self, event: AnyEvent) -> Result<(), Failure> {
        self.0.take("keep", &event)
    }
    #[subscribe("shelves.*", mode = "compete")]
    async fn other(&self, event: AnyEvent) -> Result<(), Failure> {
        self.0.take("other", &event)
    }
}

async fn letter(client: &Client) -> DeadLetter {
    let dead = client.dead_letters();
    let there = async || dead.list(9).await.unwrap().len() == 1;
    eventually("a dead letter", there).await;
    dead.list(9).await.unwrap().remove(0)
}

async fn connected(ground: &Ground) -> Client {
    let config = aegis::Config::default()
        .url(&ground.url)
        .subject_prefix(&ground.prefix);
    Client::connect(config).await.unwrap()
}

#[tokio::test]
async fn what_is_brought_back_has_the_id_that_its_handler_saw_before() {
    let ground = &Ground::both().await[1];
    let books = Books::default();
    let app = ground.app().service(books.clone()).start().await.unwrap();
    let client = client(&app);
    let config = aegis::Config::default().url(&ground.url);
    let streams = aegis::testing::streams(&config).await.unwrap();
    let envelope = |id: &str| {
        let body = serde_json::json!({
            "message_id": id, "domain": "books", "event_type": "x", "payload": 1,
        });
        body.to_string()
    };
    // As others publish: without `Nats-Msg-Id`. The last one is no text for a header.
    for body in [envelope("m-1"), "1".to_owned(), envelope("m\n2")] {
        books.works.store(false, Ordering::SeqCst);
        let before = books.seen.of("enter").len();
        let subject = Subject::parse(&format!("{}.events.books.x", ground.prefix)).unwrap();
        let message = StreamMessage::new(subject, body.clone());
        let soon = Instant::now() + aegis_tests::PATIENCE;
        streams.store(message, soon).await.unwrap();
        let letter = letter(&client).await;
        books.works.store(true, Ordering::SeqCst);
        client.dead_letters().retry(letter.sequence).await.unwrap();
        let seen = books.seen.until("enter", before + 2).await;
        assert_eq!(seen[before], seen[before + 1], "{body}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn many_headers_hide_nothing_and_come_back() {
    for ground in Ground::both().await {
        let books = Books::default();
        let app = ground.app().service(books.clone()).start().await.unwrap();
        let client = client(&app);
        let mut publish = client.publish_as("books.x", &1).id("one");
        for n in 0..62 {
            publish = publish.header(&format!("X-{n}"), "v");
        }
        publish.header("Tenant", " of acme").await.unwrap();
        let listed = letter(&client).await;
        let found = client.dead_letters().get(listed.sequence).await.unwrap();
        for letter in [listed.clone(), found.unwrap()] {
            assert_eq!(letter.handler, "books__enter", "{}", ground.name);
            assert_eq!(
                (letter.id.as_str(), letter.code.as_str()),
                ("one", "CLOSED")
            );
            let users = letter.headers.iter();
            let users = users.filter(|(name, _)| !name.starts_with("Aegis-"));
            assert_eq!(users.count(), 63, "{}", ground.name);
        }
        books.works.store(true, Ordering::SeqCst);
        client.dead_letters().retry(listed.sequence).await.unwrap();
        let seen = books.seen.until("enter", 2).await;
        assert_eq!(seen[0], seen[1], "{}", ground.name);
        assert!(seen[1].ends_with("of acme"), "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_brought_back_for_a_handler_that_is_not_there() {
    for ground in Ground::both().await {
        let books = Books::default();
        let app = ground.app().service(books.clone()).start().await.unwrap();
        let client = connected(&ground).await;
        client.publish_as("books.x", &1).id("one").await.unwrap();
        let number = letter(&client).await.sequence;
        app.stop().await.unwrap();
        books.works.store(true, Ordering::SeqCst);
        let renamed = ground.app().service(Renamed(books.clone())).start().await;
        let renamed = renamed.unwrap();
        let dead = client.dead_letters();
        for (refused, part) in [
            (
                dead.retry(number).await,
                "nobody takes events as books__enter now",
            ),
            (
                dead.retry_for(number, "books", "kept").await,
                "no handler books__kept has a place",
            ),
            (
                dead.retry_for(number, "books", "other").await,
                "the handler books__other gets no events of",
            ),
            (dead.retry_for(number, "books", "a.b").await, "a.b"),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(letter(&client).await.sequence, number, "{}", ground.name);
        }
        dead.retry_for(number, "books", "keep").await.unwrap();
        assert_eq!(
            books.seen.until("keep", 1).await,
            ["one"],
            "{}",
            ground.name
        );
        assert!(dead.list(9).await.unwrap().is_empty());
        renamed.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_letter_that_does_not_say_who_gave_it_up_stays_until_somebody_is_named() {
    let ground = &Ground::both().await[1];
    let books = Books::default();
    books.works.store(true, Ordering::SeqCst);
    let app = ground.app().service(books.clone()).start().await.unwrap();
    let client = client(&app);
    let config = aegis::Config::default().url(&ground.url);
    let streams = aegis::testing::streams(&config).await.unwrap();
    let prefix = &ground.prefix;
    for (headers, part) in [
        (&[][..], "it does not say where it was sent"),
        (
            &[("Aegis-Dead-Subject", format!("{prefix}.events.books.x"))],
            "it does not say who gave it up: say who",
        ),
    ] {
        let mut all = aegis::Headers::new();
        for (name, value) in headers {
            all.set(name, value).unwrap();
        }
        let subject = Subject::parse(&format!("{prefix}.dead.books")).unwrap();
        let message = StreamMessage::new(subject, "1").with_headers(all);
        let soon = Instant::now() + aegis_tests::PATIENCE;
        streams.store(message, soon).await.unwrap();
        let number = letter(&client).await.sequence;
        let dead = client.dead_letters();
        let error = dead.retry(number).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        match headers {
            [] => assert!(dead.remove(number).await.unwrap()),
            _ => _ = dead.retry_for(number, "books", "enter").await.unwrap(),
        }
    }
    books.seen.until("enter", 1).await;
    app.stop().await.unwrap();
}

/// Each instance has it; one of them gives it up once.
struct Shelf {
    seen: Seen,
    name: &'static str,
    fails: AtomicBool,
}

#[aegis::service(name = "shelf", version = "1.0.0")]
impl Shelf {
    #[subscribe(mode = "broadcast")]
    async fn fill(&self, event: Created) -> Result<(), Failure> {
        self.seen.note(self.name, &event.id);
        if self.fails.swap(false, Ordering::SeqCst) {
            return Err(Failure::new("FULL", "no room").terminal());
        }
        Ok(())
    }
}

#[tokio::test]
async fn of_a_broadcast_the_instance_that_gave_it_up_gets_it_back_or_nobody() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let begin = |name: &'static str| {
            let shelf = Shelf {
                seen: seen.clone(),
                name,
                fails: AtomicBool::new(name == "a"),
            };
            ground.instance(name).service(shelf).start()
        };
        let one = begin("a").await.unwrap();
        let two = begin("b").await.unwrap();
        let client = connected(&ground).await;
        client.publish(&Created { id: 1 }).await.unwrap();
        let number = letter(&client).await.sequence;
        seen.until("b", 1).await;
        client.dead_letters().retry(number).await.unwrap();
        seen.until("a", 2).await;
        // What comes later says that nothing came before it.
        client.publish(&Created { id: 2 }).await.unwrap();
        assert_eq!(seen.until("b", 2).await, ["1", "2"], "{}", ground.name);
        seen.until("a", 3).await;
        one.stop().await.unwrap();

        let again = begin("a").await.unwrap();
        client.publish(&Created { id: 3 }).await.unwrap();
        let number = letter(&client).await.sequence;
        again.stop().await.unwrap();
        let dead = client.dead_letters();
        let error = dead.retry(number).await.unwrap_err();
        let part = "each instance handles the events of shelf__fill for itself, and a, which";
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        dead.retry_for(number, "shelf", "fill").await.unwrap();
        let all = seen.until("b", 4).await;
        assert_eq!(all, ["1", "2", "3", "3"], "{}", ground.name);
        two.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_short_max_age_keeps_no_program_from_starting() {
    let seconds = Duration::from_secs;
    for ground in Ground::both().await {
        let ground = Ground {
            prefix: format!("{}-short", ground.prefix),
            ..ground
        };
        let short = ground.app().configure(move |config| {
            let config = config.events_max_age(seconds(60));
            config.dead_max_age(seconds(1800))
        });
        let books = Books::default();
        let app = short.service(books.clone()).start().await.unwrap();
        // One that asks for nothing takes it as it is.
        let other = ground.app().service(Renamed(books)).start().await.unwrap();
        let config = aegis::Config::default().url(&ground.url);
        let streams = aegis::testing::streams(&config).await.unwrap();
        for (name, window) in [("EVENTS", 60), ("DEAD", 1800)] {
            let soon = Instant::now() + aegis_tests::PATIENCE;
            let stream = format!("{}_{name}", ground.prefix);
            let status = streams.status(&stream, soon).await.unwrap().unwrap();
            assert_eq!(status.max_age, Some(seconds(window)), "{stream}");
            assert_eq!(status.dedup, seconds(window), "{stream}");
        }
        app.stop().await.unwrap();
        other.stop().await.unwrap();
    }
}
