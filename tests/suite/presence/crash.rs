//! A real process that is killed, and one that is paused.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::*;

#[tokio::test]
#[ignore = "the process that the tests below start and kill"]
async fn serves_until_it_is_killed() {
    let said = |name: &str| std::env::var(name).unwrap();
    let config = quick(&said("AEGIS_TEST_URL"), &said("AEGIS_TEST_PREFIX"));
    let running = serve(&config, &said("AEGIS_TEST_ID"), &Desk::default()).await;
    println!("serving");
    std::future::pending::<()>().await;
    drop(running);
}

/// A process that serves; killed when it is dropped.
struct Process(Child);

impl Process {
    async fn start(url: &str, prefix: &str, id: &str) -> Self {
        let module = module_path!().split_once("::").unwrap().1;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg(format!("{module}::serves_until_it_is_killed"))
            .env("AEGIS_TEST_URL", url)
            .env("AEGIS_TEST_PREFIX", prefix)
            .env("AEGIS_TEST_ID", id)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let process = Self(child);
        let serving = tokio::task::spawn_blocking(move || {
            lines
                .map_while(Result::ok)
                .any(|line| line.contains("serving"))
        });
        assert!(serving.await.unwrap(), "it ended before it served");
        process
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_killed_process_is_gone_after_its_time_and_may_come_back() {
    let (url, prefix) = (shared_server().await, unique_prefix());
    let config = quick(&url, &prefix);
    let watched = discovery(&config, DiscoveryMode::Watched).await;
    let mut events = watched.events().unwrap();
    for round in 0..2 {
        let process = Process::start(&url, &prefix, "desk-1").await;
        assert!(matches!(
            event(&mut events).await,
            InstanceEvent::Appeared(_)
        ));
        process.signal(Signal::KILL);
        // At once again, under the same id: the dead one's record is no obstacle.
        if round == 0 {
            drop(process);
            let again = Process::start(&url, &prefix, "desk-1").await;
            assert!(matches!(event(&mut events).await, InstanceEvent::Gone(_)));
            assert!(matches!(
                event(&mut events).await,
                InstanceEvent::Appeared(_)
            ));
            drop(again);
        }
        assert!(matches!(event(&mut events).await, InstanceEvent::Gone(_)));
        // Not only for who watched, where records run out one by one.
        if !server_has_key_ttl().await {
            continue;
        }
        let basic = discovery(&config, DiscoveryMode::Basic).await;
        eventually("the record has run out", async || {
            basic.all("desk").await.unwrap().is_empty()
        })
        .await;
    }
}

#[tokio::test]
async fn a_paused_process_is_gone_and_comes_back_by_itself() {
    let (url, prefix) = (shared_server().await, unique_prefix());
    let config = quick(&url, &prefix);
    let watched = discovery(&config, DiscoveryMode::Watched).await;
    let mut events = watched.events().unwrap();
    let process = Process::start(&url, &prefix, "desk-1").await;
    assert!(matches!(
        event(&mut events).await,
        InstanceEvent::Appeared(_)
    ));
    process.signal(Signal::STOP);
    assert!(matches!(event(&mut events).await, InstanceEvent::Gone(_)));
    process.signal(Signal::CONT);
    let back = event(&mut events).await;
    assert!(matches!(back, InstanceEvent::Appeared(_)), "{back:?}");
}
