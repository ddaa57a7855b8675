//! The programs of the guide do what it says. That it shows their code, `examples/tests/guide.rs`
//! holds.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use aegis::Permissions;
use aegis::testing::NatsServer;

const RISK: &str = env!("CARGO_BIN_EXE_risk");
const SEND: &str = env!("CARGO_BIN_EXE_send");
const FOLLOW: &str = env!("CARGO_BIN_EXE_follow");

/// A program, free from whatever the environment of the test says.
fn program(path: &str, url: &str) -> Command {
    let mut command = Command::new(path);
    for name in ["NATS_URL", "AEGIS_CONFIG", "RUST_LOG", "AEGIS_INSTANCE_ID"] {
        command.env_remove(name);
    }
    command.env("AEGIS_NATS_URL", url);
    // Somebody with permissions of his own has an inbox of his own.
    if let Some((user, _)) = url.split_once(":pw@") {
        let user = user.trim_start_matches("nats://");
        command.env("AEGIS_NATS_INBOX_PREFIX", format!("_INBOX.{user}"));
    }
    command
}

/// A worker that has said that it serves, and what it prints; killed when it is dropped.
struct Worker {
    process: Child,
    told: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(id: &str, url: &str) -> Self {
        let mut command = program(RISK, url);
        command.env("AEGIS_INSTANCE_ID", id);
        let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = pipes.spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let serves = log.find(|line| line.as_ref().unwrap().contains("serves"));
        assert!(serves.is_some(), "{id} does not serve");
        std::thread::spawn(move || log.for_each(drop));
        let told = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, told }
    }

    fn tells(&mut self) -> String {
        self.told.next().unwrap().unwrap()
    }

    fn ends(&mut self) {
        let id = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.unwrap().success() && self.process.wait().unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn said(path: &str, arguments: &[&str], url: &str) -> String {
    let output = program(path, url).args(arguments).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_book_is_valued_after_its_sender_and_its_first_worker_are_gone() {
    let server = NatsServer::start().await.unwrap();
    valued("200", &server.url(), &server.url());
}

#[tokio::test]
async fn a_worker_and_a_sender_work_with_their_own_permissions() {
    let app = aegis::App::new(aegis::Config::default()).service(risk::Risk);
    let own = |user: &str| {
        let inbox = format!("_INBOX.{user}");
        Permissions::new().inbox_prefix(&inbox).unwrap()
    };
    let worker = own("worker").serves(&app.manifest().unwrap());
    let sender = own("sender").sends("risk.value").unwrap();
    let server = NatsServer::builder().config(format!(
        "authorization {{ users: [ {{user: worker, password: pw, {worker} }}\n\
         {{user: sender, password: pw, {sender} }} ] }}"
    ));
    let server = server.start().await.unwrap();
    let url = |user: &str| format!("nats://{user}:pw@127.0.0.1:{}", server.port());
    valued("200", &url("worker"), &url("sender"));
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("Violation"), "{log}");
}

/// By two workers, of which one is killed at it.
fn valued(scenarios: &str, worker: &str, sender: &str) {
    // Nobody is there yet.
    let id = said(SEND, &["equities", scenarios], sender);
    let id = id.trim();
    let mut one = Worker::start("one", worker);
    assert_eq!(one.tells(), "one values equities");
    drop(one);
    let mut two = Worker::start("two", worker);
    assert_eq!(two.tells(), "two values equities");
    let told = said(FOLLOW, &[id], sender);
    assert!(told.contains("\nRUNNING "), "{told}");
    let end = "SUCCEEDED 100 %\n987 cents in scenario 173\n";
    assert!(told.ends_with(end), "{told}");
    // It ends what runs.
    let id = said(SEND, &["rates", "20"], sender);
    assert_eq!(two.tells(), "two values rates");
    two.ends();
    let told = said(FOLLOW, &[id.trim()], sender);
    assert!(told.starts_with("SUCCEEDED 100 %\n"), "{told}");
}

#[test]
fn every_dependency_that_the_page_asks_for_is_one_of_this_package() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(package.join("../../docs/guide/commands.md")).unwrap();
    let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
    let block = page.split("```toml\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    let matters = |line: &&str| line.contains("version = \"") || line.contains("run");
    for line in block.lines().filter(matters) {
        let line = line.split("  #").next().unwrap().trim_end();
        assert!(manifest.contains(line), "{line} is not in Cargo.toml");
    }
}
