//! One server, and users with the permissions of one program: all of them, or all but one.

use std::fmt::Write as _;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use aegis::testing::NatsServer;
use aegis::{Client, Config, Grant, Observed, Permissions, Storage};
use aegis_tests::{PATIENCE, soon};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::log::refused;

/// Programs at once: each is two processes of one, with two connections each.
const AT_ONCE: usize = 6;

/// What a user is not permitted, other than the program needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Without {
    Nothing,
    Publish(String),
    Subscribe(String),
    /// To answer on inboxes of others.
    Answers,
}

/// One user, under a prefix of his own.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) without: Without,
    url: String,
    /// Of the server.
    log: PathBuf,
}

/// What a program needs under a prefix.
pub(super) type Needs = fn(&str) -> Permissions;

impl User {
    /// The configuration of the program that is limited.
    pub(super) fn limited(&self) -> Config {
        let inbox = format!("_INBOX.{}", self.name);
        self.config()
            .user_and_password(&self.name, "pw")
            .inbox_prefix(&inbox)
    }

    /// That of others, beside it, who may do all.
    pub(super) fn root(&self) -> Config {
        let inbox = format!("_INBOX.root-{}", self.name);
        self.config()
            .user_and_password("root", "pw")
            .inbox_prefix(&inbox)
    }

    fn config(&self) -> Config {
        Config::default()
            .url(&self.url)
            .subject_prefix(&self.name)
            .micro_prefix(&format!("{}.srv", self.name))
            .events_storage(Storage::Memory)
            .events_max_bytes(4 << 20)
            .dead_max_bytes(1 << 20)
            .commands_storage(Storage::Memory)
            .commands_max_bytes(1 << 20)
            .jobs_max_bytes(16 << 20)
            .heartbeat(Duration::from_millis(200))
    }

    /// Whether what it lacks contains this: then a path is taken that is seldom.
    pub(super) fn lacks(&self, part: &str) -> bool {
        match &self.without {
            Without::Publish(subject) | Without::Subscribe(subject) => subject.contains(part),
            _ => false,
        }
    }

    /// A connection that knows nothing of Aegis, and may do all.
    pub(super) async fn plain(&self) -> async_nats::Client {
        let login = async_nats::ConnectOptions::with_user_and_password("root".into(), "pw".into());
        login.connect(&self.url).await.unwrap()
    }

    /// Removes whoever looks at events, which then begins anew.
    async fn forget_observers(&self) {
        let nats = self.plain().await;
        let stream = format!("{}_EVENTS", self.name);
        let names = nats.request(format!("$JS.API.CONSUMER.NAMES.{stream}"), "".into());
        let names: Value = serde_json::from_slice(&names.await.unwrap().payload).unwrap();
        let names = names["consumers"].as_array().cloned().unwrap_or_default();
        for name in names.iter().filter_map(Value::as_str) {
            if name.starts_with("observer-") {
                let delete = format!("$JS.API.CONSUMER.DELETE.{stream}.{name}");
                nats.request(delete, "".into()).await.unwrap();
            }
        }
    }

    /// Without the permission to remove its place, whoever looks at events outlives that this is gone.
    pub(super) async fn is_forgotten(&self, events: &mut Observed) -> Result<(), String> {
        if !self.lacks("CONSUMER.DELETE.") || !self.lacks("_EVENTS") {
            return Ok(());
        }
        self.forget_observers().await;
        let again = tokio::time::timeout(PATIENCE / 2, async {
            while events.next().await.is_some() {}
        });
        again.await.map_err(text)
    }

    /// Whether an error in the log names what is missing.
    fn noticed(&self) -> bool {
        // That it may not write to itself is an answer to the program as well: the server tells.
        if let Without::Publish(subject) = &self.without
            && subject.starts_with("_INBOX.")
        {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let own = format!(
                "user:{}\" - Publish Violation - Subject \"_INBOX.",
                self.name
            );
            return log.contains(&own);
        }
        let named = |line: &String| match &self.without {
            Without::Nothing => false,
            Without::Publish(subject) => names(line, "for Publish to \"", subject),
            Without::Subscribe(subject) => names(line, "for Subscription to \"", subject),
            Without::Answers => names(
                line,
                "for Publish to \"",
                &format!("_INBOX.root-{}.>", self.name),
            ),
        };
        refused().iter().any(named)
    }
}

fn names(line: &str, before: &str, pattern: &str) -> bool {
    let subject = line
        .split(before)
        .nth(1)
        .and_then(|rest| rest.split(['"', '\\']).next());
    subject.is_some_and(|subject| matches(pattern, subject))
}

/// As the server does.
pub(super) fn matches(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(expected), Some(found)) if expected == found => {}
            _ => return false,
        }
    }
}

