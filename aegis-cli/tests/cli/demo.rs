//! `aegis demo`: no call fails, and nothing stays behind however it ends.

use aegis::testing::NatsServer;

use super::{Said, answers, is_alive, port_of, read_until, run, start, wait_for, word_after};

/// What the demo has started: its processes and the port of its server.
fn started(out: &str) -> (Vec<&str>, u16) {
    let pids = word_after(out, "  process ");
    assert_eq!(pids.len(), 3, "{out}");
    (pids, port_of(word_after(out, "nats-server at ")[0]))
}

fn assert_success(said: &Said) {
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    let (_, summary) = said.out.split_once("Summary\n").unwrap();
    assert!(summary.contains("calls: 306, failed: 0,"), "{}", said.out);
    for instance in ["echo-1", "echo-2", "echo-3"] {
        let calls: u32 = word_after(summary, instance).len().try_into().unwrap();
        assert_eq!(calls, 1, "{instance} is in {summary}");
        let line = summary
            .lines()
            .find(|line| line.contains(instance))
            .unwrap();
        let answered = line.split_whitespace().nth(1).unwrap();
        assert!(answered.parse::<u32>().unwrap() > 0, "{line}");
    }
    assert!(said.out.lines().count() < 60, "{}", said.out);
}

#[test]
fn demo_on_a_server_of_its_own() {
    let said = run(&["demo", "--calls", "100"]);
    assert_success(&said);
    let (pids, port) = started(&said.out);
    assert!(!answers(port));
    for pid in pids {
        assert!(!is_alive(pid), "{pid}: {}", said.out);
    }
    for words in [
        "echo-2 is killed (SIGKILL)",
        "echo-3 is stopped (SIGTERM)",
        "answered by echo-",
    ] {
        assert!(said.out.contains(words), "{}", said.out);
    }
}

#[test]
fn demo_in_memory() {
    let said = run(&["demo", "--memory", "--calls", "100"]);
    assert_success(&said);
    assert!(said.out.contains("all in this process"), "{}", said.out);
}

#[tokio::test]
async fn demo_on_a_given_server_or_on_its_own_if_that_is_gone() {
    let mut server = NatsServer::start().await.unwrap();
    let url = server.url();
    let words = ["demo", "--calls", "100", "--url", &url];
    let said = run(&words);
    assert_success(&said);
    assert!(said.out.contains("which runs already"), "{}", said.out);
    assert!(server.is_running());
    server.stop().await.unwrap();
    let said = run(&words);
    assert_success(&said);
    assert!(said.out.contains("the demo starts its own"), "{}", said.out);
}

#[cfg(unix)]
#[test]
fn a_demo_that_is_ended_leaves_nothing_behind() {
    for (signal, code) in [("-INT", Some(130)), ("-TERM", Some(130)), ("-KILL", None)] {
        let mut demo = start(&["demo", "--calls", "1000000"]);
        let out = read_until(&mut demo, "4. ");
        let (pids, port) = started(&out);
        assert!(
            answers(port) && pids.iter().all(|pid| is_alive(pid)),
            "{out}"
        );
        super::signal(&demo, signal);
        assert_eq!(demo.wait().unwrap().code(), code, "{signal}");
        wait_for(&format!("{signal}: end of the server"), || !answers(port));
        for pid in pids {
            wait_for(&format!("{signal}: end of {pid}"), || !is_alive(pid));
        }
    }
}
