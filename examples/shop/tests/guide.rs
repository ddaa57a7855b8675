//! The programs of the guide do what it says. That it shows their code, `examples/tests/guide.rs`
//! holds.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use aegis::testing::NatsServer;
use aegis::{Client, Config, DiscoveryMode, Manifest, Permissions};
use serde_json::{Value, json};

const SHOP: &str = env!("CARGO_BIN_EXE_shop");
const PLACE: &str = env!("CARGO_BIN_EXE_place");
const PAYMENTS: &str = env!("CARGO_BIN_EXE_payments");
const REPORT: &str = env!("CARGO_BIN_EXE_report");

/// A program in the folder of a test, free from whatever the environment of the test says.
fn program(path: &str, url: &str, folder: &Path) -> Command {
    let mut command = Command::new(path);
    for name in ["NATS_URL", "AEGIS_CONFIG", "RUST_LOG", "AEGIS_INSTANCE_ID"] {
        command.env_remove(name);
    }
    command.env("AEGIS_NATS_URL", url).current_dir(folder);
    // Somebody with permissions of his own has an inbox of his own.
    if let Some((user, _)) = url.split_once(":pw@") {
        let user = user.trim_start_matches("nats://");
        command.env("AEGIS_NATS_INBOX_PREFIX", format!("_INBOX.{user}"));
    }
    command
}

fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A service that has said that it serves, and what it prints.
struct Service {
    process: Child,
    told: Lines<BufReader<ChildStdout>>,
}

impl Service {
    fn start(path: &str, url: &str, folder: &Path) -> Self {
        let mut command = program(path, url, folder);
        command.env("AEGIS_INSTANCE_ID", "one");
        let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = pipes.spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let serves = log.find(|line| line.as_ref().unwrap().contains("serves"));
        assert!(serves.is_some(), "{path} does not serve");
        std::thread::spawn(move || log.for_each(drop));
        let told = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, told }
    }

    fn tells(&mut self) -> String {
        self.told.next().unwrap().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn place(order: &str, url: &str) -> String {
    let output = program(PLACE, url, Path::new("."))
        .arg(order)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn an_order_that_is_placed_twice_is_billed_paid_and_counted_once() {
    let server = NatsServer::start().await.unwrap();
    ordered("shop", |_| server.url()).await;
}

/// What each of the three services serves, as its record tells.
async fn manifests() -> Vec<Manifest> {
    let server = NatsServer::start().await.unwrap();
    let (url, folder) = (server.url(), folder("served"));
    let _running = [SHOP, PAYMENTS, REPORT].map(|path| Service::start(path, &url, &folder));
    let client = Client::connect(Config::default().url(&url)).await.unwrap();
    let discovery = client.discovery(DiscoveryMode::Basic);
    let mut found = Vec::new();
    for service in ["billing", "payments", "report"] {
        let all = discovery.all(service).await.unwrap();
        found.push(Manifest::of_instance(&all[0]));
    }
    found
}

#[tokio::test]
async fn the_shop_works_with_its_own_permissions() {
    let own = |user: &str| {
        let inbox = format!("_INBOX.{user}");
        Permissions::new().inbox_prefix(&inbox).unwrap()
    };
    let manifests = manifests().await;
    let placing = own("place").publishes("orders.placed").unwrap();
    let reading = own("reader").calls("report.read").unwrap();
    let paying = own("payments").serves(&manifests[1]);
    let reporting = own("report").serves(&manifests[2]);
    let users = [
        ("billing", own("billing").serves(&manifests[0])),
        ("payments", paying.bucket("inbox_payments").unwrap()),
        ("report", reporting.bucket("checkpoint_report").unwrap()),
        ("place", placing),
        ("reader", reading),
    ];
    let users = users.map(|(name, all)| format!("{{user: {name}, password: pw, {all} }}"));
    let users = format!("authorization {{ users: [ {} ] }}", users.join("\n"));
    let server = NatsServer::builder().config(users).start().await.unwrap();
    ordered("least", |user| {
        format!("nats://{user}:pw@127.0.0.1:{}", server.port())
    })
    .await;
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("Violation"), "{log}");
}

/// Orders that are billed, paid and counted, each program as a user of its own.
async fn ordered(test: &str, url_of: impl Fn(&str) -> String) {
    let (folder, url) = (folder(test), url_of("place"));
    let payments = folder.join("payments.txt");
    let _ = std::fs::remove_file(&payments);
    let mut shop = Service::start(SHOP, &url_of("billing"), &folder);
    let mut bank = Service::start(PAYMENTS, &url_of("payments"), &folder);
    let _report = Service::start(REPORT, &url_of("report"), &folder);
    assert_eq!(place("7", &url), "order 7 is event 1\n");
    assert_eq!(place("7", &url), "order 7 was placed before\n");
    assert_eq!(shop.tells(), "one bills order 7: 990 cents");
    assert_eq!(bank.tells(), "order 7: NO_ANSWER: the bank does not answer");
    assert_eq!(bank.tells(), "order 7 was paid before");
    assert_eq!(place("8", &url), "order 8 is event 2\n");
    assert_eq!(shop.tells(), "one bills order 8: 990 cents");
    assert_eq!(bank.tells(), "order 8 is paid");
    assert_eq!(std::fs::read_to_string(&payments).unwrap(), "7\n8\n");
    let reader = Config::default().url(&url_of("reader"));
    let reader = match test {
        "least" => reader.inbox_prefix("_INBOX.reader"),
        _ => reader,
    };
    let client = Client::connect(reader).await.unwrap();
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let sums: Value = client.call("report", "read", &json!({})).await.unwrap();
        if sums == json!({"orders": 2, "cents": 1980}) {
            break;
        }
        assert!(tokio::time::Instant::now() < patience, "{sums}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[test]
fn every_dependency_that_the_page_asks_for_is_one_of_this_package() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(package.join("../../docs/guide/events.md")).unwrap();
    let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
    let block = page.split("```toml\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    for line in block
        .lines()
        .filter(|line| line.contains("version = \"") || line.contains("run"))
    {
        let line = line.split("  #").next().unwrap().trim_end();
        assert!(manifest.contains(line), "{line} is not in Cargo.toml");
    }
}