pub(super) async fn connected(config: Config) -> Result<Client, String> {
    Client::connect(config)
        .await
        .map_err(|error| error.to_string())
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Waits until a check holds, and tells if it does not.
pub(super) async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + PATIENCE / 2;
    while !check().await {
        if tokio::time::Instant::now() > deadline {
            return Err(format!("in vain: {what}"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// A server with an almighty user, and these.
async fn server(users: &str, version: Option<&str>) -> NatsServer {
    let users = format!(
        "authorization {{ users: [ {{user: root, password: pw}}\n{users} ] }}\n\
         jetstream {{ max_mem: 64GB, max_file: 1TB }}"
    );
    let server = NatsServer::builder().config(users);
    let server = match version {
        Some(version) => server.version(version),
        None => server,
    };
    server.start().await.unwrap()
}

/// A program works with what is printed for it, and nothing is refused.
pub(super) async fn works<F>(name: &str, needs: Needs, program: impl Fn(User) -> F)
where
    F: Future<Output = Result<(), String>>,
{
    let (nats, user) = alone(name, needs).await;
    let worked = soon("the work", Box::pin(program(user))).await;
    let log = std::fs::read_to_string(nats.log_file()).unwrap();
    let refused: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("Violation"))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}\n{worked:?}");
    worked.unwrap();
}

/// What becomes of a program that does more than was printed for it.
pub(super) async fn oversteps<F>(
    name: &str,
    needs: Needs,
    program: impl Fn(User) -> F,
) -> Result<(), String>
where
    F: Future<Output = Result<(), String>>,
{
    let (_nats, user) = alone(name, needs).await;
    soon("the refusals", Box::pin(program(user))).await
}

/// A server with one limited user, whose block is the one that is printed.
async fn alone(name: &str, needs: Needs) -> (NatsServer, User) {
    let block = needs(name);
    let nats = server(&format!("{{user: {name}, password: pw, {block} }}"), None).await;
    let user = User {
        name: name.to_owned(),
        without: Without::Nothing,
        url: nats.url(),
        log: nats.log_file().to_owned(),
    };
    (nats, user)
}

/// Without any one of the permissions that are chosen, something fails that names it.
pub(super) async fn needs_each<F>(
    (name, version): (&str, Option<&str>),
    needs: Needs,
    chosen: impl Fn(&str) -> bool,
    program: impl Fn(User) -> F,
) where
    F: Future<Output = Result<(), String>>,
{
    // From now on.
    let _ = refused();
    let mut users: Vec<(String, Without)> = Vec::new();
    let mut text = String::new();
    for number in 0.. {
        let user = format!("{name}{number}");
        let all = needs(&user);
        let Some(without) = removed(&all, number) else {
            break;
        };
        let subject = match &without {
            Without::Publish(subject) | Without::Subscribe(subject) => subject.as_str(),
            _ => "answers",
        };
        if chosen(subject) {
            writeln!(
                text,
                "{{user: {user}, password: pw, {} }}",
                block(&all, &without)
            )
            .unwrap();
            users.push((user, without));
        }
    }
    assert!(!users.is_empty());
    let nats = server(&text, version).await;
    let users = users.into_iter().map(|(name, without)| User {
        name,
        without,
        url: nats.url(),
        log: nats.log_file().to_owned(),
    });
    let runs = stream::iter(users.map(|user| outcome(user.clone(), program(user))));
    let unnoticed: Vec<String> = runs
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(unnoticed.is_empty(), "nobody misses {unnoticed:#?}");
}

/// Why nobody noticed that something is missing; none if somebody did.
async fn outcome(user: User, program: impl Future<Output = Result<(), String>>) -> Option<String> {
    let noticed = async {
        while !user.noticed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = noticed => None,
        ended = tokio::time::timeout(PATIENCE, program) => {
            // The log may be told a moment later.
            let late = tokio::time::timeout(Duration::from_secs(1), async {
                while !user.noticed() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
            late.await.is_err().then(|| format!("{:?}: {ended:?}", user.without))
        }
    }
}

fn removed(all: &Permissions, number: usize) -> Option<Without> {
    let (publish, subscribe) = (all.publish(), all.subscribe());
    if let Some(grant) = publish.get(number) {
        return Some(Without::Publish(grant.subject.clone()));
    }
    let number = number - publish.len();
    if let Some(grant) = subscribe.get(number) {
        return Some(Without::Subscribe(grant.subject.clone()));
    }
    (number == subscribe.len() && all.responses().is_some()).then_some(Without::Answers)
}

/// The same permissions but for one.
fn block(all: &Permissions, without: &Without) -> String {
    let list = |grants: Vec<Grant>, spare: &dyn Fn(&str) -> bool| {
        let kept = grants.iter().filter(|grant| !spare(&grant.subject));
        let quoted: Vec<String> = kept.map(|grant| format!("\"{}\"", grant.subject)).collect();
        quoted.join(", ")
    };
    let is = |subject: &str, other: Without| other == *without && !subject.is_empty();
    let publish = list(all.publish(), &|one| {
        is(one, Without::Publish(one.to_owned()))
    });
    let subscribe = list(all.subscribe(), &|one| {
        is(one, Without::Subscribe(one.to_owned()))
    });
    let answers = match all.responses() {
        Some(_) if *without != Without::Answers => "allow_responses: true",
        _ => "",
    };
    format!("permissions: {{ publish: [{publish}], subscribe: [{subscribe}], {answers} }}")
}
