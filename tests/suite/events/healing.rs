//! What goes wrong with the server and what is in it ends no handler.

use aegis::testing::NatsServer;
use aegis::{Config, ErrorKind};
use tokio::time::Instant;

use super::*;

struct Book {
    seen: Seen,
}

#[aegis::service(name = "book", version = "1.0.0", failover = "aggressive")]
impl Book {
    #[subscribe(mode = "compete", start = "all")]
    async fn share(&self, event: Created) -> Result<(), Failure> {
        self.seen.note("share", &event.id);
        Ok(())
    }

    #[subscribe(mode = "broadcast")]
    async fn each(&self, event: Created) -> Result<(), Failure> {
        self.seen.note("each", &event.id);
        Ok(())
    }

    #[subscribe(mode = "exclusive")]
    async fn one(&self, event: Created) -> Result<(), Failure> {
        self.seen.note("one", &event.id);
        Ok(())
    }
}

const HANDLERS: [&str; 3] = ["share", "each", "one"];

async fn begin(server: &NatsServer) -> (RunningTest, Seen, Config) {
    let url = server.url();
    let seen = Seen::default();
    let book = Book { seen: seen.clone() };
    let app = TestApp::new().on_nats(&url);
    let app = app.configure(|config| config.events_max_bytes(16 << 20));
    let app = app.service(book).start().await.unwrap();
    (app, seen, Config::default().url(&url))
}

/// Whether every handler has seen these, whatever else.
async fn seen_by_all(seen: &Seen, ids: std::ops::Range<u32>) {
    for handler in HANDLERS {
        let all = async || {
            let seen = seen.of(handler);
            ids.clone().all(|id| seen.contains(&id.to_string()))
        };
        eventually(&format!("{ids:?} for {handler}"), all).await;
    }
}

async fn publish(client: &Client, ids: std::ops::Range<u32>) {
    for id in ids {
        let word = client.publish(&Created { id }).id(&format!("id-{id}"));
        word.within(aegis_tests::PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn consumers_that_somebody_removes_are_made_anew_where_they_were() {
    let server = NatsServer::start().await.unwrap();
    let (app, seen, config) = begin(&server).await;
    let client = client(&app);
    publish(&client, 0..20).await;
    seen_by_all(&seen, 0..20).await;
    let streams = aegis::testing::streams(&config).await.unwrap();
    let soon = Instant::now() + aegis_tests::PATIENCE;
    let consumers = streams.consumers("EVENTS", &|_| true, soon).await.unwrap();
    assert_eq!(consumers.len(), 3, "{consumers:?}");
    for consumer in consumers {
        let removed = streams.remove_consumer("EVENTS", &consumer.name, soon);
        assert!(removed.await.unwrap());
    }
    publish(&client, 20..40).await;
    seen_by_all(&seen, 20..40).await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_that_somebody_removes_is_made_anew() {
    let (log, _guard) = crate::log::capture();
    let server = NatsServer::start().await.unwrap();
    let (app, seen, config) = begin(&server).await;
    let client = client(&app);
    publish(&client, 0..5).await;
    seen_by_all(&seen, 0..5).await;
    let streams = aegis::testing::streams(&config).await.unwrap();
    let soon = Instant::now() + aegis_tests::PATIENCE;
    assert!(streams.remove("EVENTS", soon).await.unwrap());
    assert!(streams.remove("DEAD", soon).await.unwrap());
    let said = || {
        let text = log.text();
        let lost = "the stream EVENTS was deleted and is made anew: all that was in it is lost";
        let lines = text.lines().filter(|line| line.contains(lost));
        lines.filter(|line| line.contains("ERROR")).count()
    };
    assert_eq!(said(), 0, "{}", log.text());
    publish(&client, 5..25).await;
    seen_by_all(&seen, 5..25).await;
    app.stop().await.unwrap();
    assert_eq!(said(), 1, "{}", log.text());
    assert!(!log.text().contains("`ensure`"), "{}", log.text());
}

#[tokio::test]
async fn a_server_that_ends_and_comes_back_loses_nothing() {
    let mut server = NatsServer::start().await.unwrap();
    let (app, seen, _) = begin(&server).await;
    let client = client(&app);
    for round in 0..3 {
        let ids = round * 50..(round + 1) * 50;
        let publishing = publish(&client, ids.clone());
        let restarting = async {
            seen.until("share", ids.start as usize + 10).await;
            server.kill().await;
            server.restart().await.unwrap();
        };
        tokio::join!(publishing, restarting);
        seen_by_all(&seen, ids).await;
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_without_jetstream_is_told_with_the_way_out() {
    let server = NatsServer::builder()
        .without_jetstream()
        .start()
        .await
        .unwrap();
    let book = Book {
        seen: Seen::default(),
    };
    let app = TestApp::new().on_nats(&server.url()).service(book);
    let error = app.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoService, "{error}");
    let text = error.to_string();
    assert!(text.contains("JetStream") && text.contains("-js"), "{text}");
    let client = Client::connect(Config::default().url(&server.url())).await;
    let publish = client
        .unwrap()
        .publish(&Created { id: 1 })
        .within(MOMENT)
        .await;
    let text = publish.unwrap_err().to_string();
    assert!(text.contains("JetStream") && text.contains("-js"), "{text}");
}

#[tokio::test]
async fn a_stream_of_another_kind_is_told_and_a_limit_is_changed() {
    let server = NatsServer::start().await.unwrap();
    let start = |limit: u64, storage| {
        let book = Book {
            seen: Seen::default(),
        };
        let app = TestApp::new().on_nats(&server.url()).service(book);
        let app = app.configure(|config| config.events_max_bytes(limit).events_storage(storage));
        app.start()
    };
    let app = start(1 << 20, aegis::Storage::File).await.unwrap();
    app.stop().await.unwrap();
    let app = start(2 << 20, aegis::Storage::File).await.unwrap();
    app.stop().await.unwrap();
    let config = Config::default().url(&server.url());
    let streams = aegis::testing::streams(&config).await.unwrap();
    let soon = Instant::now() + aegis_tests::PATIENCE;
    let found = streams.status("EVENTS", soon).await.unwrap().unwrap();
    assert_eq!(found.max_bytes, Some(2 << 20));
    let error = start(2 << 20, aegis::Storage::Memory).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("storage") && text.contains("memory asked for"),
        "{text}"
    );
}
