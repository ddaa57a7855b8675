//! What the guide shows is this package's code, and the programs do what it says.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use aegis::testing::NatsServer;
use aegis::{Client, Config, Permissions};

const GREETER: &str = env!("CARGO_BIN_EXE_greeter");
const CALLER: &str = env!("CARGO_BIN_EXE_caller");
const ELSEWHERE: &str = env!("CARGO_BIN_EXE_elsewhere");
const COUNTER: &str = env!("CARGO_BIN_EXE_counter");

fn files(folder: PathBuf, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect()
}

/// The Rust blocks of a page.
fn snippets(page: &str) -> Vec<&str> {
    let blocks = page.split("```rust\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn every_snippet_of_the_guide_is_code_that_runs() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = files(package.join("src"), "rs");
    sources.extend(files(package.join("src/bin"), "rs"));
    let sources: Vec<String> = sources
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    // The other pages show the examples, and `examples/tests/guide.rs` holds them.
    for page in ["first-service.md", "calling.md"] {
        let path = package.join("../../docs/guide").join(page);
        let page = std::fs::read_to_string(&path).unwrap();
        let snippets = snippets(&page);
        assert!(!snippets.is_empty(), "no code in {}", path.display());
        for snippet in snippets {
            assert!(
                sources.iter().any(|source| source.contains(snippet)),
                "{} shows code that is in no file of examples/greeter/src:\n{snippet}",
                path.display()
            );
        }
        // Every dependency that the page asks for is one of this package, with the same features.
        let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
        for line in page.lines().filter(|line| line.contains("version = \"")) {
            let line = line.split("  #").next().unwrap().trim_end();
            let here = manifest.contains(line) || !line.contains(" = {");
            assert!(here, "{}: {line} is not in Cargo.toml", path.display());
        }
    }
}

/// A program in a folder of its own, free from whatever the environment of the test says.
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

/// A service that has said that it serves; its log is read to the end.
struct Service {
    process: Child,
    log: Option<std::thread::JoinHandle<()>>,
}

impl Service {
    fn start(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let serves = log.find(|line| line.as_ref().unwrap().contains("serves"));
        assert!(serves.is_some(), "{command:?} does not serve");
        let log = std::thread::spawn(move || log.for_each(drop));
        Self {
            process,
            log: Some(log),
        }
    }

    fn stop(mut self) {
        let id = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(told.success() && self.process.wait().unwrap().success());
        self.log.take().unwrap().join().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A test that fails leaves nothing running; one that passed has ended it already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn said(mut command: Command) -> String {
    let output = command.output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {log}");
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn the_callers_of_the_guide_call_its_service() {
    let server = NatsServer::start().await.unwrap();
    greeted(&server.url(), &server.url());
}

#[cfg(unix)]
#[tokio::test]
async fn the_greeter_and_its_callers_work_with_their_own_permissions() {
    let app = aegis::App::new(Config::default()).service(greeter::Greeter);
    let own = |user: &str| {
        let inbox = format!("_INBOX.{user}");
        Permissions::new().inbox_prefix(&inbox).unwrap()
    };
    let greeter = own("greeter").serves(&app.manifest().unwrap());
    let caller = own("caller").calls("greeter.greet").unwrap();
    let server = NatsServer::builder().config(format!(
        "authorization {{ users: [ {{user: greeter, password: pw, {greeter} }}\n\
         {{user: caller, password: pw, {caller} }} ] }}"
    ));
    let server = server.start().await.unwrap();
    let url = |user: &str| format!("nats://{user}:pw@127.0.0.1:{}", server.port());
    greeted(&url("greeter"), &url("caller"));
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("Violation"), "{log}");
}

#[cfg(unix)]
fn greeted(service: &str, caller: &str) {
    let here = Path::new(".");
    let mut greeter = program(GREETER, service, here);
    greeter.env("AEGIS_INSTANCE_ID", "greeter-1");
    let greeter = Service::start(greeter);
    assert_eq!(
        said(program(CALLER, caller, here)),
        "Hello, Ada! (from greeter-1)\nNobody to greet.\n"
    );
    assert_eq!(
        said(program(ELSEWHERE, caller, here)),
        "Hello, Ada!\nNO_NAME: a name is needed to greet somebody\n"
    );
    greeter.stop();
}

#[cfg(unix)]
#[tokio::test]
async fn the_hooks_of_the_guide_keep_the_count() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("counter");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("counter.txt");
    std::fs::write(&file, "41\n").unwrap();
    let client = Client::connect(Config::default().url(&url)).await.unwrap();
    for expected in [42, 43] {
        let counter = Service::start(program(COUNTER, &url, &folder));
        let next = client.call("counter", "next", &serde_json::json!({}));
        assert_eq!(next.await.unwrap(), expected);
        counter.stop();
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            expected.to_string()
        );
    }
    std::fs::write(&file, "many").unwrap();
    let output = program(COUNTER, &url, &folder).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        log.contains("`#[on_start]` of counter failed: INTERNAL: invalid digit found in string"),
        "{log}"
    );
}
