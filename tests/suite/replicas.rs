//! On a cluster of three servers everything that the framework makes is kept on all of them, and goes
//! on without one.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{NatsCluster, NatsServer, RunningTest, TestApp};
use aegis::{Config, ErrorKind};
use aegis_tests::{soon, turn};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::ground::{Seen, client};

/// Streams elect for up to seven seconds when the server that leads them is killed, consumers begin
/// again a few seconds later, and leaders of services on top of that.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("orders.created")]
struct Created {
    id: String,
}

/// A service with handlers of every kind.
struct Desk {
    seen: Seen,
}

#[aegis::service(name = "desk", version = "1.0.0", failover = "conservative")]
impl Desk {
    #[subscribe(mode = "compete")]
    async fn share(&self, event: Created) -> Result<(), Failure> {
        self.seen.note("share", &event.id);
        Ok(())
    }

    #[subscribe("orders.*", mode = "broadcast")]
    async fn everybody(&self, event: AnyEvent) -> Result<(), Failure> {
        self.seen.note("everybody", &event.payload()?["id"]);
        Ok(())
    }

    #[subscribe("orders.>", mode = "exclusive")]
    async fn ledger(&self, leader: &Leadership, event: AnyEvent) -> Result<(), Failure> {
        leader.ensure()?;
        self.seen.note("ledger", &event.payload()?["id"]);
        Ok(())
    }

    #[exclusive_rpc(timeout = "30s", idempotent)]
    async fn post(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }

    #[command]
    async fn double(&self, number: u64) -> Result<u64, Failure> {
        Ok(2 * number)
    }
}

fn configured(config: Config, url: &str) -> Config {
    // What is asked while nobody leads a stream is never answered: then it is to be asked again.
    let config = config.url(url).replicas(3).call_timeout(PATIENCE / 6);
    let config = config.events_max_bytes(16 << 20).dead_max_bytes(16 << 20);
    config.commands_max_bytes(16 << 20).jobs_max_bytes(16 << 20)
}

async fn desk(url: &str, seen: Seen) -> Result<RunningTest> {
    let url = url.to_owned();
    let app = TestApp::new().configure(move |config| configured(config, &url));
    app.service(Desk { seen }).start().await
}

