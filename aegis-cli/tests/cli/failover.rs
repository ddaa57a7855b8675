//! `aegis failover`: nothing is lost or done twice, whatever time it takes, and nothing stays behind.

use aegis::prelude::*;
use aegis::testing::{NatsServer, TestApp};
use aegis::{Config, Failover};
use serde_json::Value;

use super::{Said, answers, is_alive, port_of, read_until, run, start, wait_for, word_after};

/// Runs it for two rounds; how long a failover took on this machine is not judged here.
fn failover(words: &[&str]) -> (Said, Value) {
    let common = ["failover", "--rounds", "2", "--rate", "100", "--json"];
    let said = run(&[&common, words].concat());
    assert!((0..=2).contains(&said.code), "{said:?}");
    let report = serde_json::from_str(&said.out).unwrap();
    (said, report)
}

/// What holds on every machine, however slow.
fn assert_sound(report: &Value, rounds: usize) {
    let totals = &report["totals"];
    for field in ["lost", "duplicated", "answered_by_past_leaders", "not_sent"] {
        assert_eq!(totals[field], 0, "{field}: {report}");
    }
    assert!(totals["calls"].as_u64().unwrap() > 0, "{report}");
    let all = report["rounds"].as_array().unwrap();
    assert_eq!(all.len(), rounds, "{report}");
    let mut newest = 0;
    for round in all {
        let (old, new) = (
            round["epoch"].as_u64().unwrap(),
            round["new_epoch"].as_u64().unwrap(),
        );
        assert!(old >= newest && new > old, "{report}");
        newest = new;
        assert_ne!(round["leader"], round["new_leader"], "{report}");
        assert!(round["failover_ms"].as_f64().unwrap() > 0.0, "{report}");
    }
}

/// The exit code says what the verdict says.
fn assert_code(said: &Said, report: &Value) {
    let verdicts = ["kept", "broken", "not_judged"];
    let verdict = report["verdict"].as_str().unwrap();
    let place = verdicts.iter().position(|one| *one == verdict).unwrap();
    assert_eq!(said.code, i32::try_from(place).unwrap(), "{said:?}");
}

#[test]
fn after_a_crash_and_a_pause_nothing_is_lost_or_done_twice() {
    for fault in ["kill", "pause"] {
        let (said, report) = failover(&["--preset", "aggressive", "--fault", fault]);
        assert_sound(&report, 2);
        assert_code(&said, &report);
        assert_eq!(report["fault"], fault);
        // Nobody led for a moment, or somebody did not answer.
        for round in report["rounds"].as_array().unwrap() {
            let gap = round["nobody"].as_u64().unwrap() + round["silent"].as_u64().unwrap();
            assert!(gap > 0, "{report}");
        }
    }
}

#[test]
fn an_end_in_order_fails_no_call() {
    for fault in ["stop", "step-down"] {
        let numbers = "lease=600ms margin=100ms renew=120ms";
        let (said, report) = failover(&["--preset", numbers, "--fault", fault]);
        assert_sound(&report, 2);
        assert_code(&said, &report);
        assert_eq!(report["totals"]["failed"], 0, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_given_server_it_leaves_nothing() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let said = run(&[
        "failover",
        "--url",
        &url,
        "--rounds",
        "1",
        "--preset",
        "aggressive",
        "--instances",
        "2",
    ]);
    assert!(said.out.contains("Round 1: kill of counter-1 "), "{said:?}");
    assert!(said.out.contains("first answer of counter-2 "), "{said:?}");
    assert!(said.out.contains("lost: 0, duplicated: 0,"), "{said:?}");
    let client = Client::connect(Config::default().url(&url)).await.unwrap();
    assert_eq!(client.buckets().await.unwrap(), Vec::<String>::new());
}

/// A service that runs already, in this process.
struct Desk;

#[aegis::service(name = "desk", version = "1.0.0")]
impl Desk {
    #[exclusive_rpc]
    async fn touch(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_runs_already_hands_over() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let mut running = Vec::new();
    for id in ["desk-1", "desk-2"] {
        let app = TestApp::new().on_nats(&url).configure(|config| {
            let config = config.instance_id(id);
            config.failover(Failover::aggressive())
        });
        running.push(app.service(Desk).start().await.unwrap());
    }
    let desk = [
        "desk",
        "--method",
        "touch",
        "--preset",
        "aggressive",
        "--url",
        &url,
    ];
    let words = [&desk[..], &["--fault", "step-down"]].concat();
    let (said, report) = tokio::task::spawn_blocking({
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        move || failover(&words.iter().map(String::as_str).collect::<Vec<_>>())
    })
    .await
    .unwrap();
    assert_code(&said, &report);
    assert_eq!(report["totals"]["lost"], Value::Null, "{report}");
    assert_eq!(report["totals"]["answered_by_past_leaders"], 0, "{report}");
    assert_eq!(report["rounds"].as_array().unwrap().len(), 2, "{report}");
    // Whose process is not known is not killed.
    let said = run(&[&["failover"], &desk[..], &["--pid", "other=999999"]].concat());
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("--pid INSTANCE=PID"), "{said:?}");
}

#[cfg(unix)]
#[test]
fn ended_in_the_middle_of_a_pause_it_leaves_nothing_behind() {
    for (signal, code) in [("-INT", Some(130)), ("-KILL", None)] {
        // A lease so long that the pause is still on.
        let words = ["failover", "--fault", "pause", "--preset", "conservative"];
        let mut failover = start(&words);
        let out = read_until(&mut failover, "counter-3 (process ");
        let out = out + &read_until(&mut failover, "\n");
        let pids = word_after(&out, "(process ");
        let pids: Vec<&str> = pids.iter().map(|pid| pid.trim_end_matches(')')).collect();
        let port = port_of(word_after(&out, "nats://")[0].trim_end_matches(':'));
        assert_eq!(pids.len(), 3, "{out}");
        wait_for("pause", || pids.iter().any(|pid| stands_still(pid)));
        super::signal(&failover, signal);
        assert_eq!(failover.wait().unwrap().code(), code, "{signal}");
        wait_for("end of the server", || !answers(port));
        for pid in pids {
            wait_for(&format!("{signal}: end of {pid}"), || !is_alive(pid));
        }
    }
}

#[cfg(unix)]
fn stands_still(pid: &str) -> bool {
    let mut command = std::process::Command::new("ps");
    let output = command.args(["-o", "stat=", "-p", pid]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).starts_with('T')
}
