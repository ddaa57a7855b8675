//! Every example works with the permissions that are generated for it: what it serves is read from its
//! records, what else it does is said here.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::process::Command;
use std::sync::Arc;

use aegis::testing::NatsServer;
use aegis::{Client, Config, DiscoveryMode, InstanceEvent, Manifest, Permissions};
use tokio::sync::Semaphore;

/// Examples that run at once: most of them wait most of the time.
const AT_ONCE: usize = 4;

/// The program, and what it does beside serving.
const EXAMPLES: [(&str, Does); 11] = [
    (env!("CARGO_BIN_EXE_01_echo"), nothing),
    (env!("CARGO_BIN_EXE_02_typed_errors"), nothing),
    (env!("CARGO_BIN_EXE_03_by_hand"), counts),
    (env!("CARGO_BIN_EXE_04_discovery"), nothing),
    (env!("CARGO_BIN_EXE_05_key_value"), keeps),
    (env!("CARGO_BIN_EXE_06_single_active"), nothing),
    (env!("CARGO_BIN_EXE_07_orders"), |all| {
        all.removes_bucket("example-orders").unwrap()
    }),
    (env!("CARGO_BIN_EXE_08_inventory"), |all| {
        all.removes_bucket("example-inventory").unwrap()
    }),
    (env!("CARGO_BIN_EXE_09_events"), trades),
    (env!("CARGO_BIN_EXE_10_effects_once"), settles),
    (env!("CARGO_BIN_EXE_11_batch"), nothing),
];

type Does = fn(Permissions) -> Permissions;

fn nothing(all: Permissions) -> Permissions {
    all
}

fn counts(all: Permissions) -> Permissions {
    all.publishes("pieces.counted").unwrap()
}

fn keeps(all: Permissions) -> Permissions {
    let all = all.removes_bucket("example-users").unwrap();
    all.removes_bucket("example-sessions").unwrap()
}

fn trades(mut all: Permissions) -> Permissions {
    for events in ["orders.*", "trades.*", "prices.*"] {
        all = all.publishes(events).unwrap();
    }
    // It looks at dead letters, and brings them back.
    all.tool()
}

fn settles(all: Permissions) -> Permissions {
    let all = all.publishes("trades.settled").unwrap();
    let all = all.bucket("checkpoint_ledger").unwrap();
    all.bucket("inbox_payments").unwrap()
}

fn program(path: &str, url: &str) -> Command {
    let mut command = Command::new(path);
    for name in ["NATS_URL", "AEGIS_CONFIG", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.env("AEGIS_NATS_URL", url);
    command.env("AEGIS_NATS_INBOX_PREFIX", "_INBOX.example");
    command
}

fn runs(path: &str, url: &str) {
    let output = program(path, url).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{path}: {log}");
}

/// What a program serves while it runs, as its records tell.
async fn served(path: &'static str) -> Vec<Manifest> {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let client = Client::connect(Config::default().url(&url)).await.unwrap();
    let discovery = client.discovery(DiscoveryMode::Watched);
    let mut events = discovery.events().unwrap();
    let mut running = tokio::task::spawn_blocking(move || runs(path, &url));
    let mut found = Vec::new();
    loop {
        tokio::select! {
            ended = &mut running => {
                ended.unwrap();
                return found;
            }
            event = events.next() => if let Some(InstanceEvent::Appeared(one)) = event {
                let manifest = Manifest::of_instance(&one);
                if !found.contains(&manifest) {
                    found.push(manifest);
                }
            },
        }
    }
}

/// Runs it as a user who may do what it needs; tells what went wrong.
async fn outcome(path: &'static str, does: Does) -> Result<(), String> {
    let own = Permissions::new().inbox_prefix("_INBOX.example").unwrap();
    let mut all = does(own).discovers();
    for manifest in &served(path).await {
        all = all.serves(manifest);
        for service in &manifest.services {
            all = all.calls(&service.name).unwrap();
            all = all.sends(&service.name).unwrap();
        }
    }
    let user = format!("{{user: example, password: pw, {all} }}");
    let user = format!("authorization {{ users: [{user}] }}");
    let server = NatsServer::builder().config(user).start().await.unwrap();
    let url = format!("nats://example:pw@127.0.0.1:{}", server.port());
    let run = tokio::task::spawn_blocking(move || runs(path, &url)).await;
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    let refused = log.lines().find(|line| line.contains("Violation"));
    match (run, refused) {
        (Ok(()), None) => Ok(()),
        (run, refused) => Err(format!("{path}: {refused:?} {run:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_works_with_its_own_permissions() {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let runs = EXAMPLES.map(|(path, does)| {
        let turns = turns.clone();
        tokio::spawn(async move {
            let _turn = turns.acquire().await;
            outcome(path, does).await
        })
    });
    let mut wrong = Vec::new();
    for run in runs {
        wrong.extend(run.await.unwrap().err());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