/// Until it works, for as long as a cluster may elect.
async fn until<T, F: Future<Output = Result<T, String>>>(
    what: &str,
    mut attempt: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let failed = match attempt().await {
            Ok(value) => return value,
            Err(failed) => failed,
        };
        assert!(Instant::now() < deadline, "{what}: {failed}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn text<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

/// Every kind of work is done once; `round` tells it from others.
async fn works(app: &RunningTest, seen: &Seen, round: &str) {
    let (client, desk) = (client(app), app.client::<DeskClient>());
    let (client, desk) = (&client, &desk);
    let event = &Created {
        id: round.to_owned(),
    };
    let publish = || async { client.publish(event).id(round).await.map_err(text) };
    until("an event is stored", publish).await;
    let post = || async { desk.post().idempotency_key(round).await.map_err(text) };
    until("there is a leader", post).await;
    let job = until("a command is taken", || async {
        let double = desk.double(21).idempotency_key(&format!("job-{round}"));
        double.send().await.map_err(text)
    });
    let job = job.await;
    let result = until("its result is known", || async {
        job.result().within(PATIENCE).await.map_err(text)
    });
    assert_eq!(result.await, 42, "{round}");
    let put = || async {
        let bucket = client.bucket("users").max_bytes(1 << 20).open().await;
        let bucket: aegis::Bucket<String> = bucket.map_err(text)?;
        bucket.put("a", &round.to_owned()).await.map_err(text)
    };
    until("a value is written", put).await;
    for (who, shown) in [
        ("share", round.to_owned()),
        ("everybody", format!("{round:?}")),
        ("ledger", format!("{round:?}")),
    ] {
        until(&format!("{who} got {round}"), || async {
            let has = seen.of(who).contains(&shown);
            has.then_some(())
                .ok_or_else(|| format!("{:?}", seen.of(who)))
        })
        .await;
    }
}

/// On how many servers each stream is kept, and how many of them are up to date.
async fn replicas(client: &Client) -> BTreeMap<String, (u64, usize)> {
    let all = client.ask_server("$JS.API.STREAM.LIST", "").await.unwrap();
    let streams = all["streams"].as_array().unwrap().iter().map(|stream| {
        let config = &stream["config"];
        let others = stream["cluster"]["replicas"].as_array();
        let current = others
            .into_iter()
            .flatten()
            .filter(|one| one["current"] == true);
        let name = config["name"].as_str().unwrap().to_owned();
        let number = config["num_replicas"].as_u64().unwrap();
        (name, (number, 1 + current.count()))
    });
    streams.collect()
}

/// The number of the server that leads a stream.
async fn leads(client: &Client, stream: &str) -> usize {
    let subject = format!("$JS.API.STREAM.INFO.{stream}");
    let info = client.ask_server(&subject, "").await.unwrap();
    let name = info["cluster"]["leader"].as_str().unwrap();
    name.trim_start_matches('n').parse::<usize>().unwrap() - 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_kept_on_three_servers_and_goes_on_without_one() {
    let _turn = turn().await;
    let mut cluster = NatsCluster::start(3).await.unwrap();
    let seen = Seen::default();
    let app = desk(&cluster.url(), seen.clone()).await.unwrap();
    let client = client(&app);
    client.inbox("mail").open().await.unwrap();
    let book: aegis::Checkpoint<u64> = client.checkpoint("book", "main").await.unwrap();
    drop(book);
    works(&app, &seen, "before").await;
    let made = replicas(&client).await;
    let names: Vec<&str> = made.keys().map(String::as_str).collect();
    let expected = [
        "COMMANDS",
        "DEAD",
        "EVENTS",
        "KV_aegis_jobs",
        "KV_checkpoint_book",
        "KV_exclusive_results",
        "KV_inbox_mail",
        "KV_service_registry",
        "KV_sticky_active",
        "KV_users",
    ];
    assert_eq!(names, expected);
    assert!(made.values().all(|(number, _)| *number == 3), "{made:?}");

    let killed = leads(&client, "EVENTS").await;
    cluster.nodes()[killed].kill().await;
    works(&app, &seen, "without one").await;
    cluster.nodes()[killed].restart().await.unwrap();
    cluster.ready().await.unwrap();
    until("all servers are up to date", || async {
        let found = replicas(&client).await;
        let current = found.len() == made.len() && found.values().all(|found| *found == (3, 3));
        current.then_some(()).ok_or_else(|| format!("{found:?}"))
    })
    .await;
    works(&app, &seen, "with it again").await;
    for who in ["share", "ledger"] {
        assert_eq!(seen.of(who).len(), 3, "each event once: {:?}", seen.of(who));
    }
    soon("the stop", app.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_exists_on_one_server_is_taken_as_it_is_unless_it_was_asked_for() {
    let _turn = turn().await;
    let cluster = NatsCluster::start(3).await.unwrap();
    let url = cluster.url();
    let alone = Client::connect(Config::default().url(&url)).await.unwrap();
    let users = alone.bucket("users").max_bytes(1 << 20);
    users.open::<String>().await.unwrap();
    let all = Client::connect(configured(Config::default(), &url))
        .await
        .unwrap();
    let users = all.bucket("users").open::<String>().await.unwrap();
    assert_eq!(users.status().await.unwrap().replicas, 1);
    let asked = all.bucket("users").replicas(3).open::<String>().await;
    assert_eq!(asked.unwrap_err().kind(), ErrorKind::Config);

    // Nor can it be on more servers than there are.
    let five = Config::default().url(&url).replicas(5);
    let five = Client::connect(five).await.unwrap();
    let error = five.bucket("more").open::<String>().await.unwrap_err();
    not_so_many(&error);
    let error = five.publish(&Created { id: "1".to_owned() }).await;
    not_so_many(&error.unwrap_err());
}

fn not_so_many(error: &aegis::Error) {
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let text = error.to_string();
    for part in [
        "it is to be kept on more servers than can take it",
        "set `nats.replicas`",
        "or add servers",
    ] {
        assert!(text.contains(part), "{part} is in {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_alone_keeps_nothing_on_three() {
    let (log, _guard) = crate::log::capture();
    let server = NatsServer::start().await.unwrap();
    let error = desk(&server.url(), Seen::default()).await.unwrap_err();
    assert!(error.to_string().contains("set `nats.replicas`"), "{error}");
    let client = Config::default().url(&server.url()).replicas(3);
    let client = Client::connect(client).await.unwrap();
    let text = log.text();
    let told = |line: &str| {
        line.contains("WARN")
            && line.contains("`nats.replicas` is 3 (in code), and the NATS server ")
    };
    assert_eq!(
        text.lines().filter(|line| told(line)).count(),
        2,
        "each start: {text}"
    );
    not_so_many(&client.bucket("users").open::<String>().await.unwrap_err());
}
