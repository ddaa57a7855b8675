//! A permission that is taken away while a program runs, and given back: by a server that reads its
//! configuration again, with no connection lost.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aegis::port::Outgoing;
use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis::{Config, Pattern, RetryPolicy, Running, Subject};
use aegis_tests::{eventually, soon};

use super::revoked::reload;
use super::{Till, TillClient, config};
use crate::log::capture;

#[derive(Clone)]
struct Book;

#[aegis::service(name = "book", version = "1.0.0", failover = "aggressive")]
impl Book {
    #[exclusive_rpc(idempotent)]
    async fn post(&self, ctx: &Context) -> Result<String, Failure> {
        Ok(ctx.instance().to_owned())
    }
}

/// Notes which calls ran.
struct Accounts(Arc<Mutex<Vec<u32>>>);

#[aegis::service(name = "accounts", version = "1.0.0", failover = "aggressive")]
impl Accounts {
    #[exclusive_rpc]
    async fn book(&self, call: u32) -> Result<(), Failure> {
        self.0.lock().unwrap().push(call);
        Ok(())
    }

    #[rpc]
    async fn read(&self, call: u32) -> Result<(), Failure> {
        self.0.lock().unwrap().push(call);
        Ok(())
    }
}

struct Diary;

#[aegis::service(name = "diary", version = "1.0.0", failover = "aggressive")]
impl Diary {
    #[exclusive_rpc]
    async fn write(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[derive(Debug, serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("letters.written")]
struct Written;

/// Reads from streams.
struct Office;

#[aegis::service(name = "office", version = "1.0.0")]
impl Office {
    #[subscribe(mode = "compete")]
    async fn read(&self, _event: Written) -> Result<(), Failure> {
        Ok(())
    }

    #[command]
    async fn stamp(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// A server whose users may or may not listen somewhere.
struct World {
    nats: NatsServer,
    folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("users.conf"), users("", "")).unwrap();
        // A path in `include` is relative to the server's configuration, which is in a temporary
        // folder as well.
        let name = folder.path().file_name().unwrap().display();
        let nats = NatsServer::builder().config(format!("include \"../{name}/users.conf\""));
        let nats = nats.start().await.unwrap();
        Self { nats, folder }
    }

    /// Where `ann` and where `bob` may not listen (with a `$` before it: not publish) from now on.
    fn deny(&self, ann: &str, bob: &str) {
        std::fs::write(self.folder.path().join("users.conf"), users(ann, bob)).unwrap();
        reload(&self.nats);
    }

    fn user(&self, name: &str) -> Config {
        config(&self.nats).user_and_password(name, "pw")
    }

    async fn client(&self, name: &str) -> Client {
        Client::connect(self.user(name)).await.unwrap()
    }
}

fn users(ann: &str, bob: &str) -> String {
    let user = |name: &str, denied: &str| {
        let denied = match denied {
            "" => String::new(),
            subject if subject.starts_with('$') => {
                format!(", permissions: {{publish: {{deny: [\"{subject}\"]}}}}")
            }
            subject => format!(", permissions: {{subscribe: {{deny: [\"{subject}\"]}}}}"),
        };
        format!("{{user: {name}, password: pw{denied}}}")
    };
    let users = [user("root", ""), user("ann", ann), user("bob", bob)].join(", ");
    format!("authorization {{ users: [{users}] }}")
}

async fn is_unready_for(running: &Running, part: &str) {
    eventually("it says why it is not ready", || async {
        running.unready().is_some_and(|why| why.contains(part))
    })
    .await;
}

fn patient() -> RetryPolicy {
    let patient = RetryPolicy::default().max_attempts(1000);
    patient.max_delay(Duration::from_millis(50))
}

async fn answers(client: &Client) {
    let till = TillClient::new(client);
    let call = till
        .ring(1)
        .within(Duration::from_secs(30))
        .retry(patient());
    assert_eq!(call.await.unwrap(), 2);
}

#[tokio::test]
async fn a_method_that_may_be_served_again_is_served_again() {
    let world = World::start().await;
    let running = App::new(world.user("ann")).service(Till);
    let running = running.start().await.unwrap();
    let client = world.client("root").await;
    answers(&client).await;
    let connection = running.client().connection();
    for _ in 0..2 {
        world.deny("rpc.till.ring", "");
        is_unready_for(&running, "rpc.till.ring").await;
        let error = TillClient::new(&client).ring(1).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NoService), "{error}");
        world.deny("", "");
        answers(&client).await;
        eventually("it is ready", || async { running.unready().is_none() }).await;
    }
    assert!(!connection.has_changed().unwrap(), "no connection was lost");
    soon("the end", running.stop()).await.unwrap();
}

#[tokio::test]
async fn a_caller_who_may_get_answers_again_gets_them() {
    let (log, _guard) = capture();
    let world = World::start().await;
    let running = App::new(world.user("root")).service(Till);
    let running = running.start().await.unwrap();
    let client = world.client("ann").await;
    answers(&client).await;
    let connection = client.connection();
    world.deny("_INBOX.>", "");
    eventually("calls are refused", || async {
        let error = TillClient::new(&client).ring(1).await.err();
        error.is_some_and(|error| error.kind() == Some(ErrorKind::Denied))
    })
    .await;
    world.deny("", "");
    eventually("it is noticed", || async {
        log.text().contains("NATS lets this user get answers again")
    })
    .await;
    answers(&client).await;
    assert!(!connection.has_changed().unwrap(), "no connection was lost");
    soon("the end", running.stop()).await.unwrap();
}

#[tokio::test]
async fn a_leader_that_may_not_be_called_any_more_lets_another_one_lead() {
    let world = World::start().await;
    let started = async |name: &str| {
        let config = world.user(name).instance_id(name);
        App::new(config).service(Book).start().await.unwrap()
    };
    let ann = started("ann").await;
    let client = world.client("root").await;
    let book = BookClient::new(&client);
    let leader = async || {
        let call = book.post().within(Duration::from_secs(30));
        call.retry(patient()).await.unwrap()
    };
    assert_eq!(leader().await, "ann");
    let bob = started("bob").await;
    world.deny("rpc.book.post", "");
    eventually("bob leads", || async { leader().await == "bob" }).await;
    // And back: what was refused once is no reason for ever.
    world.deny("", "rpc.book.post");
    eventually("ann leads", || async { leader().await == "ann" }).await;
    soon("the end", ann.stop()).await.unwrap();
    soon("the end", bob.stop()).await.unwrap();
}

/// With several of them, and a server that starts anew while they are tried again: no call is run twice.
#[tokio::test]
async fn a_restart_in_the_middle_of_it_runs_no_call_twice() {
    let mut world = World::start().await;
    let runs = Arc::<Mutex<Vec<u32>>>::default();
    let ann = App::new(world.user("ann")).service(Accounts(runs.clone()));
    let ann = ann.start().await.unwrap();
    let client = world.client("root").await;
    let accounts = AccountsClient::new(&client);
    let mut calls = 0..;
    let mut answered = Vec::new();
    for round in 1..=4 {
        world.deny("rpc.accounts.>", "");
        is_unready_for(&ann, "rpc.accounts.").await;
        world.deny("", "");
        if round % 2 == 0 {
            world.nats.restart().await.unwrap();
        }
        eventually("it is ready", || async { ann.unready().is_none() }).await;
        while answered.len() < round * 20 {
            let (book, read) = (calls.next().unwrap(), calls.next().unwrap());
            answered.extend(accounts.book(book).await.is_ok().then_some(book));
            answered.extend(accounts.read(read).await.is_ok().then_some(read));
        }
    }
    let mut runs = runs.lock().unwrap().clone();
    runs.sort_unstable();
    assert!(runs.is_sorted_by(|one, next| one < next), "twice: {runs:?}");
    assert!(answered.iter().all(|call| runs.contains(call)));
    soon("the end", ann.stop()).await.unwrap();
}

/// The client library tells of 128 refusals that come at once.
#[tokio::test]
async fn of_many_that_were_refused_at_once_all_are_heard_again() {
    let world = World::start().await;
    let bus = async |name: &str| aegis::testing::bus(&world.user(name)).await.unwrap();
    let (ann, root) = (bus("ann").await, bus("root").await);
    let subjects: Vec<String> = (0..300)
        .map(|number| format!("rpc.many.{number}"))
        .collect();
    let mut heard = Vec::new();
    for subject in &subjects {
        let pattern = Pattern::parse(subject).unwrap();
        heard.push(ann.subscribe(pattern, Some("q".to_owned())).await.unwrap());
    }
    ann.flush().await.unwrap();
    let mut refused = ann.refused();
    world.deny("rpc.many.>", "");
    soon("many are refused", refused.wait_for(|all| all.len() >= 64))
        .await
        .unwrap();
    world.deny("", "");
    soon("they are allowed", refused.wait_for(Vec::is_empty))
        .await
        .unwrap();
    ann.flush().await.unwrap();
    for (subject, heard) in subjects.iter().zip(&mut heard) {
        let subject = Subject::parse(subject).unwrap();
        root.publish(Outgoing::new(subject.clone(), &b"x"[..]))
            .await
            .unwrap();
        let message = soon(subject.as_str(), heard.next()).await.unwrap();
        assert_eq!(message.payload, &b"x"[..]);
    }
    ann.close().await.unwrap();
    root.close().await.unwrap();
}

/// It begins anew again and again, which is no sign that it hears anything.
#[tokio::test]
async fn who_may_ask_for_nothing_is_known_to_hear_nothing() {
    let world = World::start().await;
    world.deny("$JS.API.CONSUMER.MSG.NEXT.>", "");
    let running = App::new(world.user("ann")).service(Office);
    let running = running.start().await.unwrap();
    let client = world.client("root").await;
    let stale = |name: &str, handler: (&str, &str)| {
        let found = running
            .metrics()
            .gauge(name, &[("service", "office"), handler]);
        Duration::from_secs_f64(found.unwrap())
    };
    let events = || stale("aegis_events_stale_seconds", ("handler", "read"));
    let commands = || stale("aegis_commands_stale_seconds", ("command", "stamp"));
    let office = OfficeClient::new(&client);
    let job = office.stamp().send().await.unwrap();
    eventually("nothing is heard", || async {
        events() > Duration::from_secs(8) && commands() > Duration::from_secs(8)
    })
    .await;
    let waiting = [("service", "office"), ("command", "stamp")];
    let waiting = running.metrics().gauge("aegis_commands_waiting", &waiting);
    assert_eq!(waiting, Some(1.0));
    world.deny("", "");
    soon("it is done", job.result().into_future())
        .await
        .unwrap();
    eventually("it is heard", || async {
        events() < Duration::from_secs(8) && commands() < Duration::from_secs(8)
    })
    .await;
    soon("the end", running.stop()).await.unwrap();
}

/// A refusal comes at once, unlike a server that is away: who may not lead does not ask all the time.
#[tokio::test]
async fn who_may_not_take_part_in_an_election_asks_seldom() {
    let world = World::start().await;
    world.deny("$KV.sticky_active.>", "");
    let refused = || {
        let own = [("service", "diary")];
        aegis::metrics().counter("aegis_leader_failures_total", &own)
    };
    let ann = App::new(world.user("ann")).service(Diary).start().await;
    let ann = ann.unwrap();
    eventually("it is refused", || async { refused() > 0 }).await;
    let (first, start) = (refused(), Instant::now());
    eventually("it is refused again", || async { refused() >= first + 3 }).await;
    assert!(
        start.elapsed() > Duration::from_secs(2),
        "a second for each, nearly"
    );
    soon("the end", ann.stop()).await.unwrap();
}
