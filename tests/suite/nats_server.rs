//! `NatsServer` with real processes: it answers, comes back, stays apart and never stays behind.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aegis::testing::NatsServer;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_started_server_answers_and_a_dropped_one_leaves_nothing() {
    let server = NatsServer::start().await.unwrap();
    assert_eq!(server.url(), format!("nats://127.0.0.1:{}", server.port()));
    let greeting = exchange(server.port(), "", "\r\n");
    assert!(
        greeting.starts_with("INFO ") && greeting.contains("\"jetstream\":true"),
        "{greeting}"
    );
    assert!(server.log().contains("Server is ready"), "{}", server.log());
    assert!(is_alive(server.pid().unwrap()));
    let (port, pid, store) = (
        server.port(),
        server.pid().unwrap(),
        server.store_dir().to_owned(),
    );
    assert!(store.exists());
    drop(server);
    assert!(!answers(port) && !is_alive(pid) && !store.parent().unwrap().exists());
}

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port_with_its_store() {
    let mut server = NatsServer::start().await.unwrap();
    let (port, first) = (server.port(), server.pid());
    let stream = r#"{"name":"S","subjects":["s"],"storage":"file"}"#;
    request(port, "$JS.API.STREAM.CREATE.S", stream, "\"config\"");
    request(port, "s", "kept", "\"seq\":1");
    server.kill().await;
    assert!(!answers(port) && server.pid().is_none());
    assert!(
        server
            .pause()
            .await
            .unwrap_err()
            .to_string()
            .contains("call `restart` first")
    );
    server.restart().await.unwrap();
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), first);
    request(port, "$JS.API.STREAM.INFO.S", "", "\"messages\":1");
    server.stop().await.unwrap();
    assert!(server.log().contains("Server Exiting"), "{}", server.log());
    server.restart().await.unwrap();
    request(port, "$JS.API.STREAM.INFO.S", "", "\"messages\":1");
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_crashed_on_its_own_can_be_restarted() {
    let mut server = NatsServer::start().await.unwrap();
    let pid = server.pid().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap()
            .success()
    );
    wait_for("crash", || !answers(server.port()));
    server.restart().await.unwrap();
    assert!(answers(server.port()));
}

#[cfg(unix)]
#[tokio::test]
async fn a_paused_server_is_silent_until_it_is_resumed_or_stopped() {
    let mut server = NatsServer::builder()
        .without_jetstream()
        .start()
        .await
        .unwrap();
    server.pause().await.unwrap();
    // The system still accepts the connection for the frozen process; nobody greets it.
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    assert!(stream.read(&mut [0; 5]).is_err());
    server.pause().await.unwrap();
    server.resume().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(stream.read(&mut [0; 5]).unwrap(), 5);
    server.pause().await.unwrap();
    server.stop().await.unwrap();
    assert!(!answers(server.port()));
}

#[tokio::test]
async fn servers_started_at_once_have_their_own_ports_and_stores() {
    let (one, two) = tokio::join!(NatsServer::start(), NatsServer::start());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.port(), two.port());
    assert_ne!(one.store_dir(), two.store_dir());
    assert!(answers(one.port()) && answers(two.port()));
}

#[tokio::test]
async fn the_words_of_the_builder_are_obeyed() {
    let kept = tempfile::tempdir().unwrap();
    let (store, log) = (kept.path().join("store"), kept.path().join("server.log"));
    let builder = NatsServer::builder()
        .config("max_payload: 4096")
        .stdout_log(&log);
    let builder = builder
        .config("jetstream { domain: hub }")
        .store_dir(&store);
    let server = builder.start().await.unwrap();
    let greeting = exchange(server.port(), "", "\r\n");
    assert!(greeting.contains("\"max_payload\":4096"), "{greeting}");
    assert!(greeting.contains("\"domain\":\"hub\""), "{greeting}");
    drop(server);
    assert!(store.join("jetstream").exists());
    assert!(
        std::fs::read_to_string(log)
            .unwrap()
            .contains("Server is ready")
    );
}

#[tokio::test]
async fn an_invalid_config_is_reported_in_the_words_of_the_server() {
    let error = NatsServer::builder()
        .config("max_paylod: 1")
        .start()
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("unknown field \"max_paylod\""), "{text}");
}

#[tokio::test]
async fn a_port_in_use_is_reported_by_its_number() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = NatsServer::builder().port(port).start().await.unwrap_err();
    assert!(
        error.to_string().contains(&format!("port {port}")),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_parent_that_is_killed_leaves_no_server_behind() {
    for state in ["running", "paused"] {
        let module = module_path!().split_once("::").unwrap().1;
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg(format!("{module}::holds_a_server_until_its_input_ends"))
            .env("AEGIS_TEST_STATE", state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = read_until(parent.stdout.as_mut().unwrap(), " held\n");
        let words: Vec<_> = said.lines().last().unwrap().split(' ').collect();
        let [port, folder, _] = words.as_slice() else {
            panic!("{said}")
        };
        let port = port.parse().unwrap();
        assert!(answers(port), "{said}");
        parent.kill().unwrap();
        parent.wait().unwrap();
        wait_for(&format!("{state}: end of the server"), || !answers(port));
        wait_for(&format!("{state}: removal of {folder}"), || {
            !Path::new(folder).exists()
        });
    }
}

#[tokio::test]
#[ignore = "the parent process of the test above, which starts and kills it"]
async fn holds_a_server_until_its_input_ends() {
    let mut server = NatsServer::start().await.unwrap();
    if std::env::var("AEGIS_TEST_STATE").is_ok_and(|state| state == "paused") {
        server.pause().await.unwrap();
    }
    let folder = server.store_dir().parent().unwrap().display();
    println!("\n{} {folder} held", server.port());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn is_alive(pid: u32) -> bool {
    let mut kill = Command::new("kill");
    kill.args(["-0", &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "waited in vain for the {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a request in the plain protocol and waits for a reply with this text.
fn request(port: u16, subject: &str, payload: &str, expected: &str) {
    let length = payload.len();
    let lines = format!(
        "CONNECT {{\"verbose\":false}}\r\nSUB reply 1\r\nPUB {subject} reply {length}\r\n{payload}\r\n"
    );
    exchange(port, &lines, expected);
}

fn exchange(port: u16, lines: &str, expected: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(lines.as_bytes()).unwrap();
    read_until(&mut stream, expected)
}

fn read_until(from: &mut impl Read, expected: &str) -> String {
    let (mut said, mut buffer) = (String::new(), [0; 4096]);
    while !said.contains(expected) {
        let length = from.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "ended without {expected:?}: {said}");
        said += &String::from_utf8_lossy(&buffer[..length]);
    }
    said
}
